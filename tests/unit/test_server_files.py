"""What the server's Pod is given to keep its door: a probe for both its ports, a log without tickets, a guard before its websocket."""

import asyncio
import configparser
import os
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.files import text
from components.zeppelin.files import alive, closing, websocket_guard
from components.zeppelin.shiro import shiro_ini
from tests.support.servers import Quiet, free_ports, serving


class Pong(Quiet):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


class Rpc(socketserver.BaseRequestHandler):
    """Answers each call as a Thrift server does that does not know it."""

    def handle(self) -> None:
        self.request.recv(100)
        self.request.sendall(struct.pack(">II", 0x80010003, 5))


@pytest.fixture
def ports() -> Iterator[tuple[str, str]]:
    with serving(Pong) as http, socketserver.TCPServer(("127.0.0.1", 0), Rpc) as rpc:
        threading.Thread(target=rpc.serve_forever, args=(0.05,), daemon=True).start()
        yield http.split(":")[1], str(rpc.server_address[1])
        rpc.shutdown()


def test_a_server_that_answers_both_is_alive(ports):
    assert alive.main([f"browsers={ports[0]}", f"interpreters={ports[1]}"]) is None


def test_a_server_whose_thread_for_interpreters_is_dead_is_not(ports):
    assert "refused" in str(alive.main([f"browsers={ports[0]}", f"interpreters={free_ports(1)[0]}"]))


def test_a_port_that_takes_connections_and_does_not_speak_thrift_is_not(ports):
    assert alive.main([f"browsers={ports[0]}", f"interpreters={ports[0]}"]) is not None


def test_no_class_that_knows_tickets_writes_them():
    lines = text("zeppelin/files/log4j.properties").splitlines()
    known = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines if not line.startswith("#"))}
    assert known["log4j.logger.org.apache.zeppelin.rest.SecurityRestApi"] == "ERROR"
    assert known["log4j.logger.org.apache.zeppelin.rest.LoginRestApi"] == "WARN"
    assert known["log4j.appender.stdout.filter.ticket.StringToMatch"] == '"ticket"'
    assert known["log4j.appender.stdout.filter.ticket.AcceptOnMatch"] == "false"


@pytest.mark.parametrize("path", ["/api/session/**", "/api/log/**", "/api/helium/enable/**", "/api/interpreter/**"])
def test_what_is_everybodys_is_an_administrators(path):
    rules = configparser.RawConfigParser(delimiters=("=",), strict=False)
    rules.optionxform = str  # type: ignore[method-assign] - paths keep their case
    rules.read_string(shiro_ini({"alice": "x"}, [], "", secure=True))
    assert rules["urls"][path] == "authc, roles[admin]"
    assert list(rules["urls"])[-1] == "/**"


class Known(websocket_guard.Asker):
    """Somebody, and the lists of one notebook."""

    def __init__(self, entities, **lists):
        self._entities, self._lists = entities, lists

    def _get(self, path):
        return self._lists if path == "notebook/2ABCDEFGH/permissions" else None


BOBS = {"owners": ["bob"], "writers": ["bob", "carol"], "runners": ["bob", "dave"], "readers": ["bob", "erin"]}


@pytest.mark.parametrize(
    ("who", "op", "may"),
    [
        ("alice", "CONVERT_NOTE_NBFORMAT", False),
        ("erin", "CONVERT_NOTE_NBFORMAT", True),
        ("erin", "SAVE_INTERPRETER_BINDINGS", False),
        ("carol", "SAVE_INTERPRETER_BINDINGS", True),
        ("erin", "ANGULAR_OBJECT_UPDATED", False),
        ("dave", "ANGULAR_OBJECT_UPDATED", True),
        ("alice", "EMPTY_TRASH", False),
        ("admin", "EMPTY_TRASH", True),
        ("admin", "WATCHER", False),
        ("alice", "RUN_PARAGRAPH", True),
    ],
)
def test_who_may_send_what(who, op, may):
    objection = Known({who}, **BOBS).objection({"op": op, "data": {"noteId": "2ABCDEFGH"}})
    assert (objection is None) is may


@pytest.mark.parametrize("note", [None, "", "2ABCDEFGX", "2ABCDEFGH/../x", ["2ABCDEFGH"], "２ABC"])
def test_a_notebook_that_is_none_is_nobodys(note):
    assert Known({"bob"}, **BOBS).objection({"op": "CONVERT_NOTE_NBFORMAT", "data": {"noteId": note}}) is not None


