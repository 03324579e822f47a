"""A node comes once, and leaves nothing on the machine, however it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.node.conftest import REASON
from tests.cloud.node.machine import call, hierarchies, place
from tests.cloud.tools import CACHE, ROOT
from tests.support.eventually import eventually

pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)
_SYSCTLS = ("vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops", "kernel.keys.root_maxkeys")
_FOLDERS = ("/var/lib/kubelet", "/var/log/pods", "/var/log/containers", "/var/lib/cni", "/var/run/netns", "/etc/cni/net.d")


def machine() -> dict[str, object]:
    """What a node could leave behind."""
    return {
        "mounts": Path("/proc/self/mounts").read_text(),
        "links": [line.split(":")[1] for line in call("ip", "-oneline", "link").splitlines()],
        "routes": call("ip", "route"),
        "rules": call("nft", "list", "ruleset"),
        "sysctls": call("sysctl", "-e", *_SYSCTLS, "net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables"),
        "folders": {name: sorted(os.listdir(name)) for name in _FOLDERS if os.path.isdir(name)},  # noqa: PTH112, PTH208
    }


def processes(folder: Path) -> list[str]:
    """Commands that have to do with a folder."""
    lines = call("ps", "-eo", "args=").splitlines()
    return [line for line in lines if str(folder) in line and not line.startswith("ps ")]


def groups(supervisor: int) -> list[Path]:
    """Control groups of a supervisor."""
    return [found for hierarchy in hierarchies() for found in place(hierarchy).glob(f"gaia-dmp-node-{supervisor}")]


def command(what: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "tests.cloud.node", what, "--folder", str(folder)), cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = CACHE / f"node-lifecycle-{os.getpid()}"
    yield folder
    command("down", folder)
    for file in folder.parent.glob(f"{folder.name}.*"):
        file.unlink()


def test_a_node_comes_once_and_leaves_nothing(folder: Path):
    before = machine()
    first = command("up", folder)
    assert first.returncode == 0, first.stderr
    said = json.loads(folder.with_suffix(".json").read_text())
    assert groups(said["pid"])
    assert command("up", folder).returncode == 0
    assert json.loads(folder.with_suffix(".json").read_text()) == said
    assert command("status", folder).returncode == 0
    assert command("down", folder).returncode == 0
    assert (machine(), processes(folder), groups(said["pid"]), folder.exists()) == (before, [], [], False)
    assert command("status", folder).returncode == 1


def test_a_node_whose_supervisor_is_killed_goes_too(folder: Path):
    before = machine()
    assert command("up", folder).returncode == 0
    supervisor = json.loads(folder.with_suffix(".json").read_text())["pid"]
    os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: not processes(folder))
    assert machine() == before
    assert command("down", folder).returncode == 0
    assert (groups(supervisor), folder.exists()) == ([], False)
