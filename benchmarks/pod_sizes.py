"""What each Pod needs, and how long a person waits, on a real node with a real Zeppelin: `make bench-node`.

ZEPPELIN_HOME names a built Zeppelin 0.12. Alice works in three languages, and ten browsers of hers look on. The result is
docs/reference/pod-sizes.md.
"""

import contextlib
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.names import USER, ZEPPELIN_LABELS
from tests.cloud import deployed, releases
from tests.cloud.api import Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node import platform, zeppelin
from tests.cloud.node.cluster import running
from tests.cloud.node.interpreters import EXECUTORS
from tests.cloud.node.platform import REAL_ZEPPELIN, Platform
from tests.cloud.node.pods import execute, kubectl, ready
from tests.cloud.node.sizes import Sizes
from tests.cloud.node.zeppelin import Notebook
from tests.cloud.tools import ROOT
from tests.cloud.zeppelin.person import Person, Socket
from tests.support.eventually import eventually

_TARGET = ROOT / "docs" / "reference" / "pod-sizes.md"
_IDLE, _CACHED, _INTERPRETER_MINUTES = 30, 30, 8
_BROWSERS = 10
_SMALL = {"cores": 1, "memory_gib": 2, "overhead_gib": 1, "scratch_gib": 5}
_WORK = """%spark.pyspark
value = sc.broadcast(b"x" * 64 * 2**20)
seen = sc.parallelize(range(4), 4).map(lambda _: len(value.value)).sum()
rows = spark.range(20_000_000, numPartitions=24)
sums = rows.selectExpr("id % 100000 as k", "id * 3 as v").groupBy("k").sum("v").collect()
lines = sc.parallelize(range(2_000_000), 12).map(lambda n: (n % 1000, "some text " + str(n))).groupByKey().count()
print(seen, len(sums), lines)
"""
_PANDAS = """%python
import numpy, pandas
stars = pandas.DataFrame({"ra": numpy.random.rand(5_000_000) * 360, "cell": numpy.arange(5_000_000) % 1000})
print(len(stars.groupby("cell").mean()))
"""
_MEMORY = {
    "image-puller/sleep": "it sleeps, and a Pod cannot request much less",
    "md interpreter/interpreter": "all languages beside Spark have one size, and Python keeps its data there",
    "prometheus-server/prometheus-server": "a month of metrics",
    "spark-history/gather": "it holds a line for each event log",
    "spark-history/history": "a heap that one long run fills",
    "zeppelin-server/seed-interpreters": "it ends in a second, and the Pod requests no more for it",
    "zeppelin-server/zeppelin": "many open notebooks; who holds more than they request goes first when a node runs out",
}
"""Workload and container to why it may hold less than a fifth of what it requests."""
_CPU = {
    "image-puller/sleep": "it sleeps, and there is no less",
    "spark-history/gather": "its limit is the same, and with less a round would take long",
}
"""The same for what it uses of a processor."""


def stack() -> dict[str, Any]:
    """The tests' stack with everything that one may have, the local stack's sizes, and a real Zeppelin."""
    data = deployed.stack(monitoring={"smoke_test": {}}, images={"zeppelin": f"{REAL_ZEPPELIN}:0.12.1"})
    data["gaia-dmp:spark"] |= {"driver": _SMALL, "executor": _SMALL, "quota": {"cores": 14, "memory_gib": 48, "scratch_gib": 80}}
    data["gaia-dmp:spark"] |= {"executor_idle_seconds": _IDLE, "cached_idle_seconds": _CACHED}
    data["gaia-dmp:spark"] |= {"interpreter_idle_minutes": _INTERPRETER_MINUTES}
    data["gaia-dmp:zeppelin"] |= {"interpreters": ["python", "md"]}
    return data


@contextmanager
def deployment(folder: Path) -> Iterator[Platform]:
    """The whole platform on a node."""
    data = stack()
    items = deployed.objects(data)
    items += [item for release in releases.of(data, folder / "charts").values() for item in release]
    with running() as cluster:
        platform.load_images(cluster.nodes["node-1"], items, folder / "images")
        with platform.running(cluster, items, zeppelin.secrets()) as found:
            yield found


