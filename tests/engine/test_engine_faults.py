"""What goes wrong on the engine's own side: two at once, a state that is cut or lost, a full disk, a dead plug-in, an API that is silent.

What was seen is written down for docs/reference/faults.md.
"""

import contextlib
import copy
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.drivers.gaia_dmp_cloud.faults import Fault
from tests.cloud.openstack.inventory import held
from tests.engine import processes
from tests.engine.changes import second_dataset
from tests.engine.moments import Moments, said, short
from tests.engine.platform import Outcome, Platform
from tests.engine.resumed import resumed
from tests.support.eventually import eventually, once
from tests.support.stack_files import document

UP = ("up", "--yes", "--skip-preview")


class Engine:
    """One stack whose engine meets one thing after another, and comes back each time."""

    def __init__(self, cloud: Cloud, dev: Platform, capsys: pytest.CaptureFixture[str], name: str, title: str, text: str) -> None:
        self.cloud, self.dev, self.capsys = cloud, dev, capsys
        self.project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
        self.book = Moments(name, title, text, self.project)
        self.state = dev.folder / "state" / ".pulumi"
        self.checkpoint = self.state / "stacks" / "gaia-dmp" / "dev.json"

    def whole(self) -> None:
        """The next `up` comes to its end."""
        done = self.dev.plain(*UP)
        assert not done.error, done.output[-3000:]

    def history(self) -> Path:
        """The newest whole checkpoint."""
        return max((self.state / "history" / "gaia-dmp" / "dev").glob("*.checkpoint.json"))

    def resumed(self) -> list[str]:
        """The commands of `gaia resume`, after which `up` goes on."""
        return resumed(self.dev, self.project, self.capsys)[1]

    def two_at_once(self) -> None:
        self.cloud.faults(Fault(service="keystone", request="^POST /v3/auth/tokens", seconds=8, times=3))
        working: list[Outcome] = []
        first = threading.Thread(target=lambda: working.append(self.dev.plain(*UP)))
        locks = self.state / "locks"
        first.start()
        eventually(lambda: any(path.is_file() for path in locks.rglob("*")))
        environment = os.environ | self.dev.environment
        for operation in ("up", "refresh", "destroy"):
            before = self.book.stands()
            command = ["pulumi", operation, "--yes", "--skip-preview", "--stack", "dev", "--non-interactive", "--color", "never"]
            done = subprocess.run(command, cwd=self.dev.folder, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode
            told = short(done.stderr or done.stdout)
            self.book.saw(f"`{operation}`, beside an `up` that runs", told, ["wait", f"pulumi {operation}"], before)
        first.join()
        self.cloud.faults()
        assert not working[0].error, working[0].output[-2000:]
        self.whole()

    def cut_state(self) -> None:
        text = self.checkpoint.read_text()
        for words, left in (
            ("is empty", ""),
            ("ends after 200 characters", text[:200]),
            ("ends in its middle", text[: len(text) // 2]),
            ("lacks its last character", text.rstrip()[:-1]),
        ):
            before = self.book.stands()
            newest = self.history()
            self.checkpoint.write_text(left)
            done = self.dev_up()
            assert done.error, words
            shutil.copy(newest, self.checkpoint)
            assert not self.dev.refresh().error
            mended = ["cp .pulumi/history/.../*.checkpoint.json .pulumi/stacks/...", "pulumi refresh", "pulumi up"]
            self.book.saw(f"`up`, with a state that {words}", short(done.output), mended, before)
        self.whole()

    def empty_note(self) -> None:
        before = self.book.stands()
        note = self.checkpoint.with_suffix(".json.attrs")
        note.write_text("")
        done = self.dev_up()
        assert done.error
        note.unlink()
        self.book.saw("`up`, with an empty note beside the state", short(done.output), ["rm .pulumi/stacks/.../dev.json.attrs"], before)
        self.whole()

    def lost_state(self) -> None:
        before = self.book.stands()
        kept = self.dev.folder / "kept"
        newest = self.history().read_text()
        files = sorted(self.checkpoint.parent.glob("dev.json*"))
        for file in files:
            file.unlink()
        done = self.dev_up()
        assert done.error
        self.checkpoint.write_text(newest)
        assert not self.dev.refresh().error
        mended = ["cp .pulumi/history/.../*.checkpoint.json .pulumi/stacks/...", "pulumi refresh", "pulumi up"]
        self.book.saw("`up`, without a state", short(done.output), mended, before)
        self.whole()

        # Without its history, too: a new stack of that name finds that everything stands.
        self.state.rename(kept)
        self.dev.stack()
        done = self.dev_up()
        assert done.error
        told = said(done.output, "network-network")
        assert "stands already in project" in told
        # Of what has no first look only the key pair and the template are made, by names of their own: they go with the new stack.
        assert not self.dev.destroy().error
        shutil.rmtree(self.state)
        kept.rename(self.state)
        self.book.saw("`up`, in a new stack, after state and history are lost", told, ["the state, from a backup", "pulumi up"], before)
        self.whole()

    def wrong_words(self) -> None:
        before = self.book.stands()
        done = self.dev_up(PULUMI_CONFIG_PASSPHRASE="another")
        assert done.error
        self.book.saw("`up`, with a wrong passphrase", short(done.output), ["PULUMI_CONFIG_PASSPHRASE=...", "pulumi up"], before)
        before = self.book.stands()
        done = self.dev_up(OS_CLIENT_CONFIG_FILE=str(self.dev.folder / "none.yaml"))
        assert done.error
        self.book.saw("`up`, without `clouds.yaml`", said(done.output), ["OS_CLIENT_CONFIG_FILE=...", "pulumi up"], before)
        wrong = self.dev.folder / "wrong.yaml"
        entries = yaml.safe_load(self.cloud.clouds_yaml.read_text())
        entries["clouds"]["iris-gaia-red"]["auth"]["password"] = "another"
        wrong.write_text(yaml.safe_dump(entries))
        before = self.book.stands()
        done = self.dev_up(OS_CLIENT_CONFIG_FILE=str(wrong))
        assert done.error
        self.book.saw("`up`, with a wrong password of the cloud", said(done.output), ["correct clouds.yaml", "pulumi up"], before)
        self.whole()

    def full_disk(self) -> None:
        with small_disk(self.state.parent) as fill:
            before = self.book.stands()
            fill()
            self._freed("on a full disk", self.dev_up(), before, fill)

            before = self.book.stands()
            self.dev.data = copy.deepcopy(dict(self.dev.data))
            second_dataset(self.dev.data)
            with once(lambda: "data-second-share" in self.dev.pending(), fill):
                done = self.dev_up()
            self._freed("on a disk that becomes full while it makes `data-second-share`", done, before, fill)

    def _freed(self, where: str, done: Outcome, before: dict[str, str], fill: Callable[..., None]) -> None:
        """Room is made on a disk that stopped an `up`."""
        assert done.error
        fill(free=True)
        with contextlib.suppress(AssertionError):
            self.dev.command("cancel", "--yes")
        self.book.saw(
            f"`up`, {where}", said(done.output), ["free space on the disk", "pulumi cancel", *self.resumed(), "pulumi up"], before
        )
        self.whole()

    def dead_plugins(self) -> None:
        for name, words in (
            ("pulumi-resource-openstack", "the OpenStack plug-in"),
            ("pulumi-resource-kubernetes", "the Kubernetes plug-in"),
            ("pulumi-language-python-exec", "the program"),
        ):
            before = self.book.stands()
            size = self.dev.data["gaia-dmp:datasets"][0]["source"]["size_gib"]
            self.dev.data = copy.deepcopy(dict(self.dev.data))
            self.dev.data["gaia-dmp:datasets"][0]["source"]["size_gib"] = size + 1
            done = self._up_losing(name)
            mended = [*self.resumed(), "pulumi up"] if done.error else []
            told = said(done.output) if done.error else "nothing: the engine was done with it"
            self.book.saw(f"`up`, while {words} is killed", told, mended, before)
            self.whole()

    def _up_losing(self, name: str) -> Outcome:
        """`up`, some seconds after whose start every process of a name is killed."""
        end = time.monotonic() + 4

        def there() -> set[int]:
            return processes.below(os.getpid()) & {*processes.named(name)}

        with once(lambda: time.monotonic() > end and bool(there()), lambda: processes.kill(there()), 0.05):
            return self.dev_up()

    def silent_cluster(self) -> None:
        (server,) = processes.named("kube-apiserver", str(self.cloud.folder / "clusters"))
        self.dev.data = copy.deepcopy(dict(self.dev.data))
        self.dev.data["gaia-dmp:zeppelin"]["cores"] = 1
        before = self.book.stands()
        os.kill(server, signal.SIGSTOP)
        timer = threading.Timer(25, lambda: os.kill(server, signal.SIGCONT))
        timer.start()
        done = self.dev_up()
        timer.join()
        told = said(done.output) if done.error else "nothing: the engine goes on"
        self.book.saw("`up`, while the cluster's API hangs for 25 s", told, ["pulumi up"] if done.error else [], before)
        self.whole()

    def clocks(self) -> None:
        library = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
        if library is None:
            return
        for shift, words in (("+3h", "3 h ahead"), ("-11h", "11 h behind")):
            before = self.book.stands()
            self.cloud.restart("keystone", {"LD_PRELOAD": str(library), "FAKETIME": shift})
            done = self.dev_up()
            told = said(done.output) if done.error else "nothing: the engine goes on"
            self.cloud.restart("keystone", {})
            mended = ["set Keystone's clock", "pulumi up"] if done.error else []
            self.book.saw(f"`up`, with Keystone's clock {words}", told, mended, before)
            self.whole()

    def dev_up(self, **environment: str) -> Outcome:
        return self.dev.plain(*UP, **environment)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Callable[..., None]]:
    """A small disk in place of a folder; what is called fills it, or frees it."""
    kept = folder.with_name("kept-aside")
    shutil.copytree(folder, kept)
    mebibytes = 60 + sum(file.stat().st_size for file in kept.rglob("*") if file.is_file()) // 2**20
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)], check=True)
    file = folder / "full"

    def fill(*, free: bool = False) -> None:
        if free:
            file.unlink()
            return
        with file.open("wb", buffering=0) as big, contextlib.suppress(OSError):
            while True:
                big.write(b"0" * 4096)

    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield fill
        shutil.rmtree(kept)
        shutil.copytree(folder, kept)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        shutil.rmtree(folder)
        kept.rename(folder)


