"""One cluster with one real node, for all tests of this folder."""

from collections.abc import Iterator

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


@pytest.fixture(scope="module")
def deployment(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The tests' stack on the first node, for the tests of one file."""
    items = deployed.objects(deployed.stack())
    platform.load_images(cluster.nodes["node-1"], items, tmp_path_factory.mktemp("images"))
    with platform.running(cluster, items) as found:
        yield found
