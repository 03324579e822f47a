"""A server that starts knows each interpreter that runs and answers, whatever stood in Zeppelin's own record."""

import json
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.files import COMPONENTS
from components.zeppelin.files import alive, find_interpreters
from components.zeppelin.files.interpreter_pods import InterpreterPods
from components.zeppelin.files.seed_interpreters import seeded
from tests.support.rpc import EXCEPTION, PodsApi, Stream, message, pod, pods_api

ALICES, BOBS = "spark-alice-2KALICE01", "md-bob-2KBOB0001"


def interpreter(name: str, group: str, setting: str, *, phase: str = "Running", made: int = 0, **metadata: str) -> dict[str, Any]:
    """A Pod as the template makes it, as far as it matters here. made: second of its creation."""
    found = pod("10.0.0.1", group, phase, setting=setting, made=made)
    found["metadata"] |= {"name": name} | metadata
    return found


@pytest.fixture
def api(tmp_path: Path) -> Iterator[PodsApi]:
    with pods_api(tmp_path / "api") as found:
        yield found


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """The record of a server that knew an interpreter that has gone, and a language that the stack no longer has."""
    folder = tmp_path / "recovery"
    folder.mkdir()
    (folder / "md.recovery").write_text(f"{BOBS}\tgone.gaia-spark.svc:12321")
    (folder / "r.recovery").write_text("r-bob-2KBOB0001\tr-bob.gaia-spark.svc:12321")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """What is on the volume once the stack has given up its language `r`: a setting that is not ours any more stays."""

    def of(*names: str) -> dict[str, Any]:
        return {"interpreterSettings": {name: {"id": name, "name": name, "group": name.partition("-")[0]} for name in names}}

    kept = seeded(of("spark", "spark-large", "md"), of("spark", "r"))
    assert sorted(kept["interpreterSettings"]) == ["md", "r", "spark", "spark-large"]
    file = tmp_path / "interpreter.json"
    file.write_text(json.dumps(kept))
    return file


def environment(api: PodsApi) -> dict[str, str]:
    return api.environment | {"ZEPPELIN_INTERPRETER_INCLUDES": "spark,md"}


def test_each_that_answers_is_written_down_and_nothing_else(api, record, settings, monkeypatch, capsys):
    monkeypatch.setattr(find_interpreters, "answers", lambda host, port, _: (host, port) != ("deaf.gaia-spark.svc", 12321))
    shown = [
        interpreter("older", ALICES, "spark", made=1),
        interpreter("newer", ALICES, "spark", made=2),
        interpreter("going", ALICES, "spark", made=3, deletionTimestamp="2026-11-30T12:00:04Z"),
        interpreter("replaced", "md-dave-2KDAVE001", "md", made=1),
        interpreter("replaces-it", "md-dave-2KDAVE001", "md", phase="Pending", made=2),
        interpreter("carols", "spark-large-carol-2KCAROL01", "spark-large"),
        # Of somebody called `large-carol`: one name of a group, and two interpreters.
        interpreter("another", "spark-large-carol-2KCAROL01", "spark", made=1),
        interpreter("ended", "spark-dave-2KDAVE001", "spark", phase="Failed"),
        interpreter("pending", BOBS, "md", phase="Pending"),
        interpreter("deaf", "md-carol-2KCAROL01", "md"),
        interpreter("of-no-language", "r-bob-2KBOB0001", "r"),
        interpreter("of-nobody", "", "md"),
    ]
    for number, each in enumerate(shown):
        api.show(str(number), each)
    find_interpreters.find("gaia-spark", 12321, str(record), str(settings), environment(api))
    # Lines as Zeppelin's LocalRecoveryStorage wrote them on the tests' node: group, tab, Service of the Pod, port.
    assert {file.name: file.read_text() for file in record.iterdir()} == {
        "spark.recovery": f"{ALICES}\tnewer.gaia-spark.svc:12321\nspark-large-carol-2KCAROL01\tanother.gaia-spark.svc:12321",
        "spark-large.recovery": "spark-large-carol-2KCAROL01\tcarols.gaia-spark.svc:12321",
    }
    assert "md-carol-2KCAROL01 does not answer, so its person gets a new one" in capsys.readouterr().err


