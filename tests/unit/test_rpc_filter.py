"""The filter before Zeppelin's RPC: what passes is an interpreter's own, byte for byte; nothing else reaches Zeppelin."""

import io
import json
import socket
import struct
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.zeppelin.files import alive, close_lost, closing, rpc_calls
from components.zeppelin.files.rpc_filter import CONNECTIONS, Pods
from tests.support.eventually import eventually
from tests.support.rpc import (
    CALL,
    EXCEPTION,
    NO_NUMBERS,
    NO_STRUCTS,
    NO_TEXTS,
    REPLY,
    Pod,
    PodsApi,
    Recorder,
    Stream,
    message,
    pod,
    pods_api,
    recorder,
    rpc_filter,
)

# zeppelin: zeppelin-interpreter/src/main/thrift/RemoteInterpreterEventService.thrift, 0.12.1. A real server's are in tests/cloud/zeppelin.
SERVICE = """
registerInterpreterProcess unRegisterInterpreterProcess appendOutput updateOutput updateAllOutput appendAppOutput updateAppOutput
updateAppStatus checkpointOutput runParagraphs addAngularObject updateAngularObject removeAngularObject sendWebUrl sendParagraphInfo
updateParagraphConfig getAllResources getResource invokeMethod getParagraphList getAllLibraryMetadatas getLibrary
"""
ADDRESS, NOTE, GROUP = "127.0.1.1", "2KALICE01", "spark-alice-2KALICE01"
OTHER, OTHERS = "2KBOB0001", "spark-bob-2KBOB0001"
ANGULAR = {"name": "x", "object": {"a": 1}, "paragraphId": "p"}
INFORMATION = {"paraId": "p", "label": "SPARK JOB", "jobUrl": "/spark-ui/x/jobs/job?id=0"}
OWN: list[tuple[str, dict[int, Any]]] = [
    ("registerInterpreterProcess", {1: {1: ADDRESS, 2: 12321, 3: GROUP}}),
    ("unRegisterInterpreterProcess", {1: GROUP}),
    ("appendOutput", {1: {1: NOTE, 2: "p", 3: 0, 4: "a result"}}),
    ("updateOutput", {1: {1: NOTE, 2: "p", 3: 0, 4: "HTML", 5: "x" * 1_000_000}}),
    ("updateAllOutput", {1: {1: NOTE, 2: "p", 3: [{1: "TEXT", 2: "a"}, {1: "TABLE", 2: "b"}]}}),
    ("updateAllOutput", {1: {1: NOTE, 2: "p", 3: NO_STRUCTS}}),
    ("checkpointOutput", {1: NOTE, 2: "p"}),
    ("runParagraphs", {1: {1: NOTE, 2: ["q"], 3: NO_NUMBERS, 4: "p"}}),
    ("runParagraphs", {1: {1: NOTE, 2: NO_TEXTS, 3: [1, 2], 4: "p"}}),
    ("addAngularObject", {1: GROUP, 2: json.dumps(ANGULAR | {"noteId": NOTE})}),
    ("updateAngularObject", {1: GROUP, 2: json.dumps(ANGULAR | {"noteId": NOTE})}),
    ("removeAngularObject", {1: GROUP, 2: NOTE, 3: "p", 4: "x"}),
    ("sendWebUrl", {1: {1: GROUP, 2: "/spark-ui/x"}}),
    ("sendParagraphInfo", {1: GROUP, 2: json.dumps(INFORMATION | {"noteId": NOTE})}),
]
ANOTHERS: list[tuple[str, dict[int, Any]]] = [
    ("registerInterpreterProcess", {1: {1: "127.0.1.2", 2: 12321, 3: GROUP}}),
    ("registerInterpreterProcess", {1: {1: ADDRESS, 2: 12321, 3: OTHERS}}),
    ("registerInterpreterProcess", {}),
    ("unRegisterInterpreterProcess", {1: OTHERS}),
    ("unRegisterInterpreterProcess", {}),
    ("appendOutput", {1: {1: OTHER, 2: "p", 3: 0, 4: "a lie"}}),
    ("appendOutput", {1: {2: "p", 3: 0, 4: "a lie"}}),
    ("updateOutput", {1: {1: OTHER, 2: "p", 3: 0, 4: "HTML", 5: "a lie"}}),
    ("updateAllOutput", {1: {1: OTHER, 2: "p", 3: NO_STRUCTS}}),
    ("checkpointOutput", {1: OTHER, 2: "p"}),
    ("addAngularObject", {1: OTHERS, 2: json.dumps(ANGULAR)}),
    ("addAngularObject", {1: GROUP, 2: json.dumps(ANGULAR | {"noteId": OTHER})}),
    ("addAngularObject", {1: GROUP, 2: f'{{"noteId":"{NOTE}","noteId":"{OTHER}"}}'}),
    ("addAngularObject", {1: GROUP, 2: f"{{noteId:'{OTHER}'}}"}),
    ("addAngularObject", {1: GROUP, 2: b'{"noteId":"\xff"}'}),
    ("addAngularObject", {1: GROUP, 2: "[]"}),
    ("addAngularObject", {1: GROUP}),
    # Of no notebook, so shown in every one; and what would take a hundred times its size.
    ("addAngularObject", {1: GROUP, 2: json.dumps(ANGULAR)}),
    ("removeAngularObject", {1: GROUP, 4: "x"}),
    ("addAngularObject", {1: GROUP, 2: json.dumps(ANGULAR | {"noteId": NOTE, "object": [[]] * 10_001})}),
    ("addAngularObject", {1: GROUP, 2: json.dumps(ANGULAR | {"noteId": NOTE, "object": "x" * (1 << 20)})}),
    ("updateAngularObject", {1: GROUP, 2: json.dumps(ANGULAR | {"noteId": OTHER})}),
    ("removeAngularObject", {1: GROUP, 2: OTHER, 3: "p", 4: "x"}),
    ("removeAngularObject", {1: OTHERS, 4: "x"}),
    ("sendWebUrl", {1: {1: OTHERS, 2: "x"}}),
    ("sendParagraphInfo", {1: OTHERS, 2: json.dumps(INFORMATION | {"noteId": NOTE})}),
    ("sendParagraphInfo", {1: GROUP, 2: json.dumps(INFORMATION | {"noteId": OTHER})}),
    ("sendParagraphInfo", {1: GROUP, 2: json.dumps(INFORMATION)}),
]


