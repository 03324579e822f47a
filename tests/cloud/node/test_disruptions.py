"""What is left when something goes: who takes too much memory or disk, a gateway that is asked to leave."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from components.names import GATEWAY_LABELS
from tests.cloud.api import ApiError, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node import interpreters
from tests.cloud.node.interpreters import EXECUTORS, RIGHT
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import current, execute, gone, kubectl, ready
from tests.support.eventually import eventually


def test_a_driver_that_takes_too_much_memory_ends_and_is_cleared_away(deployment: Platform):
    name = "spark-alice-2abcdefgh-greedy"
    with interpreters.running(deployment, name) as spark:
        assert spark("shuffle(4)") == RIGHT
        assert spark.executors() != []
        with pytest.raises(RuntimeError, match="137"):
            spark("feast(1800, 12)")
        eventually(lambda: current(deployment.api, spark.pod)["status"]["phase"] == "Failed")
        (container,) = current(deployment.api, spark.pod)["status"]["containerStatuses"]
        assert (container["state"]["terminated"]["reason"], container["state"]["terminated"]["exitCode"]) == ("OOMKilled", 137)
        # They see that their driver has gone, and end.
        eventually(lambda: spark.executors() == [])
        said = [deployment.run("interpreter-cleaner", SERVER, f"cleaner-after-{turn}", {"KEEP_SECONDS": "1"}) for turn in (1, 2)]
        assert said == [("Complete", f"removed Pod {name}, Failed\n"), ("Complete", f"removed Service {name}, whose Pod is gone\n")]
        eventually(lambda: deployment.pods(NOTEBOOKS, EXECUTORS) == [])
        assert gone(deployment.api, f"/api/v1/namespaces/{NOTEBOOKS}/services/{name}")


def test_an_executor_that_writes_too_much_is_replaced(deployment: Platform):
    """The kubelet evicts who has more on a disk than its size, and Spark makes another."""
    with interpreters.running(deployment, "spark-alice-2abcdefgh-writing") as spark, ThreadPoolExecutor(1) as pool:
        job = pool.submit(spark, "shuffle(12, 3.0)")
        eventually(lambda: spark.executors() != [])
        full = spark.executors()[0]
        execute(deployment.kube, full, "fallocate", "--length=5G", "/tmp/full")
        assert evicted(deployment, full) == 'Usage of EmptyDir volume "tmp" exceeds the limit "1Gi". '
        assert job.result() == RIGHT
        assert full["metadata"]["name"] not in [pod["metadata"]["name"] for pod in spark.executors()]


def test_a_driver_that_writes_too_much_ends_with_its_executors(deployment: Platform):
    with interpreters.running(deployment, "spark-alice-2abcdefgh-full") as spark:
        assert spark("shuffle(4)") == RIGHT
        spark.execute("fallocate", "--length=5G", "/work/scratch/full")
        assert evicted(deployment, spark.pod) == 'Usage of EmptyDir volume "work" exceeds the limit "4Gi". '
        eventually(lambda: spark.executors() == [])


def evicted(deployment: Platform, pod: Object) -> str:
    """Wait until a Pod is evicted, and return what the kubelet says of it. Spark deletes the Pod at once; the event stays."""
    which = f"involvedObject.name={pod['metadata']['name']},reason=Evicted"

    def events() -> list[Object]:
        return deployment.api.items(f"/api/v1/namespaces/{NOTEBOOKS}/events", fieldSelector=which)

    eventually(lambda: events() != [], 120)
    return events()[0]["message"]


def gateways(deployment: Platform) -> list[Object]:
    """Pods of the gateway that are not about to go."""
    return [pod for pod in deployment.pods(SERVER, GATEWAY_LABELS) if "deletionTimestamp" not in pod["metadata"]]


def both(deployment: Platform) -> bool:
    """Whether both gateways are ready, and one may go."""
    (budget,) = deployment.api.items(f"/apis/policy/v1/namespaces/{SERVER}/poddisruptionbudgets")
    return [ready(pod) for pod in gateways(deployment)] == [True, True] and budget["status"]["disruptionsAllowed"] == 1


def test_the_last_gateway_is_not_evicted(deployment: Platform):
    def evict(pod: Object) -> None:
        place = {key: pod["metadata"][key] for key in ("name", "namespace")}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": place}
        deployment.api.call("POST", f"/api/v1/namespaces/{SERVER}/pods/{place['name']}/eviction", body)

    eventually(lambda: both(deployment), 240)
    first, other = gateways(deployment)
    evict(first)
    with pytest.raises(ApiError, match="disruption budget") as refused:
        evict(other)
    assert refused.value.code == 429
    eventually(lambda: both(deployment), 240)


def test_a_gateway_waits_for_the_names_of_the_cluster(deployment: Platform):
    """As after a power cut, when its Pod is there before DNS is. A liveness probe would end it after half a minute, again and again."""
    eventually(lambda: both(deployment), 240)
    old = gateways(deployment)[0]["metadata"]["name"]
    dns = ("--namespace=kube-system", "deployment/coredns")
    kubectl(deployment.kube, "scale", *dns, "--replicas=0")
    try:
        eventually(lambda: deployment.pods("kube-system", {"k8s-app": "kube-dns"}) == [])
        deployment.api.delete(f"/api/v1/namespaces/{SERVER}/pods/{old}")
        eventually(lambda: [ready(pod) for pod in gateways(deployment)].count(False) == 1)
        (new,) = (pod for pod in gateways(deployment) if not ready(pod))
        time.sleep(60)
        assert not ready(current(deployment.api, new))
    finally:
        kubectl(deployment.kube, "scale", *dns, "--replicas=1")
    eventually(lambda: both(deployment), 240)
    assert [each["restartCount"] for each in current(deployment.api, new)["status"]["containerStatuses"]] == [0]
