"""The test notebook against a Zeppelin that passes, fails, hangs over and refuses: each outcome in words and in metrics."""

import importlib.util
import json
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from components.files import COMPONENTS
from tests.support.certificates import self_signed
from tests.support.eventually import eventually
from tests.support.servers import Quiet, free_ports, serving

spec = importlib.util.spec_from_file_location("smoke_test", COMPONENTS / "observability/files/smoke_test.py")
assert spec
assert spec.loader
smoke = importlib.util.module_from_spec(spec)
spec.loader.exec_module(smoke)


class Zeppelin(Quiet):
    """As much of Zeppelin 0.12.1's REST API as the script calls, as strict as the real one.

    zeppelin-server/src/main/java/org/apache/zeppelin/ of https://github.com/apache/zeppelin/tree/v0.12.1: rest/NotebookRestApi.java,
    rest/LoginRestApi.java, rest/message/NewNoteRequest.java (Gson ignores a field that is not there), service/NotebookService.java (a note
    without a path is `/Untitled Note`), rest/exception/WebApplicationExceptionMapper.java (a path that exists is 409).
    """

    notes: dict[str, dict[str, str]]
    """Id of a note to the texts of its paragraphs by title."""

    paths: dict[str, str]
    """Id of a note to its path."""
    broken = ""
    asked: list[str]
    url = ""

    def answer(self, body: object, code: int = 200, **headers: str) -> None:
        text = json.dumps({"status": "OK", "body": body}).encode()
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(text)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_POST(self) -> None:
        self.asked.append(f"POST {self.path}")
        body = self.body()
        if self.path == "/api/login":
            form = urllib.parse.parse_qs(body.decode())
            if form["password"] != ["right"]:
                return self.answer("", 403)
            return self.answer({"principal": form["userName"][0]}, Set_Cookie="JSESSIONID=1")
        if "JSESSIONID=1" not in self.headers.get("Cookie", ""):
            return self.answer("", 403)
        data, parts = json.loads(body), self.path.split("/")
        if self.path == "/api/notebook":
            path = data.get("notePath") or "/Untitled Note"
            if path in self.paths.values():
                return self.answer("", 409)
            note = f"2A{len(self.asked)}"
            self.notes[note], self.paths[note] = {}, path
            return self.answer(note)
        note = parts[4] if parts[3] == "run" else parts[3]
        if note not in self.notes:
            return self.answer("", 404)
        if parts[3:] == [note, "paragraph"]:
            self.notes[note][data["title"]] = data["text"]
            return self.answer(data["title"])
        if parts[-1] not in self.notes[note]:
            return self.answer("", 404)
        assert parts[:4] == ["", "api", "notebook", "run"]
        step = parts[-1]
        said = {"count": "counted 200000", "cross-match": "matched 200000", "plot": "plotted 1000 True"}[step]
        if step == self.broken:
            return self.answer({"code": "ERROR", "msg": [{"type": "TEXT", "data": "java.lang.OutOfMemoryError"}]})
        return self.answer({"code": "SUCCESS", "msg": [{"type": "TEXT", "data": said}]})

    def do_GET(self) -> None:
        assert self.path == "/api/notebook"
        self.asked.append("GET /api/notebook")
        self.answer([{"id": note, "path": path} for note, path in self.paths.items()])

    def do_DELETE(self) -> None:
        self.asked.append(f"DELETE {self.path}")
        note = self.path.rsplit("/", 1)[1]
        if note not in self.notes:
            return self.answer("", 404)
        del self.notes[note], self.paths[note]
        return self.answer("")


@pytest.fixture
def zeppelin(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Zeppelin]]:
    kind = type("Own", (Zeppelin,), {"notes": {}, "paths": {}, "asked": [], "broken": ""})
    monkeypatch.setenv("SMOKE_USER", "smoke-test")
    monkeypatch.setenv("SMOKE_PASSWORD", "right")
    with serving(kind) as address:
        kind.url = f"http://{address}"
        yield kind


def test_a_run_that_passes_leaves_no_notebook(zeppelin, capsys):
    seconds: dict[str, float] = {}
    smoke.run(zeppelin.url, seconds.__setitem__)
    assert list(seconds) == ["login", "notebook", "count", "cross-match", "plot"]
    assert zeppelin.notes == {}
    assert zeppelin.asked[-1].startswith("DELETE /api/notebook/2A")


def test_a_notebook_has_a_path_of_its_own(zeppelin):
    zeppelin.paths["2OLD"] = "/Untitled Note"
    found: list[str] = []
    for _ in range(2):
        smoke.run(zeppelin.url, lambda *_: found.extend(path for path in zeppelin.paths.values() if path not in found))
    made = [path for path in found if path != "/Untitled Note"]
    assert len(made) == 2
    assert all(path.startswith("/smoke-test/2") for path in made)


def test_a_login_that_fails_is_tried_again_soon(zeppelin, monkeypatch: pytest.MonkeyPatch):
    """On a platform that comes up: nobody answers for the first minutes."""
    monkeypatch.setattr(smoke, "SOON", 1)
    monkeypatch.setenv("SMOKE_PASSWORD", "wrong")
    state = smoke.State({"every": 3600, "slow": 100, "port": 0, "certificate": None})
    threading.Thread(target=state.watch, args=(zeppelin.url,), daemon=True).start()
    eventually(lambda: (state.result, state.step) == ("fail", "login"))
    monkeypatch.setenv("SMOKE_PASSWORD", "right")
    eventually(lambda: state.result == "pass")
    assert list(state.seconds) == ["login", "notebook", "count", "cross-match", "plot"]


