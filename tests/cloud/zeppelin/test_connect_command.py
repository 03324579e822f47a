"""`gaia connect`, and the page that does the same, at a real Zeppelin, which starts a real Spark with the plug-in; a thin client uses it
through the gateway.
"""

import os
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from components.names import CONNECT_PORT, SPARK_NAMESPACE
from operate.connect import Driver, Platform
from tests.cloud import tools
from tests.cloud.zeppelin.server import Connect, needs_zeppelin, zeppelin
from tests.support.certificates import self_signed
from tests.support.dns import names
from tests.support.eventually import eventually
from tests.support.gateway import configure, needs_nginx, serve
from tests.support.servers import free_ports
from tests.support.stack_files import ROOT

pytestmark = [needs_zeppelin, needs_nginx]
needs_chromium = pytest.mark.skipif(not tools.chromium(), reason="chromium is not on PATH: Debian has it as `chromium`")
POD = "spark-bob-2abcdefgh-qwerty"


@dataclass(frozen=True)
class Place:
    """A platform on this machine. url: of the gateway. driver: address of a driver. certificate: PEM file. log: of Zeppelin's server."""

    url: str
    driver: str
    certificate: Path
    log: Path

    def gaia(self, *arguments: str, user: str = "bob", password: str = "bob-secret") -> subprocess.CompletedProcess[str]:
        """What `gaia connect` says."""
        environment = os.environ | {"SSL_CERT_FILE": str(self.certificate), "GAIA_PASSWORD": password}
        command = [sys.executable, "-m", "cli.main", "connect", self.url, "--user", user, *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, web = tmp_path_factory.mktemp("zeppelin"), tmp_path_factory.mktemp("gateway")
    certificate, _ = self_signed(web)
    plain, tls, ui = free_ports(3)
    host = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}.1"
    connect = Connect(url=f"sc://127.0.0.1:{tls}/;x-driver={POD}", host=host, ui=ui)
    url = f"https://127.0.0.1:{tls}"
    with names({f"{POD}.{SPARK_NAMESPACE}.svc.cluster.local": host}) as resolver, zeppelin(folder, url, connect) as server:
        config = configure(web, "gateway-tls.conf", server.address, plain, messages=server.messages, tls=tls, resolver=resolver)
        locations = web / "locations.inc"
        locations.write_text(locations.read_text().replace(f"{server.address}$spark_path", f"127.0.0.1:{ui}$spark_path"))
        process = serve(web, config, plain)
        try:
            yield Place(url=url, driver=host, certificate=certificate, log=server.log)
        finally:
            process.terminate()
            process.wait()


def with_token(place: Place) -> list[Path]:
    """Notebooks that have the token of a driver in them. Zeppelin writes the sign before it as an escape of JSON."""
    return [path for path in place.log.parent.rglob("*.zpln") if re.search(rb"token(=|\\u003d)[0-9a-f]{64}", path.read_bytes())]


def closed(address: str) -> bool:
    """Whether nobody listens for clients of Spark Connect."""
    try:
        socket.create_connection((address, CONNECT_PORT), timeout=10).close()
    except ConnectionRefusedError:
        return True
    return False


