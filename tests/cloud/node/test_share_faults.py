"""Shares that break under people who use them: what they see, what the check and the alert say and how soon, and what mends it.

Invariants: no byte is lost; a part of Ceph that starts again costs a pause and nothing more; whatever ends a mount is told by the check
within its minute and mended by the commands of docs/runbooks/mount-lost.md, which are those that run here; new keys cost no mount.

FAULTS says how many faults follow one another at last, six by default. SEED has a run again.
"""

import hashlib
import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from components.files import parsed, text
from components.names import CEPH_PLUGIN_LABELS, CSI_NAMESPACE, DATASET_CHECK_LABELS, DATASET_CHECK_PORT
from tests.cloud import deployed
from tests.cloud.api import Object
from tests.cloud.ceph_mount import fuse_missing
from tests.cloud.deployed import NOTEBOOKS
from tests.cloud.kube import die_with_parent
from tests.cloud.node import interpreters, shares
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.machine import call, enter
from tests.cloud.node.node import Node
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import closed, drain, execute, gone, kubectl, ready
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.tools import program
from tests.support.eventually import eventually

pytestmark = pytest.mark.skipif(bool(fuse_missing()), reason=fuse_missing())
CATALOGUE, READER, WRITER = "/data/gaia/sample", f"gaia-dmp-{deployed.STACK}-data-sample", f"gaia-dmp-{deployed.STACK}-user-alice"
FAULTS = int(os.environ.get("FAULTS", "6"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(10**6))))
PARTS = 200
MINUTE = 90
"""A look of the check every minute, twenty seconds of patience, and what a busy machine adds."""
WORK = """
import hashlib, os, sys, time

n = 0
while True:
    for what in ("write", "read"):
        begin = time.time()
        try:
            if what == "write":
                file = os.open(f"/user/alice/{sys.argv[1]}-{n}", os.O_CREAT | os.O_WRONLY)
                try:
                    os.write(file, b"%d" % n * 1000)
                    os.fsync(file)
                finally:
                    os.close(file)
                said = "written"
            else:
                with open(f"/data/gaia/sample/part-{n % 200}", "rb") as file:
                    said = hashlib.sha256(file.read()).hexdigest()
        except OSError as error:
            said = f"errno {error.errno}"
        print(begin, time.time() - begin, what, n, said, flush=True)
    n += 1
    time.sleep(0.1)
"""
"""What a person's Pod does all the time: it writes a file to their space, and reads one of a catalogue."""


class Work:
    """What the Pod of a person has done. pod: their interpreter's. node: where it runs."""

    def __init__(self, platform: Platform, pod: Object) -> None:
        self._platform, self.pod = platform, pod
        self.name, self.node = pod["metadata"]["name"], pod["spec"]["nodeName"]
        self.shell("cat > /work/work.py", WORK)
        self.shell(f"nohup python3 /work/work.py {self.name} > /work/log 2>&1 &")
        self.goes_on()

    def shell(self, script: str, text: str | None = None) -> str:
        return execute(self._platform.kube, self.pod, "sh", "-c", script, text=text)

    def turns(self, since: float = 0) -> list[tuple[float, str, int, str]]:
        """(seconds, write or read, number, what came of it) of each turn that ended after a moment."""
        rows = [line.split(maxsplit=4) for line in self.shell("cat /work/log").splitlines()]
        return [(float(row[1]), row[2], int(row[3]), row[4]) for row in rows if len(row) == 5 and float(row[0]) + float(row[1]) >= since]

    def errors(self, since: float = 0) -> set[str]:
        return {said for *_, said in self.turns(since) if said.startswith("errno")}

    def goes_on(self) -> None:
        """Wait until it writes and reads."""
        now = time.time()
        eventually(lambda: {what for _, what, _, said in self.turns(now) if not said.startswith("errno")} == {"write", "read"}, 120)


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    result = deployed.stack(ceph_csi={"mounter": "fuse"})
    result["gaia-dmp:zeppelin"]["user_space"] = {"kind": "share", "size_gib": 1}
    return result


@pytest.fixture(scope="module")
def manila(whole_cloud: Cloud) -> Any:
    return connect(whole_cloud.clouds_yaml, "iris-gaia-red").shared_file_system


