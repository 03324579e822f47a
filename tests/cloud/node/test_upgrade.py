"""Nodes go from Kubernetes 1.35 to 1.36 under an open notebook, in the two ways that clouds do it.

Cluster API puts a new machine beside the old one and drains that; Heat's drivers of Magnum give the machine that runs a newer kubelet.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import deployed
from tests.cloud.node import interpreters, platform
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.interpreters import RIGHT, Interpreter
from tests.cloud.node.node import Node
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import closed, drain, kubectl
from tests.support.eventually import eventually
from tests.support.stack_files import OWN_SPARK_3_5

OLD, NEW = "kubelet-1.35", "kubelet"
SPARKS = {"4.0": deployed.stack(), "3.5": deployed.stack(images=OWN_SPARK_3_5)}


@pytest.fixture(scope="module", params=SPARKS)
def release(request: pytest.FixtureRequest) -> str:
    """Of Spark."""
    return request.param


@pytest.fixture(scope="module")
def deployment(bare: Cluster, release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    items = deployed.objects(SPARKS[release])
    platform.load_images(bare.nodes["node-1"], items, tmp_path_factory.mktemp("images"))
    with platform.running(bare, items) as found:
        yield found


@pytest.fixture
def old(deployment: Platform, cluster: Cluster, tmp_path: Path) -> Iterator[Node]:
    """A node of the version before, with the images of the platform."""
    node = cluster.add_node({"capi.stackhpc.com/node-group": "spark"}, OLD)
    platform.load_images(node, deployment.items, tmp_path)
    yield node
    cluster.remove_node(node.name)


def version(cluster: Cluster, node: Node) -> str:
    """Minor version that a node says it has."""
    info = cluster.kube.api.get(f"/api/v1/nodes/{node.name}")["status"]["nodeInfo"]
    return info["kubeletVersion"].rpartition(".")[0]


def reached(spark: Interpreter) -> bool:
    """Whether a command runs in the driver's Pod: a kubelet that starts needs a moment until it knows its Pods."""
    with contextlib.suppress(RuntimeError):
        spark.execute("true")
        return True
    return False


@contextlib.contextmanager
def notebook(deployment: Platform, name: str, *elsewhere: str) -> Iterator[Interpreter]:
    """A driver with executors, all on the node that is not named, which has computed something."""
    with contextlib.ExitStack() as stack:
        with closed(deployment.kube, *elsewhere):
            spark = stack.enter_context(interpreters.running(deployment, name))
            assert spark("shuffle(8)") == RIGHT
        yield spark


def test_a_newer_kubelet_takes_over_what_runs(deployment: Platform, cluster: Cluster, old: Node, release: str):
    assert version(cluster, old) == "v1.35"
    with notebook(deployment, "spark-alice-2abcdefgh-staying", "node-1") as spark:
        assert spark("sc.version").startswith(f"{release}.")
        before = spark.places()
        assert set(before.values()) == {old.name}
        old.upgrade(NEW)
        eventually(lambda: version(cluster, old) == "v1.36" and reached(spark), 120, pause=1)
        assert spark("shuffle(8)") == RIGHT
        assert before.items() <= spark.places().items()


def test_executors_move_to_the_new_machine(deployment: Platform, cluster: Cluster, old: Node):
    """The driver is on a node that stays."""
    with notebook(deployment, "spark-alice-2abcdefgh-waiting", old.name) as spark:
        with closed(deployment.kube, "node-1"):
            eventually(lambda: spark.places() == {}, 120)
            assert spark("shuffle(8)") == RIGHT
            assert set(spark.places().values()) == {old.name}
        try:
            drain(deployment.kube, old.name)
            assert spark("shuffle(8)") == RIGHT
            assert set(spark.places().values()) == {"node-1"}
        finally:
            kubectl(deployment.kube, "uncordon", old.name)