def asked(place: Place, url: str) -> subprocess.CompletedProcess[str]:
    """A thin client that takes the address as Spark's own variable has it."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_", "JAVA_"))}
    environment |= {"SPARK_REMOTE": url, "PYTHONPATH": str(tools.connect()), "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(place.certificate)}
    program = (
        "from pyspark.sql import SparkSession; spark = SparkSession.builder.getOrCreate(); print('counted', spark.range(12345).count())"
    )
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_driver_is_started_used_listed_and_stopped(place: Place):
    assert place.gaia("--list").stdout == ""
    started = place.gaia()
    assert started.returncode == 0, started.stderr + place.log.read_text()[-3000:]
    url = started.stdout.strip()
    assert re.fullmatch(rf"sc://127\.0\.0\.1:\d+/;x-driver={POD};token=[0-9a-f]{{64}}", url)
    answer = asked(place, url)
    assert answer.stdout == "counted 12345\n", answer.stderr
    # The same driver again, and its token in no notebook, log or file of Zeppelin's.
    again = place.gaia()
    assert again.stdout.strip() == url, again.stderr
    token = url.split(";token=")[1]
    folder = place.log.parent
    assert [path for path in folder.rglob("*") if path.is_file() and token.encode() in path.read_bytes()] == []
    assert re.fullmatch(rf"spark +{POD} +runs\n", place.gaia("--list").stdout)
    assert place.gaia("--list", user="alice", password="alice-secret").stdout == ""
    assert place.gaia("--stop").returncode == 0
    assert place.gaia("--list").stdout == ""
    eventually(lambda: closed(place.driver))


def bobs(place: Place, size: str) -> str:
    """Id of a notebook for a size, as the program and the page make one."""
    with httpx.Client(base_url=place.url, verify=ssl.create_default_context(cafile=place.certificate), timeout=60) as bob:
        bob.post("/api/login", data={"userName": "bob", "password": "bob-secret"}).raise_for_status()
        path = {"notePath": f"/connect-bob/{size}", "addingEmptyParagraph": False, "defaultInterpreterGroup": size}
        note: str = bob.post("/api/notebook", json=path).raise_for_status().json()["body"]
        rights = {role: ["bob"] for role in ("owners", "readers", "writers", "runners")}
        bob.put(f"/api/notebook/{note}/permissions", json=rights).raise_for_status()
    return note


def statuses(bob: httpx.Client) -> list[str]:
    """Of the paragraphs that start a driver, as somebody sees them who has logged in."""
    notes = [each["id"] for each in bob.get("/api/notebook").json()["body"] if each["path"] == "/connect-bob/spark"]
    return [each["status"] for note in notes for each in bob.get(f"/api/notebook/{note}").json()["body"]["paragraphs"]]


def test_what_the_platform_has_no_longer_is_stopped_nevertheless(place: Place):
    bobs(place, "spark-gone")
    assert re.fullmatch(r"spark-gone +- +has ended\n", place.gaia("--list").stdout)
    stopped = place.gaia("--stop", "--size", "spark-gone")
    assert stopped.returncode == 0, stopped.stderr
    assert place.gaia("--list").stdout == ""


@pytest.fixture
def page(place: Place) -> Iterator[Page]:
    """A browser of bob's. Whatever its console complains of fails the test, such as what the page's own policy forbids."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        # The container of CI has no user namespaces; the page is our own.
        chromium = playwright.chromium.launch(executable_path=tools.chromium(), args=["--no-sandbox"])
        context = chromium.new_context(ignore_https_errors=True)
        login = context.request.post(f"{place.url}/api/login", form={"userName": "bob", "password": "bob-secret"})
        assert login.ok
        shown = context.new_page()
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.on("console", lambda message: complaints.append(message.text))
        yield shown
        chromium.close()
    assert complaints == []


@needs_chromium
def test_the_page_starts_shows_lists_and_stops_a_driver(place: Place, page: Page):
    page.goto(f"{place.url}/connect")
    expect(page.locator("#who")).to_have_text("Drivers of bob. One ends by itself when it is idle.", timeout=30_000)
    spark, large = (page.locator("tbody tr").nth(number) for number in range(2))
    expect(spark).to_contain_text("spark")
    expect(large).to_contain_text("spark-large")
    spark.get_by_role("button", name="Start").click()
    expect(page.locator("#said")).to_have_text("spark: a driver starts, which takes up to some minutes")
    expect(page.locator("#address")).to_be_visible(timeout=240_000)
    expect(spark).to_contain_text(POD, timeout=60_000)
    lines = page.locator("#address pre").inner_text()
    (url,) = re.findall(r'remote\("([^"]+)"\)', lines)
    answer = asked(place, url)
    assert answer.stdout == "counted 12345\n", answer.stderr
    # Its token is in no notebook, log or file of Zeppelin's, and the program for the command line knows the same driver.
    token = url.split(";token=")[1].encode()
    assert [path for path in place.log.parent.rglob("*") if path.is_file() and token in path.read_bytes()] == []
    assert re.fullmatch(rf"spark +{POD} +runs\n", place.gaia("--list").stdout)
    page.reload()
    expect(spark).to_contain_text(POD, timeout=60_000)
    expect(page.locator("#address")).to_be_hidden()
    spark.get_by_role("button", name="Show address").click()
    expect(page.locator("#address pre")).to_contain_text(url, timeout=60_000)
    # Whoever goes back to the page finds no address in it.
    shown = page.evaluate("dispatchEvent(new Event('pagehide')); document.body.innerText + document.querySelector('pre').textContent")
    assert token.decode() not in shown
    spark.get_by_role("button", name="Show address").click()
    expect(page.locator("#address pre")).to_contain_text(url, timeout=60_000)
    if picture := os.environ.get("PICTURES"):
        page.screenshot(path=f"{picture}/connect.png")
    spark.get_by_role("button", name="Stop").click()
    expect(spark).not_to_contain_text(POD, timeout=60_000)
    assert place.gaia("--list").stdout == ""
    eventually(lambda: closed(place.driver))


