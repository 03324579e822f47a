"""What Zeppelin started and is not there is closed; what starts, runs or was never started is left alone."""

import struct
import urllib.error
from email.message import Message
from pathlib import Path
from socket import create_server
from threading import Thread
from typing import Any

import pytest

from components.zeppelin.files import close_lost, closing, interpreter_pods

GROUP = "md-alice-2ABCDEFGH"
LINE = f"Create InterpreterProcess for InterpreterGroup: {GROUP}\n"


def pod(phase: str, group: str = GROUP, reason: str = "") -> dict[str, Any]:
    ended = [{"state": {"terminated": {"reason": reason}}}] if reason else []
    return {
        "metadata": {"uid": phase, "annotations": {"gaia-dmp/interpreter-group": group}},
        "status": {"phase": phase, "containerStatuses": ended},
    }


@pytest.mark.parametrize(
    ("pods", "seconds", "expected"),
    [
        ([], 30, {}),
        ([], 61, {GROUP: "has no Pod"}),
        ([pod("Pending")], 1000, {}),
        ([pod("Running")], 1000, {}),
        ([pod("Unknown")], 1000, {}),
        ([pod("Failed", reason="OOMKilled")], 1, {GROUP: "has ended: OOMKilled"}),
        ([pod("Succeeded", reason="Completed")], 1, {GROUP: "has ended: Completed"}),
        ([pod("Failed", reason="OOMKilled"), pod("Pending")], 1000, {}),
        ([pod("Running", "md-bob-2ABCDEFGH")], 61, {GROUP: "has no Pod"}),
    ],
)
def test_what_is_lost(pods, seconds, expected):
    assert close_lost.lost({GROUP: (0.0, set())}, pods, seconds) == expected


def test_a_predecessor_that_has_ended_is_no_reason_to_close_what_starts():
    """It lies there until the cleaner comes, and the new one's Pod is not made yet."""
    ended = [pod("Failed", reason="OOMKilled"), pod("Running", "md-bob-2ABCDEFGH")]
    known = {GROUP: (0.0, close_lost.of_ended(ended))}
    assert close_lost.lost(known, ended, 30) == {}
    assert close_lost.lost(known, [*ended, pod("Succeeded", reason="Completed")], 30) == {GROUP: "has ended: Completed"}


def test_what_was_not_started_is_nobodys_business():
    assert close_lost.lost({}, [pod("Failed", reason="OOMKilled")], 1000) == {}


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("has ended: OOMKilled", "it took more memory than its Pod may have"),
        ("has ended: Evicted, Error", "it wrote more than its disk holds, or its node ran short of something"),
        ("has ended: Error", "it failed, or was killed"),
        ("has ended: Completed", "it was idle for too long, or ended itself"),
        ("has ended: ContainerCannotRun", "its Pod says ContainerCannotRun"),
        ("has no Pod", "it was restarted, was idle for too long, or went with its node"),
    ],
)
def test_what_a_person_is_told(reason: str, why: str):
    assert close_lost.sentence(reason) == f"Variables are gone, the interpreter has ended: {why}."


def test_only_what_ran_can_be_lost_to_a_person():
    assert close_lost.of_running([pod("Running"), pod("Pending", "md-bob-2ABCDEFGH")]) == {GROUP}


def test_the_log_is_read_once_and_again_from_its_beginning_when_it_is_new(tmp_path: Path):
    file = tmp_path / "zeppelin.log"
    log = close_lost.Log(str(tmp_path))
    line = LINE.strip()
    assert log.look() == ([], False)
    file.write_text(f"Close Session: shared_session\n{LINE}Create Interp")
    assert (log.look(), log.look()) == ((["Close Session: shared_session", line], False), ([], False))
    file.write_text(f"Close Session: shared_session\n{LINE}{LINE}")
    assert (log.look(), log.look()) == (([line], False), ([], False))
    file.write_text(LINE)
    assert log.look() == ([line], True)


