"""What a real server writes, gives away and ends."""

import socket
import struct

import pytest

from components.zeppelin.files import alive
from tests.cloud.zeppelin.conftest import Platform
from tests.cloud.zeppelin.person import Person, Socket
from tests.cloud.zeppelin.server import needs_zeppelin
from tests.support.eventually import eventually
from tests.support.gateway import needs_nginx

pytestmark = [needs_zeppelin, needs_nginx]


def called(port: int, method: str, *arguments: str) -> bytes:
    """What the server's RPC answers, after the head of the message. arguments: texts."""
    fields = b"".join(
        struct.pack(">BHI", 11, index, len(argument)) + argument.encode() for index, argument in enumerate(arguments, start=1)
    )
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        head = struct.pack(">II", 0x80010001, len(method)) + method.encode() + struct.pack(">I", 1)
        connection.sendall(head + fields + b"\0")
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer[len(head) :]


def test_the_probe_sees_both_ports(platform: Platform):
    http = platform.server.address.split(":")[1]
    assert alive.main([f"browsers={http}", f"interpreters={platform.server.rpc}"]) is None
    assert "refused" in str(alive.main([f"browsers={http}", "interpreters=1"]))


@pytest.mark.parametrize("repository", ["..", "../..", "spark", "../../../../../../../.."])
def test_no_file_of_the_server_is_a_library(platform: Platform, repository: str):
    """Without our setting each of these that leads to a folder gives the file (c5353cbc33)."""
    names = ["etc/passwd", "conf/shiro.ini", "../conf/shiro.ini", "notebooks/conf/notebook-authorization.json"]
    answers = [called(platform.server.rpc, "getLibrary", repository, name) for name in names]
    assert [b"root:" in answer or b"[urls]" in answer or b"authInfo" in answer for answer in answers] == [False] * 4


def test_no_ticket_is_written(platform: Platform):
    person = Person("alice", platform.gateway)
    person.call("GET", "/api/security/ticket")
    assert [answer["op"] for answer in Socket(person, platform.gateway).ask("COMPLETION", {"id": "x"})] == ["ERROR_INFO"]
    assert person.http.get("/api/notebook").status_code == 200
    written = platform.server.log.read_text(errors="replace")
    assert "zeppelin server started" in written
    assert [each.ticket in written for each in (person, platform.bob, platform.root)] == [False] * 3


def runs(person: Person, note: str) -> str:
    """Status of the only paragraph after it has run."""
    person.call("POST", f"/api/notebook/run/{note}/{person.paragraph(note)['id']}", "{}")
    eventually(lambda: person.paragraph(note)["status"] in {"FINISHED", "ERROR"}, 180)
    return person.paragraph(note)["status"]


def closed(platform: Platform, note: str) -> int:
    """How often the server has ended an interpreter of this notebook."""
    return platform.server.log.read_text(errors="replace").count(f"{note} as all the sessions are closed")


def test_a_person_ends_their_own_interpreter_and_nobody_elses(platform: Platform):
    mine = platform.alice.notebook("/Alice/own", "%md mine")
    assert [runs(platform.alice, mine), runs(platform.bob, platform.note)] == ["FINISHED", "FINISHED"]
    path = "/api/interpreter/setting/restart/md"
    assert platform.alice.call("PUT", path, "{}").status_code == 403
    assert platform.alice.call("PUT", path, f'{{"noteId":"{platform.note}"}}').status_code == 403
    assert (closed(platform, mine), closed(platform, platform.note)) == (0, 0)
    assert platform.alice.call("PUT", path, f'{{"noteId":"{mine}"}}').status_code == 200
    assert (closed(platform, mine), closed(platform, platform.note)) == (1, 0)
    assert platform.root.call("PUT", path, "{}").status_code == 200
    assert closed(platform, platform.note) == 1
