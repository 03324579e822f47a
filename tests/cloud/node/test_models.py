"""The server of models in its Pod, with its database on a real CephFS: a stack's own Deployment, claim, account, policies and image.

Invariants: drivers and executors use it, each as its person, and no other Pod reaches it; what it has acknowledged is there, whatever ends
it; one writes at a time, also from two nodes; the database is whole.

tests/cloud/models has who may do what.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from components.names import CEPH_PLUGIN, DATASET_CHECK_LABELS, DRIVER_LABELS, MODELS_LABELS, MODELS_PORT, USER
from tests.cloud import deployed
from tests.cloud.api import Object
from tests.cloud.ceph_mount import fuse_missing
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.models.server import CLIENT, answers
from tests.cloud.node import interpreters, kills, shares
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.interpreters import Interpreter
from tests.cloud.node.node import Node
from tests.cloud.node.platform import Platform, amount
from tests.cloud.node.pods import TRIAL, closed, execute, kubectl, probe, ready, start
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.support.eventually import eventually
from tests.support.stack_files import with_models

pytestmark = pytest.mark.skipif(bool(fuse_missing()), reason=fuse_missing())
WORDS = "what alice wrote down"
WRITERS = 3
WRITE = """
import json, os, sys, time, urllib.request

run, key, step = sys.argv[1], sys.argv[2], 0
while True:
    body = json.dumps({"run_id": run, "key": key, "value": step, "timestamp": 1, "step": step}).encode()
    begin = time.time()
    try:
        url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric"
        with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=30) as answer:
            said = answer.status
    except OSError as error:
        said = str(error).replace(" ", "_")
        time.sleep(0.2)
    print(begin, time.time() - begin, step, said, flush=True)
    step += 1
"""
"""Logs one metric after the other, and says how each was answered and after how many seconds."""
REACH = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
    print("open")
except OSError:
    print("closed")
"""


class Person:
    """What somebody's Pod asks of the server."""

    def __init__(self, platform: Platform, pod: Object) -> None:
        self._platform, self.pod = platform, pod
        self.run("sh", "-c", "cat > /work/client_program.py", text=CLIENT.read_text())

    def run(self, *command: str, text: str | None = None) -> str:
        return execute(self._platform.kube, self.pod, *command, text=text)

    def __call__(self, *expressions: str) -> list[Any]:
        """What expressions of client_program.py are. Raises RefusedError where one fails."""
        command = ("env", "MLFLOW_HTTP_REQUEST_MAX_RETRIES=1", "python3", "/work/client_program.py")
        return answers(self.run(*command, *expressions))

    def reaches(self, address: str) -> str:
        return self.run("python3", "-c", REACH, address, str(MODELS_PORT)).strip()


class Writers:
    """Several that log metrics of a run without a pause, in a person's Pod."""

    def __init__(self, person: Person, run: str) -> None:
        self._person, self.run = person, run
        person.run("sh", "-c", "cat > /work/write.py; rm -f /work/written-*", text=WRITE)
        for number in range(WRITERS):
            person.run("sh", "-c", f"nohup python3 /work/write.py {run} m{number} > /work/written-{number} 2>&1 & echo $! >> /work/writers")
        self.go_on()

    def turns(self) -> list[tuple[float, float, str, int, str]]:
        """(begin, seconds, metric, step, answer) of each write that was answered or refused."""
        rows = self._person.run("sh", "-c", "cd /work; grep -H . written-*; true").splitlines()
        split = [(row.partition(":")[0].removeprefix("written-"), row.partition(":")[2].split()) for row in rows]
        return [(float(row[0]), float(row[1]), f"m{number}", int(row[2]), row[3]) for number, row in split if len(row) == 4]

    def acknowledged(self, since: float = 0) -> set[tuple[str, int]]:
        return {(key, step) for begin, _, key, step, said in self.turns() if said == "200" and begin >= since}

    def go_on(self, seconds: float = 300) -> None:
        """Wait until each has been answered some more times."""
        now = time.time()
        eventually(lambda: len([key for key, _ in self.acknowledged(now)]) >= 5 * WRITERS, seconds, pause=1)

    def end(self) -> None:
        self._person.run("sh", "-c", "if [ -e /work/writers ]; then kill $(cat /work/writers); rm /work/writers; fi")