class Interpreter(socketserver.StreamRequestHandler):
    """Answers a call that it does not know as Thrift does."""

    def handle(self) -> None:
        _, name, _ = Stream(self.rfile.read).message()
        self.wfile.write(message(name, {1: "Invalid method name"}, kind=EXCEPTION))


def test_an_interpreter_is_waited_for_while_the_network_learns_of_the_server():
    with socketserver.TCPServer(("127.0.0.1", 0), Interpreter, bind_and_activate=False) as late:
        late.server_bind()

        def serve() -> None:
            time.sleep(1)
            late.server_activate()
            late.serve_forever(0.05)

        threading.Thread(target=serve, daemon=True).start()
        begin = time.monotonic()
        found = find_interpreters.that_answer({("md", BOBS): "127.0.0.1"}, late.server_address[1], 30)
        waited = time.monotonic() - begin
        late.shutdown()
    assert found == {("md", BOBS): "127.0.0.1"}
    assert waited >= 1


def test_patience_is_for_all_together_even_where_each_is_stopped(monkeypatch):
    """The kernel still takes the connections of a process that is stopped. Zeppelin itself would wait for its answer for ever."""
    monkeypatch.setattr(alive, "SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as stopped:
        many = {("md", f"md-bob-{number}"): "127.0.0.1" for number in range(20)}
        begin = time.monotonic()
        assert find_interpreters.that_answer(many, stopped.getsockname()[1], 0.5) == {}
        # One after the other they would take 20 s.
        assert time.monotonic() - begin < 10


def started(api: PodsApi, record: Path, settings: Path, *words: str) -> subprocess.Popen[str]:
    """The program, which becomes another one. words: its command."""
    program = str(COMPONENTS / "zeppelin/files/find_interpreters.py")
    command = [sys.executable, "-B", program, "gaia-spark", "12321", str(record), str(settings), *words]
    return subprocess.Popen(command, env=environment(api), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_server_runs_in_its_place(api, record, settings):
    said, told = started(api, record, settings, "/bin/grep", "SigIgn", "/proc/self/status").communicate()
    ignored = int(said.removeprefix("SigIgn:"), 16)
    # Whoever runs the tests may ignore others.
    assert [number for number in (signal.SIGPIPE, signal.SIGXFSZ) if ignored >> (number - 1) & 1] == []
    assert told == "find_interpreters: interpreters that run: 0\n"
    assert list(record.iterdir()) == []


@pytest.mark.parametrize("broken", ["null", "{", '{"interpreterSettings": null}'])
def test_the_server_runs_whatever_is_wrong(api, record, settings, broken):
    settings.write_text(broken)
    said, trouble = started(api, record, settings, "/bin/echo", "the", "server").communicate()
    assert said == "the server\n"
    assert "not every interpreter may be found again" in trouble
    assert sorted(file.name for file in record.iterdir()) == ["md.recovery", "r.recovery"]


def test_an_api_that_does_not_answer_is_asked_until_patience_ends(api):
    begin = time.monotonic()
    closed = InterpreterPods("gaia-spark", api.environment | {"API": "https://127.0.0.1:1"})
    with pytest.raises(OSError, match="refused"):
        find_interpreters.pods_in_time(closed, 1)
    assert time.monotonic() - begin >= 1


def test_a_server_that_is_stopped_while_it_waits_ends_at_once(api, record, settings):
    api.show("bobs", interpreter("nowhere", BOBS, "md"))
    waiting = started(api, record, settings, "/bin/echo")
    time.sleep(2)
    assert waiting.poll() is None
    waiting.terminate()
    assert waiting.communicate(timeout=10) == ("", "")
    assert waiting.returncode == 0
