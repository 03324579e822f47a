"""What a stranger who is logged in can do to another's notebook and to what is everybody's: every path of the REST API, every message."""

import pytest

from tests.cloud.zeppelin.conftest import Platform
from tests.cloud.zeppelin.person import Person, Socket
from tests.cloud.zeppelin.server import needs_zeppelin
from tests.support.gateway import needs_nginx

pytestmark = [needs_zeppelin, needs_nginx]

# zeppelin: zeppelin-server/src/main/java/org/apache/zeppelin/rest, 0.12.1, every @Path but those below that change or show nothing.
SHARED = """
GET /api/admin/
POST /api/admin/ {}
GET /api/cluster/address
GET /api/configurations/all
GET /api/configurations/prefix/zeppelin
GET /api/credential
PUT /api/credential {}
DELETE /api/credential
DELETE /api/credential/x
GET /api/helium/config
GET /api/helium/config/x/y
POST /api/helium/config/x/y {}
GET /api/helium/spell/config/x
GET /api/helium/suggest/{note}/{paragraph}
POST /api/helium/disable/x
POST /api/helium/enable/x
POST /api/helium/load/{note}/{paragraph} {}
POST /api/helium/order/visualization []
GET /api/interpreter
GET /api/interpreter/metadata/md
GET /api/interpreter/property/types
GET /api/interpreter/repository
POST /api/interpreter/repository {}
DELETE /api/interpreter/repository/x
POST /api/interpreter/install {}
GET /api/interpreter/setting
POST /api/interpreter/setting {}
GET /api/interpreter/setting/md
PUT /api/interpreter/setting/md {}
DELETE /api/interpreter/setting/md
PUT /api/interpreter/setting/restart/md {}
PUT /api/interpreter/setting/restart/md null
PUT /api/interpreter/setting/restart/md
PUT /api/interpreter/setting/restart/md/ {}
PUT /api//interpreter/setting/restart/md {}
PUT /api/interpreter/./setting/restart/md {}
PUT /api/interpreter/setting/%72estart/md {}
PUT /api/interpreter/setting/restart/md {"noteId":null}
PUT /api/interpreter/setting/restart/md {noteId:"{note}",noteId:null}
PUT /api/interpreter/setting/restart/md {"noteId":"{note}"}
PUT /classic/api/interpreter/setting/restart/md {}
PUT /api/log/level/DEBUG
GET /api/notebook-repositories
PUT /api/notebook-repositories {}
GET /api/notebook-repositories/reload
GET /api/session
POST /api/session?interpreter=md
GET /api/session/x
DELETE /api/session/x
GET /api/notebook/jobmanager/
GET /api/notebook/jobmanager/0/
"""
ANOTHERS = """
GET /api/notebook/{note}
DELETE /api/notebook/{note}
POST /api/notebook/{note} {"notePath":"/mine"}
GET /api/notebook/{note}/permissions
PUT /api/notebook/{note}/permissions {"owners":["alice"],"readers":["alice"],"writers":["alice"],"runners":["alice"]}
POST /api/notebook/{note}/revision {"commitMessage":"x"}
GET /api/notebook/{note}/revision/abc
PUT /api/notebook/{note}/revision/abc
POST /api/notebook/getByPath {"notePath":"/Bob/secret"}
GET /api/notebook/export/{note}
PUT /api/notebook/{note}/rename {"name":"/mine"}
POST /api/notebook/{note}/paragraph {"title":"a","text":"b"}
GET /api/notebook/{note}/paragraph/{paragraph}
PUT /api/notebook/{note}/paragraph/{paragraph} {"title":"a","text":"b"}
DELETE /api/notebook/{note}/paragraph/{paragraph}
PUT /api/notebook/{note}/paragraph/{paragraph}/config {"a":"b"}
POST /api/notebook/{note}/paragraph/{paragraph}/move/0
POST /api/notebook/{note}/paragraph/next?maxParagraph=10
PUT /api/notebook/{note}/clear
POST /api/notebook/job/{note}
DELETE /api/notebook/job/{note}
GET /api/notebook/job/{note}
GET /api/notebook/job/{note}/{paragraph}
POST /api/notebook/job/{note}/{paragraph} {"params":{"a":"changed"}}
DELETE /api/notebook/job/{note}/{paragraph}
POST /api/notebook/run/{note}/{paragraph} {"params":{"a":"changed"}}
POST /api/notebook/cron/{note} {"cron":"* * * * * ?"}
DELETE /api/notebook/cron/{note}
GET /api/notebook/cron/{note}
"""
OUTSIDE = ["/metrics", "/classic/metrics", "/new/metrics", "/ping", "/classic/ping", "/classic/health/readiness"]


def requested(platform: Platform, person: Person, line: str) -> int:
    """Status of a line of the tables above."""
    paragraph = platform.bob.paragraph(platform.note)["id"]
    method, path, *body = line.replace("{note}", platform.note).replace("{paragraph}", paragraph).split(" ", 2)
    return person.call(method, path, body[0] if body else None).status_code


@pytest.mark.parametrize("line", SHARED.split("\n")[1:-1] + ANOTHERS.split("\n")[1:-1])
def test_the_rest_api_refuses_a_stranger(platform, line):
    before = platform.bob.paragraph(platform.note)
    assert requested(platform, platform.alice, line) in (401, 403)
    assert platform.bob.paragraph(platform.note) == before


@pytest.mark.parametrize("path", OUTSIDE)
def test_metrics_and_health_stay_inside_under_either_interface(platform, path):
    assert platform.alice.call("GET", path).status_code == 404


