"""The gateway's configuration, run by a real nginx in front of a Zeppelin and a Spark UI of this test's own."""

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from components.access.gateway import _START
from components.files import text
from tests.support.certificates import self_signed
from tests.support.eventually import eventually
from tests.support.servers import Quiet, free_ports, serving

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
MODULES = Path("/usr/lib/nginx/modules")
NJS = (MODULES / "ngx_http_js_module.so").exists()
needs_nginx = pytest.mark.skipif(
    not (NGINX and NJS), reason="nginx with its JavaScript module is not installed (Debian: libnginx-mod-http-js)"
)
ALICE, BOB = "spark-alice-2abcdefgh-qwerty", "spark-bob-2abcdefgh-qwerty"


class Backend(Quiet):
    """Zeppelin: its login is the cookie `user`, and root is an administrator. Spark: any other host. Answers with what it was asked."""

    asked: ClassVar[list[str]] = []
    """Whom it was asked about."""

    def do_GET(self) -> None:
        user = dict(re.findall(r"(\w+)=([^;]+)", self.headers.get("Cookie", ""))).get("user")
        if self.path == "/api/security/ticket":
            roles = json.dumps(["admin"] if user == "root" else [])
            code, body = (200, {"body": {"principal": user, "roles": roles}}) if user else (403, {})
            self.asked.append(user or "")
        else:
            code, body = 200, {"path": self.path, "cookie": self.headers.get("Cookie"), "authorization": self.headers.get("Authorization")}
            body["person"] = self.headers.get("X-WEBAUTH-USER")
        if self.path == "/":
            code = 302
        self.send_response(code)
        if code == 302:
            self.send_header("Location", f"http://{self.headers['Host']}/jobs/")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do_POST(self) -> None:
        """Grafana: panels ask by POST; Zeppelin's interpreters are restarted by PUT."""
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"path": self.path, "asked": asked, "person": self.headers.get("X-WEBAUTH-USER")}).encode())

    do_PUT = do_POST


def configure(folder: Path, file: str, backend: str, listen: int, gate: str = "") -> Path:
    """The gateway's files as its Pod has them, with the addresses of this test. backend: host:port."""
    locations = text("access/files/gateway-locations.conf").replace("@spark_settings@", "spark spark-large")
    locations = locations.replace("/etc/nginx/conf.d", str(folder))
    (folder / "locations.inc").write_text(locations.replace("http://$spark_pod.@spark_domain@", f"http://{backend}"))
    for way, host in (("history", "spark-history.@history_domain@"), ("grafana", "grafana.@monitoring_domain@")):
        more = text(f"access/files/gateway-{way}.conf").replace("@spark_settings@", "spark spark-large")
        (folder / f"way-{way}.inc").write_text(more.replace(f"http://{host}", f"http://{backend}"))
    server = text(f"access/files/{file}").replace("zeppelin-server:8080", backend).replace("listen 8080", f"listen 127.0.0.1:{listen}")
    # `http2 on` came with nginx 1.25; the image has it, Debian's may not.
    server = (
        server.replace("http2 on;", "")
        .replace("listen 8443", f"listen 127.0.0.1:{free_ports(1)[0]}")
        .replace("/etc/nginx/tls", str(folder))
    )
    (folder / "default.conf").write_text(server.replace("/etc/nginx/conf.d", str(folder)))
    (folder / "spark-ui.js").write_text(text("access/files/gateway-spark-ui.js"))
    (folder / "resolver").write_text("resolver 127.0.0.1;\n")
    if gate:
        (folder / "gate.inc").write_text(text("access/files/gateway-gate.conf").replace("gate:4180", gate))
    main = (
        text("access/files/gateway-nginx.conf")
        .replace("modules/ngx", f"{MODULES}/ngx")
        .replace("/tmp/", f"{folder}/")
        .replace("/etc/nginx/conf.d", str(folder))
    )
    # Not beside default.conf, where `include *.conf` would find it.
    (folder / "nginx.main").write_text(
        main.replace("resolver.conf", "resolver")
        .replace("/dev/stdout", str(folder / "access.log"))
        .replace("/dev/stderr", str(folder / "error.log"))
    )
    return folder / "nginx.main"


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    with serving(Backend) as address:
        yield address


