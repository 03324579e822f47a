"""What an interpreter of a real server can say to it by the RPC: all that its own notebook needs, and nothing of another's."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.zeppelin.files import rpc_calls
from tests.cloud.zeppelin.conftest import Platform
from tests.cloud.zeppelin.person import Person
from tests.cloud.zeppelin.server import HOME, needs_zeppelin
from tests.support.eventually import eventually
from tests.support.gateway import needs_nginx
from tests.support.rpc import EXCEPTION, NO_NUMBERS, NO_TEXTS, REPLY, Pod

pytestmark = [needs_zeppelin, needs_nginx]


def test_every_call_that_the_server_has_is_judged():
    """Thrift makes a class of each call's arguments. A new version's call is neither in the one list nor in the other."""
    (jar,) = Path(HOME).glob("interpreter/zeppelin-interpreter-shaded-*.jar")
    names = [Path(each).stem for each in zipfile.ZipFile(jar).namelist() if "/RemoteInterpreterEventService$" in each]
    calls = {name.split("$")[1].removesuffix("_args") for name in names if name.endswith("_args")}
    assert "runParagraphs" in calls
    assert calls == rpc_calls.CALLS.keys() | rpc_calls.CLOSED


def ran(person: Person, note: str, index: int = 0) -> dict[str, Any]:
    """A paragraph after it has run."""

    def paragraph() -> dict[str, Any]:
        return person.http.get(f"/api/notebook/{note}").json()["body"]["paragraphs"][index]

    # This call comes back when the run has ended.
    person.call("POST", f"/api/notebook/run/{note}/{paragraph()['id']}", "{}")
    eventually(lambda: paragraph()["status"] in {"FINISHED", "ERROR"}, 180)
    return paragraph()


def output(paragraph: dict[str, Any]) -> str:
    return "".join(each["data"] for each in paragraph.get("results", {}).get("msg", []))


def address_of(platform: Platform, group: str) -> str:
    """Of the Pod that is an interpreter group and runs."""
    shown = [json.loads(path.read_text()) for path in platform.server.pods.glob("*.json")]
    return next(
        each["status"]["podIP"]
        for each in shown
        if each["status"]["phase"] == "Running" and each["metadata"]["annotations"]["gaia-dmp/interpreter-group"] == group
    )


@dataclass(frozen=True)
class Alice:
    """Her notebook, and the Pod of its interpreter."""

    note: str
    paragraphs: list[str]
    pod: Pod


@pytest.fixture(scope="module")
def alice(platform: Platform) -> Alice:
    texts = [
        "%python\nfor i in range(3):\n    print('line', i)",
        "%python\nz.z.angularBind('x', 5)\nnote = z.getInterpreterContext().getNoteId()\n"
        "print(z.z.angular('x', note, None), z.get('nothing'))",
        "%md\n# of the same notebook",
        # By the interpreter's own object: of python's two `run` the second hides this one (python/zeppelin_context.py, 0.12.1).
        "%python\nz.z.run('PARAGRAPH')",
        f"%python\nz.runNote('{platform.note}')\nprint('asked')",
    ]
    person = platform.alice
    note = person.notebook("/Alice/rpc", texts[0])
    for text in texts[1:]:
        person.call("POST", f"/api/notebook/{note}/paragraph", json.dumps({"title": "x", "text": text}))
    paragraphs = [each["id"] for each in person.http.get(f"/api/notebook/{note}").json()["body"]["paragraphs"]]
    text = texts[3].replace("PARAGRAPH", paragraphs[2])
    person.call("PUT", f"/api/notebook/{note}/paragraph/{paragraphs[3]}", json.dumps({"title": "x", "text": text}))
    assert output(ran(person, note)) == "line 0\nline 1\nline 2\n"
    return Alice(note, paragraphs, Pod(address_of(platform, f"python-alice-{note}"), platform.server.filter))


def test_a_notebook_does_what_it_always_did(platform: Platform, alice: Alice):
    assert output(ran(platform.alice, alice.note, 1)) == "5 None\n"
    bound = platform.alice.http.get(f"/api/notebook/{alice.note}").json()["body"]["angularObjects"][f"python-alice-{alice.note}"]
    assert ("x", 5) in [(each["name"], each["object"]) for each in bound]
    assert "of the same notebook" in output(ran(platform.alice, alice.note, 2))
    assert "appendOutput" not in platform.server.rpc_log.read_text()


def test_a_notebook_runs_its_own_paragraphs(platform: Platform, alice: Alice):
    def finished() -> str:
        return platform.alice.http.get(f"/api/notebook/{alice.note}").json()["body"]["paragraphs"][2].get("dateFinished", "")

    before = finished()
    assert output(ran(platform.alice, alice.note, 3)) == ""
    eventually(lambda: finished() not in {"", before})


def test_a_notebook_does_not_run_another_persons_and_says_so(platform: Platform, alice: Alice):
    """Without the filter this runs bob's paragraphs as bob: issue 24, defect 6."""
    before = platform.bob.paragraph(platform.note)
    paragraph = ran(platform.alice, alice.note, 4)
    assert output(paragraph) == "asked\n"
    eventually(
        lambda: f"refused 'runParagraphs' from {alice.pod.address}, {alice.note}: another notebook" in platform.server.rpc_log.read_text()
    )
    information = platform.alice.http.get(f"/api/notebook/{alice.note}").json()["body"]["paragraphs"][4]["runtimeInfos"]["jobUrl"]
    assert (information["label"], information["tooltip"]) == (
        "Not run: another notebook",
        "A notebook runs its own paragraphs. To run another one, open it.",
    )
    assert platform.bob.paragraph(platform.note) == before