@dataclass(frozen=True)
class Stand:
    """A filter with what is around it."""

    zeppelin: Recorder
    api: PodsApi
    port: int
    log: Path
    lost: Path

    @property
    def alice(self) -> Pod:
        return Pod(ADDRESS, self.port)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("filter")
    lost = folder / "lost"
    lost.mkdir()
    with recorder() as zeppelin, pods_api(folder / "api") as api:
        environment = api.environment | {"LOST": str(lost), "MOMENT": "0.5"}
        with rpc_filter(zeppelin.port, environment, folder / "log") as port:
            api.show("alice", pod(ADDRESS, GROUP))
            yield Stand(zeppelin, api, port, folder / "log", lost)


@pytest.fixture
def stand(standing: Stand) -> Stand:
    standing.zeppelin.got.clear()
    return standing


def test_every_call_of_the_service_is_judged():
    assert rpc_calls.CALLS.keys() | rpc_calls.CLOSED == set(SERVICE.split())
    assert rpc_calls.CALLS.keys() & rpc_calls.CLOSED == set()


def test_ones_own_passes_as_it_came(stand: Stand):
    assert {name for name, _ in OWN} == rpc_calls.CALLS.keys() - rpc_calls.EMPTY.keys()
    for name, fields in OWN:
        assert stand.alice.calls(name, fields) == (REPLY, {})
    assert stand.zeppelin.got == [message(name, fields) for name, fields in OWN]


def test_anothers_is_refused_in_a_sentence_and_not_passed(stand: Stand):
    for name, fields in ANOTHERS:
        assert stand.alice.calls(name, fields) == (REPLY, {1: {1: "this is not the interpreter's own notebook, group or address"}})
    assert stand.zeppelin.got == []
    assert f"refused 'sendWebUrl' from {ADDRESS}, {NOTE}: " in stand.log.read_text()
    assert "a lie" not in stand.log.read_text()


