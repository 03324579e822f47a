"""Who may end interpreters at the gateway, and what it remembers of who somebody is."""

import json
from collections.abc import Iterator

import pytest

from tests.support.gateway import Backend, Browser, configure, needs_nginx, serve
from tests.support.servers import free_ports, serving

pytestmark = needs_nginx
RESTART = "/api/interpreter/setting/restart/spark"


class Zeppelin(Backend):
    """Says what it was sent when an interpreter is restarted."""

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"path": self.path, "body": body}).encode())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder, (port,) = tmp_path_factory.mktemp("gateway"), free_ports(1)
    with serving(Zeppelin) as backend:
        process = serve(folder, configure(folder, "gateway-plain.conf", backend, port), port)
        yield Browser(port)
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    ("user", "sent", "arrives"),
    [
        ("alice", '{"noteId":"2ABCDEFGH"}', '{"noteId":"2ABCDEFGH"}'),
        ("alice", '{"noteId":"2ABCDEFGH","other":1}', '{"noteId":"2ABCDEFGH"}'),
        ("alice", '{"noteId":null,"noteId":"2ABCDEFGH"}', '{"noteId":"2ABCDEFGH"}'),
        ("root", "{}", "{}"),
        ("root", '{"noteId":"2ABCDEFGH"}', '{"noteId":"2ABCDEFGH"}'),
    ],
)
def test_a_person_restarts_a_notebooks_interpreter_and_an_administrator_all(browser, user, sent, arrives):
    status, _, body = browser.get(RESTART, "PUT", sent, Cookie=f"user={user}")
    assert (status, json.loads(body)) == (200, {"path": RESTART, "body": arrives})


@pytest.mark.parametrize(
    "sent",
    ["{}", "", "null", "[]", '{"noteId":null}', '{"noteId":""}', '{"noteId":["2ABCDEFGH"]}', '{noteId:"2ABCDEFGH"}', '{"noteId":"../x"}'],
)
def test_without_a_notebook_a_person_is_refused(browser, sent):
    status, _, body = browser.get(RESTART, "PUT", sent, Cookie="user=alice")
    assert (status, body) == (403, "Name a notebook of yours: only an administrator ends the interpreters of everybody.\n")


@pytest.mark.parametrize(
    "path",
    [
        f"{RESTART}/",
        "/api//interpreter/setting/restart/spark",
        "/api/x/../interpreter/setting/restart/spark",
        "/api/interpreter/setting/%72estart/spark",
        "/API/interpreter/setting/restart/spark",
        "/classic/api/interpreter/setting/restart/spark",
        "/new/api/interpreter/setting/restart/spark",
    ],
)
def test_however_the_path_is_written(browser, path):
    assert browser.get(path, "PUT", "{}", Cookie="user=alice")[0] == 403


def test_a_path_with_parameters_and_a_body_that_is_too_long_do_not_pass(browser):
    assert browser.get("/api/interpreter/setting;x/restart/spark", "PUT", "{}", Cookie="user=root")[0] == 404
    assert browser.get(RESTART, "PUT", " " * 10_000 + "{}", Cookie="user=root")[0] == 413


@pytest.mark.parametrize(
    "setting", ["spark%0Ax", "spark%250Ax", "spark%20x", "", "spark/x", "x%0Ay%2F..%2Fspark", "spark%2F..%2F..%2Fversion", "s" * 65]
)
def test_a_name_that_could_be_more_than_a_word_in_a_log_does_not_pass(browser, setting):
    """close_lost.py reads what Zeppelin logs of a restart, line by line."""
    path = RESTART.replace("spark", setting)
    assert browser.get(path, "PUT", '{"noteId":"2ABCDEFGH"}', Cookie="user=alice")[0] == 404
    assert browser.get(path, "PUT", "{}", Cookie="user=root")[0] == 404


def test_who_is_not_logged_in_restarts_nothing(browser):
    assert browser.get(RESTART, "PUT", '{"noteId":"2ABCDEFGH"}')[0] == 401


@pytest.mark.parametrize("path", ["/api/helium/enable/x", "/classic/api/helium/order/visualization"])
def test_what_the_interface_is_made_of_is_read_and_not_changed(browser, path):
    assert browser.get(path, "POST", "[]", Cookie="user=root")[0] == 403
    assert browser.get(path, Cookie="user=alice")[0] == 200


@pytest.mark.parametrize("path", ["/classic/metrics", "/new/health/liveness", "//classic//ping/"])
def test_what_asks_for_no_login_stays_inside_under_the_other_interface_too(browser, path):
    assert browser.get(path)[0] == 404


def test_the_websocket_takes_no_other_path_and_no_other_method(browser):
    assert browser.get("/ws", "POST", "x")[0] == 403


def test_one_question_for_many_files_and_never_one_answer_for_two_people(browser):
    Zeppelin.asked.clear()
    page = [
        json.loads(browser.get(f"/grafana/{index}", Cookie=f"user={name}; a=1")[2]) for index in range(10) for name in ("carol", "dave")
    ]
    assert [answer["person"] for answer in page] == ["carol", "dave"] * 10
    # Five seconds may end in the middle of a slow test, once or more often; twenty questions would be one for each file.
    assert {"carol", "dave"} == set(Zeppelin.asked)
    assert len(Zeppelin.asked) < len(page)


def test_a_refusal_is_not_remembered(browser):
    Zeppelin.asked.clear()
    assert [browser.get("/grafana/")[0] for _ in range(2)] == [401, 401]
    assert Zeppelin.asked == ["", ""]