@needs_chromium
def test_the_page_runs_no_notebook_that_others_may_change(place: Place, page: Page):
    with httpx.Client(base_url=place.url, verify=ssl.create_default_context(cafile=place.certificate), timeout=60) as mallory:
        mallory.post("/api/login", data={"userName": "alice", "password": "alice-secret"}).raise_for_status()
        note = mallory.post("/api/notebook", json={"notePath": "/connect-bob/spark"}).raise_for_status().json()["body"]
        rights = {"owners": ["alice"], "readers": ["alice", "bob"], "writers": ["alice"], "runners": ["alice", "bob"]}
        mallory.put(f"/api/notebook/{note}/permissions", json=rights).raise_for_status()
        page.goto(f"{place.url}/connect")
        page.locator("tbody tr").nth(0).get_by_role("button", name="Start").click()
        expect(page.locator("#said")).to_contain_text(f"notebook /connect-bob/spark ({note}) is open to others, too", timeout=60_000)
        expect(page.locator("#address")).to_be_hidden()
        mallory.delete(f"/api/notebook/{note}").raise_for_status()


@needs_chromium
@pytest.mark.parametrize("name", ["spark.pyspark exec('code of mallory') #", "sh echo mallory #"])
def test_a_notebook_that_was_given_away_brings_no_code(place: Place, page: Page, name: str):
    """Its name would stand behind the `%` of the paragraph that the page runs."""
    with httpx.Client(base_url=place.url, verify=ssl.create_default_context(cafile=place.certificate), timeout=60) as mallory:
        mallory.post("/api/login", data={"userName": "alice", "password": "alice-secret"}).raise_for_status()
        note = mallory.post("/api/notebook", json={"notePath": "/of-mallory"}).raise_for_status().json()["body"]
        mallory.put(f"/api/notebook/{note}/rename", json={"name": f"/connect-bob/{name}"}).raise_for_status()
        rights = {role: ["bob"] for role in ("owners", "readers", "writers", "runners")}
        mallory.put(f"/api/notebook/{note}/permissions", json=rights).raise_for_status()
    given = [each["path"] for each in page.context.request.get(f"{place.url}/api/notebook").json()["body"] if each["id"] == note]
    assert given == [f"/connect-bob/{name}"]
    page.goto(f"{place.url}/connect")
    expect(page.locator("tbody tr")).to_have_count(2, timeout=30_000)
    expect(page.locator("tbody")).not_to_contain_text("mallory")
    assert "mallory" not in place.gaia("--list").stdout
    assert page.context.request.delete(f"{place.url}/api/notebook/{note}").ok


@needs_chromium
def test_what_a_page_was_waiting_for_stays_nowhere_when_it_is_closed(place: Place, page: Page):
    page.goto(f"{place.url}/connect")
    page.locator("tbody tr").nth(0).get_by_role("button", name="Start").click()
    with httpx.Client(base_url=place.url, verify=ssl.create_default_context(cafile=place.certificate), timeout=60) as bob:
        bob.post("/api/login", data={"userName": "bob", "password": "bob-secret"}).raise_for_status()
        eventually(lambda: statuses(bob) in [["RUNNING"], ["PENDING"]])
        page.goto("about:blank")
        eventually(lambda: statuses(bob) == [])
    assert place.gaia().returncode == 0
    assert with_token(place) == []
    assert place.gaia("--stop").returncode == 0