def test_who_lost_an_interpreter_is_told_once_where_the_next_one_prints(stand: Stand):
    """By a call of the filter's own, and the interpreter gets the one answer to its call."""
    close_lost.write_down(str(stand.lost), GROUP, close_lost.sentence("has ended: OOMKilled"))
    close_lost.write_down(str(stand.lost), OTHERS, "another's")
    output = {1: {1: NOTE, 2: "p", 3: 0, 4: "42"}}
    assert stand.alice.calls("checkpointOutput", {1: NOTE, 2: "p"}) == (REPLY, {})
    assert stand.alice.calls("appendOutput", output) == (REPLY, {})
    eventually(lambda: len(stand.zeppelin.got) == 3)
    assert stand.alice.calls("appendOutput", output) == (REPLY, {})
    said = {
        "noteId": NOTE,
        "paraId": "p",
        "label": "Variables are gone, the interpreter has ended: it took more memory than its Pod may have.",
        "tooltip": "This is a new interpreter. Run the notebook again from its top.",
        "jobUrl": "#",
    }
    calls = [Stream(io.BytesIO(each).read).message()[1:] for each in stand.zeppelin.got]
    assert max(calls, key=str) == ("sendParagraphInfo", {1: GROUP, 2: json.dumps(said)})
    assert sorted(name for name, _ in calls) == ["appendOutput", "appendOutput", "checkpointOutput", "sendParagraphInfo"]
    assert [each.read_text() for each in stand.lost.iterdir()] == ["another's"]


def test_while_an_interpreter_closes_itself_its_person_waits(stand: Stand):
    said = message("unRegisterInterpreterProcess", {1: GROUP})
    with stand.alice.connected() as connection:
        connection.sendall(said)
        eventually(lambda: closing.of(str(stand.lost), "alice"))
        assert stand.zeppelin.got == []
        assert not closing.of(str(stand.lost), "bob")
        assert Stream(connection.makefile("rb").read).message()[0] == REPLY
        assert not closing.of(str(stand.lost), "alice")
    assert stand.zeppelin.got == [said]


def test_nobody_waits_whose_name_is_the_end_of_another_persons(stand: Stand):
    group = "spark-anna-maria-2KANNA001"
    stand.api.show("anna-maria", pod("127.0.1.8", group))
    with Pod("127.0.1.8", stand.port).connected() as connection:
        connection.sendall(message("unRegisterInterpreterProcess", {1: group}))
        eventually(lambda: closing.of(str(stand.lost), "anna-maria"))
        assert not closing.of(str(stand.lost), "maria")
        assert Stream(connection.makefile("rb").read).message()[0] == REPLY
    stand.api.hide("anna-maria")


@pytest.mark.parametrize("how", ["killed", "gone"])
def test_an_interpreter_that_dies_while_it_is_closed_lets_its_person_wait_on(stand: Stand, how: str):
    """Zeppelin closes it to the end, and then forgets whatever was started meanwhile. Its answer is read by nobody."""
    said = message("unRegisterInterpreterProcess", {1: GROUP})
    stand.zeppelin.answers.clear()
    try:
        with stand.alice.connected() as connection:
            connection.sendall(said)
            eventually(lambda: stand.zeppelin.got == [said])
            if how == "killed":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.5)
        assert closing.of(str(stand.lost), "alice")
    finally:
        stand.zeppelin.answers.set()
    eventually(lambda: not closing.of(str(stand.lost), "alice"))


REGISTERS, CLOSES = OWN[:2]


@pytest.mark.parametrize("call", [REGISTERS, CLOSES], ids=lambda call: call[0])
@pytest.mark.parametrize(
    ("phase", "made", "setting", "passes"),
    [
        ("Running", 1, "spark", False),
        ("Pending", 1, "spark", False),
        ("Failed", 1, "spark", True),
        ("Running", 0, "spark", True),
        # What somebody else has of a setting of that name. Zeppelin tells the two apart by nothing.
        ("Running", 1, "spark-alice", False),
    ],
)
def test_the_older_of_two_interpreters_of_a_group_does_not_speak_for_it(
    stand: Stand, call: Any, phase: str, made: int, setting: str, *, passes: bool
):
    """Zeppelin knows a group, not a Pod: it would close what holds the group now, or believe that it is ready."""
    stand.api.show("second", pod("127.0.1.9", GROUP, phase, setting=setting, made=made))
    try:
        answer = stand.alice.calls(*call)
    finally:
        stand.api.hide("second")
    assert answer == (REPLY, {} if passes else {1: {1: "a newer interpreter of this group is there"}})
    assert stand.zeppelin.got == ([message(*call)] if passes else [])
    assert not closing.of(str(stand.lost), "alice")