HOSTILE: list[tuple[str, dict[int, Any]]] = [
    ("appendOutput", {1: {1: "{note}", 2: "{paragraph}", 3: 0, 4: "a lie"}}),
    ("updateOutput", {1: {1: "{note}", 2: "{paragraph}", 3: 0, 4: "HTML", 5: "a lie"}}),
    ("updateAllOutput", {1: {1: "{note}", 2: "{paragraph}", 3: [{1: "TEXT", 2: "a lie"}]}}),
    ("appendAppOutput", {1: {1: "{note}", 2: "{paragraph}", 3: "app", 4: 0, 5: "a lie"}}),
    ("updateAppOutput", {1: {1: "{note}", 2: "{paragraph}", 3: "app", 4: 0, 5: "HTML", 6: "a lie"}}),
    ("updateAppStatus", {1: {1: "{note}", 2: "{paragraph}", 3: "app", 4: "UNLOADED"}}),
    ("checkpointOutput", {1: "{note}", 2: "{paragraph}"}),
    ("addAngularObject", {1: "{own}", 2: '{"name":"x","object":1,"noteId":"{note}","paragraphId":"{paragraph}"}'}),
    ("addAngularObject", {1: "{group}", 2: '{"name":"x","object":1,"noteId":"{note}"}'}),
    ("updateAngularObject", {1: "{own}", 2: '{"name":"x","object":1,"noteId":"{note}","paragraphId":"{paragraph}"}'}),
    ("removeAngularObject", {1: "{own}", 2: "{note}", 3: "{paragraph}", 4: "x"}),
    ("sendWebUrl", {1: {1: "{group}", 2: "https://example.org"}}),
    ("sendParagraphInfo", {1: "{own}", 2: '{"noteId":"{note}","paraId":"{paragraph}","label":"a lie","jobUrl":"x"}'}),
    ("updateParagraphConfig", {1: "{note}", 2: "{paragraph}"}),
    ("getParagraphList", {1: "bob", 2: "{note}"}),
    ("getResource", {1: '{"resourcePoolId":"{group}","name":"x"}'}),
    ("invokeMethod", {1: "{own}", 2: '{"resourceId":{"resourcePoolId":"{group}","name":"x"},"methodName":"toString"}'}),
    ("getLibrary", {1: "..", 2: "conf/shiro.ini"}),
    ("registerInterpreterProcess", {1: {1: "127.0.1.1", 2: 12321, 3: "{group}"}}),
    ("unRegisterInterpreterProcess", {1: "{group}"}),
]