@pytest.fixture(scope="module")
def deployment(bare: Cluster, second: Node, whole_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A stack on two nodes."""
    assert second.name in bare.nodes
    data = with_models(deployed.stack(ceph_csi={"mounter": "fuse"}))
    beside = ("models", "backup-notebooks", "restore-notebooks")
    with (
        shares.made(whole_cloud, data, {}) as items,
        shares.running(bare, whole_cloud, items, tmp_path_factory.mktemp("images"), beside) as found,
    ):
        begin = time.time()
        serving(found)
        print(f"the server was ready after {time.time() - begin:.0f} s")
        yield found


@pytest.fixture(scope="module")
def store(deployment: Platform, whole_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The share of models, by another client than the server's node."""
    assert deployment.items
    manila: Any = connect(whole_cloud.clouds_yaml, "iris-gaia-red").shared_file_system
    mount = shares.owned(whole_cloud, manila, "models", tmp_path_factory.mktemp("models"))
    yield mount.folder
    mount.end()


@pytest.fixture(scope="module")
def spark(deployment: Platform) -> Iterator[Interpreter]:
    with (
        closed(deployment.kube, "node-2"),
        interpreters.running(deployment, "spark-alice-2abcdefgh-driver") as driver,
    ):
        yield driver


@pytest.fixture(scope="module")
def alice(deployment: Platform, spark: Interpreter) -> Person:
    return Person(deployment, spark.pod)


@pytest.fixture(scope="module")
def made(alice: Person) -> list[str]:
    """The run and the version of a model of alice's."""
    return alice("train('stars', 'teff')")[0]


def server(deployment: Platform) -> Object | None:
    """The server's Pod, where one is ready and stays."""
    found = [pod for pod in deployment.pods(SERVER, MODELS_LABELS) if ready(pod) and "deletionTimestamp" not in pod["metadata"]]
    return found[0] if len(found) == 1 else None


def serving(deployment: Platform, seconds: float = 600) -> Object:
    """Wait until the server is ready; its Pod."""
    eventually(lambda: server(deployment) is not None, seconds, pause=0.5)
    pod = server(deployment)
    assert pod
    return pod


def test_the_pod_is_as_it_was_recorded(deployment: Platform, store: Path) -> None:
    script = "id -u; grep -E '^(Seccomp|NoNewPrivs|CapEff):' /proc/1/status; touch /x 2>&1 || true"
    said = execute(deployment.kube, serving(deployment), "sh", "-c", script).split("\n")
    assert said[:4] == ["1000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]
    assert "Read-only file system" in said[4]
    namespace = deployment.api.get(f"/api/v1/namespaces/{SERVER}")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert (store.stat().st_uid, store.stat().st_gid, oct(store.stat().st_mode & 0o777)) == (1000, 0, "0o770")


def test_a_driver_registers_a_model_and_executors_score_by_it(spark: Interpreter, alice: Person, made: list[str]) -> None:
    assert made[1] == "1"
    assert alice("predict('models:/teff/1', 10)") == [21.0]
    score = "__import__('mlflow').pyfunc.spark_udf(spark, 'models:/teff/1', env_manager='local')"
    total = "__import__('pyspark').sql.functions.sum('score')"
    rows = "spark.range(0, 100, 1, 4).selectExpr('cast(id as double) as x')"
    assert spark(f"round({rows}.withColumn('score', {score}('x')).agg({total}).first()[0], 6)") == 10000.0


def test_bytes_lie_on_the_share(store: Path, alice: Person, made: list[str]) -> None:
    (experiment, _) = alice("client.get_experiment_by_name('stars').experiment_id", f"client.log_text('{made[0]}', {WORDS!r}, 'note.txt')")
    assert (store / "artifacts" / experiment / made[0] / "artifacts/note.txt").read_text() == WORDS
    assert (store / "mlflow.db").read_bytes()[:16] == b"SQLite format 3\0"
    with contextlib.closing(sqlite3.connect(store / "mlflow.db")) as database:
        assert database.execute("SELECT name, version FROM model_versions").fetchall() == [("teff", 1)]
        # The other kinds keep a file that two nodes cannot share.
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_person_is_known_by_their_pod_on_whichever_node(deployment: Platform, alice: Person, made: list[str]) -> None:
    """Through the Service, to a server on the same node or on another: the address of a Pod stays what it is."""
    call = "client.delete_registered_model('teff')"
    with interpreters.made(deployment, "spark-bob-2abcdefgh-driver", person="bob@example.org") as pod:
        assert pod["metadata"]["labels"][USER] == "bob-example-org"
        bob = Person(deployment, pod)
        for node in deployment.cluster.nodes:
            move(deployment, node)
            assert bob("predict('models:/teff/1', 10)", f"refused({call!r})") == [21.0, True]
            assert alice(f"client.set_tag('{made[0]}', 'k', 'v')") == [None]


def move(deployment: Platform, node: str) -> Object:
    """Have the server on a node; its Pod."""
    pod = serving(deployment)
    if pod["spec"]["nodeName"] != node:
        # Alice's driver, which was to start on the other one, may have closed it.
        kubectl(deployment.kube, "uncordon", node)
        with closed(deployment.kube, *deployment.cluster.nodes.keys() - {node}):
            kubectl(deployment.kube, "delete", "pod", f"--namespace={SERVER}", pod["metadata"]["name"])
            pod = serving(deployment)
    assert pod["spec"]["nodeName"] == node
    return pod


def test_no_other_pod_reaches_it(deployment: Platform, alice: Person) -> None:
    """By packets, to the Pod and to the Service: an interpreter without Spark, a check of datasets, who has a driver's labels elsewhere."""
    service = deployment.api.get(f"/api/v1/namespaces/{SERVER}/services/models")["spec"]["clusterIP"]
    addresses = (serving(deployment)["status"]["podIP"], service)
    check = next(pod for pod in deployment.pods(NOTEBOOKS, DATASET_CHECK_LABELS) if ready(pod))
    with interpreters.made(deployment, "python-alice-2abcdefgh-x", group="python", setting="python") as python:
        found = {
            name: [Person(deployment, pod).reaches(address) for address in addresses]
            for name, pod in (("alice", alice.pod), ("python", python))
        }
    found["check"] = [execute(deployment.kube, check, "python3", "-c", REACH, address, str(MODELS_PORT)).strip() for address in addresses]
    assert found == {"alice": ["open", "open"], "python": ["closed", "closed"], "check": ["closed", "closed"]}
    (stranger,) = start(deployment.api, probe("stranger", labels=dict(DRIVER_LABELS)))
    targets = "".join(f"{address}:{MODELS_PORT}\n" for address in addresses)
    assert execute(deployment.kube, stranger, "/probe", "try", text=targets) == ""
    deployment.api.delete(f"/api/v1/namespaces/{TRIAL}/pods/stranger", gracePeriodSeconds="0")


def test_one_writes_at_a_time_also_from_two_nodes(deployment: Platform, store: Path, alice: Person, made: list[str]) -> None:
    """A lock of the database is heeded by another client of the share, in both directions."""
    write = f"client.log_metric('{made[0]}', 'held', 1)"
    with contextlib.closing(sqlite3.connect(store / "mlflow.db", isolation_level=None)) as elsewhere:
        elsewhere.execute("BEGIN EXCLUSIVE")
        assert "503 error responses" in alice(f"words({write!r})")[0]
        elsewhere.execute("ROLLBACK")
        log = kubectl(deployment.kube, "logs", f"--namespace={SERVER}", serving(deployment)["metadata"]["name"], "--tail=1000")
        assert "database is locked" in log
        assert alice(write) == [None]
    hold = "import sqlite3, sys; d = sqlite3.connect('/models/mlflow.db', isolation_level=None); d.execute('BEGIN EXCLUSIVE'); "
    hold += "print('held', flush=True); __import__('time').sleep(20)"
    pod = serving(deployment)
    kubectl(
        deployment.kube,
        *("exec", f"--namespace={SERVER}", pod["metadata"]["name"], "--", "sh", "-c"),
        f'nohup python3 -c "{hold}" > /tmp/held 2>&1 & until grep -q held /tmp/held; do sleep 0.1; done',
    )
    with contextlib.closing(sqlite3.connect(store / "mlflow.db", timeout=0, isolation_level=None)) as elsewhere:
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            elsewhere.execute("BEGIN IMMEDIATE")
        # What holds it ends, and with that the lock.
        eventually(lambda: began(elsewhere), 60)
        elsewhere.execute("ROLLBACK")


def began(database: sqlite3.Connection) -> bool:
    with contextlib.suppress(sqlite3.OperationalError):
        database.execute("BEGIN IMMEDIATE")
        return True
    return False


@pytest.fixture
def writers(alice: Person) -> Iterator[Writers]:
    alice("mlflow.set_experiment('killed') and None")
    (run,) = alice("client.create_run(client.get_experiment_by_name('killed').experiment_id).info.run_id")
    found = Writers(alice, run)
    yield found
    found.end()


def whole(store: Path, writers: Writers) -> None:
    """All that was acknowledged is there, as another client sees it, in a whole database."""
    acknowledged = writers.acknowledged()
    with contextlib.closing(sqlite3.connect(store / "mlflow.db", timeout=60)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        kept = set(database.execute("SELECT key, step FROM metrics WHERE run_uuid = ?", (writers.run,)))
    assert acknowledged - kept == set()
    waits = sorted(seconds for _, seconds, *_, said in writers.turns() if said == "200")
    half, most = waits[len(waits) // 2], waits[-1]
    print(f"{len(acknowledged)} writes of {WRITERS} at once were acknowledged, half of them within {half:.2f} s, all within {most:.1f} s")
    print("other answers:", sorted({said for *_, said in writers.turns() if said != "200"}))


def killed(deployment: Platform) -> None:
    """Every process of the server's container is killed; the kubelet starts it again in its Pod."""
    pod = serving(deployment)
    (container,) = pod["status"]["containerStatuses"]
    kills.kill(deployment.cluster.nodes[pod["spec"]["nodeName"]], container["containerID"].removeprefix("containerd://"))


def deleted(deployment: Platform) -> None:
    """Its Pod is deleted at once: another begins while the first may still run."""
    name = serving(deployment)["metadata"]["name"]
    deployment.api.delete(f"/api/v1/namespaces/{SERVER}/pods/{name}", gracePeriodSeconds="0")


def pause(writers: Writers, since: float, seconds: float = 300) -> float:
    """Wait until writes go on after a moment at which the server ended; the most seconds from then on without an answer to anybody."""
    time.sleep(5)
    writers.go_on(seconds)
    ends = sorted(begin + spent for begin, spent, *_, said in writers.turns() if said == "200" and begin + spent > since)
    return max(later - earlier for earlier, later in pairwise([since, *ends]))


ENDS: tuple[Callable[[Platform], None], ...] = (killed, deleted, killed, deleted)


def test_whatever_ends_it_loses_nothing_that_was_acknowledged(deployment: Platform, store: Path, writers: Writers) -> None:
    for end in ENDS:
        serving(deployment)
        writers.go_on()
        begin = time.time()
        end(deployment)
        print(f"{end.__name__}: nobody was answered for {pause(writers, begin):.0f} s")
    writers.end()
    assert len(writers.acknowledged()) > 100
    whole(store, writers)


def test_models_are_backed_up_while_it_serves_and_come_back(deployment: Platform, store: Path, alice: Person, made: list[str]) -> None:
    """By Pods that mount the notebooks, the models and the backup, all of them shares."""
    assert deployment.run("backup-notebooks", SERVER, "backup-now")[0] == "Complete"
    kubectl(deployment.kube, "scale", f"--namespace={SERVER}", "deployment/models", "--replicas=0")
    eventually(lambda: deployment.pods(SERVER, MODELS_LABELS) == [], 120)
    (store / "mlflow.db").unlink()
    state, log = deployment.run("restore-notebooks", SERVER, "restore-now")
    assert state == "Complete", log
    kubectl(deployment.kube, "scale", f"--namespace={SERVER}", "deployment/models", "--replicas=1")
    serving(deployment)
    assert alice("predict('models:/teff/1', 10)", f"client.get_run('{made[0]}').data.metrics['slope']") == [21.0, 2.0]


def test_its_memory_fits(deployment: Platform, alice: Person, made: list[str]) -> None:
    """After what of the above came before. No container is near its limit, and none requests five times what it holds."""
    pod = serving(deployment)
    key, (container,) = (SERVER, pod["metadata"]["name"], "mlflow"), pod["spec"]["containers"]
    assert alice("predict('models:/teff/1', 10)") == [21.0]
    found: list[int] = []

    def counted() -> bool:
        # Of a Pod that is new the kubelet knows after some seconds.
        found[:] = [memory[key] for node in deployment.cluster.nodes if key in (memory := deployment.memory(node))]
        return found != []

    eventually(counted, 60)
    print(f"the server holds {found[0] / 2**20:.0f} MiB")
    request, limit = (amount(container["resources"][kind]["memory"]) for kind in ("requests", "limits"))
    assert 0.2 * request < found[0] < 0.8 * limit


@pytest.fixture
def third(deployment: Platform, whole_cloud: Cloud, tmp_path: Path) -> Iterator[Node]:
    """A node that may be lost. It has no image of Spark."""
    node = deployment.cluster.add_node()
    items = [deployed.one(deployment.items, kind, name) for kind, name in (("DaemonSet", CEPH_PLUGIN), ("Deployment", "models"))]
    with shares.joined(node, whole_cloud, items, tmp_path):
        yield node
    deployment.cluster.remove_node(node.name)


def test_a_node_that_is_lost_loses_nothing_that_was_acknowledged(deployment: Platform, store: Path, third: Node, writers: Writers) -> None:
    """It goes at once, with the process that mounts the share. Ceph keeps what a client has locked until it takes the client for lost."""
    pod = move(deployment, third.name)
    writers.go_on()
    third.kill()
    begin = time.time()
    kubectl(deployment.kube, "cordon", third.name)
    deployment.api.delete(f"/api/v1/namespaces/{SERVER}/pods/{pod['metadata']['name']}", gracePeriodSeconds="0")
    print(f"node lost: nobody was answered for {pause(writers, begin, 900):.0f} s")
    writers.end()
    whole(store, writers)