def test_a_run_of_another_notebook_is_told_where_it_was_asked_for(stand: Stand):
    assert stand.alice.calls("runParagraphs", {1: {1: OTHER, 2: NO_TEXTS, 3: NO_NUMBERS, 4: "p"}}) == (REPLY, {})
    (got,) = stand.zeppelin.got
    kind, name, fields = Stream(io.BytesIO(got).read).message()
    information = json.loads(fields[2])
    assert (kind, name, fields[1]) == (CALL, "sendParagraphInfo", GROUP)
    assert (information["noteId"], information["paraId"], information["label"]) == (NOTE, "p", "Not run: another notebook")


@pytest.mark.parametrize("name", sorted(rpc_calls.EMPTY))
def test_what_is_everybodys_is_nothing(stand: Stand, name):
    assert stand.alice.calls(name, {1: "spark"}) == (REPLY, {0: []})
    assert stand.zeppelin.got == []


@pytest.mark.parametrize("name", [*sorted(rpc_calls.CLOSED), "noSuchCall"])
def test_what_is_closed_is_an_unknown_method(stand: Stand, name):
    """TApplicationException, type 1 (thrift: lib/java/.../TApplicationException.java)."""
    assert stand.alice.calls(name, {1: "x", 2: "y"}) == (EXCEPTION, {1: "this call is closed on this platform", 2: 1})
    assert stand.zeppelin.got == []


RUN = message("runParagraphs", {1: {1: NOTE, 2: NO_TEXTS, 3: NO_NUMBERS, 4: "p"}})


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0" * 100,
        b"\xff" * 100,
        # As the protocol was before it was strict, which Zeppelin still takes.
        struct.pack(">i", 13) + b"runParagraphs" + b"\1" + RUN[21:],
        message("runParagraphs", {1: {1: NOTE, 2: NO_TEXTS, 3: NO_NUMBERS, 4: "p"}}, kind=4),
        RUN[:-1],
        RUN[:30],
        struct.pack(">Ii", 0x80010001, -1) + RUN[8:],
        struct.pack(">Ii", 0x80010001, 1 << 30) + RUN[8:],
        # A field twice, one that the call does not have, one of another type.
        message("checkpointOutput", {1: NOTE})[:-1] + message("checkpointOutput", {1: OTHER, 2: "p"})[28:],
        message("checkpointOutput", {1: NOTE, 2: "p", 3: OTHER}),
        message("checkpointOutput", {1: NOTE, 2: 5}),
        message("checkpointOutput", {1: [NOTE], 2: "p"}),
        message("appendOutput", {1: {1: NOTE, 2: "p", 3: 0, 4: "x", 5: "appId"}}),
        message("runParagraphs", {1: {1: NOTE, 2: [1], 3: NO_NUMBERS, 4: "p"}}),
        message("runParagraphs", {1: {1: NOTE, 2: NO_TEXTS, 3: [0] * 10_001, 4: "p"}}),
        message("checkpointOutput", {})[:-1] + struct.pack(">Bhi", 11, 1, -1),
        message("checkpointOutput", {})[:-1] + struct.pack(">Bhi", 11, 1, 0x7FFFFFFF),
        message("appendOutput", {1: {1: NOTE, 2: "p", 3: 0, 4: b"x" * (16 << 20)}}),
        message("checkpointOutput", {})[:-1] + struct.pack(">Bh", 12, 1) * 100_000,
    ],
    ids=range(20),
)
def test_what_is_no_call_reaches_nobody(stand: Stand, said):
    assert [kind for kind, _, fields in stand.alice.says(said) if kind == REPLY and 1 not in fields] == []
    assert stand.zeppelin.got == []
    assert stand.alice.calls("checkpointOutput", {1: NOTE, 2: "p"}) == (REPLY, {})


