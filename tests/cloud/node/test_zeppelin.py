"""A person works at a real Zeppelin on a real node: through the gateway's Service, each interpreter a Pod, executors made by its driver."""

import contextlib
import re
from collections.abc import Iterator

import pytest

from components.names import USER, ZEPPELIN_LABELS
from tests.cloud import deployed
from tests.cloud.api import Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node import platform, zeppelin
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.interpreters import EXECUTORS
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import kubectl
from tests.cloud.node.zeppelin import Notebook
from tests.cloud.tools import chromium
from tests.cloud.zeppelin.person import Person
from tests.cloud.zeppelin.server import PEOPLE, needs_zeppelin
from tests.support.eventually import eventually

pytestmark = needs_zeppelin
INTERPRETERS = {"app.kubernetes.io/name": "zeppelin-interpreter"}


@pytest.fixture(scope="module")
def deployment(bare: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    items = deployed.objects(zeppelin.stack())
    platform.load_images(bare.nodes["node-1"], items, tmp_path_factory.mktemp("images"))
    with platform.running(bare, items, zeppelin.secrets()) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(deployment: Platform) -> Iterator[str]:
    with zeppelin.entrance(deployment) as address:
        eventually(lambda: zeppelin.serves(deployment), 300)
        yield address


@pytest.fixture(scope="module")
def alice(gateway: str) -> Person:
    return Person("alice", gateway, zeppelin.ORIGIN)


@pytest.fixture(scope="module")
def bob(gateway: str) -> Person:
    return Person("bob", gateway, zeppelin.ORIGIN)


@pytest.fixture(scope="module")
def notebook(alice: Person) -> Notebook:
    return Notebook(alice, "/Alice/work")


def interpreters(deployment: Platform, person: str, group: str) -> list[Object]:
    """Pods of a person's interpreters of one language that are not on their way out."""
    found = deployment.pods(NOTEBOOKS, {USER: person, "gaia-dmp/group": group})
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] in ("Pending", "Running")]


def test_the_test_notebook_passes(deployment: Platform, gateway: str):
    """It logs in as a person of its own, counts, cross-matches and plots. Its Pod is there before the server is, and tries again."""

    def said() -> str:
        # The Pod has no log before its container runs.
        with contextlib.suppress(RuntimeError):
            return kubectl(deployment.kube, "logs", f"--namespace={SERVER}", "deployment/smoke-test")
        return ""

    eventually(lambda: re.search(r"^(pass|slow) in", said(), re.MULTILINE) is not None, 900, pause=2)
    eventually(lambda: not interpreters(deployment, "smoke-test", "spark"), 120)


def test_gaia_smoke_passes(gateway: str):
    assert zeppelin.smoke(gateway) == ["login", "notebook", "count", "cross-match", "plot", "pass"]


def test_markdown_and_python(notebook: Notebook):
    assert notebook.run("%md\n# Stars") == ("FINISHED", '<div class="markdown-body">\n<h1>Stars</h1>\n\n</div>')
    assert notebook.run("%python\nstars = 41\nprint(stars + 1)") == ("FINISHED", "42\n")


def test_pyspark_shuffles_on_executors_that_are_pods(deployment: Platform, notebook: Notebook):
    program = (
        "%spark.pyspark\nkept = spark.range(1000, numPartitions=4).selectExpr('id % 7 as k').groupBy('k').count().count()\nprint(kept)"
    )
    assert notebook.run(program) == ("FINISHED", "7\n")
    executors = deployment.pods(NOTEBOOKS, EXECUTORS)
    assert {pod["metadata"]["labels"][USER] for pod in executors} == {"alice"}
    assert {pod["spec"]["securityContext"]["runAsUser"] for pod in executors} == {185}


def test_scala_and_sql_are_the_same_session(notebook: Notebook):
    status, said = notebook.run("%spark\nprintln(sc.parallelize(1 to 10, 2).map(_ * 2).sum)")
    # Scala 2.13 warns of what Zeppelin itself uses.
    assert (status, said.splitlines()[-1]) == ("FINISHED", "110.0")
    assert notebook.run("%spark.sql\nselect sum(id) as total from range(10)") == ("FINISHED", "total\n45\n")


def test_the_spark_ui_is_its_persons_own(deployment: Platform, alice: Person, bob: Person, notebook: Notebook):
    (pod,) = interpreters(deployment, "alice", "spark")
    path = f"/spark-ui/{pod['metadata']['name']}/jobs/"
    answers = [person.http.get(path) for person in (alice, bob)]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert "zeppelin - Spark Jobs" in answers[0].text
    assert answers[1].text.strip() == "This Spark UI belongs to another person."


