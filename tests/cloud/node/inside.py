"""The first process of a node: `unshare ... python -m tests.cloud.node.inside <folder> <name>`.

It gives the node its root, reads from standard input what to run (JSON), and runs it until it is killed. The root is this machine's,
below an overlay whose changes are in memory: whatever a node's programs write, this machine's files stay as they are. Real are only
the folders of the node itself, because images and volumes need a disk.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.cloud.node.machine import call, hierarchies

_SYSCTLS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What a kubelet sets for the whole machine, to the values that content it: it gets files of its own in their place."""

_CORES = 8
"""Processors that a node says it has. The Pods of a platform request more of them than a small machine has, and use less."""


def _mount(kind: str, target: Path | str, options: str = "", source: str = "none") -> None:
    call("mount", "-t", kind, *(("-o", options) if options else ()), source, str(target))


def _bind(source: Path, target: Path) -> None:
    call("mount", "--bind", str(source), str(target))


def make_root(folder: Path) -> None:
    """Leave this machine's root for the node's own."""
    groups = hierarchies()
    memory = folder / "memory"
    memory.mkdir(exist_ok=True)
    _mount("tmpfs", memory)
    upper, work, root = (memory / name for name in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir()
    _mount("overlay", root, f"lowerdir=/,upperdir={upper},workdir={work}")
    inner = root / folder.relative_to("/")
    inner.mkdir(parents=True, exist_ok=True)
    _bind(folder, inner)
    for name in ("kubelet", "containerd"):
        (folder / name).mkdir(exist_ok=True)
        (root / "var/lib" / name).mkdir(parents=True, exist_ok=True)
        _bind(folder / name, root / "var/lib" / name)
    call("mount", "--rbind", "/dev", f"{root}/dev")
    _mount("tmpfs", root / "run")
    _mount("proc", root / "proc")
    for index, (name, value) in enumerate(_SYSCTLS.items()):
        stand_in = folder / f"sysctl-{index}"
        stand_in.write_text(value)
        _bind(stand_in, root / "proc/sys" / name)
    _mount("sysfs", root / "sys")
    _mount("tmpfs", root / "sys/fs/cgroup")
    for group in groups:
        place = root / "sys/fs/cgroup" / group.removeprefix("name=")
        place.mkdir()
        _mount("cgroup", place, f"none,{group}" if group.startswith("name=") else group)
    _say_cores(root / "sys/devices/system/node")
    (root / "old").mkdir()
    call("pivot_root", str(root), f"{root}/old")
    os.chdir("/")
    call("umount", "--lazy", "/old")
    Path("/old").rmdir()
    call("mount", "--make-rshared", "/")  # volumes are mounted for containers that run already


def _say_cores(folder: Path) -> None:
    """Put what the kubelet counts processors by in the place of what the kernel says. folder: that of the kernel's memory nodes.

    It counts folders, and takes their numbers for its control groups: `cpu1`, `cpu01` and `cpu001` are three cores on processor 1.
    """
    meminfo = (folder / "node0/meminfo").read_text()
    real = os.cpu_count() or 1
    _mount("tmpfs", folder)
    for core in range(max(_CORES, real)):
        topology = folder / f"node0/cpu{'0' * (core // real)}{core % real}/topology"
        topology.mkdir(parents=True)
        (topology / "core_id").write_text(str(core))
        (topology / "physical_package_id").write_text("0")
    (folder / "node0/hugepages").mkdir()
    (folder / "node0/distance").write_text("10")
    (folder / "node0/meminfo").write_text(meminfo)


def import_images(folder: Path) -> None:
    """Wait for containerd and give it the images that a node needs before anything else."""
    while subprocess.run(("ctr", "version"), capture_output=True, check=False).returncode:
        time.sleep(0.1)
    for archive in sorted((folder / "images").iterdir()):
        call("ctr", "--namespace=k8s.io", "images", "import", str(archive))


def keep(folder: Path, services: dict[str, list[str]]) -> None:
    """Run services, and run them again when they end, as an init would. Never returns."""
    # A Popen that nobody holds is waited for by the next one, and its end would be seen by nobody here.
    running: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}

    def launch(name: str) -> None:
        with (folder / "log" / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(services[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            running[process.pid] = name, process

    launch("containerd")
    import_images(folder)
    for name in services:
        if name != "containerd":
            launch(name)
    while True:
        # Also collects what belongs to nobody else, such as the processes that hold containers.
        pid, _ = os.wait()
        if pid in running:
            time.sleep(0.5)
            launch(running.pop(pid)[0])


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    socket.sethostname(name)
    make_root(folder)
    asked = sys.stdin.read()
    if asked:
        keep(folder, json.loads(asked))


if __name__ == "__main__":
    main()