@pytest.mark.parametrize(
    "line",
    [
        "GET /api/helium/package",
        "GET /api/helium/order/visualization",
        "GET /api/notebook",
        "GET /api/security/userlist/b",
        "GET /api/notebook/capabilities",
    ],
)
def test_what_the_interface_reads_is_everybodys(platform, line):
    assert requested(platform, platform.alice, line) == 200


def test_a_search_finds_ones_own(platform):
    assert platform.alice.call("GET", "/api/notebook/search?q=secret").json()["body"] == []


@pytest.mark.parametrize(
    ("op", "data"),
    [
        ("CONVERT_NOTE_NBFORMAT", {"noteName": "x"}),
        ("LIST_REVISION_HISTORY", {}),
        ("GET_INTERPRETER_BINDINGS", {}),
        ("SAVE_INTERPRETER_BINDINGS", {"selectedSettingIds": '["python"]'}),
        ("ANGULAR_OBJECT_UPDATED", {"paragraphId": "p", "interpreterGroupId": "md", "name": "x", "value": "1"}),
        ("ANGULAR_OBJECT_CLIENT_BIND", {"paragraphId": "p", "name": "x", "value": "1"}),
        ("ANGULAR_OBJECT_CLIENT_UNBIND", {"paragraphId": "p", "name": "x"}),
        ("MOVE_FOLDER_TO_TRASH", {"id": "Bob"}),
        ("REMOVE_FOLDER", {"id": "Bob"}),
        ("FOLDER_RENAME", {"id": "Bob", "name": "Alice"}),
        ("RESTORE_FOLDER", {"id": "~Trash"}),
        ("RESTORE_ALL", {}),
        ("EMPTY_TRASH", {}),
        ("RELOAD_NOTES_FROM_REPO", {}),
        ("WATCHER", {}),
        ("NO_SUCH_MESSAGE", {}),
    ],
)
def test_the_websocket_refuses_a_stranger(platform, op, data):
    before = platform.bob.call("GET", f"/api/notebook/{platform.note}").json()["body"]
    answers = Socket(platform.alice, platform.gateway).ask(op, {"noteId": platform.note} | data)
    assert [answer["op"] for answer in answers] == ["ERROR_INFO"]
    assert platform.bob.call("GET", f"/api/notebook/{platform.note}").json()["body"] == before


@pytest.mark.parametrize("op", ["GET_NOTE", "RELOAD_NOTE", "DEL_NOTE", "MOVE_NOTE_TO_TRASH", "NOTE_RENAME", "PARAGRAPH_CLEAR_ALL_OUTPUT"])
def test_zeppelin_refuses_itself_what_the_guard_lets_through(platform, op):
    answers = Socket(platform.alice, platform.gateway).ask(op, {"id": platform.note, "name": "/mine"})
    assert [answer["op"] for answer in answers] == ["AUTH_INFO"]


def test_the_websocket_serves_whom_it_should(platform):
    bob, root = Socket(platform.bob, platform.gateway), Socket(platform.root, platform.gateway)
    assert "NOTE" in [answer["op"] for answer in bob.ask("GET_NOTE", {"id": platform.note})]
    (converted,) = bob.ask("CONVERT_NOTE_NBFORMAT", {"noteId": platform.note, "noteName": "x"})
    assert "secret" in converted["data"]["nbformat"]
    assert "NOTES_INFO" in [answer["op"] for answer in root.ask("RELOAD_NOTES_FROM_REPO")]


def test_a_message_in_another_name_ends_the_connection(platform):
    """Whoever has got hold of bob's ticket needs bob's cookie as well."""
    socket = Socket(platform.alice, platform.gateway)
    socket.send(socket.message("LIST_NOTES", {}, principal="bob", ticket=platform.bob.ticket))
    assert list(socket.messages()) == []


@pytest.mark.parametrize(
    "text",
    [
        '{"op":"PING","op":"EMPTY_TRASH","principal":"alice"}',
        '{op:"EMPTY_TRASH",principal:"alice"}',
        "{'op':'EMPTY_TRASH'}",
        '["EMPTY_TRASH"]',
        '{"op":["EMPTY_TRASH"]}',
        "",
    ],
)
def test_what_two_parsers_may_read_in_two_ways_ends_the_connection(platform, text):
    socket = Socket(platform.alice, platform.gateway)
    socket.send(text)
    assert list(socket.messages()) == []


def test_frames_are_put_together_before_they_are_judged(platform):
    socket = Socket(platform.alice, platform.gateway)
    message = socket.message("EMPTY_TRASH", {})
    socket.send(message[:20], 0x01)
    socket.send("", 0x89)
    socket.send(message[20:], 0x80)
    assert next(socket.messages())["op"] == "ERROR_INFO"


def test_the_websocket_is_closed_to_whom_zeppelin_does_not_know(platform):
    assert Socket(platform.alice, platform.gateway, cookie="JSESSIONID=x").status == 403


def test_a_message_of_many_bytes_arrives_whole(platform):
    socket = Socket(platform.alice, platform.gateway)
    socket.ask("IMPORT_NOTE", {"note": {"name": "/Long", "paragraphs": [{"text": "x" * 200_000}]}})
    found = [note["id"] for note in platform.alice.call("GET", "/api/notebook").json()["body"] if note["path"] == "/Long"]
    assert [len(platform.alice.paragraph(note)["text"]) for note in found] == [200_000]