@pytest.mark.parametrize("body", ['{"noteId": "%s"}', "{}"])
def test_a_stranger_restarts_nothing(deployment: Platform, bob: Person, notebook: Notebook, body: str):
    before = [pod["metadata"]["name"] for pod in interpreters(deployment, "alice", "spark")]
    body = body.replace("%s", notebook.note)
    assert bob.call("PUT", "/api/interpreter/setting/restart/spark", body).status_code == 403
    assert [pod["metadata"]["name"] for pod in interpreters(deployment, "alice", "spark")] == before
    assert len(before) == 1


def restart_server(deployment: Platform, gateway: str) -> None:
    """The server's Pod goes, and another answers behind the gateway."""
    (server,) = deployment.pods(SERVER, ZEPPELIN_LABELS)
    deployment.api.delete(f"/api/v1/namespaces/{SERVER}/pods/{server['metadata']['name']}")
    eventually(lambda: zeppelin.serves(deployment) and server["metadata"]["name"] not in str(deployment.pods(SERVER, ZEPPELIN_LABELS)), 300)
    eventually(lambda: zeppelin.answers(gateway))


def test_a_server_that_comes_back_finds_what_idles(deployment: Platform, gateway: str, notebook: Notebook):
    before = {group: [pod["metadata"]["name"] for pod in interpreters(deployment, "alice", group)] for group in ("spark", "python")}
    restart_server(deployment, gateway)
    again = Notebook(Person("alice", gateway, zeppelin.ORIGIN), note=notebook.note)
    assert again.run("%spark.pyspark\nprint(kept)") == ("FINISHED", "7\n")
    assert again.run("%python\nprint(stars)") == ("FINISHED", "41\n")
    assert {group: [pod["metadata"]["name"] for pod in interpreters(deployment, "alice", group)] for group in before} == before


def test_a_second_server_finds_what_nobody_used_under_the_first(deployment: Platform, gateway: str, notebook: Notebook):
    """Zeppelin's own record then has those alone of a language that somebody used."""
    idle = Notebook(Person("bob", gateway, zeppelin.ORIGIN), "/Bob/idle")
    assert idle.run("%python\nkept = 5") == ("FINISHED", "")
    for _ in range(2):
        restart_server(deployment, gateway)
        used = Notebook(Person("alice", gateway, zeppelin.ORIGIN), note=notebook.note)
        assert used.run("%python\nprint(stars)") == ("FINISHED", "41\n")
    again = Notebook(Person("bob", gateway, zeppelin.ORIGIN), note=idle.note)
    assert again.run("%python\nprint(kept)") == ("FINISHED", "5\n")
    assert again.person.call("PUT", "/api/interpreter/setting/restart/python", f'{{"noteId":"{idle.note}"}}').status_code == 200
    eventually(lambda: interpreters(deployment, "bob", "python") == [], 60)


def test_a_paragraph_ends_in_error_whose_server_goes(deployment: Platform, gateway: str, notebook: Notebook):
    """Zeppelin would go on with it in nobody's name. No Pod comes of that; the person's own goes on and keeps its variables."""
    mine = Notebook(Person("alice", gateway, zeppelin.ORIGIN), note=notebook.note)
    before = {pod["metadata"]["name"] for pod in interpreters(deployment, "alice", "python")}
    paragraph = mine.start("%python\nimport time\nfor second in range(40): time.sleep(1)\nprint('whole')")
    eventually(lambda: mine.status(paragraph) == "RUNNING")
    restart_server(deployment, gateway)
    again = Notebook(Person("alice", gateway, zeppelin.ORIGIN), note=notebook.note)
    eventually(lambda: again.status(paragraph) == "ERROR", 120)
    assert again.run("%python\nprint(stars)") == ("FINISHED", "41\n")
    assert {pod["metadata"]["name"] for pod in interpreters(deployment, "alice", "python")} == before
    assert {pod["metadata"]["labels"][USER] for pod in deployment.pods(NOTEBOOKS, INTERPRETERS)} <= {"alice", "bob", "smoke-test"}


def test_a_restart_ends_what_the_server_has_forgotten(deployment: Platform, gateway: str, notebook: Notebook):
    """No paragraph of this language has run since the server came back, so Zeppelin itself ends nothing."""
    again = Person("alice", gateway, zeppelin.ORIGIN)
    assert len(interpreters(deployment, "alice", "md")) == 1
    assert again.call("PUT", "/api/interpreter/setting/restart/md", f'{{"noteId":"{notebook.note}"}}').status_code == 200
    eventually(lambda: interpreters(deployment, "alice", "md") == [], 60)


def works_again(notebook: Notebook, text: str) -> str:
    """What a paragraph says once it succeeds, for somebody who presses the button again and again."""
    return pressed(notebook, text)[-1]


def pressed(notebook: Notebook, text: str) -> list[str]:
    """What a paragraph says each time, until it succeeds."""
    said: list[str] = []

    def succeeds() -> bool:
        status, words = notebook.press(text)
        said.append(words)
        return status == "FINISHED"

    eventually(succeeds, 600, pause=1)
    return said