RESTART = 'Restart interpreterSetting md, msg={"noteId":"2ABCDEFGH"}, user=alice'


@pytest.mark.parametrize(
    ("lines", "forgotten"),
    [
        ([RESTART], {("md", "alice", "2ABCDEFGH")}),
        ([LINE.strip(), RESTART], set()),
        # Whoever runs a paragraph right after it has a new one already.
        ([RESTART, LINE.strip()], set()),
        ([RESTART.replace("alice", "Bob Jones")], {("md", "Bob Jones", "2ABCDEFGH")}),
        # By an administrator, of everybody's: Zeppelin closes what it knows of.
        (["Restart interpreterSetting md, msg={}, user=root"], set()),
        # Not a line of its own.
        ([f"x {RESTART}"], set()),
    ],
)
def test_what_a_server_has_forgotten(lines: list[str], forgotten: set[tuple[str, str, str]]):
    """zeppelin: rest/InterpreterRestApi.java, restartSetting, 0.12.1; the body is the gateway's."""
    known = close_lost.Interpreters()
    known.hear(lines, False, [], 0.0)
    assert known.forgotten == forgotten


def test_a_log_that_begins_anew_forgets_who_is_held_and_not_what_was_started():
    """A full log is begun anew by a server that has forgotten nothing."""
    known = close_lost.Interpreters()
    known.hear([LINE.strip()], False, [], 0.0)
    known.hear([RESTART], True, [], 1.0)
    assert (list(known.started), known.forgotten) == ([GROUP], {("md", "alice", "2ABCDEFGH")})


def of(setting: str, group: str, name: str) -> dict[str, Any]:
    spec = {"containers": [{"args": ["-i", group, "-g", setting]}]}
    return pod("Running", group) | {"metadata": {"name": name, "uid": name, "annotations": {interpreter_pods.GROUP: group}}, "spec": spec}


def test_whose_pod_is_deleted():
    """`spark-alice-bob-NOTE` is what bob has of the setting `spark-alice`, and what alice-bob has of `spark`."""
    group = "spark-alice-bob-2ABCDEFGH"
    pods = [of("spark", group, "of-alice-bob"), of("spark", "spark-bob-2ABCDEFGH", "of-bob")]
    assert close_lost.running("spark", group, pods) == ["of-alice-bob"]
    assert close_lost.running("spark-alice", group, pods) == []


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is asked of the Kubernetes API. A Pod called `gone` is not there, and `hard` cannot be deleted the first time."""
    asked: list[str] = []
    pods = [of("md", "md-alice-A", "gone"), of("md", "md-bob-B", "hard"), of("md", "md-carol-C", "carols")]

    def call(_: object, method: str, path: str) -> dict[str, Any]:
        name = path.removeprefix("/")
        asked.append(f"{method} {name}" if method == "DELETE" else method)
        if name == "gone" or (name == "hard" and asked.count("DELETE hard") == 1):
            raise urllib.error.HTTPError(path, 404 if name == "gone" else 500, "", Message(), None)
        return {"items": pods}

    monkeypatch.setattr("interpreter_pods.InterpreterPods._call", call)
    return asked


def watch(folder: Path, told: Path) -> close_lost.Watch:
    return close_lost.Watch([str(folder), "gaia-spark", "1", str(told)], {})


def test_a_restart_that_fails_is_tried_again_and_a_pod_that_is_gone_stops_nobody(api: list[str], tmp_path: Path):
    watching = watch(tmp_path, tmp_path)
    log = tmp_path / "zeppelin.log"
    log.write_text(RESTART + "\n")
    watching.look()
    assert api == ["GET"]
    restarts = [
        RESTART.replace("alice", person).replace("2ABCDEFGH", note) for person, note in (("alice", "A"), ("bob", "B"), ("carol", "C"))
    ]
    with log.open("a") as file:
        file.write("\n".join(restarts) + "\n")
    with pytest.raises(urllib.error.HTTPError):
        watching.look()
    watching.look()
    assert api[1:] == ["GET", "DELETE gone", "DELETE hard", "GET", "DELETE hard", "DELETE carols"]


def test_losses_that_nobody_comes_back_for_make_room(tmp_path: Path):
    for number in range(close_lost.KEPT + 5):
        close_lost.write_down(str(tmp_path), f"md-alice-{number}", "gone")
    assert len(list(tmp_path.iterdir())) == close_lost.KEPT


def test_nothing_starts_while_interpreters_are_closed(api: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A call that fails lets everybody go on, and others have their turn."""
    closed: list[tuple[str, bool, bool]] = []

    def close(_port: int, group: str) -> None:
        closed.append((group, closing.of(str(lost), "dave"), closing.of(str(lost), "erin")))
        if "dave" in group:
            raise OSError("nobody answers")

    lost = tmp_path / "lost"
    lost.mkdir()
    groups = ["md-dave-D", *(f"md-erin-{number}" for number in range(close_lost.AT_ONCE))]
    lines = [f"Create InterpreterProcess for InterpreterGroup: {group}\n" for group in groups]
    (tmp_path / "started.log").write_text("".join(lines))
    monkeypatch.setattr(close_lost, "close", close)
    monkeypatch.setattr(close_lost, "GRACE", -1)
    monkeypatch.setattr("closing.MOMENT", 0)
    watching = watch(tmp_path, lost)
    watching.look()
    assert closed == [("md-dave-D", True, True), *((group, False, True) for group in groups[1 : close_lost.AT_ONCE])]
    assert (list(lost.iterdir()), api) == ([], ["GET"])
    watching.look()
    assert [group for group, *_ in closed[close_lost.AT_ONCE :]] == [groups[-1], "md-dave-D"]


