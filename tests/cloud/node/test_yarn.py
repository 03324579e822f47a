"""Spark on Yarn as Pods of a real node: daemons as they were recorded, a person's driver from the rendered template, closed networks."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from components.names import (
    DRIVER_LABELS,
    EXECUTOR_LABELS,
    GATEWAY_LABELS,
    HISTORY_LABELS,
    INTERPRETER_LABELS,
    ZEPPELIN_LABELS,
)
from tests.cloud.api import Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node import interpreters, yarn
from tests.cloud.node.cluster import API, Cluster
from tests.cloud.node.interpreters import EXECUTORS, RIGHT, Interpreter
from tests.cloud.node.pods import execute, gone, outside, probe, start
from tests.cloud.node.yarn import WORKERS, Yarn
from tests.support.eventually import eventually

NAME = "spark-alice-2abcdefgh-driver"
LARGE = {"spark.dynamicAllocation.maxExecutors": "50"}
"""Settings of somebody who wants more than they may have."""
METADATA, WORLD, SERVICE = "169.254.169.254", "198.51.100.7", "10.254.0.1"
MANAGER_PORTS, WORKER_PORTS = (8030, 8031, 8032, 8033, 8088), (8040, 8041, 8042, 17337)
"""Where Yarn listens (hadoop 3.5.0: yarn-default.xml; the shuffle service: our own setting)."""
ROLES = {
    "server": (SERVER, ZEPPELIN_LABELS),
    "gateway": (SERVER, GATEWAY_LABELS),
    "driver": (NOTEBOOKS, DRIVER_LABELS),
    "python": (NOTEBOOKS, {**INTERPRETER_LABELS, "gaia-dmp/group": "python"}),
    "executor": (NOTEBOOKS, EXECUTOR_LABELS),
    "history": (NOTEBOOKS, HISTORY_LABELS),
    "stranger-inside": (NOTEBOOKS, {"app": "x"}),
    "stranger": ("default", {"app": "x"}),
}
"""Pods of other roles, each with its namespace and labels."""
TRY = """
import socket, sys
for target in sys.argv[1:]:
    host, port = target.split(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
        print(target)
    except OSError:
        pass
"""


@pytest.fixture(scope="module")
def found(bare: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yarn]:
    with yarn.running(bare, tmp_path_factory.mktemp("images")) as standing:
        yield standing


@pytest.fixture
def spark(found: Yarn) -> Iterator[Interpreter]:
    """A driver of alice, once Yarn is whole and nothing is left of the one before."""
    eventually(lambda: found.well() and found.containers() == 0, 240, pause=1)
    with interpreters.running(found.platform, NAME, hostile=LARGE) as driver:
        yield driver


def during(spark: Interpreter, expression: str, seen: Callable[[], int]) -> Iterator[int]:
    """What `seen` says, again and again while an expression is computed; it must come to what is right."""
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(spark, expression)
        while not job.done():
            yield seen()
            time.sleep(1)
        assert job.result() == RIGHT


def reached(found: Yarn, pod: Object, *targets: str) -> set[str]:
    """Targets that a Pod of Yarn's or a driver connects to."""
    return set(execute(found.platform.kube, pod, "python3", "-c", TRY, *targets).split())


def targets(pod: Object, ports: tuple[int, ...]) -> list[str]:
    return [f"{pod['status']['podIP']}:{port}" for port in ports]


def test_the_daemons_run_without_any_right(found: Yarn):
    script = "id -u; grep -E '^(Seccomp|NoNewPrivs|CapEff):' /proc/1/status; touch /x 2>&1; ls /var/run/secrets 2>&1; true"
    for pod in (found.manager(), *found.workers()):
        said = execute(found.platform.kube, pod, "sh", "-c", script).splitlines()
        assert said[:4] == ["185", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]
        assert "Read-only file system" in said[4]
        # No token is there.
        assert "No such file" in said[5]
    assert found.nodes() == {"RUNNING": WORKERS}


def test_executors_are_containers_of_yarn_and_come_and_go(found: Yarn, spark: Interpreter):
    assert "No such file" in spark.execute("sh", "-c", "ls /var/run/secrets 2>&1; true")
    assert found.containers() == 1
    rows = "(rows := sc.parallelize(range(10000), 8).map(lambda x: (x % 10, x)).reduceByKey(lambda a, b: a + b)).count()"
    assert spark(rows) == 10
    # Two executors and an ApplicationMaster: a third executor is wanted, and there is room for it.
    assert max(during(spark, "shuffle(24, 1.0)", found.containers)) == 3
    assert spark("executors()") == 2
    assert found.platform.pods(NOTEBOOKS, EXECUTORS) == []
    where = (
        "sorted(set(sc.parallelize(range(8), 8).map(lambda _: (__import__('os').getuid(), __import__('socket').gethostname())).collect()))"
    )
    assert spark(where) == [[185, f"yarn-worker-{index}"] for index in range(WORKERS)]
    assert spark("wait(lambda: executors() == 0, 120)") > 5
    eventually(lambda: found.containers() == 1, 60, pause=1)
    # Whoever wrote the shuffle files is gone.
    assert spark("rows.values().sum()") == RIGHT
    assert spark("skipped_stages()") == 1


@pytest.mark.parametrize("whose", ["executors", "ApplicationMaster"])
def test_a_job_survives_the_loss_of_a_worker(found: Yarn, spark: Interpreter, whose: str):
    """Its Pod is deleted at once. Another takes its place, with a new address."""
    assert spark("(mine := 7)") == 7
    place = found.place()
    (other,) = [pod for pod in found.workers() if pod["metadata"]["name"] != place["metadata"]["name"]]
    lost = place if whose == "ApplicationMaster" else other
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(spark, "shuffle(40, 2.0)")
        eventually(lambda: found.containers() == 3, 240, pause=1)
        found.platform.api.delete(f"/api/v1/namespaces/{NOTEBOOKS}/pods/{lost['metadata']['name']}", gracePeriodSeconds="0")
        assert job.result() == RIGHT
    eventually(found.well, 240, pause=1)
    assert lost["metadata"]["uid"] not in [pod["metadata"]["uid"] for pod in found.workers()]
    assert spark("shuffle(8, 0.5)") == RIGHT
    assert spark("mine") == 7


def test_a_resource_manager_that_goes_ends_applications_and_takes_new_ones(found: Yarn):
    """As docs/runbooks/yarn-down.md says."""
    eventually(lambda: found.well() and found.containers() == 0, 240, pause=1)
    with interpreters.running(found.platform, NAME) as spark:
        assert spark("shuffle(4)") == RIGHT
        old = found.manager()["metadata"]["uid"]
        found.platform.api.delete(f"/api/v1/namespaces/{NOTEBOOKS}/pods/yarn-0")
        eventually(lambda: gone_or_new(found, old), 240, pause=1)
        eventually(found.well, 240, pause=1)
        assert spark("wait(lambda: sc._jsc.sc().isStopped(), 120)") is not None
    with interpreters.running(found.platform, NAME) as spark:
        assert spark("shuffle(4)") == RIGHT


def gone_or_new(found: Yarn, uid: str) -> bool:
    pods = found.platform.pods(NOTEBOOKS, yarn.YARN_MANAGER_LABELS)
    return [pod["metadata"]["uid"] for pod in pods] not in ([], [uid])


def test_nobody_else_reaches_yarn(found: Yarn):
    api = found.platform.api
    least = {"cpu": "1m", "memory": "16Mi", "ephemeral-storage": "1Mi"}
    made = [
        probe(f"probe-{name}", namespace=namespace, labels=dict(labels), resources={"requests": least, "limits": least | {"cpu": "100m"}})
        for name, (namespace, labels) in ROLES.items()
    ]
    eventually(found.well, 240, pause=1)
    manager, workers = found.manager(), found.workers()
    every = targets(manager, MANAGER_PORTS) + [target for worker in workers for target in targets(worker, WORKER_PORTS)]
    # All of them listen: a Pod reaches itself.
    assert reached(found, manager, *targets(manager, MANAGER_PORTS)) == set(targets(manager, MANAGER_PORTS))
    for worker in workers:
        assert reached(found, worker, *targets(worker, WORKER_PORTS)) == set(targets(worker, WORKER_PORTS))
    try:
        pods = start(api, *made)
        text = "\n".join(every) + "\n"
        allowed = {"driver": {f"{manager['status']['podIP']}:8032"}}

        def flows() -> dict[str, set[str]]:
            said = (execute(found.platform.kube, pod, "/probe", "try", text=text) for pod in pods)
            return {name: set(each.split()) for name, each in zip(ROLES, said, strict=True)}

        eventually(lambda: flows() == {name: allowed.get(name, set()) for name in ROLES}, 60, pause=1)
        assert flows() == {name: allowed.get(name, set()) for name in ROLES}
    finally:
        for pod in made:
            api.delete(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}", gracePeriodSeconds="0")
            eventually(lambda pod=pod: gone(api, f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"))


def test_workers_reach_each_other_and_the_manager_and_neither_the_api_nor_the_metadata(found: Yarn):
    """The dev stack lets notebooks go anywhere by https."""
    eventually(found.well, 240, pause=1)
    manager, workers = found.manager(), found.workers()
    with outside(found.platform.cluster, [METADATA, WORLD], [80, 443, 6443]):
        far = [f"{API}:6443", f"{SERVICE}:443", *(f"{host}:{port}" for host in (METADATA, WORLD) for port in (80, 443, 6443))]
        for worker in workers:
            (other,) = [each for each in workers if each is not worker]
            near = targets(manager, MANAGER_PORTS) + targets(other, WORKER_PORTS)
            own = {f"{manager['status']['podIP']}:{port}" for port in (8030, 8031)} | set(targets(other, (8041, 17337)))
            assert reached(found, worker, *near, *far) == own | {f"{WORLD}:443"}
        assert reached(found, manager, *far) == set()
