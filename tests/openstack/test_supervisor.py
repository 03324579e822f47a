"""`make cloud-up`, `cloud-down`, `cloud-status`: starting twice, starting after a killed start, and nothing left, however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.services import SERVICES
from tests.support.eventually import eventually
from tests.support.stack_files import ROOT

NAMES = {"mariadb", *(f"ceph-{name}" for name in ("mon", "mgr", "osd", "mds")), *(service.name for service in SERVICES)}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "cloud"
    run("down", tmp_path / "cloud")


def run(what: str, folder: Path, seconds: float = 240) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.cloud.openstack", what, "--folder", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)


def said(folder: Path) -> dict:
    return json.loads(folder.with_name("cloud.json").read_text())


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def listens_on(pid: int) -> set[str]:
    """Addresses on which a process listens."""
    sockets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                address = bytes.fromhex(fields[1].split(":")[0])
                found.add(socket.inet_ntoa(address[::-1]) if table == "tcp" else address.hex())
    return found


@pytest.mark.long
def test_a_cloud_comes_up_once_is_shown_and_goes(folder: Path) -> None:
    first = run("up", folder)
    assert first.returncode == 0, first.stderr
    assert f"export OS_CLIENT_CONFIG_FILE={folder}/clouds.yaml" in first.stdout
    pids = said(folder)["pids"]
    assert set(pids) == NAMES
    assert {address for pid in pids.values() for address in listens_on(pid)} == {"127.0.0.1"}
    assert connect(folder / "clouds.yaml", "iris-gaia-red").network.find_network("cephfs") is not None

    again = run("up", folder)
    assert (again.returncode, said(folder)["pids"]) == (0, pids)
    shown = run("status", folder)
    assert shown.returncode == 0
    assert {line.split()[0] for line in shown.stdout.splitlines()} >= NAMES

    assert run("down", folder).returncode == 0
    assert not folder.exists()
    assert [name for name, pid in pids.items() if alive(pid)] == []
    assert (run("status", folder).returncode, run("status", folder).stdout) == (1, "The cloud is down.\n")
    assert run("down", folder).returncode == 0


@pytest.mark.long
def test_a_killed_start_and_a_killed_supervisor_leave_nothing_in_the_way(folder: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run("up", folder, seconds=3)  # which kills it
    up = run("up", folder)
    assert up.returncode == 0, up.stderr
    pids = said(folder)["pids"]
    os.kill(said(folder)["pid"], signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in pids.values()))
    assert run("status", folder).stdout == "The cloud is down.\n"


@pytest.mark.long
def test_a_service_that_dies_ends_the_cloud_and_is_named(folder: Path) -> None:
    assert run("up", folder).returncode == 0
    pids = said(folder)["pids"]
    os.kill(pids["manila"], signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in pids.values()))
    eventually(lambda: "manila has died" in run("status", folder).stdout)


def test_no_other_machine_is_touched(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text("clouds: {real: {auth: {auth_url: https://cloud.example.org:5000/v3, username: a, password: b, project_name: c}}}")
    with pytest.raises(ValueError, match=r"real of .* leads to cloud\.example\.org; the tests touch nothing but 127\.0\.0\.1"):
        connect(file, "real")


@pytest.mark.long
def test_two_starts_at_once_are_one(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.cloud.openstack", "up", "--folder", str(folder)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [each.communicate(timeout=240) for each in both]
    assert [each.returncode for each in both] == [0, 0], ends
    assert len(said(folder)["pids"]) == len(NAMES)
