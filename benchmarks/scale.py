"""What a cluster bears: up to 500 nodes, 200 people, 300 notebooks and 10,000 executors, played by KWOK. `make bench-scale`.

The API server, etcd, the controllers, the scheduler, and the stack's admission policies, quotas and rights are real; nodes, kubelets,
drivers and containers are not. Each executor is made with the token of its driver's Pod, and each driver watches its own. The floor of an
executor's creation is that of a ConfigMap, which no policy and no quota looks at. It writes docs/reference/scale.md.
"""

import queue
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from operate.drift import of_cluster
from operate.live import Live, server
from tests.cloud import deployed, pods
from tests.cloud.api import Api, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.kube import STAGES, Kube
from tests.cloud.test_cleaner import clean
from tests.cloud.tools import ROOT
from tests.support.eventually import eventually

TARGET = ROOT / "docs" / "reference" / "scale.md"
STEPS = (100, 1000, 10_000)
"""Executors at which everything is measured. There is a node for twenty, and there are three notebooks for a hundred."""
PEOPLE, LOOKS, AT_ONCE = 200, 40, 6
PODS = f"/api/v1/namespaces/{NOTEBOOKS}/pods"
PROGRAMS = ("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True, kw_only=True)
class Step:
    """What was measured at one number of executors: milliseconds of several looks, seconds of one, and MiB of resident memory."""

    executors: int
    notebooks: int
    nodes: int
    config_map: Sequence[float]
    created: Sequence[float]
    listed: Sequence[float]
    watched: Sequence[float]
    quota: float
    cleaner: float
    drift: float
    memory: dict[str, float]


def stack() -> dict[str, Any]:
    """A stack of 200 people with two notebooks and 130 executors each: the first notebooks get executors at every step."""
    small = {"cores": 1, "memory_gib": 1, "overhead_gib": 1, "scratch_gib": 3}
    data = deployed.stack()
    (pool,) = data["gaia-dmp:cloud"]["cluster"]["pools"]
    pool |= {"count": 500, "vcpus": 32, "memory_gib": 128, "disk_gib": 200}
    data["gaia-dmp:spark"] |= {
        "driver": small,
        "executor": small,
        "max_executors": 50,
        "profiles": [],
        "quota": {"cores": 12_000, "memory_gib": 24_000, "scratch_gib": 40_000, "pods": 12_000},
        "per_person": {"interpreters": 2, "executors": 130},
    }
    data["gaia-dmp:zeppelin"] |= {"people": [{"name": f"p{index}"} for index in range(PEOPLE)]}
    return data


class Load:
    """Notebooks and executors on a cluster, more with each step."""

    def __init__(self, kube: Kube, items: list[Object], folder: Path) -> None:
        self.kube, self.items, self.folder = kube, items, folder
        self.server = kube.api.acting_as(kube.api.token(SERVER, "zeppelin-server"))
        self.drivers: list[tuple[str, Object, Api]] = []
        self.events: queue.Queue[tuple[str, float]] = queue.Queue()
        self.executors = self.nodes = 0

    def grow(self, executors: int) -> Step:
        """Add nodes, notebooks and executors up to this number, and measure."""
        self._add_nodes(max(5, executors // 20))
        self._add_notebooks(max(3, executors * 3 // 100))
        config_map = [self._add_config_map(index) for index in range(LOOKS)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._add_executor, range(self.executors, executors - LOOKS)))
        eventually(self._all_run, 1200)
        self._drain()
        # One after another, and nothing else: what a driver waits for, not what the machine is able to do.
        created, watched = zip(*(self._watch_one(index) for index in range(executors - LOOKS, executors)), strict=True)
        self.executors = executors
        quota = _seconds(lambda: eventually(lambda: self._counted() == len(self.drivers) + executors, 600))
        listed = [_milliseconds(lambda each=each: self._list_own(each)) for each in (self.drivers * LOOKS)[:LOOKS]]
        state = deployed.state_of(self.kube.kubeconfig, self.items)
        return Step(
            executors=executors,
            notebooks=len(self.drivers),
            nodes=self.nodes,
            config_map=config_map,
            created=created,
            listed=listed,
            watched=watched,
            quota=quota,
            cleaner=_seconds(lambda: clean(self.kube.api, self.folder, keep=3600, wait=3600)),
            drift=_seconds(lambda: of_cluster(Live(server(state), state), mend=False)),
            memory={name: _memory(self.kube.pids()[name]) for name in PROGRAMS},
        )

    def _add_nodes(self, count: int) -> None:
        for index in range(self.nodes, count):
            self.kube.node(f"spark-{index}", {"capi.stackhpc.com/node-group": "spark"}, cpu=32, memory_gib=128, disk_gib=400)
        self.nodes = count

    def _add_notebooks(self, count: int) -> None:
        begin = len(self.drivers)
        people = [f"p{index % PEOPLE}" for index in range(begin, count)]
        changes = [
            {"zeppelin.k8s.interpreter.user": person, "zeppelin.k8s.interpreter.pod.name": f"spark-{person}-2note{begin + index}-aaaaaa"}
            for index, person in enumerate(people)
        ]
        for person, (pod, _) in zip(people, pods.rendered(self.items, *changes), strict=True):
            made = self.server.create(pod)
            own = self.kube.api.acting_as(self.kube.api.token(NOTEBOOKS, made["spec"]["serviceAccountName"], made, 86_400))
            self.drivers.append((person, made, own))
            threading.Thread(target=self._watch, args=(made, own.access.token), daemon=True).start()

    def _watch(self, driver: Object, token: str) -> None:
        """Follow the executors of one driver, as Spark does (3.5: ExecutorPodsWatchSnapshotSource)."""
        access = self.kube.api.access
        parameters = {"watch": "1", "labelSelector": _selector(driver)}
        with (
            suppress(httpx.HTTPError),
            httpx.Client(base_url=access.url, verify=access.ca, timeout=None, trust_env=False) as client,
            client.stream("GET", PODS, params=parameters, headers={"Authorization": f"Bearer {token}"}) as response,
        ):
            for line in response.iter_lines():
                if line.startswith('{"type":"ADDED"'):
                    self.events.put((line.partition('"name":"')[2].partition('"')[0], time.perf_counter()))

    def _add_executor(self, index: int) -> tuple[str, float]:
        """Make an executor. Returns its name, and when it was asked for."""
        person, driver, own = self.drivers[index % len(self.drivers)]
        pod = pods.executor(self.items, driver, f"{driver['metadata']['name']}-exec-{index}", person)
        pod["metadata"]["labels"]["spark-app-selector"] = driver["metadata"]["name"]
        begin = time.perf_counter()
        own.create(pod)
        return pod["metadata"]["name"], begin

    def _watch_one(self, index: int) -> tuple[float, float]:
        """Milliseconds until an executor is made, and until its driver's watch tells of it."""
        name, begin = self._add_executor(index)
        made = time.perf_counter()
        while True:
            seen, when = self.events.get(timeout=60)
            if seen == name:
                return (made - begin) * 1000, (when - begin) * 1000

    def _drain(self) -> None:
        with suppress(queue.Empty):
            while True:
                self.events.get(timeout=1)

    def _add_config_map(self, index: int) -> float:
        _, driver, own = self.drivers[0]
        item = pods.config_map(driver, f"spark-exec-{self.executors}-{index}-conf-map")
        return _milliseconds(lambda: own.create(item))

    def _list_own(self, each: tuple[str, Object, Api]) -> None:
        """What a driver asks every half minute (Spark 3.5: ExecutorPodsPollingSnapshotSource)."""
        _, driver, own = each
        own.get(PODS, labelSelector=_selector(driver), resourceVersion="0")

    def _counted(self) -> int:
        """Pods that the quotas of people count."""
        found = self.kube.api.items(f"/api/v1/namespaces/{NOTEBOOKS}/resourcequotas")
        return sum(int(item["status"]["used"]["pods"]) for item in found if item["metadata"]["name"].startswith(("driver-", "executor-")))

    def _all_run(self) -> bool:
        return not self.kube.api.items(PODS, fieldSelector="status.phase=Pending", labelSelector="gaia-dmp/user", limit="1")


def _selector(driver: Object) -> str:
    return f"spark-app-selector={driver['metadata']['name']},spark-role=executor"


def _seconds(call: Callable[[], object]) -> float:
    begin = time.monotonic()
    call()
    return time.monotonic() - begin


def _milliseconds(call: Callable[[], object]) -> float:
    return _seconds(call) * 1000


def _memory(pid: int) -> float:
    """Resident memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


def rows(steps: Sequence[Step]) -> list[tuple[str, list[float]]]:
    """Every figure that the page has, with its value at each step."""

    def of(name: str, quantile: int) -> list[float]:
        return [statistics.quantiles(getattr(step, name), n=100)[quantile - 1] for step in steps]

    floor = of("config_map", 50)
    found = [("a ConfigMap, the floor: p50, ms", floor)]
    for name, words in (
        ("created", "an executor is made"),
        ("watched", "its driver's watch tells of it"),
        ("listed", "a driver lists its executors"),
    ):
        found += [(f"{words}: p50, ms", of(name, 50)), (f"{words}: p99, ms", of(name, 99))]
        found.append((f"{words}: p50, floors", [mine / theirs for mine, theirs in zip(of(name, 50), floor, strict=True)]))
    for name, words in (
        ("quota", "quotas count the last executor"),
        ("cleaner", "the cleaner looks once"),
        ("drift", "`gaia drift` looks once"),
    ):
        found.append((f"{words}, s", [getattr(step, name) for step in steps]))
    return found + [(f"memory of {name}, MiB", [step.memory[name] for step in steps]) for name in PROGRAMS]


def page(steps: Sequence[Step]) -> str:
    """The page, as Markdown."""
    head = " | ".join(f"{step.executors:,} executors, {step.notebooks} notebooks, {step.nodes} nodes" for step in steps)
    lines = [
        "# What a cluster bears",
        "",
        "`make bench-scale` writes this page. The API server, etcd, the controllers and the scheduler are real, on two cores that they",
        "share with everything else. So are the stack's admission policies, quotas and rights. KWOK plays the nodes and the Pods.",
        f"The stack has {PEOPLE} people. Each executor is made with the token of its driver's Pod, and each driver watches its own.",
        "",
        f"| | {head} |",
        "|---" * (len(steps) + 1) + "|",
        *(f"| {title} | " + " | ".join(f"{value:,.1f}" for value in values) + " |" for title, values in rows(steps)),
    ]
    for title, values in rows(steps):
        if "p50, ms" in title or "apiserver" in title:
            axis = ", ".join(f'"{step.executors:,}"' for step in steps)
            lines += ["", "```mermaid", "xychart-beta", f'    title "{title}"', f"    x-axis [{axis}]"]
            lines += [f'    y-axis "" 0 --> {max(values) * 1.2:.1f}', f"    bar [{', '.join(f'{value:.1f}' for value in values)}]", "```"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every step, and write the page."""
    items = deployed.objects(stack())
    with tempfile.TemporaryDirectory(prefix="gaia-dmp-scale-") as name, Console(stderr=True).status("Starting a cluster ...") as status:
        folder = Path(name)
        (folder / "kwok.yaml").write_text(
            STAGES.read_text().replace("operator: NotIn, values: [executor]", "operator: NotIn, values: [nobody]")
        )
        for each in ("kube", "load"):
            (folder / each).mkdir()
        kube = Kube(folder / "kube", stages=folder / "kwok.yaml")
        try:
            kube.start()
            status.update(f"Applying {len(items)} objects ...")
            deployed.apply(kube.api, items)
            load, steps = Load(kube, items, folder / "load"), []
            for executors in STEPS:
                status.update(f"{executors:,} executors ...")
                steps.append(load.grow(executors))
                TARGET.write_text(page(steps), encoding="utf-8")
        finally:
            kube.stop()
    print(f"Written: {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