def pods(found: Platform, labels: dict[str, str]) -> list[Object]:
    """Pods of alice's that are not about to go."""
    mine = found.pods(NOTEBOOKS, labels | {USER: "alice"})
    return [pod for pod in mine if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] in ("Pending", "Running")]


def logged(found: Platform, pod: Object, words: str) -> float:
    """When Spark's interpreter logged some words for the first time."""
    line = execute(found.kube, pod, "sh", "-c", f"grep -h -m 1 '{words}' /work/logs/*.log")
    said = line.split("[", 1)[1].split("]")[0]
    return datetime.strptime(said, "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC).timestamp()


def first_result(found: Platform, notebook: Notebook) -> Iterator[tuple[str, float]]:
    """What passes between the press of a button and the first result of a new driver: (what, seconds since the press)."""
    when: dict[str, float] = {}

    def watch() -> None:
        for what, labels in (
            ("The interpreter's container runs", {"gaia-dmp/group": "spark"}),
            ("An executor's container runs", EXECUTORS),
        ):
            eventually(lambda: any(pod["status"]["phase"] == "Running" for pod in pods(found, labels)), 300)  # noqa: B023 - at once
            when[what] = time.time()

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin = time.time()
    said = notebook.run("%spark.pyspark\nprint(spark.range(1000, numPartitions=4).selectExpr('id % 7 as k').groupBy('k').count().count())")
    end = time.time()
    watcher.join()
    if said != ("FINISHED", "7\n"):
        raise RuntimeError(said)
    (driver,) = pods(found, {"gaia-dmp/group": "spark"})
    when["The interpreter has told Zeppelin that it is there"] = logged(found, driver, "Registered interpreter process")
    when["Its Scala shell is ready; Spark starts"] = logged(found, driver, "Running Spark version")
    when["SparkContext is there"] = logged(found, driver, "Created Spark session")
    when["The first executor is registered"] = logged(found, driver, "Registered executor")
    when["**The result is in the notebook**"] = end
    yield from sorted(((what, moment - begin) for what, moment in when.items()), key=lambda each: each[1])


def seconds(notebook: Notebook, text: str) -> float:
    """How long a paragraph takes that succeeds."""
    begin = time.time()
    status, said = notebook.run(text)
    if status != "FINISHED":
        raise RuntimeError(said)
    return time.time() - begin


def released(found: Platform) -> float:
    """Seconds until no executor is left."""
    begin = time.time()
    eventually(lambda: not found.pods(NOTEBOOKS, EXECUTORS), 300)
    return time.time() - begin


@contextmanager
def browsers(address: str) -> Iterator[None]:
    """Ten browsers of alice's that ask for the list of notebooks every second, and for an old run's page."""
    end = threading.Event()

    def look() -> None:
        person = Person("alice", address, zeppelin.ORIGIN)
        browser = Socket(person, address)
        while not end.wait(1):
            browser.ask("LIST_NOTES")
            person.http.get("/history/api/v1/applications")

    threads = [threading.Thread(target=look, daemon=True) for _ in range(_BROWSERS)]
    for thread in threads:
        thread.start()
    yield
    end.set()
    for thread in threads:
        thread.join()


def work(found: Platform, address: str) -> Iterator[tuple[str, float]]:
    """Somebody's day in a few minutes: (what, seconds)."""
    notebook = Notebook(Person("alice", address, zeppelin.ORIGIN), "/Alice/work")
    yield from ((f"First `%spark.pyspark`: {what}", wait) for what, wait in first_result(found, notebook))
    yield "The next `%spark.pyspark`, executors there", seconds(notebook, "%spark.pyspark\nprint(spark.range(100).count())")
    yield f"Executors gone after the last work (they may idle for {_CACHED} s)", released(found)
    yield "The next `%spark.pyspark`, executors gone", seconds(notebook, "%spark.pyspark\nprint(spark.range(100).count())")
    yield "First `%md`", seconds(notebook, "%md\n# Stars")
    yield "First `%python`", seconds(notebook, "%python\nprint(1)")
    with browsers(address):
        seconds(notebook, _WORK)
        seconds(notebook, _PANDAS)
    found.run("backup-notebooks", SERVER, "backup-notebooks-now")
    found.run("dataset-check", NOTEBOOKS, "dataset-check-now")


def passed(found: Platform) -> bool:
    """Whether the test notebook has run once."""
    with contextlib.suppress(RuntimeError):
        said = kubectl(found.kube, "logs", f"--namespace={SERVER}", "deployment/smoke-test")
        return re.search(r"^(pass|slow) in", said, re.MULTILINE) is not None
    return False


def main() -> int:
    if "ZEPPELIN_HOME" not in os.environ:
        sys.exit("ZEPPELIN_HOME must name a built Zeppelin 0.12: it is in no package registry")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        with deployment(folder) as found, zeppelin.entrance(found) as address:
            sizes = Sizes(found)
            with sizes.watching(working=True):
                eventually(lambda: any(ready(pod) for pod in found.pods(SERVER, ZEPPELIN_LABELS)), 300)
                eventually(lambda: passed(found), 900, pause=2)
                waits = list(work(found, address))
                load = os.getloadavg()[1]
                waits.append((f"Executors gone after heavy work (they may idle for {_CACHED} s)", released(found)))
            with sizes.watching(working=False):
                time.sleep(60)
            begin = time.time()
            eventually(lambda: not pods(found, {"app.kubernetes.io/name": "zeppelin-interpreter"}), _INTERPRETER_MINUTES * 60 + 300)
            waits.append((f"Interpreters gone after the look at rest (they may idle for {_INTERPRETER_MINUTES} min)", time.time() - begin))
    _TARGET.write_text(page(sizes, waits, load))
    missing = [*sizes.unexplained("memory", _MEMORY), *sizes.unexplained("cpu", _CPU)]
    print(f"{_TARGET.relative_to(ROOT)} is written", *missing, sep="\n")
    return int(bool(missing))


def page(sizes: Sizes, waits: list[tuple[str, float]], load: float) -> str:
    """The page in Markdown. load: load average while somebody worked."""
    lines = [f"| {what} | {wait:.1f} |" for what, wait in waits]
    return _PAGE.format(
        cores=os.cpu_count(),
        load=round(load),
        browsers=_BROWSERS,
        waits="\n".join(["| | seconds |", "|---|---|", *lines]),
        memory="\n".join(sizes.table("memory", _MEMORY)),
        cpu="\n".join(sizes.table("cpu", _CPU)),
    )


_PAGE = """# What each Pod needs

`make bench-node` writes this page. It runs the dev stack with monitoring, the local stack's sizes and a real Zeppelin 0.12.1 on the
tests' node: one machine with {cores} processors and a load average of {load}. A cluster has more, and is quicker.

One person works in three languages. Spark shuffles twenty million rows, makes two million Python objects and broadcasts 64 MiB, on three
executors. Pandas holds a table of five million rows. {browsers} browsers ask for the list of notebooks and for the history server every
second. The test notebook runs, and one backup and one check of datasets.

Grafana, Ceph CSI and Prometheus' reloader have no image here. Seen elsewhere: Ceph CSI with ceph-fuse held 240 MiB.

## How long a person waits

{waits}

"First `%spark.pyspark`" counts from the press of the button. No image is pulled and no node is made. With a load average of 8, we saw the
SparkContext after 45 s.

## Memory, in MiB

*Most* is the most that was seen, of what a container cannot give back. Over its limit it is killed. *At rest* is what it held a minute
after the work had ended. Where nothing stands, the container had ended before it was seen.

{memory}

## Processor, in thousandths of a core

*Most* is the most in ten seconds. A container that uses all of its limit is not killed, it waits.

{cpu}
"""


if __name__ == "__main__":
    sys.exit(main())