@pytest.fixture(scope="module")
def ends() -> Iterator[ExitStack]:
    """What is undone after the platform has gone."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def deployment(
    bare: Cluster, second: Node, whole_cloud: Cloud, data: dict[str, Any], ends: ExitStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """A stack on two nodes."""
    assert second.name in bare.nodes
    items = ends.enter_context(shares.made(whole_cloud, data, {}))
    with shares.running(bare, whole_cloud, items, tmp_path_factory.mktemp("images")) as found:
        eventually(lambda: all("1" in said for said in checks(found).values()) and len(checks(found)) == 2, 120)
        yield found


@pytest.fixture(scope="module")
def catalogue(
    deployment: Platform, whole_cloud: Cloud, manila: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[int, str]]:
    """Checksum of each part of the catalogue that its owner has put there, and finds there when all is over."""
    assert deployment.items
    mount = shares.owned(whole_cloud, manila, "sample", tmp_path_factory.mktemp("sample"))
    parts = {number: os.urandom(1 << 15) for number in range(PARTS)}
    for number, part in parts.items():
        (mount.folder / f"part-{number}").write_bytes(part)
    mount.end()
    sums = {number: hashlib.sha256(part).hexdigest() for number, part in parts.items()}
    yield sums
    mount = shares.owned(whole_cloud, manila, "sample", tmp_path_factory.mktemp("sample"))
    found = {int(part.name.removeprefix("part-")): hashlib.sha256(part.read_bytes()).hexdigest() for part in mount.folder.iterdir()}
    mount.end()
    assert found == sums


@pytest.fixture(scope="module")
def space(deployment: Platform, whole_cloud: Cloud, manila: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The space of alice, by another client than those that are hurt."""
    assert deployment.items
    mount = shares.owned(whole_cloud, manila, "user-alice", tmp_path_factory.mktemp("space"))
    yield mount.folder
    mount.end()


@pytest.fixture
def works(deployment: Platform, catalogue: Mapping[int, str], space: Path) -> Iterator[Callable[[str, str], Work]]:
    """Lets somebody work on a node, in a Pod of a name. What they have read and written is right to the last byte."""
    with ExitStack() as stack:
        made: list[Work] = []

        def begin(node: str, name: str) -> Work:
            (other,) = deployment.cluster.nodes.keys() - {node}
            with closed(deployment.kube, other):
                pod = stack.enter_context(interpreters.made(deployment, f"spark-alice-2abcdefgh-{name}"))
            made.append(Work(deployment, pod))
            return made[-1]

        yield begin
        for work in made:
            if gone(deployment.api, f"/api/v1/namespaces/{NOTEBOOKS}/pods/{work.name}"):
                continue
            whole(work, catalogue, space)


def whole(work: Work, catalogue: Mapping[int, str], space: Path) -> None:
    """What somebody has read and written is right to the last byte, as another client sees it."""
    good = [(what, number, said) for _, what, number, said in work.turns() if not said.startswith("errno")]
    assert {(number % PARTS, said) for what, number, said in good if what == "read"} <= set(catalogue.items())
    for number in (number for what, number, _ in good if what == "write"):
        assert (space / f"{work.name}-{number}").read_bytes() == b"%d" % number * 1000


def checks(deployment: Platform) -> dict[str, str]:
    """What the running check of each node says: 1, or 0 and why."""
    found = {}
    for pod in deployment.pods(NOTEBOOKS, DATASET_CHECK_LABELS):
        if not ready(pod) or "deletionTimestamp" in pod["metadata"]:
            continue
        ask = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{DATASET_CHECK_PORT}/metrics', timeout=9).read().decode())"
        lines = execute(deployment.kube, pod, "python3", "-c", ask).splitlines()
        up = next((line.split()[-1] for line in lines if line.startswith("gaia_dmp_dataset_up{")), "")
        log = kubectl(deployment.kube, "logs", f"--namespace={NOTEBOOKS}", pod["metadata"]["name"], "--tail=1")
        found[pod["spec"]["nodeName"]] = up if up != "0" else f"0 {log.strip()}"
    return found


def plugin(deployment: Platform, node: str) -> str:
    """The plug-in's Pod on a node."""
    return next(pod["metadata"]["name"] for pod in deployment.pods(CSI_NAMESPACE, CEPH_PLUGIN_LABELS) if pod["spec"]["nodeName"] == node)


