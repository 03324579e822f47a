"""What holds a node on this machine: whether it can be held at all, control groups, and commands in other namespaces."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PLUGINS = Path("/usr/lib/cni")
_PROGRAMS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "ipset": "ipset",
    "iptables": "iptables",
    "nft": "nftables",
    "openssl": "openssl",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
"""Programs to Debian's packages."""
_PREFIX = "gaia-dmp-node-"


def missing() -> str:
    """Why no node can run on this machine, or ""."""
    if os.geteuid():
        return "a node needs root"
    packages = {package for name, package in _PROGRAMS.items() if shutil.which(name) is None}
    if not (PLUGINS / "bridge").exists():
        packages.add("containernetworking-plugins")
    if packages:
        return f"a node needs Debian's {', '.join(sorted(packages))}"
    if not hierarchies():
        return "a node of the tests needs control groups of version 1"
    trial = subprocess.run(("unshare", "--net", "--mount", "--pid", "--fork", "true"), capture_output=True, text=True, check=False)
    return f"a node needs namespaces: {trial.stderr.strip()}" if trial.returncode else ""


def hierarchies() -> list[str]:
    """The control group hierarchies of version 1 that are mounted here, as the kernel names them: `cpu,cpuacct`, `name=systemd`."""
    found = (line.split(":")[1] for line in Path("/proc/self/cgroup").read_text().splitlines())
    return [name for name in found if name and place(name).is_mount()]


def place(hierarchy: str) -> Path:
    """Where a hierarchy is mounted."""
    return CGROUPS / hierarchy.removeprefix("name=")


class Group:
    """A control group of the same path in every hierarchy: `name` below one of this process' own."""

    def __init__(self, name: str) -> None:
        self.path = Path(f"{_PREFIX}{os.getpid()}", name)
        self._hierarchies = hierarchies()

    def make(self) -> None:
        for hierarchy in self._hierarchies:
            folder = place(hierarchy)
            for part in self.path.parts:
                parent, folder = folder, folder / part
                folder.mkdir(exist_ok=True)
                if hierarchy == "cpuset":
                    # Nothing may enter it before it has processors and memory.
                    for setting in ("cpuset.cpus", "cpuset.mems"):
                        (folder / setting).write_text((parent / setting).read_text())

    def enter(self) -> None:
        """Put this process into it, for a child before it runs."""
        for hierarchy in self._hierarchies:
            (place(hierarchy) / self.path / "cgroup.procs").write_text("0")


def sweep() -> None:
    """Remove the control groups of this process, and those that processes left which were killed."""
    for hierarchy in hierarchies():
        for top in place(hierarchy).glob(f"{_PREFIX}*"):
            owner = int(top.name.removeprefix(_PREFIX))
            if owner == os.getpid() or not _lives(owner):
                _remove(top)


def _lives(pid: int) -> bool:
    """Whether a process runs. One that has ended stays in /proc until its parent has asked, which the machine's first process may never."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _remove(top: Path) -> None:
    # The kernel takes a moment to let go of a group whose last process has ended.
    end = time.monotonic() + 10
    while top.exists() and time.monotonic() < end:
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        if top.exists():
            time.sleep(0.05)


def enter(pid: int, *namespaces: str) -> tuple[str, ...]:
    """What stands before a command to run it in namespaces of a process: `net`, or `all`."""
    return ("nsenter", f"--target={pid}", *(f"--{name}" for name in namespaces), "--")


def call(*command: str, text: str | None = None) -> str:
    """Run a command and return what it prints. Raises RuntimeError with what it says where it fails."""
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {result.returncode}: {result.stderr[-2000:]}{result.stdout[-1000:]}")
    return result.stdout