def test_of_calls_that_come_at_once_each_is_judged(stand: Stand):
    own, anothers = message("checkpointOutput", {1: NOTE, 2: "p"}), message("checkpointOutput", {1: OTHER, 2: "p"})
    assert len(stand.alice.says(own * 3)) == 3
    stand.alice.says(own + anothers + own)
    # What came before the refusal may arrive after it; the next test begins with nothing under way.
    eventually(lambda: len(stand.zeppelin.got) == 4)
    assert stand.zeppelin.got == [own] * 4


def test_whoever_takes_all_connections_takes_their_own(stand: Stand):
    bob = Pod("127.0.1.2", stand.port)
    stand.api.show("bob", pod("127.0.1.2", OTHERS))
    held = [stand.alice.connected() for _ in range(CONNECTIONS)]
    for each in held:
        each.__enter__().sendall(RUN[:30])
    assert stand.alice.says(RUN) == []
    assert bob.calls("checkpointOutput", {1: OTHER, 2: "p"}) == (REPLY, {})
    for each in held:
        each.__exit__(None, None, None)


def test_a_pod_that_the_api_does_not_know_yet_waits(stand: Stand):
    new = Pod("127.0.1.3", stand.port)
    stand.api.show("new", pod("127.0.1.3", OTHERS, "Pending"))
    with new.connected() as connection:
        connection.sendall(message("unRegisterInterpreterProcess", {1: OTHERS}))
        stand.api.show("new", pod("127.0.1.3", OTHERS))
        kind, _, fields = Stream(connection.makefile("rb").read).message()
    assert (kind, fields, len(stand.zeppelin.got)) == (REPLY, {}, 1)


def test_nobody_passes_where_the_api_does_not_answer(stand: Stand):
    stand.api.show("unknown", pod("127.0.1.4", GROUP))
    token = Path(stand.api.environment["TOKEN_FILE"])
    right = token.read_text()
    token.write_text("wrong")
    kind, answer = Pod("127.0.1.4", stand.port).calls("checkpointOutput", {1: NOTE, 2: "p"})
    token.write_text(right)
    assert (kind, answer[1][1]) == (REPLY, "nobody can say whose interpreter this is")
    assert stand.zeppelin.got == []
    assert "401" in stand.log.read_text()


def test_the_probe_is_answered_and_not_logged(stand: Stand):
    assert alive.main([f"interpreters={stand.port}"]) is None
    assert "127.0.0.1" not in stand.log.read_text()


RUNS, ENDED = pod(ADDRESS, GROUP), pod(ADDRESS, OTHERS, "Succeeded")


@pytest.mark.parametrize(
    ("shown", "group"),
    [
        ([RUNS], GROUP),
        ([RUNS, ENDED, pod(ADDRESS, OTHERS, "Failed")], GROUP),
        ([ENDED], None),
        ([], None),
        ([pod("127.0.1.2", GROUP)], None),
        ([RUNS, pod(ADDRESS, OTHERS)], None),
        ([pod(ADDRESS, "")], None),
        ([pod(ADDRESS, GROUP, labels={"app.kubernetes.io/name": "spark-executor"})], None),
        ([pod(ADDRESS, GROUP, labels={"app.kubernetes.io/managed-by": "x"})], None),
    ],
)
def test_whose_address_it_is(tmp_path: Path, shown, group):
    with pods_api(tmp_path / "api") as api:
        for index, each in enumerate(shown):
            api.show(str(index), each)
        found = Pods(api.environment).ask(ADDRESS)
    assert (found and found.group) == group


def test_a_token_that_is_refused_is_an_error(tmp_path: Path):
    with pods_api(tmp_path / "api") as api:
        asker = Pods(api.environment)
        Path(api.environment["TOKEN_FILE"]).write_text("wrong")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            asker.ask(ADDRESS)


@pytest.mark.parametrize(
    ("group", "note"),
    [
        ("spark-alice-2KALICE01", "2KALICE01"),
        ("spark-large-anna-maria-2KALICE01", "2KALICE01"),
        ("spark-isolated-2KALICE01-2026-11-25_17-00-00", "2KALICE01"),
        ("python-isolated-2KALICE01", "2KALICE01"),
        ("", ""),
    ],
)
def test_the_notebook_of_a_group(group, note):
    assert rpc_calls.note_of(group) == note