def in_plugin(deployment: Platform, node: str, script: str) -> str:
    where = (f"--namespace={CSI_NAMESPACE}", plugin(deployment, node), "--container=csi-cephfsplugin")
    return kubectl(deployment.kube, "exec", *where, "--", "sh", "-c", script)


def ids(deployment: Platform, node: str) -> set[str]:
    """The Ceph ids that mounts of a node use."""
    script = "{ grep ' ceph ' /proc/mounts; cat /proc/[0-9]*/cmdline; } | tr '\\0,' '\\n\\n' | grep -a -E '^(client[.]|name=)' | sort -u"
    return set(in_plugin(deployment, node, script).split())


_MOUNT = " (fuse.ceph-fuse|ceph) "
"""In a line of /proc/mounts; the plug-in has folders of that name as well."""


def clear(deployment: Platform, *nodes: str, dead: bool = True, late: float = 0) -> None:
    """Let everything that mounts a share leave, and come back when no mount is left, as the runbook says it. dead: whether mounts have to
    be ended, because nothing else unmounts them: before anything leaves, since the plug-in takes a mount that Ceph threw out for gone.
    late: seconds for which things leave before that all the same; what then remains is unmounted by hand."""
    end = "pkill -KILL ceph-fuse; " if dead else ""
    for node in nodes:
        if not late:
            in_plugin(deployment, node, f"{end}true")
        kubectl(deployment.kube, "taint", "node", node, "gaia-dmp/mounts=lost:NoExecute")
    try:
        if late:
            time.sleep(late)
            for node in nodes:
                in_plugin(deployment, node, f"{end}true")
                remains = in_plugin(deployment, node, f"grep -E '{_MOUNT}' /proc/mounts | cut -d' ' -f2 || true").split()
                print(f"{node}: unmounted by hand: {remains}")
                for path in remains:
                    in_plugin(deployment, node, f"umount {path}")
        for node in nodes:
            script = f"{end}grep -E '{_MOUNT}' /proc/mounts || true"
            eventually(lambda node=node, script=script: in_plugin(deployment, node, script).strip() == "", 180)
    finally:
        for node in nodes:
            kubectl(deployment.kube, "taint", "node", node, "gaia-dmp/mounts-")


def well(deployment: Platform) -> None:
    """Wait until the check of each node says that all is well."""
    eventually(lambda: checks(deployment) == dict.fromkeys(deployment.cluster.nodes, "1"), 180)


def told(deployment: Platform, node: str, words: str, seconds: float = MINUTE) -> float:
    """Wait until the check of a node says that the dataset is lost, with some words; seconds that it took."""
    begin = time.monotonic()
    eventually(lambda: checks(deployment).get(node, "").startswith("0"), seconds)
    assert words in checks(deployment)[node]
    return time.monotonic() - begin


def evict(cloud: Cloud, ceph_id: str, node: str) -> None:
    """Throw a client out, as Ceph does with one that does not answer; its id may have been rotated."""
    for client in cloud.ceph.command("tell", "mds.a", "client", "ls"):
        who = client["client_metadata"]
        if (who.get("entity_id", "").removesuffix("-2"), who.get("hostname")) == (ceph_id, node):
            cloud.ceph.command("tell", "mds.a", "client", "evict", f"id={client['id']}")