@pytest.mark.parametrize("visit", [pytest.param("page", marks=needs_chromium), "program"])
def test_what_was_killed_half_way_leaves_its_token_until_a_visit_after_the_start(
    place: Place, visit: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    """As a browser does that is killed while its paragraph runs: nobody clears it or gives it a title."""
    eventually(lambda: closed(place.driver))
    note = bobs(place, "spark")
    monkeypatch.setenv("SSL_CERT_FILE", str(place.certificate))
    early = Platform(place.url, "bob", "bob-secret")
    with httpx.Client(base_url=place.url, verify=ssl.create_default_context(cafile=place.certificate), timeout=300) as bob:
        bob.post("/api/login", data={"userName": "bob", "password": "bob-secret"}).raise_for_status()
        text = {"title": "", "text": "%spark.pyspark\nconnect_url()"}
        paragraph = bob.post(f"/api/notebook/{note}/paragraph", json=text).raise_for_status().json()["body"]
        bob.post(f"/api/notebook/job/{note}/{paragraph}", json={}).raise_for_status()
    # A visit before that takes nothing away: somebody may still wait for it.
    assert early.drivers() == [Driver(size="spark", note=note, pod="")]
    eventually(lambda: len(with_token(place)) == 1, 240, pause=1)
    if visit == "page":
        page: Page = request.getfixturevalue("page")
        page.goto(f"{place.url}/connect")
        expect(page.locator("tbody tr").nth(0)).to_contain_text(POD, timeout=60_000)
    else:
        assert re.fullmatch(rf"spark +{POD} +runs\n", place.gaia("--list").stdout)
    eventually(lambda: with_token(place) == [])
    assert place.gaia("--stop").returncode == 0
    eventually(lambda: closed(place.driver))


def test_a_list_in_the_moment_of_the_start_takes_nothing_from_the_program(place: Place):
    eventually(lambda: closed(place.driver))
    environment = os.environ | {"SSL_CERT_FILE": str(place.certificate), "GAIA_PASSWORD": "bob-secret"}
    command = [sys.executable, "-m", "cli.main", "connect", place.url, "--user", "bob"]
    with (
        httpx.Client(base_url=place.url, verify=ssl.create_default_context(cafile=place.certificate), timeout=60) as bob,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
    ):
        bob.post("/api/login", data={"userName": "bob", "password": "bob-secret"}).raise_for_status()
        eventually(lambda: statuses(bob) in [["RUNNING"], ["PENDING"]], 120)
        # It looks again only when another one has listed.
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: len(with_token(place)) == 1, 240, pause=1)
        assert re.fullmatch(rf"spark +{POD} +runs\n", place.gaia("--list").stdout)
        process.send_signal(signal.SIGCONT)
        output, errors = process.communicate(timeout=120)
    assert re.search(rf"x-driver={POD};token=[0-9a-f]{{64}}\n$", output), errors
    assert with_token(place) == []
    assert re.fullmatch(rf"spark +{POD} +runs\n", place.gaia("--list").stdout)
    assert place.gaia("--stop").returncode == 0
    eventually(lambda: closed(place.driver))


@needs_chromium
def test_a_list_in_the_moment_of_the_start_takes_nothing_from_the_page(place: Place, page: Page):
    eventually(lambda: closed(place.driver))
    page.goto(f"{place.url}/connect")
    spark = page.locator("tbody tr").nth(0)
    with page.expect_request("**/api/notebook/job/**"):
        spark.get_by_role("button", name="Start").click()
    # Its next look waits until this test comes back to the browser.
    page.route("**/api/notebook/*", lambda route: route.continue_())
    eventually(lambda: len(with_token(place)) == 1, 240, pause=1)
    assert re.fullmatch(rf"spark +{POD} +runs\n", place.gaia("--list").stdout)
    expect(page.locator("#address pre")).to_contain_text(f"x-driver={POD};token=", timeout=120_000)
    assert with_token(place) == []
    spark.get_by_role("button", name="Stop").click()
    expect(spark).not_to_contain_text(POD, timeout=60_000)
    eventually(lambda: closed(place.driver))


@needs_chromium
def test_the_page_says_what_does_not_answer_and_goes_on(place: Place, page: Page):
    """A page of its own: a browser writes each 502 to its console."""
    other = page.context.new_page()
    other.route("**/api/security/ticket", lambda route: route.fulfill(status=502))
    other.goto(f"{place.url}/connect")
    expect(other.locator("#said")).to_have_text("Zeppelin does not answer: 502", timeout=30_000)
    expect(other.locator("#who")).to_be_empty()
    other.unroute_all()
    other.goto(f"{place.url}/connect")
    start = other.locator("tbody tr").nth(0).get_by_role("button", name="Start")
    expect(start).to_be_enabled(timeout=30_000)
    other.route("**/api/notebook", lambda route: route.fulfill(status=502))
    start.click()
    expect(other.locator("#said")).to_have_text("GET /notebook: 502", timeout=30_000)
    expect(start).to_be_enabled()


