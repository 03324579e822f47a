"""The OpenStack cloud that tests/openstack and tests/engine share; how many workers there are; what the garbage collector skips."""

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cloud.openstack.cloud import Cloud


def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: one more than processors, since some tests only wait for a moment."""
    return (os.cpu_count() or 1) + 1


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