class Alerts:
    """A Prometheus on a node that asks the check there, with the stack's own rules about data."""

    def __init__(self, node: Node, folder: Path, pod: Object) -> None:
        self._network = enter(node.pid, "net")
        group = next(group for group in parsed(text("observability/files/rules.yaml"))["groups"] if group["name"] == "data")
        (folder / "rules.yml").write_text(json.dumps({"groups": [group]}))
        target = {"targets": [f"{pod['status']['podIP']}:{DATASET_CHECK_PORT}"]}
        scrape = {"job_name": "dataset-check", "static_configs": [target]}
        paces = {"scrape_interval": "15s", "scrape_timeout": "10s", "evaluation_interval": "30s"}
        config = {"global": paces, "rule_files": [str(folder / "rules.yml")], "scrape_configs": [scrape]}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        arguments = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:9091")
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._network, str(program("prometheus")), *arguments], stdout=log, stderr=log, preexec_fn=die_with_parent
            )
        eventually(lambda: "Ready" in self._ask("-/ready"), 60)

    def _ask(self, path: str) -> str:
        return call(*self._network, "sh", "-c", f"curl --silent --max-time 5 http://127.0.0.1:9091/{path} || true")

    def states(self) -> dict[str, str]:
        """pending or firing, by alert."""
        found = json.loads(self._ask("api/v1/alerts"))["data"]["alerts"]
        return {each["labels"]["alertname"]: each["state"] for each in found}

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.mark.parametrize("daemon", ["mon", "mgr", "mds", "osd"])
def test_a_daemon_that_starts_again_costs_a_pause(
    deployment: Platform, whole_cloud: Cloud, works: Callable[[str, str], Work], daemon: str
) -> None:
    people = [works(node, f"{daemon}{node[-1]}") for node in deployment.cluster.nodes]
    begin = time.time()
    whole_cloud.ceph.kill(daemon)
    time.sleep(1)
    whole_cloud.ceph.launch(daemon)
    for person in people:
        person.goes_on()
        turns = person.turns(begin)
        print(f"{daemon}: the longest pause on {person.node} was {max(seconds for seconds, *_ in turns):.1f} s")
        assert person.errors(begin) == set()
    assert checks(deployment) == dict.fromkeys(deployment.cluster.nodes, "1")
    # Of a manager that has just begun Manila would not get an answer in time.
    whole_cloud.ceph.wait()


def test_a_client_that_is_thrown_out_is_told_and_mended(
    deployment: Platform, whole_cloud: Cloud, works: Callable[[str, str], Work], tmp_path: Path
) -> None:
    """Ceph evicts a client that does not answer it: one dataset is lost on one node."""
    hurt, other = works("node-1", "hurt"), works("node-2", "other")
    (check,) = [pod for pod in deployment.pods(NOTEBOOKS, DATASET_CHECK_LABELS) if ready(pod) and pod["spec"]["nodeName"] == "node-1"]
    alerts = Alerts(deployment.node, tmp_path, check)
    begin = time.time()
    evict(whole_cloud, READER, "node-1")
    eventually(lambda: hurt.errors(begin) == {"errno 108"}, 20)
    print(f"the check said it after {told(deployment, 'node-1', 'Cannot send after transport endpoint shutdown'):.0f} s")
    eventually(lambda: alerts.states() != {}, 90)
    print(f"the alert is pending after {time.time() - begin:.0f} s, and fires three minutes later")
    eventually(lambda: alerts.states() == {"DatasetLost": "firing"}, 240)
    print(f"it fires after {time.time() - begin:.0f} s")
    alerts.end()
    # Their space is another mount.
    assert {said for _, what, _, said in hurt.turns(begin) if what == "write"} == {"written"}
    assert other.errors(begin) == set()
    mend = time.time()
    clear(deployment, "node-1")
    well(deployment)
    print(f"mended after {time.time() - mend:.0f} s")
    assert works("node-1", "again").errors() == set()
    assert other.errors(begin) == set()


def test_mounts_whose_pods_left_first_are_unmounted_by_hand(
    deployment: Platform, whole_cloud: Cloud, works: Callable[[str, str], Work]
) -> None:
    hurt = works("node-1", "left")
    begin = time.time()
    evict(whole_cloud, READER, "node-1")
    eventually(lambda: hurt.errors(begin) == {"errno 108"}, 20)
    clear(deployment, "node-1", late=30)
    well(deployment)
    assert works("node-1", "after").errors() == set()


def test_a_rule_that_is_taken_away_is_told_and_mended(deployment: Platform, manila: Any, works: Callable[[str, str], Work]) -> None:
    """Every node loses the dataset. `pulumi up` makes the rule again: a new key, which a node takes once its mounts are gone."""
    people = [works(node, f"denied{node[-1]}") for node in deployment.cluster.nodes]
    share = manila.find_share(f"gaia-dmp-{deployed.STACK}-sample")
    begin = time.time()
    deny(manila, share, READER)
    for person in people:
        eventually(lambda person=person: person.errors(begin) == {"errno 108"}, 20)
        told(deployment, person.node, "Cannot send after transport endpoint shutdown")
    secret = deployed.one(deployment.items, "Secret", "ceph-key-gaia-spark-sample")
    key = shares.key_of(manila, share, READER, "ro")
    assert key != secret["stringData"]["userKey"]
    deployment.api.apply(secret | {"stringData": {"userID": READER, "userKey": key}})
    mend = time.time()
    clear(deployment, *deployment.cluster.nodes)
    well(deployment)
    print(f"mended after {time.time() - mend:.0f} s")
    assert works("node-1", "allowed").errors() == set()