def test_what_a_killed_run_left_goes_and_nothing_else_does(zeppelin):
    now = time.time()
    begun = {"2OLD": smoke.OLD + 60, "2NEW": 60}
    zeppelin.paths |= {
        note: smoke.FOLDER + time.strftime("%Y%m%d-%H%M%S", time.gmtime(now - age)) + "-a1b2c3" for note, age in begun.items()
    }
    zeppelin.paths |= {"2HER": "/alice/20200101-000000-a1b2c3", "2TEXT": "/smoke-test/mine"}
    zeppelin.notes |= {note: {} for note in zeppelin.paths}
    smoke.run(zeppelin.url, lambda *_: None)
    assert set(zeppelin.notes) == {"2NEW", "2HER", "2TEXT"}


def test_serving_ends_at_once_on_sigterm(zeppelin, tmp_path):
    (port,) = free_ports(1)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"every": 3600, "slow": 100, "port": port, "certificate": None}))
    script = COMPONENTS / "observability/files/smoke_test.py"
    with subprocess.Popen([sys.executable, "-B", str(script), "serve", zeppelin.url, str(config)]) as process:
        eventually(lambda: _answers(port))
        process.terminate()
        assert process.wait(5) == 0


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_a_step_that_fails_is_named_with_what_it_said_and_the_notebook_goes(zeppelin):
    zeppelin.broken = "cross-match"
    with pytest.raises(smoke.FailedError, match="ERROR: java") as caught:
        smoke.run(zeppelin.url, lambda *_: None)
    assert caught.value.step == "cross-match"
    assert zeppelin.notes == {}


@pytest.mark.parametrize(("password", "url", "words"), [("wrong", "", "403"), ("right", "http://127.0.0.1:1", "refused")])
def test_a_login_that_fails_is_a_failure_at_the_login(zeppelin, monkeypatch, password, url, words):
    monkeypatch.setenv("SMOKE_PASSWORD", password)
    with pytest.raises(smoke.FailedError, match=words) as caught:
        smoke.run(url or zeppelin.url, lambda *_: None)
    assert caught.value.step == "login"


def test_a_wrong_result_is_a_failure_though_zeppelin_says_success(zeppelin, monkeypatch, tmp_path):
    steps = tmp_path / "steps.json"
    steps.write_text(json.dumps([["count", "%md x", "counted 7"]]))
    monkeypatch.setenv("SMOKE_STEPS", str(steps))
    with pytest.raises(smoke.FailedError, match="said 'counted 200000', wanted 'counted 7'"):
        smoke.run(zeppelin.url, lambda *_: None)


@pytest.mark.parametrize(("broken", "slow", "result"), [("", 100, "pass"), ("", 0, "slow"), ("plot", 100, "fail")])
def test_what_a_run_came_to_is_in_the_metrics(zeppelin, broken, slow, result):
    zeppelin.broken = broken
    state = smoke.State({"every": 3600, "slow": slow, "port": 0, "certificate": None})
    assert "gaia_dmp_smoke_test_result{" not in state.metrics()
    threading.Thread(target=state.watch, args=(zeppelin.url,), daemon=True).start()
    eventually(lambda: bool(state.result))
    lines = [line for line in state.metrics().splitlines() if line.startswith("gaia_dmp_smoke_test_result")]
    found = {line.split('result="')[1].split('"')[0]: line.rsplit(" ", 1)[1] for line in lines}
    assert found == {each: str(int(each == result)) for each in ("pass", "slow", "fail")}
    if broken:
        assert 'gaia_dmp_smoke_test_result{result="fail",step="plot"} 1' in lines


@pytest.mark.parametrize(("password", "pauses"), [("wrong", [20, 20, 20]), ("right", [600, 600, 600])])
def test_what_started_nothing_is_tried_again_sooner(zeppelin, monkeypatch: pytest.MonkeyPatch, password: str, pauses: list[int]):
    """A login that fails, against a notebook that does."""
    zeppelin.broken = "plot"
    found: list[float] = []

    def sleep(seconds: float) -> None:
        found.append(seconds)
        if len(found) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(smoke.time, "sleep", sleep)
    monkeypatch.setenv("SMOKE_PASSWORD", password)
    with pytest.raises(KeyboardInterrupt):
        smoke.State({"every": 3600, "slow": 100, "port": 0, "certificate": None}).watch(zeppelin.url)
    assert [round(each, -1) for each in found] == pauses


def test_the_command_says_each_step_and_ends_with_one_where_it_fails(zeppelin):
    command = [sys.executable, str(COMPONENTS / "observability/files/smoke_test.py"), "once", zeppelin.url]
    passed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in passed.stdout.splitlines()] == ["login", "notebook", "count", "cross-match", "plot", "pass"]
    zeppelin.broken = "plot"
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("plot         FAILED: ERROR: java.lang.OutOfMemoryError")


def test_the_last_day_of_a_certificate_is_read_whoever_signed_it(tmp_path):
    with serving(Zeppelin, pair=self_signed(tmp_path, days=10)) as address:
        end = smoke.certificate_end(address)
    assert 9.9 < (end - time.time()) / 86400 < 10.1
    assert smoke.certificate_end("127.0.0.1:1") is None
