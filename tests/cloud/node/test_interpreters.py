"""A person's driver on a real node, from the rendered template: executors are real Pods under admission, quotas and closed networks."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cloud.api import Object
from tests.cloud.deployed import NOTEBOOKS
from tests.cloud.node import interpreters
from tests.cloud.node.interpreters import RIGHT, Interpreter
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import execute
from tests.support.eventually import eventually

NAME = "spark-alice-2abcdefgh-driver"
LARGE = {"spark.dynamicAllocation.maxExecutors": "50", "spark.kubernetes.allocation.maxPendingPods": "50"}
"""Settings of somebody who wants more than they may have."""


@pytest.fixture(scope="module")
def spark(deployment: Platform) -> Iterator[Interpreter]:
    # Whose Pod comes before the folders of event logs are made has no log kept.
    eventually((deployment.folder("spark-history", NOTEBOOKS) / "alice").is_dir, 240)
    with interpreters.running(deployment, NAME) as driver:
        yield driver


@pytest.fixture(scope="module")
def large(deployment: Platform) -> Iterator[Interpreter]:
    name = "spark-large-alice-2abcdefgh-driver"
    with interpreters.running(deployment, name, setting="spark-large", hostile=LARGE) as driver:
        yield driver


def during(spark: Interpreter, expression: str) -> Iterator[list[Object]]:
    """Executors that run, again and again while an expression is computed; it must come to what is right."""
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(spark, expression)
        while not job.done():
            yield spark.executors()
            time.sleep(0.5)  # the API server shares its processors with the executors
        assert job.result() == RIGHT


def test_a_job_runs_on_executors_that_come_and_go(deployment: Platform, spark: Interpreter):
    # Another test may have had some.
    assert spark("wait(lambda: executors() == 0, 240)") is not None
    most: list[Object] = []
    for found in during(spark, "shuffle(12, 1.0)"):
        most = max(most, found, key=len)
    assert len(most) == 3
    assert {pod["spec"]["securityContext"]["runAsUser"] for pod in most} == {185}
    assert {pod["spec"]["priorityClassName"] for pod in most} == {"gaia-spark-executor-alice"}
    assert spark("wait(lambda: executors() == 0, 240)") is not None
    eventually(lambda: spark.executors() == [], 120)
    folder = deployment.folder("spark-history", NOTEBOOKS)
    logs = [str(file.relative_to(folder)) for file in folder.rglob("*")]
    assert sum(name.startswith(f"alice/eventlog_v2_{NAME}/events_") for name in logs) == 1, logs


def test_a_killed_executor_is_replaced(deployment: Platform, spark: Interpreter):
    killed = ""
    for found in during(spark, "shuffle(12, 1.0)"):
        if found and not killed:
            killed = found[0]["metadata"]["name"]
            execute(deployment.kube, found[0], "pkill", "-KILL", "java")
    eventually(lambda: killed not in [pod["metadata"]["name"] for pod in spark.executors()])
    assert killed


def test_what_spark_writes_is_on_the_disk_that_is_sized_for_it(deployment: Platform, spark: Interpreter):
    """Broadcasts and shuffles are in /work/scratch, in driver and executors, and nothing of size is in /tmp."""
    assert spark("spread(8, 400_000)") == [4 * 8 * 2**20, 400_000]
    pods = [spark.pod, *spark.executors()]
    assert len(pods) > 1
    # A library that Java unpacks for itself is no data.
    large = ("find", "/work", "/tmp", "/opt/spark/work-dir", "-type", "f", "-size", "+500k", "!", "-name", "*.so")
    found = [{"/".join(line.split("/")[:3]) for line in execute(deployment.kube, pod, *large).splitlines()} for pod in pods]
    # An executor that came last may have had nothing to do.
    assert (found[0], set().union(*found[1:])) == ({"/work/scratch"}, {"/work/scratch"})


def test_somebody_grows_to_their_quota_and_no_further(large: Interpreter):
    most = 0
    for found in during(large, "shuffle(16, 1.5)"):
        most = max(most, len(found))
    assert most == 4
    assert "exceeded quota: executor-alice" in large.log()


def test_a_job_survives_an_executor_that_takes_too_much_memory(large: Interpreter):
    assert large("starve(2400)") == 6
    log = large.log()
    assert "exited with exit code 137" in log
    assert "termination reason: OOMKilled" in log


def test_an_idle_interpreter_of_another_language_runs(deployment: Platform):
    with interpreters.made(deployment, "md-alice-2abcdefgh-qwerty", group="md", setting="md") as pod:
        assert pod["spec"]["automountServiceAccountToken"] is False
        # The Pod has no way to the API server, and knows no token.
        said = execute(deployment.kube, pod, "sh", "-c", "ls /var/run/secrets/kubernetes.io 2>&1 || true")
    assert "No such file" in said