def deny(manila: Any, share: Any, ceph_id: str) -> None:
    (rule,) = [rule for rule in manila.access_rules(share.id) if rule.access_to == ceph_id]
    manila.delete_access_rule(rule.id, share.id)
    eventually(lambda: rule.id not in {each.id for each in manila.access_rules(share.id)}, 60)


def test_a_plug_in_that_starts_again_takes_the_mounts_of_its_node_along(deployment: Platform, works: Callable[[str, str], Work]) -> None:
    """With ceph-fuse. A new Pod beside the dead ones gets a new mount, and these end at once."""
    hurt, other = works("node-1", "before"), works("node-2", "elsewhere")
    begin = time.time()
    kubectl(deployment.kube, "delete", "pod", f"--namespace={CSI_NAMESPACE}", plugin(deployment, "node-1"))
    eventually(lambda: hurt.errors(time.time() - 1) == {"errno 107"}, 30)
    told(deployment, "node-1", "Transport endpoint is not connected")
    assert works("node-1", "beside").errors() == set()
    assert hurt.errors(time.time() - 1) == {"errno 107"}
    mend = time.time()
    on_node = "--field-selector=spec.nodeName=node-1"
    kubectl(deployment.kube, "delete", "pod", f"--namespace={NOTEBOOKS}", "--selector=app.kubernetes.io/name=dataset-check", on_node)
    kubectl(deployment.kube, "delete", "pod", f"--namespace={NOTEBOOKS}", hurt.name)
    well(deployment)
    print(f"mended after {time.time() - mend:.0f} s")
    assert other.errors(begin) == set()


def test_a_file_system_that_does_not_answer_is_told_and_comes_back_by_itself(
    deployment: Platform, whole_cloud: Cloud, works: Callable[[str, str], Work]
) -> None:
    """People wait, and nobody has to do anything."""
    person = works("node-1", "waits")
    begin = time.time()
    whole_cloud.ceph.kill("mds")
    try:
        waited = told(deployment, "node-1", "does not answer", 240)
    finally:
        whole_cloud.ceph.launch("mds")
    print(f"the check said it after {waited:.0f} s")
    back = time.time()
    person.goes_on()
    well(deployment)
    longest = max(seconds for seconds, *_ in person.turns(begin))
    print(f"they went on {time.time() - back:.0f} s after it was back; the longest wait was {longest:.0f} s")
    assert person.errors(begin) == set()
    whole_cloud.ceph.wait()


def test_a_full_space_is_told_to_its_person_and_grows_under_them(
    deployment: Platform, manila: Any, works: Callable[[str, str], Work]
) -> None:
    person = works("node-1", "fills")
    # The client keeps to the quota by itself, and learns with some delay of what is used.
    fill = "dd if=/dev/zero of=/user/alice/large bs=4M count=300 oflag=dsync 2>&1 || true"
    assert "Disk quota exceeded" in person.shell(fill)
    eventually(lambda: person.errors(time.time() - 2) == {"errno 122"}, 30)
    assert {said for _, what, _, said in person.turns(time.time() - 3) if what == "read"} & {"errno 122"} == set()
    assert checks(deployment) == dict.fromkeys(deployment.cluster.nodes, "1")
    share = manila.find_share(f"gaia-dmp-{deployed.STACK}-user-alice")
    grown = time.time()
    manila.post(f"/shares/{share.id}/action", json={"extend": {"new_size": 2}}, microversion="2.7").raise_for_status()
    person.goes_on()
    print(f"they wrote again {time.time() - grown:.0f} s after it grew")
    assert person.shell("df --output=size -BG /user/alice").split() == ["1G-blocks", "2G"]
    person.shell("rm /user/alice/large")


def test_a_node_that_is_drained_gives_its_mounts_back(deployment: Platform, works: Callable[[str, str], Work]) -> None:
    leaves, stays = works("node-2", "leaves"), works("node-1", "stays")
    begin = time.time()
    try:
        drain(deployment.kube, "node-2")
        assert gone(deployment.api, f"/api/v1/namespaces/{NOTEBOOKS}/pods/{leaves.name}")
        # The check stays, as DaemonSets do, with the datasets that it mounts.
        eventually(lambda: ids(deployment, "node-2") == {f"client.{READER}"}, 60)
    finally:
        kubectl(deployment.kube, "uncordon", "node-2")
    assert stays.errors(begin) == set()
    assert checks(deployment) == dict.fromkeys(deployment.cluster.nodes, "1")
    assert works("node-2", "returns").errors() == set()


