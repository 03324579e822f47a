"""One cluster with one real node, for all tests of this folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import deployed
from tests.cloud.api import Api
from tests.cloud.node import platform
from tests.cloud.node.cluster import Cluster, running
from tests.cloud.node.machine import missing
from tests.cloud.node.node import Node
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import TRIAL

REASON = missing()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if REASON:
        pytest.skip(REASON)
    with running() as cluster:
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        cluster.kube.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TRIAL, "labels": labels}})
        yield cluster


@pytest.fixture
def node(cluster: Cluster) -> Node:
    return cluster.nodes["node-1"]


@pytest.fixture
def trial(cluster: Cluster) -> Iterator[Api]:
    """The API server, for a test whose Pods go with it."""
    api = cluster.kube.api
    yield api
    api.delete(f"/api/v1/namespaces/{TRIAL}/pods", gracePeriodSeconds="0")


@pytest.fixture(scope="module")
def second(cluster: Cluster) -> Iterator[Node]:
    """A second node, while the tests of one file need it."""
    node = cluster.add_node({"capi.stackhpc.com/node-group": "spark"})
    yield node
    cluster.remove_node(node.name)


class Stage:
    """The tests' stack on the first node. It stands until a file of tests needs the node for itself."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster, self._folder = cluster, folder
        self._platform: Platform | None = None
        self._ends = contextlib.ExitStack()

    def platform(self) -> Platform:
        """The stack, as it stands or made anew."""
        if not self._platform:
            items = deployed.objects(deployed.stack())
            platform.load_images(self._cluster.nodes["node-1"], items, self._folder)
            self._platform = self._ends.enter_context(platform.running(self._cluster, items))
        return self._platform

    def clear(self) -> None:
        """Remove it."""
        self._ends.close()
        self._platform = None


@pytest.fixture(scope="session")
def stage(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(cluster, tmp_path_factory.mktemp("images"))
    yield stage
    stage.clear()


@pytest.fixture(scope="module")
def deployment(stage: Stage) -> Platform:
    """The tests' stack, which files of tests share: each leaves it as it was."""
    return stage.platform()


@pytest.fixture(scope="module")
def bare(cluster: Cluster, stage: Stage) -> Cluster:
    """The cluster, for a file of tests with objects of its own in the platform's namespaces."""
    stage.clear()
    return cluster


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that share the tests' stack run one after another, whatever order the tests have."""
    items.sort(key=lambda item: "stage" in getattr(item, "fixturenames", ()) and "bare" not in getattr(item, "fixturenames", ()))