@needs_chromium
def test_the_page_stops_nothing_that_it_could_not_end(place: Place, page: Page):
    """A page of its own, as above: its notebook stays, by which its driver is known. A size that the platform has no longer has none."""
    notes = {bobs(place, "spark"), bobs(place, "spark-gone")}

    def left() -> set[str]:
        return {each["id"] for each in page.context.request.get(f"{place.url}/api/notebook").json()["body"]} & notes

    other = page.context.new_page()
    other.route("**/api/interpreter/setting/restart/spark", lambda route: route.fulfill(status=502))
    other.goto(f"{place.url}/connect")
    spark, gone = (other.locator("tbody tr").nth(number) for number in (0, 2))
    spark.get_by_role("button", name="Stop").click()
    expect(other.locator("#said")).to_have_text("PUT /interpreter/setting/restart/spark: 502", timeout=30_000)
    assert left() == notes
    expect(gone).to_contain_text("spark-gone")
    gone.get_by_role("button", name="Stop").click()
    expect(other.locator("tbody tr")).to_have_count(2, timeout=30_000)
    other.unroute_all()
    spark.get_by_role("button", name="Stop").click()
    expect(other.get_by_role("button", name="Stop")).to_have_count(0, timeout=30_000)
    assert left() == set()


@needs_chromium
def test_the_page_sends_who_has_not_logged_in_to_zeppelin(place: Place, page: Page):
    page.context.clear_cookies()
    page.goto(f"{place.url}/connect")
    expect(page.get_by_role("link", name="Log in to Zeppelin")).to_have_attribute("href", "/", timeout=30_000)
    expect(page.locator("table")).to_be_hidden()


def test_a_program_logs_in_to_models(place: Place):
    """Zeppelin itself stands in for MLflow behind the gateway: who is not known does not get so far."""
    token = place.gaia("--models").stdout.strip()
    context = ssl.create_default_context(cafile=str(place.certificate))
    with httpx.Client(base_url=place.url, verify=context, timeout=60) as http:

        def status(shown: str) -> int:
            return http.get("/models/api/version", headers={"Authorization": f"Bearer {shown}"}).status_code

        assert status(token) == 200
        assert [status(each) for each in ("0" * 36, token[:-1], token + "0", "x")] == [401] * 4
        assert http.get("/models/api/version").status_code == 401


def test_a_wrong_password_and_a_size_that_is_not_there_are_said(place: Place):
    refused = place.gaia(password="wrong")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "does not let bob in: 403" in refused.stderr
    unknown = place.gaia("--size", "spark-huge")
    assert (unknown.returncode, unknown.stdout) == (3, "")
    assert "spark-huge gave no address" in unknown.stderr


def test_a_notebook_that_others_may_change_is_not_run(place: Place):
    """Whoever put it there would have their own code run in bob's driver."""
    with httpx.Client(base_url=place.url, verify=ssl.create_default_context(cafile=place.certificate), timeout=60) as mallory:
        mallory.post("/api/login", data={"userName": "alice", "password": "alice-secret"}).raise_for_status()
        note = mallory.post("/api/notebook", json={"notePath": "/connect-bob/spark"}).raise_for_status().json()["body"]
        rights = {"owners": ["alice"], "readers": ["alice", "bob"], "writers": ["alice"], "runners": ["alice", "bob"]}
        mallory.put(f"/api/notebook/{note}/permissions", json=rights).raise_for_status()
        refused = place.gaia()
        assert (refused.returncode, refused.stdout) == (3, "")
        assert f"/connect-bob/spark ({note}) is open to others, too" in refused.stderr
        assert place.gaia("--list").stdout == ""
        mallory.delete(f"/api/notebook/{note}").raise_for_status()


def test_the_token_does_not_stay_where_somebody_gives_up(place: Place):
    environment = os.environ | {"SSL_CERT_FILE": str(place.certificate), "GAIA_PASSWORD": "bob-secret"}
    command = [sys.executable, "-m", "cli.main", "connect", place.url, "--user", "bob"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(1)
        # A background process of a shell ignores SIGINT; this one was started by Python.
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (130, ""), errors
    with httpx.Client(base_url=place.url, verify=ssl.create_default_context(cafile=place.certificate), timeout=60) as bob:
        bob.post("/api/login", data={"userName": "bob", "password": "bob-secret"}).raise_for_status()
        (note,) = [each["id"] for each in bob.get("/api/notebook").json()["body"] if each["path"] == "/connect-bob/spark"]
        assert bob.get(f"/api/notebook/{note}").json()["body"]["paragraphs"] == []
    # The driver comes, what it says is nowhere, and it is stopped as one that nobody gave up.
    eventually(lambda: not closed(place.driver), 240)
    assert with_token(place) == []
    assert place.gaia("--stop").returncode == 0
    eventually(lambda: closed(place.driver))