def test_new_keys_cost_no_mount(
    deployment: Platform, whole_cloud: Cloud, manila: Any, data: dict[str, Any], ends: ExitStack, works: Callable[[str, str], Work]
) -> None:
    """`rotation: {ceph_keys: 2, ceph_keys_kept: 1}`, one node after the other, then without `ceph_keys_kept`: docs/how-to/rotate.md."""
    first = works("node-1", "first")
    begin = time.time()
    moving = data | {"gaia-dmp:rotation": {"ceph_keys": 2, "ceph_keys_kept": 1}}
    changed = {
        item["metadata"]["name"]: item for item in ends.enter_context(shares.rotated(whole_cloud, moving)) if item["kind"] == "Secret"
    }
    for item in deployment.items:
        if item["kind"] == "Secret" and "userKey" in item.get("stringData", {}):
            assert changed[item["metadata"]["name"]]["stringData"]["userID"] == f"{item['stringData']['userID']}-2"
            deployment.api.apply(changed[item["metadata"]["name"]])
    clear(deployment, "node-2", dead=False)
    second = works("node-2", "second")
    assert {f"client.{READER}-2", f"client.{WRITER}-2"} <= ids(deployment, "node-2")
    assert first.errors(begin) == set()
    assert {f"client.{READER}", f"client.{WRITER}"} <= ids(deployment, "node-1")
    clear(deployment, "node-1", dead=False)
    third = works("node-1", "third")
    for node in deployment.cluster.nodes:
        assert [each for each in ids(deployment, node) if not each.endswith("-2")] == []
    for share in manila.shares():
        for rule in list(manila.access_rules(share.id)):
            if rule.access_to.startswith("gaia-dmp-") and not rule.access_to.endswith("-2"):
                deny(manila, share, rule.access_to)
    for person in (second, third):
        person.goes_on()
        assert person.errors() == set()
    well(deployment)


def restarted(cloud: Cloud, daemon: str) -> None:
    cloud.ceph.kill(daemon)
    cloud.ceph.launch(daemon)
    cloud.ceph.wait()


def test_many_faults_lose_no_byte(
    deployment: Platform, whole_cloud: Cloud, catalogue: Mapping[int, str], space: Path, works: Callable[[str, str], Work]
) -> None:
    """Somebody works on each node. A fault by lot hurts one of them or both; who lost a mount begins anew, as the runbook says it."""
    lot, people = random.Random(SEED), {node: works(node, f"many{node[-1]}") for node in deployment.cluster.nodes}
    print(f"SEED={SEED} FAULTS={FAULTS}")
    daemons = {f"{daemon} restarted": lambda _, daemon=daemon: restarted(whole_cloud, daemon) for daemon in ("mon", "mgr", "mds", "osd")}
    mounts = {f"{who} thrown out": lambda node, who=who: evict(whole_cloud, who, node) for who in (READER, WRITER)} | {
        "every mount's process killed": lambda node: in_plugin(deployment, node, "pkill -KILL ceph-fuse; true"),
        "the plug-in deleted": lambda node: kubectl(
            deployment.kube, "delete", "pod", f"--namespace={CSI_NAMESPACE}", plugin(deployment, node)
        ),
    }
    for turn in range(FAULTS):
        node, words = lot.choice(sorted(people)), lot.choice(sorted(daemons | mounts))
        begin = time.time()
        (daemons | mounts)[words](node)
        if words in mounts:
            eventually(lambda person=people[node], begin=begin: person.errors(begin) != set(), 60)
            whole(people[node], catalogue, space)
            eventually(lambda: all(ready(pod) for pod in deployment.pods(CSI_NAMESPACE, CEPH_PLUGIN_LABELS)), 60)
            clear(deployment, node)
            people[node] = works(node, f"many{node[-1]}x{turn}")
        for person in people.values():
            person.goes_on()
        well(deployment)
        print(f"{turn + 1}: {words} ({node}); all was well after {time.time() - begin:.0f} s", flush=True)
