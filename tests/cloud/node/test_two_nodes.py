"""Two nodes: packets between them, and a node that is emptied."""

from tests.cloud.node.cluster import Cluster
from tests.cloud.node.node import Node
from tests.cloud.node.pods import TRIAL, execute, kubectl, probe, start
from tests.support.eventually import eventually


def test_pods_of_two_nodes_reach_each_other(bare: Cluster, second: Node, trial):
    here, there = probe("here", "serve", "", "8080"), probe("there", "serve", "", "8080")
    here["spec"]["nodeName"], there["spec"]["nodeName"] = "node-1", second.name
    pods = start(trial, here, there)
    first, other = (f"{pod['status']['podIP']}:8080" for pod in pods)
    # A Pod runs before its program listens.
    for pod, target in zip(pods, (other, first), strict=True):
        eventually(lambda pod=pod, target=target: execute(bare.kube, pod, "/probe", "try", text=f"{target}\n") == f"{target}\n", 30)


def test_a_drained_node_gives_its_pods_to_the_other(bare: Cluster, second: Node, trial):
    pod = probe("moving")
    spec = pod["spec"] | {"restartPolicy": "Always", "nodeSelector": {"capi.stackhpc.com/node-group": "spark"}}
    labels = {"app": "moving"}
    trial.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "moving", "namespace": TRIAL},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
        }
    )

    def where() -> list[str]:
        pods = trial.items(f"/api/v1/namespaces/{TRIAL}/pods", labelSelector="app=moving", fieldSelector="status.phase=Running")
        return [pod["spec"]["nodeName"] for pod in pods if not pod["metadata"].get("deletionTimestamp")]

    eventually(lambda: where() == [second.name])
    kubectl(bare.kube, "label", "node", "node-1", "capi.stackhpc.com/node-group=spark")
    try:
        said = kubectl(bare.kube, "drain", second.name, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--grace-period=1")
        eventually(lambda: where() == ["node-1"])
    finally:
        kubectl(bare.kube, "label", "node", "node-1", "capi.stackhpc.com/node-group-")
        trial.delete(f"/apis/apps/v1/namespaces/{TRIAL}/deployments/moving", propagationPolicy="Foreground")
    assert f"node/{second.name} drained" in said
