"""A real Ceph cluster on this machine: one monitor, manager, OSD and MDS with a CephFS, from Debian's packages.

Each daemon is a plain process on 127.0.0.1. The disk is a sparse file, and there is one copy of everything. The state may be copied while
nothing runs: a monitor knows its address from its own store, so every start writes the new one there.
"""

import contextlib
import json
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.cloud.kube import die_with_parent
from tests.cloud.tools import ToolError

HOST = "127.0.0.1"
FILE_SYSTEM = "cephfs"
MANILA = "manila"
"""The Ceph id of Manila's driver."""
PORTS = 40
"""How many ports a cluster has: those of its monitor, then those that daemons take as they start."""

_DAEMONS = ("mon", "mgr", "osd", "mds")
_PROGRAMS = {
    "ceph": "ceph-common",
    "ceph-mon": "ceph-mon",
    "ceph-mgr": "ceph-mgr",
    "ceph-osd": "ceph-osd",
    "ceph-mds": "ceph-mds",
    "ceph-fuse": "ceph-fuse",
}
"""Programs to Debian's packages."""
_LIBRARY = "/usr/lib/python3/dist-packages"
_CAPS: Mapping[str, Mapping[str, str]] = {
    "mon.": {"mon": "allow *"},
    "client.admin": dict.fromkeys(("mon", "osd", "mds", "mgr"), "allow *"),
    f"client.{MANILA}": {"mon": "allow r", "mgr": "allow rw"},
    "mgr.a": {"mon": "allow profile mgr", "osd": "allow *", "mds": "allow *"},
    "osd.0": {"mon": "allow profile osd", "mgr": "allow profile osd", "osd": "allow *"},
    "mds.a": {"mon": "allow profile mds", "mgr": "allow profile mds", "osd": "allow *", "mds": "allow *"},
}
"""Who there is from the beginning. Manila's rights are those that its documentation asks for."""
_SETTINGS = """\
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = {folder}/$name.keyring
run dir = {folder}
crash dir = {folder}
admin socket = $name.asok
log file =
log to file = false
log to stderr = true
err to stderr = true
mon cluster log to file = false
debug rocksdb = 0
mon data = {folder}/mon
# In percent of the disk, of which it needs some MiB.
mon data avail crit = 1
mon data avail warn = 2
mgr data = {folder}/mgr
osd data = {folder}/osd
mds data = {folder}/mds
osd objectstore = bluestore
bluestore block size = 4398046511104
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
auth allow insecure global id reclaim = false
paxos propose interval = 0.05
mon tick interval = 1
mgr tick period = 1
mgr initial modules =
mds reconnect timeout = 2
mds tick interval = 1
mds beacon interval = 1
[client]
admin socket =
"""
"""Daemons obey `ceph tell` by the thread of their socket alone. Its path is relative, since the kernel takes no long one."""


class CephError(Exception):
    """A Ceph cluster could not be started, or refused a command; the message says why."""