def test_only_its_own_person_waits_for_an_interpreter_whose_pod_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    shown = [of("md", "md-anna-maria-A", "of-anna-maria")]
    waits: list[tuple[bool, bool]] = []
    monkeypatch.setattr("interpreter_pods.InterpreterPods._call", lambda *_: {"items": shown})
    monkeypatch.setattr(close_lost, "close", lambda *_: waits.append((closing.of(told, "anna-maria"), closing.of(told, "maria"))))
    monkeypatch.setattr(close_lost, "GRACE", -1)
    monkeypatch.setattr("closing.MOMENT", 0)
    told = str(tmp_path / "lost")
    (tmp_path / "lost").mkdir()
    (tmp_path / "started.log").write_text("Create InterpreterProcess for InterpreterGroup: md-anna-maria-A\n")
    watching = watch(tmp_path, tmp_path / "lost")
    watching.look()
    assert waits == []
    shown.clear()
    watching.look()
    assert waits == [(True, False)]


def test_a_group_that_two_settings_share_is_of_neither():
    shown = [of("spark", "spark-large-carol-A", "x"), of("spark-large", "spark-large-carol-A", "y"), of("md", "md-carol-A", "z")]
    assert close_lost.settings_by_group(shown) == {"spark-large-carol-A": None, "md-carol-A": "md"}


def test_the_server_is_told_as_an_interpreter_would():
    """A call of Thrift's binary protocol: version, name, number, field 1 of kind string, end."""
    heard: list[bytes] = []
    with create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(1000))
                connection.sendall(struct.pack(">I", 0x80010002))

        thread = Thread(target=serve)
        thread.start()
        close_lost.close(server.getsockname()[1], GROUP)
        thread.join()
    name = b"unRegisterInterpreterProcess"
    head = b"\x80\x01\x00\x01" + struct.pack(">I", len(name)) + name + struct.pack(">I", 1)
    assert heard == [head + b"\x0b\x00\x01" + struct.pack(">I", len(GROUP)) + GROUP.encode() + b"\x00"]