@pytest.fixture
def engine(
    cloud: Cloud, platform: Callable[..., Platform], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Engine]:
    """Makes the engine of a stack that stands, with the variables with which `gaia` works on it as its person would."""

    def make(*words: str) -> Engine:
        dev = platform("dev", document("dev"))
        for name, value in dev.environment.items():
            monkeypatch.setenv(name, value)
        dev.stack()
        made = Engine(cloud, dev, capsys, *words)
        made.whole()
        return made

    return make


def meets(engine: Engine, *things: Callable[[], None]) -> None:
    """One thing after another: the stack is whole after each, and nothing was lost or stands twice."""
    ids = engine.dev.ids()
    try:
        for thing in things:
            thing()
    finally:
        engine.book.write()
    kept = ("network-network", "network-subnet", "notebooks-share", "data-sample-share", "cluster-cluster")
    assert engine.dev.up().ops == {}
    assert {name: engine.dev.ids()[name] for name in kept} == {name: ids[name] for name in kept}
    assert not engine.dev.destroy().error
    assert held(engine.project) == {}
    engine.book.well()


def test_what_goes_wrong_beside_the_engine_loses_nothing(engine: Callable[..., Engine]) -> None:
    text = "What the engine and its plug-ins meet on their own machine, and a cluster that does not answer."
    own = engine("engine", "The engine's own side", text)
    meets(own, own.two_at_once, own.wrong_words, own.silent_cluster, own.dead_plugins, own.clocks)


@pytest.mark.skipif(os.geteuid() != 0, reason="a full disk is mounted, which needs root")
def test_a_state_that_is_cut_lost_or_on_a_full_disk_comes_back(engine: Callable[..., Engine]) -> None:
    own = engine("engine-state", "The engine's state", "What happens to the file in which the engine keeps what it knows.")
    meets(own, own.full_disk, own.lost_state, own.empty_note, own.cut_state)
