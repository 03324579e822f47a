"""Real Spark on a real Yarn whose worker is lost without a word: sessions go on. tests/cloud/node/test_yarn.py has several workers."""

from pathlib import Path

import pytest

from settings.values.spark import SparkSettings
from tests.cloud import yarn
from tests.cloud.test_yarn import SIZE
from tests.cloud.yarn import NODE, SECOND_NODE
from tests.support.eventually import eventually

pytestmark = pytest.mark.long

SPARK = SparkSettings.model_validate(
    {
        "pool": "spark",
        "driver": SIZE,
        "executor": SIZE,
        "max_executors": 5,
        "quota": {"cores": 14, "memory_gib": 40, "scratch_gib": 60},
    }
)
ALL = {"spark.dynamicAllocation.minExecutors": "5"}
"""All five executors from the beginning."""
ROWS = "sc.parallelize(range(10000), 20).map(lambda x: (x % 10, x)).reduceByKey(lambda a, b: a + b, 20)"


def test_a_session_goes_on_without_the_worker_of_its_application_master(tmp_path: Path):
    """The worker has all executors, their shuffle files and the ApplicationMaster. What the driver holds stays."""
    cluster = yarn.cluster(cores=6, memory_gib=11)
    with yarn.running(tmp_path, cluster, SPARK) as running, running.submitted("alice", "session", ALL) as spark:
        spark.wait_ready()
        assert spark("wait(lambda: executors() == 5, 120)") is not None
        assert spark(f"(rows := {ROWS}).count()") == 10
        running.lose(NODE)
        running.start("nodemanager.NodeManager", NODE)
        # All files that were lost are made anew at once, not an executor's part at a time: Spark gives a stage up after four times.
        assert spark("rows.values().sum()") == 49995000
        assert spark("attempts()") == 2
        assert running.states("alice") == ["RUNNING"]


def test_a_worker_without_shuffle_service_takes_no_executors(tmp_path: Path):
    """Its port is taken by that of another. Executors there would end one after the other, and their application with them."""
    with yarn.running(tmp_path, yarn.cluster(), SPARK) as running:
        second = running.start("nodemanager.NodeManager", SECOND_NODE)
        eventually(lambda: second.poll() is not None)
        assert running.workers() == 1