class Bytes:
    """What a browser has sent, as asyncio's reader gives it. read: how much of it was asked for."""

    def __init__(self, sent: bytes) -> None:
        self._sent, self.read = sent, 0

    async def readexactly(self, size: int) -> bytes:
        self.read += size
        if len(self._sent) < size:
            raise EOFError
        piece, self._sent = self._sent[:size], self._sent[size:]
        return piece


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"\x81\x05hello", "masks"),
        # Two to the fortieth bytes, unmasked and masked.
        (b"\x81\x7f" + (1 << 40).to_bytes(8, "big"), "masks"),
        (b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"keys", "longer"),
        (b"\xc1\x80keys", "extensions"),
    ],
    ids=["unmasked", "unmasked and endless", "endless", "compressed"],
)
def test_a_frame_that_no_browser_sends_is_not_waited_for(sent: bytes, why: str):
    """RFC 6455, section 5.1: a client masks each frame."""
    reader = Bytes(sent)
    with pytest.raises(websocket_guard.RefusedError, match=why):
        asyncio.run(websocket_guard.frame(reader))
    assert reader.read <= 14


def test_a_frame_is_read_whole():
    key, said = b"\1\2\3\4", b'{"op":"PING"}'
    sent = bytes([0x81, 0x80 | len(said)]) + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(said))
    assert asyncio.run(websocket_guard.frame(Bytes(sent))) == (True, 1, sent, said)


def test_a_paragraph_waits_while_an_interpreter_of_its_person_is_closed(tmp_path: Path):
    group, folder = "spark-anna-maria-2KALICE01", str(tmp_path)

    async def waits(person: str, *marks: str) -> list[bool]:
        """Whether a paragraph waits, now and after the end of each closing."""
        waiting, seen = asyncio.ensure_future(websocket_guard.open_again(folder, person)), []
        for mark in (*marks, ""):
            await asyncio.sleep(0.3)
            seen.append(not waiting.done())
            closing.end(mark)
        await waiting
        return seen

    assert asyncio.run(waits("anna-maria")) == [False]
    for person, expected in (("anna-maria", True), ("maria", False), ("bob", False), ("spark", False), ("anna", False)):
        assert asyncio.run(waits(person, closing.begin(folder, group, "spark"))) == [expected, False]
    # Nobody knows the setting of an interpreter that never had a Pod. It could be maria's of `spark-anna`.
    for person, expected in (("anna-maria", True), ("maria", True), ("anna", False)):
        assert asyncio.run(waits(person, closing.begin(folder, group, None))) == [expected, False]
    # Zeppelin's name of a setting, and what the template left of it.
    assert asyncio.run(waits("alice", closing.begin(folder, "my spark-alice-2KALICE01", "myspark"))) == [True, False]
    # Closed by itself and by close_lost.py at once.
    assert asyncio.run(waits("anna-maria", closing.begin(folder, group, "spark"), closing.begin(folder, group, "spark"))) == [
        True,
        True,
        False,
    ]
    long_ago = time.time() - 61
    os.utime(closing.begin(folder, group, "spark"), (long_ago, long_ago))
    assert asyncio.run(waits("anna-maria")) == [False]
    assert [file.name.partition("-")[0] for file in tmp_path.iterdir()] == ["closing"]
    closing.end(closing.begin(folder, group, "spark"))
    assert list(tmp_path.iterdir()) == []


def test_a_paragraph_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An interpreter may close itself again and again."""
    monkeypatch.setattr(websocket_guard, "PATIENCE", 0.3)
    closing.begin(str(tmp_path), "spark-alice-2KALICE01", "spark")
    asyncio.run(asyncio.wait_for(websocket_guard.open_again(str(tmp_path), "alice"), 5))
    assert closing.of(str(tmp_path), "alice")


def test_a_message_of_too_many_parts_is_none():
    with pytest.raises(websocket_guard.RefusedError, match="too many parts"):
        websocket_guard.parsed(b'{"op":"PING","data":{"x":[' + b",".join([b"[]"] * 100_001) + b"]}}")


@pytest.mark.parametrize("said", [b'{"op":"PING","op":"EMPTY_TRASH"}', b"{op:1}", b"[]", b'{"op":1}', b'{"op":"PING","data":[1]}', b"\xff"])
def test_what_can_be_read_in_two_ways_is_no_message(said):
    with pytest.raises(websocket_guard.RefusedError):
        websocket_guard.parsed(said)
