"""The gateway of a test: a real nginx with our files, in front of a Zeppelin and a Spark UI of the test's own."""

import http.client
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

import pytest

from components.access.gateway import CONNECT_PAGE
from components.files import text
from components.names import CONNECT_PORT, SPARK_NAMESPACE
from tests.support.eventually import eventually
from tests.support.servers import Quiet, free_ports

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
MODULES = Path("/usr/lib/nginx/modules")
NJS = (MODULES / "ngx_http_js_module.so").exists()
needs_nginx = pytest.mark.skipif(
    not (NGINX and NJS), reason="nginx with its JavaScript module is not installed (Debian: libnginx-mod-http-js)"
)
ALICE, BOB = "spark-alice-2abcdefgh-qwerty", "spark-bob-2abcdefgh-qwerty"


class Backend(Quiet):
    """Zeppelin: its login is the cookie `user`, or a session that says whose it is. Spark: any other host. It answers with
    what it was asked.
    """

    asked: ClassVar[list[str]] = []
    """Whom it was asked about."""

    def do_GET(self) -> None:
        cookies = dict(re.findall(r"(\w+)=([^; ]+)", self.headers.get("Cookie", "")))
        _, _, program = cookies.get("JSESSIONID", "").partition("session-of-a-program-by-")
        user = cookies.get("user") or program
        if self.path == "/api/security/ticket":
            roles = ["admin"] if user == "root" else []
            code, body = (200, {"body": {"principal": user, "roles": json.dumps(roles)}}) if user else (403, {})
            self.asked.append(user or "")
        else:
            code, body = 200, {"path": self.path, "cookie": self.headers.get("Cookie"), "authorization": self.headers.get("Authorization")}
            body["person"] = self.headers.get("X-WEBAUTH-USER")
            if "X-Gaia-Person" in self.headers:
                body["models"] = self.headers["X-Gaia-Person"]
        if self.path == "/":
            code = 302
        self.send_response(code)
        if code == 302:
            self.send_header("Location", f"http://{self.headers['Host']}/jobs/")
        if self.path.startswith("/jobs/steer/"):
            # What a driver's own code could answer.
            self.send_header("X-Accel-Redirect", "/" + self.path.removeprefix("/jobs/steer/"))
            self.send_header("Set-Cookie", "JSESSIONID=fixed; Path=/")
            self.send_header("Strict-Transport-Security", "max-age=0")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do_POST(self) -> None:
        """Grafana: panels ask by POST."""
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"path": self.path, "asked": asked, "person": self.headers.get("X-WEBAUTH-USER")}).encode())


def configure(
    folder: Path,
    file: str,
    backend: str,
    listen: int,
    gate: str = "",
    messages: str = "",
    tls: int = 0,
    resolver: str = "127.0.0.1",
    models: str = "",
) -> Path:
    """The gateway's files as its Pod has them, with the addresses of this test.

    backend, gate, messages, models: host:port of Zeppelin, of the OIDC proxy, of what stands before the websocket, and of MLflow.
    tls: port of 127.0.0.1 for TLS, 0 for any. resolver: the name server; drivers of Spark Connect are found by it, under the names that
    they have in a cluster.
    """
    locations = text("access/files/gateway-locations.conf").replace("@spark_settings@", "spark spark-large")
    locations = locations.replace("/etc/nginx/conf.d", str(folder))
    (folder / "locations.inc").write_text(locations.replace("http://$spark_pod.@spark_domain@", f"http://{backend}"))
    for way, host in (("history", "spark-history.@history_domain@"), ("grafana", "grafana.@monitoring_domain@")):
        more = text(f"access/files/gateway-{way}.conf").replace("@spark_settings@", "spark spark-large")
        (folder / f"way-{way}.inc").write_text(more.replace(f"http://{host}", f"http://{backend}"))
    way = text("access/files/gateway-models.conf").replace("@gate@", "/oauth2/auth" if gate else "")
    (folder / "way-models.inc").write_text(way.replace("@models_address@", models or backend))
    connect = text("access/files/gateway-connect.conf").replace("@http2@", "").replace("@drivers@", "spark|spark-large")
    for page in CONNECT_PAGE:
        (folder / page).write_text(text(f"access/files/{page}").replace("@spark_settings@", "spark spark-large"))
    connect = connect.replace("/etc/nginx/conf.d", str(folder))
    (folder / "way-connect.inc").write_text(connect.replace("@connect_domain@", f"{SPARK_NAMESPACE}.svc.cluster.local:{CONNECT_PORT}"))
    server = (
        text(f"access/files/{file}")
        .replace("zeppelin-server:8080", backend)
        .replace("zeppelin-server:8081", messages or backend)
        .replace("listen 8080", f"listen 127.0.0.1:{listen}")
    )
    # `http2 on` came with nginx 1.25; the image has it, Debian's may not.
    server = (
        server.replace("http2 on;", "")
        .replace("listen 8443 ssl", f"listen 127.0.0.1:{tls or free_ports(1)[0]} ssl http2")
        .replace("/etc/nginx/tls", str(folder))
    )
    (folder / "default.conf").write_text(server.replace("/etc/nginx/conf.d", str(folder)))
    (folder / "spark-ui.js").write_text(text("access/files/gateway-spark-ui.js"))
    (folder / "resolver").write_text(f"resolver {resolver} valid=1s ipv6=off;\n")
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


class Browser:
    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, method: str = "GET", data: str | None = None, **headers: str) -> tuple[int, str, str]:
        """Status, Location and body. data: what is sent along."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
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
