"""What Zeppelin started and is not there is closed; what starts, runs or was never started is left alone."""

import struct
from pathlib import Path
from socket import create_server
from threading import Thread
from typing import Any

import pytest

from components.zeppelin.files import close_lost

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
        ("has ended: Completed", "its Pod says Completed"),
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
        ([RESTART], [GROUP]),
        ([LINE.strip(), RESTART], []),
        ([RESTART.replace("alice", "bob")], ["md-bob-2ABCDEFGH"]),
        # By an administrator, of everybody's: Zeppelin closes what it knows of.
        (["Restart interpreterSetting md, msg={}, user=root"], []),
        # Not a line of its own.
        ([f"x {RESTART}", f"{RESTART} x"], []),
    ],
)
def test_what_a_server_has_forgotten(lines: list[str], forgotten: list[str]):
    """zeppelin: rest/InterpreterRestApi.java, restartSetting, 0.12.1; the body is the gateway's."""
    assert close_lost.Interpreters().hear(lines, [], 0.0) == forgotten


def test_whose_pod_is_deleted():
    pods = [pod("Running") | {"metadata": {"name": "mine", "annotations": {close_lost.GROUP: GROUP}}}, pod("Running", "md-bob-2ABCDEFGH")]
    assert close_lost.running(GROUP, pods) == ["mine"]


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
