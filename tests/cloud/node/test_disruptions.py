"""What is left when something goes: a driver out of memory, a gateway that is asked to leave."""

import pytest

from components.names import GATEWAY_LABELS
from tests.cloud.api import ApiError, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node import interpreters
from tests.cloud.node.interpreters import EXECUTORS, RIGHT
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import current, gone, ready
from tests.support.eventually import eventually


def test_a_driver_that_takes_too_much_memory_ends_and_is_cleared_away(deployment: Platform, tmp_path):
    name = "spark-alice-2abcdefgh-greedy"
    with interpreters.running(deployment, tmp_path, name) as spark:
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


def test_the_last_gateway_is_not_evicted(deployment: Platform):
    def evict(pod: Object) -> None:
        place = {key: pod["metadata"][key] for key in ("name", "namespace")}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": place}
        deployment.api.call("POST", f"/api/v1/namespaces/{SERVER}/pods/{place['name']}/eviction", body)

    def both() -> bool:
        pods = [pod for pod in deployment.pods(SERVER, GATEWAY_LABELS) if "deletionTimestamp" not in pod["metadata"]]
        return [ready(pod) for pod in pods] == [True, True]

    def allowed() -> int:
        (budget,) = deployment.api.items(f"/apis/policy/v1/namespaces/{SERVER}/poddisruptionbudgets")
        return budget["status"]["disruptionsAllowed"]

    eventually(lambda: both() and allowed() == 1, 240)
    first, other = deployment.pods(SERVER, GATEWAY_LABELS)
    evict(first)
    with pytest.raises(ApiError, match="disruption budget") as refused:
        evict(other)
    assert refused.value.code == 429
    eventually(lambda: both() and allowed() == 1, 240)
