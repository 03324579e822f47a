"""Real Spark on a real Yarn that runs on the rendered files: executors come and go, and each person has limits."""

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from components.names import SHUFFLE_PORT, YARN_NODE_WEB_PORT, YARN_WEB_PORT
from settings.values.spark import SparkSettings
from tests.cloud import yarn
from tests.cloud.yarn import MANAGER, NODE, Yarn
from tests.support.eventually import eventually

SIZE: dict[str, Any] = {"cores": 1, "memory_gib": 1, "overhead_gib": 1, "scratch_gib": 4}
SPARK = SparkSettings.model_validate(
    {
        "pool": "spark",
        "driver": SIZE,
        "executor": SIZE,
        "max_executors": 2,
        "quota": {"cores": 14, "memory_gib": 40, "scratch_gib": 60},
        "per_person": {"interpreters": 2, "executors": 2},
        "executor_idle_seconds": 10,
        "cached_idle_seconds": 12,
    }
)
"""A person has two executors of 2 GiB. Each ApplicationMaster has 1 GiB."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yarn]:
    with yarn.running(tmp_path_factory.mktemp("yarn"), yarn.cluster(), SPARK) as found:
        yield found


def test_executors_come_and_go_and_their_shuffle_files_stay(running):
    with running.submitted("alice", "comes-and-goes") as spark:
        spark.wait_ready()
        assert spark("executors()") == 0
        assert spark("(rows := sc.parallelize(range(10000), 8).map(lambda x: (x % 10, x)).reduceByKey(lambda a, b: a + b)).count()") == 10
        assert spark("shuffle(8, 1.0)") == 49995000
        assert spark("executors()") == 2
        assert running.used_gib() == running.used_gib("alice") == 5
        assert spark("wait(lambda: executors() == 0, 60)") > 5
        eventually(lambda: running.used_gib() == 1, pause=1)
        # Whoever wrote the files is gone.
        assert spark("rows.values().sum()") == 49995000
        assert spark("skipped_stages()") == 1
        # The service knows the secret of the application, which Yarn has given to both.
        assert spark(f"register_at_shuffle_service({NODE!r}, {SHUFFLE_PORT}, '')") == ""
        assert "Authentication failed" in spark(f"register_at_shuffle_service({NODE!r}, {SHUFFLE_PORT}, 'wrong')")


@pytest.mark.long
def test_a_person_has_limits_and_leaves_the_rest_to_another(running):
    with running.submitted("alice", "first") as first, running.submitted("alice", "second") as second:
        first.wait_ready()
        second.wait_ready()
        with running.submitted("alice", "third"):
            # The third waits for another to end, though its ApplicationMaster would fit.
            eventually(lambda: running.states("alice")[-3:] == ["RUNNING", "RUNNING", "ACCEPTED"], 300, pause=1)
            time.sleep(10)
            assert running.states("alice")[-3:] == ["RUNNING", "RUNNING", "ACCEPTED"]
            assert running.used_gib() == 2
            # Four executors are wanted.
            for spark in (first, second):
                spark("begin_long(2, 600)")
            eventually(lambda: running.used_gib("alice") == 6, 300, pause=1)
            with running.submitted("bob", "of-bob") as other:
                other.wait_ready()
                other("begin_long(2, 600)")
                # Two executors would be his right, but one fills the worker.
                eventually(lambda: running.used_gib("bob") == 3, 300, pause=1)
                eventually(lambda: (first("executors()") + second("executors()"), other("executors()")) == (2, 1), 300, pause=1)
                assert running.used_gib() == 9
            for spark in (first, second):
                spark("spark.stop()")
            eventually(lambda: running.states("alice")[-1] == "RUNNING", 300, pause=1)


def numbers(address: str, port: int, name: str) -> dict[str, float]:
    """A metric at /prom of a daemon, by the queue that it is of."""
    text = httpx.get(f"http://{address}:{port}/prom", timeout=30).raise_for_status().text
    found = re.findall(rf"^{name}\{{(.*)\}} (\S+)$", text, re.MULTILINE)
    return {"".join(re.findall(r'queue="(.*?)"', labels)): float(value) for labels, value in found}


@pytest.mark.long
def test_prometheus_finds_what_alerts_ask_for(running):
    """By the names that alerts and dashboards have; what is handed out is what the REST API says."""
    assert numbers(MANAGER, YARN_WEB_PORT, "cluster_metrics_num_active_n_ms") == {"": 1}
    with running.submitted("alice", "measured") as spark:
        spark.wait_ready()
        used = running.ask("scheduler")["scheduler"]["schedulerInfo"]["queues"]["queue"][0]["resourcesUsed"]
        assert used == {**used, "memory": 1024, "vCores": 1}
        eventually(lambda: numbers(MANAGER, YARN_WEB_PORT, "queue_metrics_allocated_mb")["root.default"] == 1024, pause=1)
        assert numbers(MANAGER, YARN_WEB_PORT, "queue_metrics_allocated_v_cores")["root.default"] == 1
        eventually(lambda: numbers(NODE, YARN_NODE_WEB_PORT, "node_manager_metrics_allocated_gb") == {"": 1}, pause=1)


def test_a_stranger_may_start_nothing(running):
    with running.submitted("mallory", "of-a-stranger") as spark:
        with pytest.raises(RuntimeError, match="ended"):
            spark.wait_ready()
        assert "User mallory does not have permission to submit" in spark.log()
