"""What a kubelet does with a Pod, which nothing but a kubelet can show."""

import contextlib

from tests.cloud.api import ApiError
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.node import Node
from tests.cloud.node.pods import TRIAL, current, ended, execute, kubectl, probe, ready, start
from tests.support.eventually import eventually


def _status(text: str) -> dict[str, str]:
    """/proc/self/status by field."""
    return dict(line.split(":\t", 1) for line in text.splitlines())


def test_a_restricted_pod_runs_without_any_right(cluster: Cluster, trial):
    (pod,) = start(trial, probe("plain", "serve", "", "8080"))
    status = _status(execute(cluster.kube, pod, "/probe", "id"))
    assert status["Uid"].split() == ["65532"] * 4
    assert (status["Seccomp"], status["NoNewPrivs"], int(status["CapBnd"], 16)) == ("2", "1", 0)
    assert kubectl(cluster.kube, "logs", f"--namespace={TRIAL}", "plain") == "listening\n"


def test_who_takes_more_memory_than_the_limit_is_killed(trial):
    pod = ended(trial, probe("greedy", "eat", "200", resources={"limits": {"memory": "64Mi"}}))
    (container,) = pod["status"]["containerStatuses"]
    assert (container["state"]["terminated"]["reason"], container["state"]["terminated"]["exitCode"]) == ("OOMKilled", 137)


def test_who_writes_more_than_a_volume_holds_is_evicted(trial):
    pod = probe("writer", "fill", "/scratch/file", "30", volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}])
    pod["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {"sizeLimit": "10Mi"}}]
    found = ended(trial, pod)
    assert found["status"]["reason"] == "Evicted"
    assert 'EmptyDir volume "scratch" exceeds the limit "10Mi"' in found["status"]["message"]


def test_a_kubelet_that_starts_again_leaves_pods_alone(cluster: Cluster, node: Node, trial):
    (before,) = start(trial, probe("steady", "serve", "", "8080"))

    def known() -> list[str]:
        """Pods that the kubelet itself has; none while it starts."""
        with contextlib.suppress(ApiError):
            return [item["metadata"]["name"] for item in trial.items(f"/api/v1/nodes/{node.name}/proxy/pods") or []]
        return []

    eventually(lambda: "steady" in known())
    node.restart("kubelet")
    eventually(lambda: "steady" in known())
    eventually(lambda: ready(current(trial, before)))
    after = current(trial, before)
    assert [each["containerID"] for each in after["status"]["containerStatuses"]] == [
        each["containerID"] for each in before["status"]["containerStatuses"]
    ]
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0
    assert execute(cluster.kube, after, "/probe", "try", text="127.0.0.1:8080\n") == "127.0.0.1:8080\n"


def test_a_service_is_found_by_name_and_reached_by_address(cluster: Cluster, trial):
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": TRIAL},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    address = trial.apply(service)["spec"]["clusterIP"]
    _, client = start(trial, probe("web", "serve", "", "8080", labels={"app": "web"}), probe("client"))
    assert execute(cluster.kube, client, "/probe", "resolve", f"web.{TRIAL}.svc.cluster.local") == f"{address}\n"
    targets = f"{address}:80\n{address}:81\nweb:80\n"

    def reached() -> set[str]:
        return set(execute(cluster.kube, client, "/probe", "try", text=targets).split())

    eventually(lambda: f"{address}:80" in reached())
    assert reached() == {f"{address}:80", "web:80"}