def meant(value: Any, names: dict[str, str]) -> Any:
    """With the names of this run."""
    if isinstance(value, dict):
        return {number: meant(each, names) for number, each in value.items()}
    if isinstance(value, list):
        return [meant(each, names) for each in value]
    if isinstance(value, str):
        for name, said in names.items():
            value = value.replace(f"{{{name}}}", said)
    return value


@pytest.fixture(scope="module")
def names(platform: Platform, alice: Alice) -> dict[str, str]:
    """bob's interpreter runs, so that there is something to reach."""
    assert "secret" in output(ran(platform.bob, platform.note))
    group = f"md-bob-{platform.note}"
    assert address_of(platform, group) != alice.pod.address
    own = f"python-alice-{alice.note}"
    return {"note": platform.note, "paragraph": platform.bob.paragraph(platform.note)["id"], "group": group, "own": own}


def shown(platform: Platform) -> tuple[Any, str]:
    """bob's notebook, and where his interpreter is."""
    return platform.bob.http.get(f"/api/notebook/{platform.note}").json()["body"], address_of(platform, f"md-bob-{platform.note}")


EVERYWHERE: list[tuple[str, dict[int, Any]]] = [("addAngularObject", {1: "{own}", 2: '{"name":"x","object":1}'})]
"""Of no notebook: Zeppelin would show it in every one that is open."""


@pytest.mark.parametrize(
    ("name", "fields"), HOSTILE + EVERYWHERE, ids=[f"{name}-{index}" for index, (name, _) in enumerate(HOSTILE + EVERYWHERE)]
)
def test_a_hostile_call_is_refused_and_changes_nothing(platform: Platform, alice: Alice, names, name, fields):
    before = shown(platform)
    kind, answer = alice.pod.calls(name, meant(fields, names))
    assert (kind, "own notebook" in str(answer) or "closed on this platform" in str(answer)) == (
        EXCEPTION if name in rpc_calls.CLOSED else REPLY,
        True,
    )
    assert shown(platform) == before
    assert "secret" in output(ran(platform.bob, platform.note))


def test_the_same_call_of_ones_own_is_answered_by_zeppelin(platform: Platform, alice: Alice, names):
    """So that what is refused above is refused for whose it is, and not for how it looks."""
    mine = names | {"note": alice.note, "paragraph": alice.paragraphs[0], "group": names["own"]}
    allowed = [(name, fields) for name, fields in HOSTILE if name in rpc_calls.CALLS and not name.endswith("InterpreterProcess")]
    assert [(name, alice.pod.calls(name, meant(fields, mine))) for name, fields in allowed] == [(name, (REPLY, {})) for name, _ in allowed]
    information = platform.alice.http.get(f"/api/notebook/{alice.note}").json()["body"]["paragraphs"][0]["runtimeInfos"]
    assert information["jobUrl"]["label"] == "a lie"


def test_whoever_is_no_interpreter_is_nobody(platform: Platform, names):
    """An address that no Pod has, for half a minute: a new Pod may have it soon."""
    kind, answer = Pod("127.0.2.1", platform.server.filter).calls("checkpointOutput", {1: platform.note, 2: names["paragraph"]})
    assert (kind, answer) == (REPLY, {1: {1: "no interpreter runs at this address"}})


def test_zeppelins_own_port_would_have_believed_it(platform: Platform, names):
    """What the filter is for, seen: by the port behind it a stranger runs bob's notebook. No network policy lets anybody there."""
    before = platform.bob.paragraph(platform.note)["dateStarted"]
    run = {1: {1: platform.note, 2: NO_TEXTS, 3: NO_NUMBERS, 4: "x"}}
    assert Pod("127.0.2.1", platform.server.rpc).calls("runParagraphs", run) == (REPLY, {})

    def ran_again() -> bool:
        paragraph = platform.bob.paragraph(platform.note)
        return paragraph["dateStarted"] != before and paragraph["status"] == "FINISHED"

    eventually(ran_again)


def test_a_server_that_is_back_is_found_by_the_service(platform: Platform):
    """The name that it tells interpreters which it finds again (interpreter/recovery/RecoveryUtils.java, 0.12.1)."""
    log = platform.server.log.read_text(errors="replace")
    assert f"InterpreterEventServer is starting at zeppelin-server.gaia-zeppelin.svc:{platform.server.rpc}" in log