class Browser:
    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str, method: str = "GET", data: str | None = None, **headers: str) -> tuple[int, str, str]:
        """Status, Location and body. data: what is sent along."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request(method, path, body=data, headers=headers)
        answer = connection.getresponse()
        result = answer.status, answer.headers.get("Location", ""), answer.read().decode(errors="replace")
        connection.close()
        return result


def serve(folder: Path, config: Path, port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([str(NGINX), "-c", str(config), "-g", "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"])

    def answers() -> bool:
        assert process.poll() is None, (folder / "error.log").read_text()
        try:
            return Browser(port).get("/gateway-alive")[0] == 200
        except OSError:
            return False

    eventually(answers)
    return process


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

    def test_who_somebody_is_is_asked_once_for_many_files_and_never_for_another(self, browser):
        Backend.asked.clear()
        for _ in range(20):
            assert browser.get(f"/spark-ui/{ALICE}/jobs/", Cookie="user=alice; n=1")[0] == 200
            assert browser.get(f"/spark-ui/{ALICE}/jobs/", Cookie="user=bob; n=1")[0] == 403
        # An answer is kept for five seconds.
        assert {who: Backend.asked.count(who) < 10 for who in ("alice", "bob")} == {"alice": True, "bob": True}

    def test_what_the_interface_is_made_of_is_read_alone(self, browser):
        assert browser.get("/api/helium/package", Cookie="user=alice")[0] == 200
        assert browser.get("/api/helium/enable/x", "POST", "{}", Cookie="user=root")[0] == 403


RESTART = "/api/interpreter/setting/restart/spark"


@needs_nginx
class TestRestart:
    """A person ends the interpreter of a notebook that they name, an administrator those of everybody."""

    @pytest.mark.parametrize("path", [RESTART, f"/classic{RESTART}", "/API/interpreter/setting/restart/spark"])
    @pytest.mark.parametrize(
        "body", ["", "{}", '{"noteId": null}', '{"noteId": ""}', '{"noteId": ["2A"]}', "{'noteId': '2A'}", '{"x": "2A"}']
    )
    def test_a_person_who_names_no_notebook_is_refused(self, browser, path, body):
        status, _, text = browser.get(path, "PUT", body, Cookie="user=alice")
        assert (status, text) == (403, "Name a notebook of yours: only an administrator ends the interpreters of everybody.\n")

    def test_a_notebook_that_is_named_is_all_that_zeppelin_hears(self, browser):
        status, _, text = browser.get(RESTART, "PUT", '{"noteId": "2ABCDEFGH", "other": 1}', Cookie="user=alice")
        assert status == 200
        assert json.loads(text)["asked"] == '{"noteId":"2ABCDEFGH"}'

    def test_an_administrator_ends_all(self, browser):
        status, _, text = browser.get(RESTART, "PUT", "{}", Cookie="user=root")
        assert (status, json.loads(text)["asked"]) == (200, "{}")

    @pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
    def test_there_is_no_other_way(self, browser, method):
        assert browser.get(RESTART, method, "{}", Cookie="user=alice")[0] == 403

    def test_nobody_is_nobody(self, browser):
        assert browser.get(RESTART, "PUT", '{"noteId": "2ABCDEFGH"}')[0] == 401


@needs_nginx
class TestSparkUi:
    def test_ones_own(self, browser):
        status, _, body = browser.get(f"/spark-ui/{ALICE}/jobs/job?id=0", Cookie="user=alice; JSESSIONID=secret", Authorization="Bearer x")
        assert (status, json.loads(body)) == (200, {"path": "/jobs/job?id=0", "cookie": None, "authorization": None, "person": None})

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
        assert browser.get("/oauth2/start")[0] == 202
        assert browser.get("/gateway-alive")[0] == 200


@needs_nginx
def test_nginx_takes_the_configuration_with_tls(tmp_path, backend):
    self_signed(tmp_path)
    config = configure(tmp_path, "gateway-tls.conf", backend, free_ports(1)[0])
    result = subprocess.run([str(NGINX), "-t", "-c", str(config)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_resolver_is_the_pods_own(tmp_path):
    (tmp_path / "nginx").write_text("#!/bin/sh\necho started\n")
    (tmp_path / "nginx").chmod(0o755)
    (tmp_path / "resolv.conf").write_text("search gaia-zeppelin.svc.cluster.local\nnameserver 169.254.20.10\nnameserver 10.0.0.2\n")
    script = _START.replace("/etc/resolv.conf", str(tmp_path / "resolv.conf")).replace("/tmp/resolver.conf", str(tmp_path / "out"))
    result = subprocess.run(
        ["sh", "-ec", script], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, check=True
    )
    assert result.stdout == "started\n"
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
