"""The gateway's configuration, run by a real nginx in front of a Zeppelin and a Spark UI of this test's own."""

import contextlib
import http.client
import json
import os
import ssl
import subprocess
from collections.abc import Iterator

import pytest

from components.access.gateway import _START
from components.files import COMPONENTS
from tests.support.certificates import self_signed
from tests.support.gateway import ALICE, BOB, Backend, Browser, configure, needs_nginx, serve
from tests.support.servers import Quiet, free_ports, serving


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    with serving(Backend) as address:
        yield address


@pytest.fixture(scope="module")
def browser(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder, (port,) = tmp_path_factory.mktemp("gateway"), free_ports(1)
    process = serve(folder, configure(folder, "gateway-plain.conf", backend, port), port)
    yield Browser(port)
    process.terminate()
    process.wait()


@needs_nginx
class TestZeppelin:
    @pytest.mark.parametrize(
        ("path", "open_"),
        [
            ("/index.html", True),
            ("/api/version", True),
            ("/metrics", False),
            ("/Metrics/", False),
            ("//metrics", False),
            ("/metrics;x", False),
            ("/%6detrics", False),
            ("/ping", False),
            ("/health/readiness", False),
            ("/metricsboard", True),
            ("/who-am-i", False),
            ("/gateway-alive", True),
        ],
    )
    def test_what_passes(self, browser, path, open_):
        assert (browser.get(path)[0] == 200) is open_


@needs_nginx
class TestSparkUi:
    def test_ones_own(self, browser):
        status, _, body = browser.get(f"/spark-ui/{ALICE}/jobs/job?id=0", Cookie="user=alice; JSESSIONID=secret", Authorization="Bearer x")
        assert (status, json.loads(body)) == (200, {"path": "/jobs/job?id=0", "cookie": None, "authorization": None, "person": None})

    @pytest.mark.parametrize("where", ["who-am-i", "api/version"])
    def test_a_driver_does_not_steer_the_gateway(self, browser, where):
        path = f"/spark-ui/{ALICE}/jobs/steer/{where}"
        connection = http.client.HTTPConnection("127.0.0.1", browser.port)
        connection.request("GET", path, headers={"Cookie": "user=alice"})
        answer = connection.getresponse()
        assert json.loads(answer.read())["path"] == f"/jobs/steer/{where}"
        assert answer.getheader("Set-Cookie") is None

    def test_a_profile(self, browser):
        assert browser.get("/spark-ui/spark-large-alice-2abcdefgh-qwerty/jobs/", Cookie="user=alice")[0] == 200

    def test_a_redirect_stays_below_its_path(self, browser):
        status, location, _ = browser.get(f"/spark-ui/{ALICE}/", Cookie="user=alice")
        assert (status, location.removeprefix("http://").split("/", 1)[1]) == (302, f"spark-ui/{ALICE}/jobs/")

    @pytest.mark.parametrize(
        ("pod", "user", "status"),
        [
            (ALICE, "", 401),
            (ALICE, "anonymous", 401),
            (BOB, "alice", 403),
            (ALICE, "bob", 403),
            (ALICE, "alic", 403),
            (ALICE, "alice-2abcdefgh", 403),
            ("md-alice-2abcdefgh-qwerty", "alice", 403),
            ("spark-executor-alice-2abcdefgh-qwerty", "alice", 403),
            (ALICE, "!!!", 403),
        ],
    )
    def test_nobody_elses(self, browser, pod, user, status):
        assert browser.get(f"/spark-ui/{pod}/jobs/", Cookie=f"user={user}" if user else "")[0] == status

    @pytest.mark.parametrize(
        "path",
        [
            "/spark-ui/zeppelin-server/x",
            "/spark-ui/evil.example.org-qwerty/",
            "/spark-ui/spark-alice-2abcdefgh-qwerty:8080/",
            "/spark-ui/spark-alice-2abcdefgh-qwerty@evil/",
            "/spark-ui/..%2fspark-alice-2abcdefgh-qwerty/",
            "/spark-ui/",
        ],
    )
    def test_no_other_host_and_no_other_port(self, browser, path):
        """Whatever is no name of an interpreter is Zeppelin's to answer."""
        status, _, body = browser.get(path, Cookie="user=alice")
        assert status in (400, 403, 404) or json.loads(body)["cookie"] == "user=alice"

    def test_nothing_is_written(self, browser):
        assert browser.get(f"/spark-ui/{ALICE}/jobs/job/kill?id=0", method="POST", Cookie="user=alice")[0] == 403


@needs_nginx
def test_the_gate_stands_before_everything(backend, tmp_path):
    """An oauth2-proxy of this test's own lets those pass who have the cookie `pass`."""

    class Proxy(Quiet):
        def do_GET(self) -> None:
            allowed = self.path != "/oauth2/auth" or "pass=1" in self.headers.get("Cookie", "")
            self.send_response(202 if allowed else 401)
            self.end_headers()

    (port,) = free_ports(1)
    browser = Browser(port)
    with contextlib.ExitStack() as stack:
        gate = stack.enter_context(serving(Proxy))
        process = serve(tmp_path, configure(tmp_path, "gateway-plain.conf", backend, port, gate=gate), port)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        status, location, _ = browser.get("/index.html")
        assert (status, location) == (302, "/oauth2/start?rd=/index.html")
        assert browser.get("/ws")[0] == 302
        assert browser.get(f"/spark-ui/{ALICE}/jobs/", Cookie="user=alice")[0] == 302
        assert browser.get("/index.html", Cookie="pass=1")[0] == 200
        assert browser.get(f"/spark-ui/{ALICE}/jobs/", Cookie="user=alice; pass=1")[0] == 200
        assert browser.get(f"/spark-ui/{BOB}/jobs/", Cookie="user=alice; pass=1")[0] == 403
        assert browser.get("/models/x", Cookie="user=alice")[0] == 401
        assert json.loads(browser.get("/models/x", Cookie="user=alice; pass=1")[2])["models"] == "alice"
        assert browser.get("/models/x", Cookie="pass=1")[0] == 401
        assert browser.get("/oauth2/start")[0] == 202
        assert browser.get("/gateway-alive")[0] == 200


@pytest.fixture(scope="module")
def ports(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Without TLS, and with it."""
    folder, (plain, tls) = tmp_path_factory.mktemp("tls"), free_ports(2)
    self_signed(folder)
    process = serve(folder, configure(folder, "gateway-tls.conf", backend, plain, tls=tls), plain)
    yield plain, tls
    process.terminate()
    process.wait()


def test_whatever_adds_a_header_asks_for_tls_too():
    """A block with an `add_header` of its own has none of those around it (nginx: ngx_http_headers_module)."""
    asks, files = "add_header Strict-Transport-Security $only_tls always;", sorted((COMPONENTS / "access/files").glob("gateway-*.conf"))
    blocks: list[tuple[str, list[str]]] = []
    for path in files:
        within: list[list[str]] = [[]]
        for line in map(str.strip, path.read_text().splitlines()):
            if line.endswith("{"):
                within.append([])
            elif line == "}":
                blocks.append((path.name, within.pop()))
            elif line.startswith("add_header "):
                within[-1].append(line)
        blocks += [(path.name, block) for block in within]
    assert [(name, block) for name, block in blocks if block and asks not in block] == []
    # None stands in a line that this has not understood.
    assert sum(len(block) for _, block in blocks) == sum(path.read_text().count("add_header ") for path in files) > 0


@needs_nginx
class TestTls:
    """A browser that has come by TLS once does not come without it again, whichever page it saw (RFC 6797, 7.1)."""

    # One at least for each location of the gateway's files but the gate's, and for each of their ways to end.
    PATHS = (
        ("/index.html", 200),
        ("/", 302),
        ("/api/version", 200),
        ("/ws", 200),
        ("/metrics", 404),
        ("/x;y", 404),
        ("/who-am-i", 404),
        ("/api/x%2Fy", 404),
        ("/api/interpreter/setting/restart/spark", 403),
        ("/api/helium/package", 200),
        (f"/spark-ui/{ALICE}/jobs/job", 200),
        (f"/spark-ui/{ALICE}/", 302),
        (f"/spark-ui/{BOB}/jobs/", 403),
        (f"/spark-ui/{ALICE}/jobs/steer/api/version", 200),
        ("/history/static/webui.css", 200),
        (f"/history/history/{BOB}/jobs/", 403),
        ("/grafana/d/x", 200),
        ("/models", 302),
        ("/models/x", 200),
        ("/models/static-files/x", 200),
        ("/models-person", 404),
        ("/who-has-this-token", 404),
        ("/connect", 200),
        ("/connect.js", 200),
        ("/connect.css", 200),
    )
    STRANGERS = (("/models/x", 401), ("/grafana/", 401), ("/history/", 401), (f"/spark-ui/{ALICE}/jobs/", 401))

    @staticmethod
    def encrypted(ports: tuple[int, int]) -> http.client.HTTPSConnection:
        # The certificate is of no interest here.
        return http.client.HTTPSConnection("127.0.0.1", ports[1], timeout=60, context=ssl._create_unverified_context())

    @staticmethod
    def asked(connection: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str) -> tuple[int, list[str]]:
        """Status of an answer, and what it says of TLS."""
        with contextlib.closing(connection):
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get_all("Strict-Transport-Security", [])

    @pytest.mark.parametrize(
        ("path", "status", "cookie"),
        [*((path, status, "user=alice") for path, status in PATHS), *((path, status, "") for path, status in STRANGERS)],
    )
    def test_every_answer_asks_for_tls(self, ports, path, status, cookie):
        assert self.asked(self.encrypted(ports), path, Cookie=cookie) == (status, ["max-age=31536000"])

    @pytest.mark.parametrize("driver", ["", ALICE])
    def test_answers_to_clients_of_spark_connect_do_so_too(self, ports, driver):
        """Without a driver's name, and where it leads nowhere: there is no name server."""
        path = "/spark.connect.SparkConnectService/Config"
        assert self.asked(self.encrypted(ports), path, "POST", **{"X-Driver": driver}) == (204, ["max-age=31536000"])

    def test_nothing_does_without(self, browser, ports):
        """Behind an Ingress, that one says it; and browsers believe nobody who says it without TLS."""
        for port in (browser.port, ports[0]):
            for path in ("/index.html", "/connect", "/models/x"):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                assert self.asked(connection, path, Cookie="user=alice")[1] == []


def test_the_resolver_is_the_pods_own(tmp_path):
    # Its first look finds no name.
    (tmp_path / "nginx").write_text(f'#!/bin/sh\necho "$@"\n[ -e {tmp_path}/looked ] || {{ touch {tmp_path}/looked; exit 1; }}\n')
    (tmp_path / "nginx").chmod(0o755)
    (tmp_path / "resolv.conf").write_text("search gaia-zeppelin.svc.cluster.local\nnameserver 169.254.20.10\nnameserver 10.0.0.2\n")
    script = _START.replace("/etc/resolv.conf", str(tmp_path / "resolv.conf")).replace("/tmp/resolver.conf", str(tmp_path / "out"))
    result = subprocess.run(
        ["sh", "-ec", script], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, check=True
    )
    assert result.stdout == "-q -t\n-q -t\n-g daemon off;\n"
    assert (tmp_path / "out").read_text() == "resolver 169.254.20.10 valid=10s ipv6=off;\n"


@needs_nginx
class TestHistory:
    @pytest.mark.parametrize(
        ("path", "asked"),
        [
            ("/history/", "/"),
            ("/history/api/v1/applications", "/api/v1/applications"),
            (f"/history/history/{ALICE}/jobs/?id=1", f"/history/{ALICE}/jobs/?id=1"),
            (f"/history/api/v1/applications/{ALICE}/stages", f"/api/v1/applications/{ALICE}/stages"),
            ("/history/static/webui.css", "/static/webui.css"),
        ],
    )
    def test_the_list_is_everybodys_and_an_application_its_persons(self, browser, path, asked):
        status, location, body = browser.get(path, Cookie="user=alice", Authorization="Bearer x")
        if asked == "/":
            assert (status, location) == (302, "/history/jobs/")
            return
        assert status == 200
        answer = json.loads(body)
        assert (answer["path"], answer["cookie"], answer["authorization"]) == (asked, None, None)

    @pytest.mark.parametrize(
        "path",
        [
            f"/history/history/{BOB}/jobs/",
            f"/history/api/v1/applications/{BOB}",
            f"/history/api/v1/applications/{BOB}/logs",
            f"/history//history//{BOB}/jobs/",
            f"/history/%68istory/{BOB}/jobs/",
            f"/history/static/../history/{BOB}/jobs/",
            f"/history/history/{ALICE}/../{BOB}/jobs/",
            "/history/history/spark-other-application",
        ],
    )
    def test_anothers_application_is_refused_however_it_is_written(self, browser, path):
        assert browser.get(path, Cookie="user=alice")[0] == 403

    def test_who_is_not_logged_in_sees_nothing_and_nobody_writes(self, browser):
        assert browser.get("/history/")[0] == 401
        assert browser.get(f"/history/history/{ALICE}/")[0] == 401
        assert browser.get("/history/", "POST", Cookie="user=alice")[0] == 403
        assert browser.get("/history", Cookie="user=alice")[:2] == (302, "/history/")


@needs_nginx
class TestGrafana:
    @pytest.mark.parametrize(("user", "person"), [("alice", "alice"), ("Bob@Example.org", "bob-example-org")])
    def test_who_is_logged_in_is_named_as_in_the_metrics(self, browser, user, person):
        status, _, body = browser.get("/grafana/d/gaia-dmp-notebook?from=now-1h", Cookie=f"user={user}")
        answer = json.loads(body)
        assert status == 200
        assert (answer["path"], answer["person"], answer["cookie"]) == ("/grafana/d/gaia-dmp-notebook?from=now-1h", person, None)

    def test_nobody_names_themselves(self, browser):
        headers = {"X-WEBAUTH-USER": "admin"}
        assert browser.get("/grafana/", **headers)[0] == 401
        assert json.loads(browser.get("/grafana/", Cookie="user=alice", **headers)[2])["person"] == "alice"

    def test_a_panels_query_arrives_whole(self, browser):
        query = json.dumps({"queries": ["x" * 20_000]})
        status, _, body = browser.get("/grafana/api/ds/query", "POST", query, Cookie="user=alice")
        assert status == 200
        assert json.loads(body) == {"path": "/grafana/api/ds/query", "asked": query, "person": "alice"}
        assert browser.get("/grafana/api/ds/query", "POST", query)[0] == 401


@needs_nginx
class TestModels:
    """What MLflow itself makes of it: tests/cloud/models."""

    @pytest.mark.parametrize(
        ("path", "asked"),
        [
            ("/models/", "/jobs/"),
            ("/models/api/2.0/mlflow/runs/search?x=1", "/api/2.0/mlflow/runs/search?x=1"),
            ("/models/get-artifact?path=a%20b%2Fc", "/get-artifact?path=a%20b%2Fc"),
            ("/models/artifacts/a%20%25b", "/artifacts/a%20%25b"),
        ],
    )
    def test_a_path_goes_on_as_it_was_sent(self, browser, path, asked):
        status, location, body = browser.get(path, Cookie="user=alice", Authorization="Basic x", **{"X-Gaia-Person": "bob"})
        if asked == "/jobs/":
            assert (status, location.removeprefix("http://").split("/", 1)[1]) == (302, "jobs/")
            return
        answer = json.loads(body)
        assert (status, answer["path"], answer["models"], answer["cookie"], answer["authorization"]) == (200, asked, "alice", None, None)

    @pytest.mark.parametrize("path", ["/models-person", "/who-has-this-token", "/models/metrics", "/x/../models-person"])
    def test_what_is_the_gateways_own_stays_closed(self, browser, path):
        assert browser.get(path, Cookie="user=alice")[0] == 404

    @pytest.mark.parametrize("path", ["/modelsx", "/x/../models", "/%6dodels/x"])
    def test_no_other_path_leads_there(self, browser, path):
        status, _, body = browser.get(path, Cookie="user=alice")
        assert status == 404 or "models" not in json.loads(body)


@needs_nginx
class TestConnectPage:
    """The page that starts drivers for Spark Connect; tests/cloud/zeppelin/test_connect_command.py uses it."""

    KINDS = (("/connect", "text/html"), ("/connect.js", "text/javascript"), ("/connect.css", "text/css"))
    BESIDE = ("/connect/", "/connect.html", "/connect.jsx", "/connect/../spark-ui.js", "/connect.js/x", "/connectx")

    @pytest.mark.parametrize(("path", "kind"), KINDS)
    def test_it_is_served_and_nothing_else_runs_in_it(self, browser, path, kind):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", browser.port, timeout=60)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
            policy = dict(each.strip().split(" ", 1) for each in answer.headers["Content-Security-Policy"].split(";"))
            body = answer.read().decode()
        sources = {directive: policy.pop(directive) for directive in ("script-src", "style-src", "connect-src", "img-src")}
        assert set(sources.values()) == {"'self'"}
        assert policy == dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")
        assert "@" not in body.split("<body")[-1].split(">")[0]
        assert browser.get(path, "POST")[0] == 403

    @pytest.mark.parametrize("path", BESIDE)
    def test_what_lies_beside_it_is_zeppelins_business(self, browser, path):
        """It is asked, and the gateway serves no file of its own."""
        status, _, body = browser.get(path)
        assert (status, json.loads(body)["path"]) == (200, path)
