"""What a job and a notebook keep when a node of theirs is drained, lost or given a newer kubelet."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node import interpreters, platform
from tests.cloud.node.interpreters import RIGHT, Interpreter
from tests.cloud.node.node import Node
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import closed, current, drain, gone, kubectl
from tests.support.eventually import eventually

NAME = "spark-alice-2abcdefgh-moving"


@pytest.fixture
def other(deployment: Platform, second: Node, tmp_path: Path) -> Node:
    """The second node, with the images of the platform."""
    platform.load_images(second, deployment.items, tmp_path)
    return second


@pytest.fixture
def spark(deployment: Platform, other: Node) -> Iterator[Interpreter]:
    """A driver on the first node."""
    with contextlib.ExitStack() as stack:
        with closed(deployment.kube, other.name):
            driver = stack.enter_context(interpreters.running(deployment, NAME))
        yield driver


@contextlib.contextmanager
def working(deployment: Platform, spark: Interpreter, node: str) -> Iterator[Future[object]]:
    """A job that runs on executors of the second node, which may go to the first one from then on."""
    with ThreadPoolExecutor(1) as pool:
        with closed(deployment.kube, "node-1"):
            job = pool.submit(spark, "shuffle(24, 1.5)")
            eventually(lambda: set(spark.places().values()) == {node}, 120)
        yield job


def test_a_job_survives_the_drain_of_its_executors_node(deployment: Platform, other: Node, spark: Interpreter):
    try:
        with working(deployment, spark, other.name) as job:
            before = set(spark.places())
            assert f"node/{other.name} drained" in drain(deployment.kube, other.name)
            assert job.result() == RIGHT
    finally:
        kubectl(deployment.kube, "uncordon", other.name)
    assert "decommission" in spark.log().lower()
    assert not before & set(spark.places())


def test_a_job_survives_a_newer_container_runtime_and_kubelet_start(deployment: Platform, other: Node, spark: Interpreter):
    """Both are killed and start again under the job; no executor and no driver goes."""
    with working(deployment, spark, other.name) as job:
        before = spark.places()
        for service in ("kubelet", "containerd"):
            other.restart(service)
        assert job.result() == RIGHT
        assert before.items() <= spark.places().items()


def test_a_driver_whose_node_is_drained_is_gone_and_leaves_nothing(deployment: Platform, other: Node):
    name = "spark-alice-2abcdefgh-leaving"
    with contextlib.ExitStack() as stack:
        with closed(deployment.kube, "node-1"):
            spark = stack.enter_context(interpreters.running(deployment, name))
            assert spark("shuffle(4)") == RIGHT
        assert current(deployment.api, spark.pod)["spec"]["nodeName"] == other.name
        try:
            drain(deployment.kube, other.name)
            eventually(lambda: spark.executors() == [], 120)
            assert gone(deployment.api, f"/api/v1/namespaces/{NOTEBOOKS}/pods/{name}")
        finally:
            kubectl(deployment.kube, "uncordon", other.name)
        said = deployment.run("interpreter-cleaner", SERVER, "cleaner-after-drain", {"KEEP_SECONDS": "1"})
        assert said == ("Complete", f"removed Service {name}, whose Pod is gone\n")


def test_a_job_survives_the_loss_of_its_executors_node(deployment: Platform, other: Node, spark: Interpreter):
    """Nothing is said to anybody: the machine is off. Spark waits for spark.network.timeout, two minutes."""
    with working(deployment, spark, other.name) as job:
        lost = set(spark.places())
        other.kill()
        assert job.result() == RIGHT
    assert set(spark.places().values()) <= {"node-1"}
    assert not lost & set(spark.places())