def test_one_interpreter_too_many_starts_when_another_has_gone(deployment: Platform, gateway: str, notebook: Notebook):
    """Three are what one person may have: those of the notebook above. A server that came back can end what has run since."""
    again = Notebook(Person("alice", gateway, zeppelin.ORIGIN), note=notebook.note)
    # Its Pod that was deleted may still be ending.
    works_again(again, "%md\n# Stars")
    more = Notebook(Person("alice", gateway, zeppelin.ORIGIN), "/Alice/more")
    status, said = more.run("%md\n# More")
    assert (status, "exceeded quota: driver-alice, requested: pods=1, used: pods=3, limited: pods=3" in said) == ("ERROR", True)
    assert more.run("%md\n# More")[0] == "ERROR"
    assert more.person.call("PUT", "/api/interpreter/setting/restart/md", f'{{"noteId":"{notebook.note}"}}').status_code == 200
    assert works_again(more, "%md\n# More") == '<div class="markdown-body">\n<h1>More</h1>\n\n</div>'


def test_python_that_takes_too_much_memory_starts_again(gateway: str, notebook: Notebook):
    """Its Pod may have 1 GiB."""
    mine = Notebook(Person("alice", gateway, zeppelin.ORIGIN), note=notebook.note)
    status, said = mine.run("%python\nlen(bytearray(3 * 2**30))")
    assert (status, said) == ("ERROR", "Python process is abnormally exited, please check your code and log.")
    assert works_again(mine, "%python\nprint(1 + 1)") == "2\n"


def end(deployment: Platform, signal: str) -> Object:
    """The Pod of alice's Python, whose process gets a signal."""
    (pod,) = interpreters(deployment, "alice", "python")
    its = f"grep -l {pod['metadata']['uid']} /proc/[0-9]*/cgroup | cut -d/ -f3"
    kill = f"grep -qa RemoteInterpreterServer /proc/$p/cmdline && kill -{signal} $p; true"
    deployment.node.call("sh", "-c", f"for p in $({its}); do {kill}; done")
    return pod


def test_an_interpreter_that_ends_itself_keeps_nobody_waiting(deployment: Platform, gateway: str, notebook: Notebook):
    """It tells the server, which forgets for some seconds what is started meanwhile: such a paragraph would wait for 180 s."""
    mine = Notebook(Person("alice", gateway, zeppelin.ORIGIN), note=notebook.note)
    end(deployment, "TERM")
    assert [words for words in pressed(mine, "%python\nprint(5)") if "is time out" in words] == []


def test_an_interpreter_that_is_killed_starts_again(deployment: Platform, gateway: str, notebook: Notebook):
    """As the kernel kills what takes too much memory: nobody tells the server. The person is told once."""
    mine = Notebook(Person("alice", gateway, zeppelin.ORIGIN), note=notebook.note)
    pod = end(deployment, "KILL")
    eventually(lambda: pod["metadata"]["name"] not in [each["metadata"]["name"] for each in interpreters(deployment, "alice", "python")])
    assert works_again(mine, "%python\nprint(2 + 1)") == "3\n"
    assert mine.heads()[-1] == "Variables are gone, the interpreter has ended: it failed, or was killed."
    assert mine.run("%python\nprint(3 + 1)") == ("FINISHED", "4\n")
    assert mine.heads()[-1] == ""


def test_a_browser_shows_the_notebook(gateway: str):
    """Debian's Chromium logs in, runs a paragraph by its button, and follows the link to the Spark UI. Bob has room for an interpreter."""
    program = chromium()
    if not program:
        pytest.skip("chromium is not on PATH: Debian has it as `chromium`")
    mine = Notebook(Person("bob", gateway, zeppelin.ORIGIN), "/Bob/seen")
    mine.add("%spark.pyspark\nprint(spark.range(2_000_000_000).count())")
    with zeppelin.browser(program, gateway) as page:
        page.goto(zeppelin.ORIGIN)
        page.get_by_placeholder("User Name").fill("bob")
        page.get_by_placeholder("Password").fill(PEOPLE["bob"])
        page.get_by_role("button", name="Login").click()
        page.get_by_text("Welcome to Zeppelin!").wait_for()
        page.goto(f"{zeppelin.ORIGIN}/#/notebook/{mine.note}")
        # On a busy machine the page goes home after its login once more.
        page.reload()
        page.locator(".run-para").first.click()
        page.get_by_text("2000000000").wait_for()
        page.screenshot(path=zeppelin.PICTURES / "notebook.png")
        with page.expect_popup() as opened:
            page.get_by_text("SPARK JOB").click()
        opened.value.get_by_text("Details for Job").or_(opened.value.get_by_text("Spark Jobs")).first.wait_for()
        opened.value.screenshot(path=zeppelin.PICTURES / "spark-ui.png")