class Ceph:
    """A running cluster. folder: its state. logs: where each daemon has its log, `ceph-<daemon>.log`."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder, self._logs = folder, logs
        self.conf = folder / "ceph.conf"
        self.first_port = 0
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def monitor(self) -> str:
        """host:port, as export locations have it."""
        return f"{HOST}:{self.first_port + 1}"

    def make(self) -> None:
        """Start a new cluster with a file system. Raises CephError."""
        self.folder.mkdir(parents=True)
        (self.folder / "fsid").write_text(str(uuid.uuid4()))
        for name in _DAEMONS:
            (self.folder / name).mkdir()
        keyrings = {name: _keyring(name, caps) for name, caps in _CAPS.items()}
        for name, text in keyrings.items():
            (self.folder / f"{name}.keyring").write_text(text)
        (self.folder / "keyring").write_text("".join(keyrings.values()))
        self._configure()
        where = ("--conf", str(self.conf))
        _call("ceph-mon", *where, "--id", "a", "--mkfs", "--monmap", str(self._monmap()), "--keyring", str(self.folder / "keyring"))
        disk = str(uuid.uuid4())
        _call("ceph-osd", *where, "--id", "0", "--mkfs", "--osd-uuid", disk, "--no-mon-config")
        self.launch("mon")
        self.launch("mgr")
        self.command("osd", "new", disk, "0")
        self.launch("osd")
        self.launch("mds")
        for pool in ("metadata", "data"):
            self.command("osd", "pool", "create", pool, "8")
        self.command("fs", "new", FILE_SYSTEM, "metadata", "data")
        self.wait()

    def start(self) -> None:
        """Start the cluster whose state the folder holds, at a new address. `wait` waits for it. Raises CephError."""
        self._configure()
        _call("ceph-mon", "--conf", str(self.conf), "--id", "a", "--inject-monmap", str(self._monmap()))
        for name in _DAEMONS:
            self.launch(name)

    def wait(self) -> None:
        """Wait until the file system answers. Raises CephError."""
        end = time.monotonic() + 120
        while not self._answers():
            if self.dead() or time.monotonic() > end:
                name = self.dead() or "ceph-mds"
                raise CephError(f"{name} {'has ended' if self.dead() else 'was not ready'}:\n{self._log(name)}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End every daemon; what they keep is whole afterwards."""
        for name, process in self._processes.items():
            # Manager and MDS keep everything elsewhere, and take five seconds to say goodbye.
            process.send_signal(signal.SIGKILL if name in ("ceph-mgr", "ceph-mds") else signal.SIGTERM)
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()
        self._processes.clear()

    def launch(self, daemon: str) -> None:
        """Start one daemon: mon, mgr, osd or mds."""
        name = f"ceph-{daemon}"
        command = (name, "--conf", str(self.conf), "--id", "0" if daemon == "osd" else "a", "--foreground")
        with (self._logs / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, preexec_fn=die_with_parent
            )

    def kill(self, daemon: str) -> None:
        """End one daemon at once."""
        process = self._processes.pop(f"ceph-{daemon}")
        process.kill()
        process.wait()

    def dead(self) -> str | None:
        """Name of a daemon that has ended by itself, or None."""
        return next((name for name, process in self._processes.items() if process.poll() is not None), None)

    def pids(self) -> dict[str, int]:
        """Process by name."""
        return {name: process.pid for name, process in self._processes.items()}

    def ports(self) -> dict[str, int]:
        """The first port of daemons whose port is known before they start."""
        return {"ceph-mon": self.first_port}

    def command(self, *words: str) -> Any:
        """What the cluster answers to a command of `ceph`, as its administrator. Raises CephError."""
        said = _call("ceph", "--conf", str(self.conf), "--format", "json", *words)
        return json.loads(said) if said.strip() else None

    def _answers(self) -> bool:
        """Whether manager, MDS and OSD do what Manila asks of them. The maps of a fresh start may still be those of the run before."""
        with contextlib.suppress(CephError):
            return self.command("fs", "subvolume", "ls", FILE_SYSTEM) is not None
        return False

    def _configure(self) -> None:
        self.first_port = _free_range()
        fsid = (self.folder / "fsid").read_text()
        first = f"fsid = {fsid}\nmon initial members = a\nmon host = {self._addresses()}\n"
        ports = f"ms bind port min = {self.first_port + 2}\nms bind port max = {self.first_port + PORTS - 1}\n"
        self.conf.write_text(f"[global]\n{first}{ports}{_SETTINGS.format(folder=self.folder)}")

    def _addresses(self) -> str:
        """Of the monitor, in both of Ceph's protocols."""
        return f"[v2:{HOST}:{self.first_port},v1:{HOST}:{self.first_port + 1}]"

    def _monmap(self) -> Path:
        target, fsid = self.folder / "monmap", (self.folder / "fsid").read_text()
        _call("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", self._addresses(), str(target))
        return target

    def _log(self, name: str) -> str:
        return (self._logs / f"{name}.log").read_text(errors="replace")[-3000:]


def missing() -> str:
    """Why no Ceph can run on this machine, or ""."""
    packages = {package for name, package in _PROGRAMS.items() if shutil.which(name) is None}
    packages |= {f"python3-{package}" for package, files in _python().items() if len(files) != 1}
    return f"Ceph needs Debian's {', '.join(sorted(packages))}" if packages else ""


def python(folder: Path) -> None:
    """Make a folder for PYTHONPATH with what Manila's driver needs of Ceph. All of Debian's packages would bring other versions of more."""
    if reason := missing():
        raise ToolError(reason)
    folder.mkdir()
    for files in _python().values():
        for file in files:
            (folder / file.name).symlink_to(file)


def _python() -> Mapping[str, Sequence[Path]]:
    """Package of Debian, without `python3-`, to the file that is wanted of it."""
    library = Path(_LIBRARY)
    return {"rados": list(library.glob("rados.cpython-*.so")), "ceph-argparse": list(library.glob("ceph_argparse.py"))}


def _keyring(name: str, caps: Mapping[str, str]) -> str:
    key = _call("ceph-authtool", "--gen-print-key").strip()
    return f"[{name}]\n\tkey = {key}\n" + "".join(f'\tcaps {service} = "{cap}"\n' for service, cap in caps.items())


def _free_range() -> int:
    """The first of PORTS ports that are free, below those of other servers of tests (tests/support/servers.py)."""
    while True:
        first = random.randrange(16_000, 22_000, PORTS)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + PORTS):
                stack.enter_context(socket.create_server((HOST, port)))
            return first


def _call(*command: str) -> str:
    """Run a command and return what it prints. Raises CephError with its last words."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired as error:
        raise CephError(f"{' '.join(command)} did not end") from error
    if result.returncode:
        raise CephError(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout[-1000:]}{result.stderr[-2000:]}")
    return result.stdout
