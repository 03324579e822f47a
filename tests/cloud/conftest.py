"""One API server and one stack on it, for all tests of this folder."""

import os
from collections.abc import Iterator

import pytest

from tests.cloud import deployed
from tests.cloud.api import Api, Object
from tests.cloud.kube import Kube, running

# Java as it starts with the least work: these tests start many, and none lives long. The settings that drivers get are the stack's own.
os.environ["JAVA_TOOL_OPTIONS"] = "-XX:TieredStopAtLevel=1"


@pytest.fixture(scope="session")
def kube() -> Iterator[Kube]:
    with running() as cluster:
        cluster.node("worker-0", {"capi.stackhpc.com/node-group": "default-worker"})
        deployed.spark_nodes(cluster)
        yield cluster


@pytest.fixture(scope="session")
def items() -> list[Object]:
    """Every object of the stack."""
    return deployed.objects(deployed.stack())


@pytest.fixture(scope="session")
def api(kube: Kube, items: list[Object]) -> Api:
    """The API server, as its administrator, with the stack applied."""
    deployed.apply(kube.api, items)
    return kube.api
