"""The OpenStack cloud that tests/openstack and tests/engine share; how many workers there are, and in which order whole files go to them;
what the garbage collector skips."""

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cloud.openstack.cloud import Cloud


LONGEST = (
    *(f"tests/cloud/{name}.py" for name in ("test_connect", "test_spark", "models/test_people", "models/test_database", "test_yarn")),
    *(f"tests/cloud/{name}.py" for name in ("models/test_scoring", "test_metrics", "test_gpus", "test_backup", "test_drift")),
    *(f"tests/openstack/{name}.py" for name in ("test_doctor", "test_object_store", "test_resources", "test_machines", "test_first_look")),
)
"""Files of the tests that take more than a minute, the longest first."""


def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: one more than processors, since some tests only wait for a moment."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where a whole file goes to one worker (`--dist loadfile --no-loadscope-reorder`), a long one must not be the last to begin."""
    place = {name: index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def pytest_collection_finish() -> None:
    """Modules and thousands of tests stay to the end. Without this, each full collection looks at all of them."""
    gc.freeze()


@pytest.fixture(scope="session")
def whole_cloud() -> Iterator["Cloud"]:
    """One cloud for all tests."""
    from tests.cloud.openstack.cloud import running  # noqa: PLC0415 - only where it is asked for

    with running() as cloud:
        yield cloud


@pytest.fixture
def cloud(whole_cloud: "Cloud") -> Iterator["Cloud"]:
    """The cloud, in which every ordered fault ends with the test."""
    yield whole_cloud
    whole_cloud.faults()
