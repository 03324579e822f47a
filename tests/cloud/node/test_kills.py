"""Whatever is killed, nothing is lost but what ran in it. Notebooks are open in a real Zeppelin, each of two people has two interpreters.

KILLS says how many things are killed, five by default. SEED has a run again, as far as the same Pods are there.
"""

import contextlib
import hashlib
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from components.names import USER
from tests.cloud import deployed
from tests.cloud.api import ApiError, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node import platform, zeppelin
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.kills import Kill, Killer
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import kubectl
from tests.cloud.node.zeppelin import Notebook, serves
from tests.cloud.zeppelin.person import Person
from tests.cloud.zeppelin.server import needs_zeppelin
from tests.support.eventually import eventually

pytestmark = needs_zeppelin
KILLS = int(os.environ.get("KILLS", "5"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(10**6))))
PROGRAMS = {
    "python": ("%python\nmine = {value}\nprint(mine)", "%python\nprint(mine)"),
    "spark": (
        "%spark.pyspark\nmine = {value}\nrows = spark.range({value}, numPartitions=2).cache()\nprint(rows.count())",
        "%spark.pyspark\nprint(rows.count() if rows.count() == mine else mine)",
    ),
}
"""Language to what keeps a value in an interpreter, and what prints it. Spark keeps as many rows in two executors."""


def stack() -> dict[str, object]:
    """The stack of zeppelin.py, whose executors stay for as long as they hold rows."""
    data = zeppelin.stack()
    data["gaia-dmp:spark"] |= {"cached_idle_seconds": 3600}
    del data["gaia-dmp:monitoring"]
    return data


@pytest.fixture(scope="module")
def deployment(bare: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    items = deployed.objects(stack())
    platform.load_images(bare.nodes["node-1"], items, tmp_path_factory.mktemp("images"))
    with platform.running(bare, items, zeppelin.secrets()) as found:
        yield found


class Memory:
    """What an interpreter of a person remembers, in a notebook of its own."""

    def __init__(self, address: str, person: str, language: str) -> None:
        self.person, self.language, self._address = person, language, address
        self._note, self._value = Notebook(self._login(), f"/{person}/{language}").note, 0

    def keep(self, value: int) -> None:
        """Give it a value to remember; whoever starts an interpreter may have to wait."""
        self._value = value
        end, text = time.monotonic() + 600, PROGRAMS[self.language][0].format(value=value)
        while (said := self._run(text)) != self.right:
            assert time.monotonic() < end, said
            time.sleep(5)

    @property
    def right(self) -> tuple[str, str]:
        """What `recalled` must be."""
        return "FINISHED", f"{self._value}\n"

    def recalled(self) -> tuple[str, str]:
        """How a paragraph ends that prints the value, and what it says."""
        return self._run(PROGRAMS[self.language][1])

    def runs_in(self, pod: Object | None) -> bool:
        """Whether this is the Pod of its driver or interpreter."""
        labels = pod["metadata"].get("labels", {}) if pod else {}
        return (labels.get(USER), labels.get("gaia-dmp/group")) == (self.person, self.language)

    def _login(self) -> Person:
        return Person(self.person, self._address, zeppelin.ORIGIN)

    def _run(self, text: str) -> tuple[str, str]:
        return Notebook(self._login(), note=self._note).press(text)


def files(folder: Path) -> dict[str, str]:
    """Every notebook's file with its checksum, once nobody writes any more."""

    def seen() -> dict[str, str]:
        return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*.zpln")}

    before = seen()
    time.sleep(1)
    while (after := seen()) != before:
        before = after
        time.sleep(1)
    return after


def well(deployment: Platform, address: str) -> bool:
    """Whether the node and all that runs on it for everybody is ready, and Zeppelin answers behind the gateway. address: host:port."""
    with contextlib.suppress(ApiError, httpx.TransportError):
        api = deployment.api
        deployments, daemons = (api.items(f"/apis/apps/v1/{kind}") for kind in ("deployments", "daemonsets"))
        ready = [each["status"].get("readyReplicas") == each["spec"]["replicas"] for each in deployments]
        ready += [each["status"]["numberReady"] == each["status"]["desiredNumberScheduled"] for each in daemons]
        return zeppelin.answers(address) and all(ready) and serves(deployment) and deployment.cluster.ready(deployment.node.name)
    return False


def test_nothing_is_lost_but_what_ran_in_what_was_killed(deployment: Platform):
    folder = deployment.folder("notebooks", SERVER) / "notebook"
    print(f"SEED={SEED} KILLS={KILLS}")
    killer = Killer(deployment, random.Random(SEED))
    with zeppelin.entrance(deployment) as address:
        eventually(lambda: well(deployment, address), 300)
        memories = [Memory(address, person, language) for person in ("alice", "bob") for language in sorted(PROGRAMS)]
        with ThreadPoolExecutor(len(memories)) as pool:
            list(pool.map(lambda turn: memories[turn].keep(1000 + turn), range(len(memories))))
        for turn in range(KILLS):
            kept = files(folder)
            begin = time.monotonic()
            kill = killer.kill()
            eventually(lambda: well(deployment, address), 300)
            back = time.monotonic() - begin
            assert files(folder) == kept, kill.words
            check(deployment, memories, kill, turn)
            print(f"{turn + 1}: {kill.words}; back after {back:.1f} s, all seen after {time.monotonic() - begin:.1f} s", flush=True)


def check(deployment: Platform, memories: list[Memory], kill: Kill, turn: int) -> None:
    """Whether everybody remembers, all asked at once; whose Pod was killed starts again."""
    before = pods(deployment)

    def asked(index: int) -> tuple[str, str]:
        memory = memories[index]
        if memory.runs_in(kill.pod):
            memory.keep(10_000 + 10 * turn + index)
        return memory.recalled()

    with ThreadPoolExecutor(len(memories)) as pool:
        said = list(pool.map(asked, range(len(memories))))
    assert said == [memory.right for memory in memories], "\n".join((kill.words, before, *traces(deployment)))


def pods(deployment: Platform) -> str:
    """The Pods of all people, as a person sees them."""
    return kubectl(deployment.kube, "get", "pods", f"--namespace={NOTEBOOKS}", "--output=wide")


def traces(deployment: Platform) -> tuple[str, str, str]:
    """Pods, events and ends of logs, from which one may learn why an interpreter has ended that nobody killed."""
    events = kubectl(deployment.kube, "get", "events", f"--namespace={NOTEBOOKS}", "--sort-by=.lastTimestamp")
    selector = "--selector=app.kubernetes.io/name=zeppelin-interpreter"
    logs = kubectl(deployment.kube, "logs", f"--namespace={NOTEBOOKS}", selector, "--prefix", "--tail=8", "--ignore-errors")
    return pods(deployment), events, logs
