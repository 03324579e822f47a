"""A server that begins knows each interpreter that runs and can be reached, whatever stood in Zeppelin's own record."""

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from components.files import COMPONENTS
from components.zeppelin.files import find_interpreters
from tests.support.rpc import PodsApi, pod, pods_api

ALICES, BOBS = "spark-alice-2KALICE01", "md-bob-2KBOB0001"


def interpreter(name: str, group: str, setting: str, *, phase: str = "Running", made: int = 0, **metadata: str) -> dict[str, Any]:
    """A Pod as the template makes it, as far as it matters here. made: second of its creation."""
    found = pod("10.0.0.1", group, phase)
    found["metadata"] |= {"name": name, "creationTimestamp": f"2026-11-30T12:00:{made:02}Z"} | metadata
    return found | {"spec": {"containers": [{"args": ["-r", "12321:12321", "-g", setting]}]}}


@pytest.fixture
def api(tmp_path: Path):
    with pods_api(tmp_path / "api") as found:
        yield found


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """The record of a server that knows one interpreter of two, and a language that the stack no longer has."""
    folder = tmp_path / "recovery"
    folder.mkdir()
    (folder / "md.recovery").write_text(f"{BOBS}\tgone.gaia-spark.svc:12321")
    (folder / "r.recovery").write_text("r-bob-2KBOB0001\tr-bob.gaia-spark.svc:12321")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """As Zeppelin keeps them (zeppelin: interpreter/InterpreterInfoSaving.java, 0.12.1)."""
    file = tmp_path / "interpreter.json"
    file.write_text(json.dumps({"interpreterSettings": {name: {"id": name, "name": name} for name in ("spark", "md", "python")}}))
    return file


def find(api: PodsApi, record: Path, settings: Path) -> dict[str, str]:
    find_interpreters.find("gaia-spark", 12321, str(record), str(settings), api.environment)
    return {file.name: file.read_text() for file in record.iterdir()}


def test_each_that_runs_is_written_down_and_nothing_else(api, record, settings, monkeypatch, capsys):
    monkeypatch.setattr(find_interpreters, "reachable", lambda address: address[0] != "deaf.gaia-spark.svc")
    monkeypatch.setattr(find_interpreters, "PATIENCE", 0.1)
    shown = [
        interpreter("older", ALICES, "spark", made=1),
        interpreter("newer", ALICES, "spark", made=2),
        interpreter("going", ALICES, "spark", made=3, deletionTimestamp="2026-11-30T12:00:04Z"),
        interpreter("carols", "spark-carol-2KCAROL01", "spark"),
        interpreter("ended", "spark-dave-2KDAVE001", "spark", phase="Failed"),
        interpreter("starts", BOBS, "md", phase="Pending"),
        interpreter("deaf", "md-carol-2KCAROL01", "md"),
        interpreter("of-no-language", "r-bob-2KBOB0001", "r"),
        pod("10.0.0.1", "", app="another") | {"spec": {"containers": [{}]}, "metadata": {"name": "x", "labels": {}}},
    ]
    for number, each in enumerate(shown):
        api.show(str(number), each)
    # A line as Zeppelin's LocalRecoveryStorage wrote it on the tests' node: group, tab, Service of the Pod, port.
    lines = f"{ALICES}\tnewer.gaia-spark.svc:12321\nspark-carol-2KCAROL01\tcarols.gaia-spark.svc:12321"
    assert find(api, record, settings) == {"spark.recovery": lines}
    assert "md-carol-2KCAROL01 does not answer, so its person gets a new one" in capsys.readouterr().err


def test_an_interpreter_is_waited_for_while_the_network_learns_of_the_server():
    with closing(socket.socket()) as late:
        late.bind(("127.0.0.1", 0))
        address = late.getsockname()
        threading.Timer(1, late.listen).start()
        begin = time.monotonic()
        assert find_interpreters.reached({("md", BOBS): address}, 30) == {("md", BOBS): address}
        assert time.monotonic() - begin >= 1


def test_nobody_is_waited_for_longer_than_patience():
    with closing(socket.socket()) as deaf:
        deaf.bind(("127.0.0.1", 0))
        assert find_interpreters.reached({("md", BOBS): deaf.getsockname()}, 0.2) == {}


def run(api: PodsApi, record: Path, settings: Path, namespace: str) -> subprocess.CompletedProcess[str]:
    """The program, which ends as another: one that says a word."""
    program = str(COMPONENTS / "zeppelin/files/find_interpreters.py")
    command = [sys.executable, "-B", program, namespace, "12321", str(record), str(settings), "/bin/echo", "the", "server"]
    return subprocess.run(command, env=api.environment, capture_output=True, text=True, check=True)


def test_the_server_runs_in_its_place(api, record, settings):
    done = run(api, record, settings, "gaia-spark")
    assert (done.stdout, done.stderr) == ("the server\n", "find_interpreters: 0 interpreters run\n")
    assert list(record.iterdir()) == []


def test_the_server_runs_with_its_own_record_where_nobody_says_what_runs(api, record, settings, monkeypatch, tmp_path):
    settings.unlink()
    done = run(api, record, settings, "gaia-spark")
    assert done.stdout == "the server\n"
    assert "Zeppelin's own record stays: FileNotFoundError" in done.stderr
    monkeypatch.setattr(find_interpreters, "PATIENCE", 0.1)
    with pytest.raises(OSError, match="403"):
        find_interpreters.find("gaia-zeppelin", 12321, str(record), str(settings), api.environment)
    assert sorted(file.name for file in record.iterdir()) == ["md.recovery", "r.recovery"]
