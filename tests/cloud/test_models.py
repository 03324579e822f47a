"""A real MLflow server of the pinned release behind the real gateway: who may do what, what survives a kill, and an older schema.

The server knows a Pod by its address, as a real API server tells it: Pods have addresses of the loopback here.
"""

import contextlib
import http.client as http_client
import json
import os
import re
import secrets
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from components.models.client import model_client_environment
from components.observability import dashboards
from components.zeppelin.examples import example_notebooks
from tests.cloud import deployed, driver, tools
from tests.cloud.api import Api
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.driver import Driver
from tests.cloud.kubelet import Kubelet
from tests.cloud.models import Client, Models, access, client, pod, resolving
from tests.cloud.test_rights import GROUPED, RESOURCES, VERBS
from tests.support.certificates import self_signed
from tests.support.dns import names
from tests.support.eventually import eventually
from tests.support.gateway import Backend, configure, needs_nginx, serve
from tests.support.relay import relay
from tests.support.servers import free_ports, serving
from tests.support.stack_files import MODEL_IMAGES, ROOT, connected, with_models

HOST = "gaia.example.org"
GATEWAY = "127.0.0.1"
ALICE, BOB, EXECUTOR, GUEST, CHECK, NOBODY = (f"127.0.7.{number}" for number in range(1, 7))
ADMIN = "127.0.7.7"
OTHER_GATEWAY = "127.0.7.8"
"""The same while executors run, whose address is that of this machine (tests/cloud/kubelet.py)."""
DRIVER = "zeppelin-interpreter"
ROWS = int(os.environ.get("SCORED_ROWS", "10000"))
"""Of the catalogue that is scored; more by hand."""


@pytest.fixture(scope="module")
def items() -> list[deployed.Object]:
    entry = {"kind": "load_balancer", "hostname": HOST, "tls": {"kind": "self_signed"}}
    return deployed.objects(connected(with_models(deployed.stack(entry=entry))))


@pytest.fixture(scope="module")
def api(items) -> Iterator[Api]:
    with deployed.standing(items) as found:
        for number, address in enumerate((GATEWAY, OTHER_GATEWAY)):
            pod(found, f"gateway-{number}", address, SERVER, name="zeppelin", component="gateway")
        for name, address, kind, user in (
            ("alice", ALICE, DRIVER, "alice"),
            ("bob", BOB, DRIVER, "bob-example-org"),
            ("executor", EXECUTOR, "spark-executor", "alice"),
            ("guest", GUEST, DRIVER, "guest.carol"),
            ("check", CHECK, "dataset-check", "alice"),
            ("admin", ADMIN, DRIVER, "admin"),
        ):
            pod(found, name, address, name=kind, user=user)
        yield found


@pytest.fixture(scope="module")
def models(api: Api, items, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    folder = tmp_path_factory.mktemp("models")
    server = Models(items, folder, access(api, folder))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def people(models: Models) -> Iterator[dict[str, Client]]:
    """Clients in the Pods of people."""
    with (
        client(ALICE, models.port, models.folder) as alice,
        client(BOB, models.port, models.folder) as bob,
        client(EXECUTOR, models.port, models.folder) as executor,
        client(ADMIN, models.port, models.folder) as admin,
    ):
        yield {"alice": alice, "bob": bob, "executor": executor, "admin": admin}


@pytest.fixture(scope="module")
def made(people) -> list[str]:
    """The run and the version of a model of alice's."""
    return people["alice"]("train('stars', 'teff')")[0]


def test_a_model_goes_up_and_whoever_works_here_scores_by_it(people, made):
    assert made[1] == "1"
    for who in ("alice", "bob", "executor"):
        assert people[who]("predict('models:/teff/1', 10)") == [21.0]


def test_files_of_many_megabytes_go_up_and_come_down(people, made):
    alice = people["alice"]
    assert alice(f"upload('{made[0]}', 'large', 80_000_000)", f"downloaded('{made[0]}', 'large')") == [None, 80_000_000]


FORBIDDEN = [
    "client.delete_registered_model('teff')",
    "client.delete_model_version('teff', '1')",
    "client.update_registered_model('teff', description='mine')",
    "client.rename_registered_model('teff', 'mine')",
    "client.set_registered_model_alias('teff', 'best', '1')",
    "client.set_model_version_tag('teff', '1', 'k', 'v')",
    "client.create_model_version('teff', 'runs:/{run}/line', '{run}')",
    "client.log_metric('{run}', 'slope', 7)",
    "client.set_tag('{run}', 'k', 'v')",
    "client.delete_run('{run}')",
    "client.delete_experiment(client.get_experiment_by_name('stars').experiment_id)",
    "client.create_run(client.get_experiment_by_name('stars').experiment_id)",
    "upload('{run}', 'evil', 10)",
    "rights().update_user_admin('bob-example-org', True)",
    "rights().create_user('dave', 'a long password')",
    "rights().update_user_password('alice', 'a long password')",
    "rights().grant_user_permission('bob-example-org', 'registered_model', 'teff', 'MANAGE')",
]


def test_what_is_anothers_is_not_changed(people, made):
    calls = [call.format(run=made[0]) for call in FORBIDDEN]
    assert [
        call for call, refused in zip(calls, people["bob"](*(f"refused({call!r})" for call in calls)), strict=True) if not refused
    ] == []
    assert people["alice"]("client.get_registered_model('teff').aliases", f"client.get_run('{made[0]}').data.metrics") == [
        {},
        {"slope": 2.0},
    ]


def test_a_person_shares_what_is_theirs_and_an_administrator_tidies_up(people):
    alice, bob, admin = people["alice"], people["bob"], people["admin"]
    tag, gone = "client.set_registered_model_tag('together', 'k', 'v')", "client.delete_registered_model('together')"
    alice("train('shared', 'together')")
    assert bob(f"refused({tag!r})") == [True]
    alice("rights().grant_user_permission('bob-example-org', 'registered_model', 'together', 'EDIT')")
    assert bob(tag, f"refused({gone!r})") == [None, True]
    assert admin(gone) == [None]


FORGED = [
    {"X-Gaia-Person": "alice"},
    {"X_Gaia_Person": "alice"},
    {"x-gaia_person": "alice", "X-GAIA-PERSON": "alice"},
    {"Authorization": "Basic YWxpY2U6YWxpY2U="},
    {"X-Forwarded-For": GATEWAY, "X-Gaia-Person": "alice"},
    {"Forwarded": f"for={GATEWAY}", "X-Real-IP": GATEWAY, "X-Gaia-Person": "alice"},
    {"X-WEBAUTH-USER": "alice", "Remote-User": "alice"},
]


def asked(models: Models, address: str, headers: dict[str, str], path: str = "/api/2.0/mlflow/users/current") -> httpx.Response:
    """What a Pod of this address is told."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=60) as http:
        return http.get(f"http://127.0.0.1:{models.port}{path}", headers={"Host": "models.gaia-zeppelin.svc:5000"} | headers)


@pytest.mark.parametrize("headers", FORGED, ids="+".join)
def test_a_driver_is_its_own_person_whatever_it_says(models, headers):
    answer = asked(models, BOB, headers)
    assert answer.status_code == 200
    assert answer.json()["user"]["username"] == "bob-example-org"


PATHS = ("/api/2.0/mlflow/users/current", "/api/2.0/mlflow-artifacts/artifacts/1/x", "/", "/graphql", "/v1/traces", "/health")


def test_whoever_is_nobody_here_is_refused(models):
    """All at once: for an address that no Pod has the server waits, as a new Pod may be known in a moment."""
    cases = [(address, path, headers) for address in (GUEST, CHECK, NOBODY) for path in PATHS for headers in ({}, *FORGED[:2])]
    with ThreadPoolExecutor(len(cases)) as pool:
        statuses = list(pool.map(lambda case: (case[0], asked(models, case[0], case[2], case[1]).status_code), cases))
    assert set(statuses) == {(GUEST, 403), (CHECK, 401), (NOBODY, 401)}


def test_the_gateway_itself_is_nobody(models):
    for headers in ({}, {"X-Gaia-Person": "carol"}, {"X-Gaia-Person": "bob-example-org"}, {"X-Gaia-Person": "models.server"}):
        assert asked(models, GATEWAY, headers).status_code == 403
    assert asked(models, GATEWAY, {"X-Gaia-Person": "bob@example.org"}).json()["user"]["username"] == "bob-example-org"


@pytest.mark.parametrize("key", ["artifact_location", "artifactLocation"])
@pytest.mark.parametrize("place", ["file:///etc", "/etc", "s3://bucket/x", "mlflow-artifacts:/1"])
def test_files_lie_where_the_server_keeps_them(models, people, key, place):
    with httpx.Client(transport=httpx.HTTPTransport(local_address=ALICE), timeout=60) as http:
        for version in ("api", "ajax-api"):
            url = f"http://127.0.0.1:{models.port}/{version}/2.0/mlflow/experiments/create"
            answer = http.post(url, json={"name": "elsewhere", key: place}, headers={"Host": "models.gaia-zeppelin.svc:5000"})
            assert (answer.status_code, "leave artifact_location out" in answer.text) == (400, True)
    assert people["alice"]("client.get_experiment_by_name('elsewhere')") == [None]


@pytest.mark.parametrize(
    "path",
    [
        "/ajax-api/3.0/mlflow/gateway/secrets/create",
        "/api/3.0/mlflow/gateway/secrets/create",
        "/ajax-api/3.0/mlflow/%67ateway/secrets/create",
        "/ajax-api/3.0/mlflow/gateway%2Fsecrets%2fcreate",
        "/ajax-api/3.0/%6d%6C%66low%2F%67ateway/secrets/create",
        "/gateway/proxy/x/y",
        "/%67ateway/mlflow/v1/chat/completions",
        "/gateway%2fx/mlflow/invocations",
    ],
)
def test_nobodys_keys_are_kept(models, path):
    """What asks comes by the server's own port, and would be an owner of the secret."""
    secret = {"secret_name": path, "secret_value": {"api_key": "x"}, "provider": "openai"}
    with httpx.Client(transport=httpx.HTTPTransport(local_address=ALICE), timeout=60) as http:
        answer = http.post(f"http://127.0.0.1:{models.port}{path}", json=secret, headers={"Host": "models.gaia-zeppelin.svc:5000"})
    assert (answer.status_code, answer.text) == (404, "This platform has no AI gateway.\n")


@pytest.mark.parametrize(
    "path",
    [
        "//gateway/proxy/x/y",
        "/ajax-api/3.0/mlflow//gateway/secrets/create",
        "/ajax-api/3.0/mlflow/./gateway/secrets/create",
        "/ajax-api/3.0/mlflow/x/../gateway/secrets/create",
        "/ajax-api/3.0/mlflow/%2567ateway/secrets/create",
        "/ajax-api/3.0/mlflow/Gateway/secrets/create",
        "/ajax-api/3.0/mlflow/gateway;x/secrets/create",
    ],
)
def test_no_other_spelling_keeps_a_key(models, path):
    secret = json.dumps({"secret_name": path, "secret_value": {"api_key": "x"}, "provider": "openai"}).encode()
    connection = http_client.HTTPConnection("127.0.0.1", models.port, timeout=60, source_address=(ALICE, 0))
    # As it stands: httpx would tidy a path up.
    connection.request("POST", path, secret, {"Host": "models.gaia-zeppelin.svc:5000", "Content-Type": "application/json"})
    assert connection.getresponse().status in {308, 403, 404, 405}
    with sqlite3.connect(models.store / "mlflow.db") as database:
        assert database.execute("SELECT count(*) FROM secrets").fetchone() == (0,)


def test_another_host_name_and_another_page_are_refused(models):
    assert asked(models, ALICE, {"Host": "evil.example.org"}).status_code == 403
    with httpx.Client(transport=httpx.HTTPTransport(local_address=ALICE), timeout=60) as http:
        url = f"http://127.0.0.1:{models.port}/api/2.0/mlflow/experiments/create"
        headers = {"Host": "models.gaia-zeppelin.svc:5000", "Origin": "https://evil.example.org"}
        assert http.post(url, json={"name": "evil"}, headers=headers).status_code == 403


def test_every_panel_of_the_dashboard_finds_something(models, people, tmp_path):
    """A real Prometheus scrapes the server, and is asked what Grafana asks."""
    (port,) = free_ports(1)
    targets = {"job_name": "models", "static_configs": [{"targets": [f"127.0.0.1:{models.port}"]}]}
    (tmp_path / "prometheus.yml").write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [targets]}))
    command = [tools.program("prometheus"), f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)

    def found(query: str) -> list[float]:
        people["alice"]("client.search_experiments() and None", "refused(\"client.get_run('none')\")")
        with contextlib.suppress(httpx.HTTPError, ValueError):
            answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}).json()["data"]["result"]
            return [float(each["value"][1]) for each in answer]
        return []

    try:
        for panel in dashboards.MODELS:
            for query in panel.queries:
                eventually(lambda query=query: max(found(query), default=0.0) > 0, 60)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("who", "refusal"), [(BOB, b"403 Forbidden"), (NOBODY, b"401 Unauthorized")], ids=["another's run", "a Pod of nobody's"]
)
def test_a_refusal_waits_for_the_end_of_the_upload(models, people, made, who, refusal):
    """Whoever still sends to a connection that is closed already never reads why: nginx answered 502 in place of 403."""
    (root,) = people["alice"](f"client.get_run('{made[0]}').info.artifact_uri")
    path = "/api/2.0/mlflow-artifacts/artifacts/" + root.split(":/", 1)[1].lstrip("/") + "/early.bin"
    size = 2_000_000
    with socket.create_connection(("127.0.0.1", models.port), timeout=60, source_address=(who, 0)) as sent:
        host = f"Host: 127.0.0.1:{models.port}"
        sent.sendall(f"PUT {path} HTTP/1.1\r\n{host}\r\nContent-Length: {size}\r\n\r\n".encode() + b"y" * (size - 1))
        sent.settimeout(2)
        with pytest.raises(TimeoutError):
            sent.recv(1)
        sent.settimeout(60)
        sent.sendall(b"y")
        assert sent.recv(100).split(b"\r\n")[0] == b"HTTP/1.1 " + refusal


def test_a_refused_upload_without_end_is_answered(models):
    block, sent = b"y" * 1_000_000, 0
    with socket.create_connection(("127.0.0.1", models.port), timeout=60, source_address=(NOBODY, 0)) as upload:
        upload.sendall(f"PUT /x HTTP/1.1\r\nHost: 127.0.0.1:{models.port}\r\nContent-Length: {10**12}\r\n\r\n".encode())
        while not select.select([upload], [], [], 0)[0]:
            upload.sendall(block)
            sent += 1
            assert sent < 3000
        assert upload.recv(12) == b"HTTP/1.1 401"
    assert sent > 1000


def test_numbers_for_prometheus(models, people):
    people["alice"]("client.search_experiments() and None")
    text = httpx.get(f"http://127.0.0.1:{models.port}/metrics").text
    checked = subprocess.run([tools.program("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values['gaia_dmp_models_requests_total{caller="zeppelin-interpreter",status="2xx"}']) > 0
    assert float(values["gaia_dmp_models_database_bytes"]) == (models.store / "mlflow.db").stat().st_size
    assert 0 < float(values["gaia_dmp_models_free_bytes"]) < float(values["gaia_dmp_models_space_bytes"])


@pytest.fixture(scope="module")
def http(items, models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Comes by the gateway."""
    folder, (port,) = tmp_path_factory.mktemp("gateway"), free_ports(1)
    (options,) = [each["args"] for each in deployed.one(items, "Deployment", "models")["spec"]["template"]["spec"]["containers"]]
    (hosts,) = [each.split("=")[1].split(",") for each in options if each.startswith("--allowed-hosts")]
    with serving(Backend) as backend:
        nginx = serve(folder, configure(folder, "gateway-plain.conf", backend, port, models=f"127.0.0.1:{models.port}"), port)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Host": hosts[1]}, timeout=60) as found:
            yield found
        nginx.terminate()
        nginx.wait()


class TestGateway:
    """Through nginx, with the login of Zeppelin played (tests/support/gateway.py)."""

    pytestmark = needs_nginx

    def test_who_is_not_logged_in_sees_nothing(self, http):
        for path in ("/models/", "/models/api/2.0/mlflow/users/current", "/models/static-files/x"):
            answer = http.get(path, headers={"X-Gaia-Person": "alice"})
            assert (answer.status_code, answer.text) == (401, "Log in to Zeppelin first.\n")
        assert http.get("/models", headers={"Cookie": "user=alice"}).headers["location"] == "/models/"

    @pytest.mark.parametrize("forged", [{}, {"X-Gaia-Person": "bob@example.org"}, {"X_Gaia_Person": "bob@example.org"}], ids=str)
    def test_a_person_is_who_has_logged_in(self, http, forged):
        answer = http.get("/models/api/2.0/mlflow/users/current", headers={"Cookie": "user=alice", **forged})
        assert answer.json()["user"]["username"] == "alice"

    def test_who_is_not_on_the_list_and_a_name_that_is_none(self, http):
        for user in ("carol", "alice%0d%0aX-Gaia-Person:bob", "Alice"):
            assert http.get("/models/", headers={"Cookie": f"user={user}"}).status_code == 403

    def test_a_program_shows_its_session_as_a_token(self, http):
        url = "/models/api/2.0/mlflow/users/current"
        mine = "session-of-a-program-by-alice"
        assert http.get(url, headers={"Authorization": f"Bearer {mine}"}).json()["user"]["username"] == "alice"
        for token in ("x", f"{mine}; user=bob", f"{mine} x", "session-of-a-program-by-"):
            assert http.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 401
        # Who shows a token is asked for it, whatever their browser has.
        assert http.get(url, headers={"Authorization": "Bearer x", "Cookie": "user=alice"}).status_code == 401

    def test_the_interface_loads_and_what_people_upload_does_not_act(self, http, people, made):
        page = http.get("/models/", headers={"Cookie": "user=alice"})
        assert page.status_code == 200, page.text
        policy = page.headers["Content-Security-Policy"]
        assert "script-src 'unsafe-eval' gaia.example.org/models/static-files/;" in policy
        scripts = [part.split('"')[0] for part in page.text.split('src="')[1:]]
        assert scripts
        for path in scripts:
            script = http.get(f"/models/{path}", headers={"Cookie": "user=alice"})
            assert (script.status_code, script.headers["Content-Security-Policy"]) == (200, policy)
        people["alice"](f"client.log_text('{made[0]}', '<script>alert(1)</script>', 'page.html')")
        url = f"/models/get-artifact?run_uuid={made[0]}&path=page.html"
        answer = http.get(url, headers={"Cookie": "user=bob@example.org"})
        assert (answer.status_code, answer.headers["Content-Security-Policy"]) == (200, "sandbox")

    def test_a_large_file_passes_without_lying_in_the_gateway(self, http, people, made):
        experiment, root = people["alice"](
            "client.get_experiment_by_name('stars').experiment_id", f"client.get_run('{made[0]}').info.artifact_uri"
        )
        path = "/models/api/2.0/mlflow-artifacts/artifacts/" + root.split(":/", 1)[1].lstrip("/") + "/from outside.bin"
        assert path.startswith(f"/models/api/2.0/mlflow-artifacts/artifacts/{experiment}/")
        data = b"y" * 70_000_000
        assert http.put(path, content=data, headers={"Cookie": "user=bob@example.org"}).status_code == 403
        assert http.put(path, content=data, headers={"Cookie": "user=alice"}).status_code == 200
        assert http.get(path, headers={"Cookie": "user=bob@example.org"}).content == data

    @pytest.mark.parametrize(
        "path", ["/models/metrics", "/models/%6detrics", "/models//metrics", "/models/metrics/", "/models/x/%2e%2e/metrics"]
    )
    def test_numbers_are_not_for_people(self, http, path):
        assert http.get(path, headers={"Cookie": "user=alice"}).status_code == 404

    def test_a_file_with_a_semicolon_or_a_written_slash_is_not_reached(self, http, people, made):
        (root,) = people["alice"](f"client.get_run('{made[0]}').info.artifact_uri")
        path = "/models/api/2.0/mlflow-artifacts/artifacts/" + root.split(":/", 1)[1].lstrip("/")
        statuses = [
            http.put(f"{path}/{name}", content=b"x", headers={"Cookie": "user=alice"}).status_code
            for name in ("a;b", "a%3Bb", "a%2Fb", "a b")
        ]
        assert statuses == [404, 404, 404, 200]


@pytest.fixture(scope="module")
def door(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of the gateway with TLS."""
    folder, (plain, tls) = tmp_path_factory.mktemp("tls"), free_ports(2)
    self_signed(folder, host=HOST)
    with serving(Backend) as backend:
        nginx = serve(folder, configure(folder, "gateway-tls.conf", backend, plain, tls=tls, models=f"127.0.0.1:{models.port}"), plain)
        yield tls
        nginx.terminate()
        nginx.wait()


@pytest.fixture
def interface(door: int) -> Iterator[tuple[Page, list[str]]]:
    """A browser of alice's, and what its console complains of that a policy forbids."""
    forbidden: list[str] = []
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{door}"]
        chromium = playwright.chromium.launch(executable_path=tools.chromium(), args=arguments)
        context = chromium.new_context(ignore_https_errors=True, base_url=f"https://{HOST}")
        context.add_cookies([{"name": "user", "value": "alice", "url": f"https://{HOST}"}])
        # Not every refusal is written to the console, such as that of a function made of text.
        heard = "addEventListener('securitypolicyviolation', e => console.log('REFUSED', e.effectiveDirective, e.blockedURI))"
        context.add_init_script(heard)
        page = context.new_page()
        page.on("console", lambda said: forbidden.append(said.text) if said.text.startswith("REFUSED") else None)
        yield page, forbidden
        chromium.close()


@needs_nginx
@pytest.mark.skipif(not tools.chromium(), reason="chromium is not on PATH: Debian has it as `chromium`")
class TestInterface:
    """MLflow's own interface in a real browser, under the policy that the gateway gives it."""

    def test_its_pages_work(self, interface, people, made):
        page, forbidden = interface
        people["alice"]("train('stars', 'teff', 3.0)", f"client.log_text('{made[0]}', '# seen', 'note.md')")
        (experiment,) = people["alice"]("client.get_experiment_by_name('stars').experiment_id")
        runs = people["alice"](f"[run.info.run_id for run in client.search_runs(['{experiment}'])]")[0]
        people["alice"](*(f"client.log_param({run!r}, 'degree', {number})" for number, run in enumerate(runs[:2])))
        compared = f"compare-runs?runs={json.dumps(runs[:2])}&experiments={json.dumps([experiment])}"
        for path, words in (
            ("experiments", "stars"),
            (f"experiments/{experiment}/runs?compareRunsMode=CHART", "slope"),
            (f"experiments/{experiment}/runs/{made[0]}", "slope"),
            (f"experiments/{experiment}/runs/{made[0]}/model-metrics", "slope"),
            (f"experiments/{experiment}/runs/{made[0]}/artifacts/note.md", "seen"),
            (compared, "Parallel Coordinates Plot"),
            ("models", "teff"),
            ("models/teff/versions/1", "Version 1"),
        ):
            page.goto(f"/models/#/{path}")
            page.reload()
            expect(page.get_by_text(words).first).to_be_visible(timeout=60_000)
            if path == compared:
                # Drawn by WebGL, for which plotly makes functions of text.
                expect(page.locator("canvas.gl-canvas").first).to_be_visible(timeout=60_000)
            page.wait_for_timeout(2000)
        assert forbidden == []

    def test_a_script_that_somebody_uploaded_does_not_run_in_them(self, interface, people, made):
        page, forbidden = interface
        people["bob"]("mlflow.set_experiment('of bob') and None")
        (run,) = people["bob"]("client.create_run(client.get_experiment_by_name('of bob').experiment_id).info.run_id")
        people["bob"](f"client.log_text('{run}', 'window.stolen = 1', 'evil.js')")
        page.goto("/models/")
        expect(page.get_by_text("of bob").first).to_be_visible(timeout=60_000)
        source = f"/models/get-artifact?run_uuid={run}&path=evil.js"
        put = "source => { const tag = document.createElement('script'); tag.src = source; document.body.append(tag); }"
        page.evaluate(put, source)
        page.evaluate("() => { const tag = document.createElement('script'); tag.text = 'window.stolen = 2'; document.body.append(tag); }")
        eventually(lambda: page.evaluate("1") and len(forbidden) >= 2)
        assert page.evaluate("window.stolen") is None
        # Zeppelin is at the same address, with the session of whoever looks.
        tried = "path => fetch(path).then(answer => answer.status, () => 'refused')"
        assert page.evaluate(tried, "/api/security/ticket") == "refused"
        assert page.evaluate(tried, "/models/ajax-api/2.0/mlflow/users/current") == 200


def test_its_account_lists_pods_and_nothing_else(api):
    user = "system:serviceaccount:gaia-zeppelin:models"
    everything = [(resource, "") for resource in RESOURCES] + list(GROUPED)
    for namespace in (NOTEBOOKS, SERVER, "default"):
        allowed = [(verb, resource) for resource, group in everything for verb in VERBS if api.may(user, verb, resource, namespace, group)]
        assert allowed == ([] if namespace == "default" else [("list", "pods")])


@pytest.mark.parametrize("namespace", [NOTEBOOKS, SERVER])
def test_without_its_right_nobody_is_let_in(api, items, models, namespace):
    (role,) = [each for each in items if each["kind"] == "Role" and each["metadata"] == {"name": "models", "namespace": namespace}]
    api.apply(role | {"rules": []})
    try:
        eventually(lambda: asked(models, ALICE, {}).status_code == 503)
    finally:
        api.apply(role)
    eventually(lambda: asked(models, ALICE, {}).status_code == 200)


class TestKilled:
    """A server of its own, which is killed."""

    def test_what_was_acknowledged_is_there_after_each_of_five_kills(self, api, items, tmp_path):
        models = Models(items, tmp_path, access(api, tmp_path))
        acknowledged: list[int] = []
        run = ""

        def write(stop: threading.Event) -> None:
            transport = httpx.HTTPTransport(local_address=ALICE)
            with httpx.Client(transport=transport, timeout=10, headers={"Host": "models.gaia-zeppelin.svc:5000"}) as http:
                while not stop.is_set():
                    step = len(acknowledged)
                    body = {"run_id": run, "key": "m", "value": step, "timestamp": 1, "step": step}
                    try:
                        http.post(f"http://127.0.0.1:{models.port}/api/2.0/mlflow/runs/log-metric", json=body).raise_for_status()
                    except httpx.HTTPError:
                        return
                    acknowledged.append(step)

        try:
            with client(ALICE, models.port, tmp_path) as alice:
                for kill in range(5):
                    models.start()
                    if not run:
                        run = alice("train('killed', 'survives')")[0][0]
                    assert alice("predict('models:/survives/1', 10)") == [21.0]
                    before, stop = len(acknowledged), threading.Event()
                    writers = [threading.Thread(target=write, args=(stop,)) for _ in range(1)]
                    for each in writers:
                        each.start()
                    while len(acknowledged) < before + 20 + 7 * kill:
                        stop.wait(0.005)
                    models.kill(signal.SIGKILL)
                    for each in writers:
                        each.join()
            models.start()
            with sqlite3.connect(models.store / "mlflow.db") as database:
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
                kept = {step for (step,) in database.execute("SELECT step FROM metrics WHERE run_uuid = ? AND key = 'm'", (run,))}
            assert len(acknowledged) > 150
            assert set(acknowledged) - kept == set()
            with client(BOB, models.port, tmp_path) as bob:
                assert bob("refused(\"client.delete_registered_model('survives')\")", "predict('models:/survives/1', 10)") == [True, 21.0]
        finally:
            models.kill()


class TestEmpty:
    """The first start, on an empty volume."""

    def test_a_first_start_that_is_killed_anywhere_is_made_good_by_the_next(self, items, tmp_path):
        models = Models(items, tmp_path, {})
        said = models.prepare()
        # The order of constraints is another one in each process.
        whole = [row[:2] for row in _tables(models.store / "mlflow.db")]
        assert said == f"schema , now {_schema(models.store / 'mlflow.db')}\n"
        assert sorted(path.name for path in models.store.iterdir()) == ["mlflow.db"]
        scratch = tmp_path / "scratch"
        for delay in (0.0, 0.3, 0.8):
            for path in models.store.iterdir():
                path.unlink()
            # Half of a copy, which another that was killed has left.
            (models.store / "mlflow-upgrade.db").write_bytes(b"SQLite")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            models.environment["TMPDIR"] = str(scratch)
            first = subprocess.Popen(
                models.preparing, env=models.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            eventually(lambda: any(scratch.glob("*/mlflow.db")), 120, 0.01)
            time.sleep(delay)
            os.killpg(first.pid, signal.SIGKILL)
            assert first.wait() == -signal.SIGKILL
            # What a server would take for its database is not there before it is whole.
            assert not (models.store / "mlflow.db").exists()
            assert models.prepare() == said
            assert [row[:2] for row in _tables(models.store / "mlflow.db")] == whole
            assert sorted(path.name for path in models.store.iterdir()) == ["mlflow.db"]


class TestFull:
    """A server of its own, whose share somebody tidies up."""

    def test_an_administrator_deletes_for_good_what_the_runbook_says(self, api, items, tmp_path):
        text = (ROOT / "docs/runbooks/models-down.md").read_text()
        (commands,) = re.findall(r"-c mlflow -- sh -c '\n?(.*?)'\n```", text, re.DOTALL)
        (port,) = free_ports(1)
        models = Models(items, tmp_path, access(api, tmp_path))
        models.start()
        try:
            with client(ALICE, models.port, tmp_path) as alice:
                (gone,) = alice("train('full', 'stays')[0]")
                (kept,) = alice("train('full', 'stays')[0]")
                places = alice(*(f"client.get_run('{run}').info.artifact_uri" for run in (gone, kept)))
                assert alice(f"upload('{gone}', 'x', 10)", f"upload('{kept}', 'x', 10)", f"client.delete_run('{gone}')") == [None] * 3
                here = (
                    commands.replace("5001", str(port))
                    .replace(":////models", f":///{models.store}")
                    .replace("///models", f"//{models.store}")
                )
                assert "--older-than 30d" in here
                here = here.replace("--older-than 30d", "--older-than 0d")
                done = subprocess.run(["sh", "-c", here], env=models.environment, capture_output=True, text=True, timeout=300, check=False)
                assert done.returncode == 0, done.stdout + done.stderr
                folders = [models.store / "artifacts" / place.split(":/", 1)[1].lstrip("/") for place in places]
                assert [(folder / "x").exists() for folder in folders] == [False, True]
                runs = (
                    "client.search_runs([client.get_experiment_by_name('full').experiment_id], run_view_type=3)"  # all, also deleted ones
                )
                assert alice(f"[run.info.run_id for run in {runs}]") == [[kept]]
        finally:
            models.kill()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/health")


@pytest.fixture(scope="class")
def antique(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server of then has left behind."""
    folder, python = tmp_path_factory.mktemp("antique"), tools.mlflow("3.10.1")
    (port,) = free_ports(1)
    command = [python, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/models/mlflow.db", "--artifacts-destination", f"{folder}/models/artifacts"]
    (folder / "models").mkdir()
    with (folder / "older.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=folder)
    try:

        def up() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
            except httpx.HTTPError:
                return False

        eventually(up, 120, pause=0.5)
        with contextlib.closing(Client(folder, python, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}")) as somebody:
            somebody("train('old', 'antique')")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    return folder / "models"


class TestSchema:
    """The database of MLflow 3.10, whose schema is an older one."""

    @pytest.fixture
    def older(self, api, items, antique: Path, tmp_path) -> Models:
        shutil.copytree(antique, tmp_path / "models")
        return Models(items, tmp_path, access(api, tmp_path))

    @staticmethod
    def rights(version: str, path: Path) -> bool:
        """Whether MLflow of this version starts on this database of rights, as its server begins."""
        command = [tools.mlflow(version), "-m", "mlflow.server.auth", "db", "upgrade", "--url", f"sqlite:///{path}"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def test_it_is_upgraded_and_nothing_is_lost(self, older):
        before = _schema(older.store / "mlflow.db")
        assert self.rights("3.10.1", older.store / "rights.db")
        rights = _tables(older.store / "rights.db")
        older.start()
        try:
            after = _schema(older.store / "mlflow.db")
            assert after != before
            assert _schema(older.store / f"mlflow-{before}.db") == before
            assert _tables(older.store / f"rights-{before}.db") == rights
            assert _tables(older.store / "rights.db") != rights
            # The way back: with the newer one the older server does not start.
            assert not self.rights("3.10.1", older.store / "rights.db")
            assert self.rights("3.10.1", older.store / f"rights-{before}.db")
            with client(BOB, older.port, older.folder) as bob:
                metrics = "client.search_runs([client.get_experiment_by_name('old').experiment_id])[0].data.metrics"
                assert bob("predict('models:/antique/1', 10)", metrics) == [21.0, {"slope": 2.0}]
            older.kill()
            assert older.prepare() == f"schema {after}, now {after}\n"
        finally:
            older.kill()

    def test_an_upgrade_that_fails_leaves_what_was_there(self, older):
        before = (older.store / "mlflow.db").read_bytes()
        with sqlite3.connect(older.store / "mlflow.db") as database:
            database.execute("UPDATE alembic_version SET version_num = 'of the future'")
        spoilt = (older.store / "mlflow.db").read_bytes()
        assert spoilt != before
        with pytest.raises(AssertionError, match="of the future"):
            older.prepare()
        assert (older.store / "mlflow.db").read_bytes() == spoilt


def _schema(path: Path) -> str:
    with sqlite3.connect(path) as database:
        return database.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def _tables(path: Path) -> list[tuple[str, ...]]:
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()


LISTENS = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}.1"
"""Where the driver listens for Spark Connect."""
SESSION = f"x-driver=spark-alice-2abcdefgh-driver;token={secrets.token_hex(32)}"
"""What stands behind the host in the driver's address."""
MEAN = sum(2.0 * (n % 360) - n % 90 + 1 for n in range(ROWS)) / ROWS
"""Of what the catalogue says, and so of the scores."""


@pytest.fixture(scope="module")
def spark(api, items, models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """A real driver of alice's with real executors and the libraries of the Spark image, which a laptop may use, too."""
    folder, python = tmp_path_factory.mktemp("scoring"), tools.libraries()
    (site,) = python.parents[1].glob("lib/python*/site-packages")
    pyspark = tools.spark("4.0")
    runner = Kubelet(api, pyspark, folder / "executors")
    runner.start()
    with relay(ALICE, models.port) as way:
        here = resolving(folder, way)
        here["PYTHONPATH"] = f"{here['PYTHONPATH']}:{tools.spark('4.0')}:{site}"
        here |= {"PYSPARK_PYTHON": str(python), "HOME": str(folder), **model_client_environment()}
        pod, token = (part.split("=")[1] for part in SESSION.split(";"))
        here["SPARK_CONNECT_AUTHENTICATE_TOKEN"] = token
        other = {"spark.kubernetes.container.image": MODEL_IMAGES["spark"], "spark.connect.grpc.binding.address": LISTENS}
        with driver.running(api, items, folder / "driver", name=pod, hostile=other, variables=here) as found:
            yield found
    runner.stop()


@pytest.fixture(scope="module")
def catalogue(spark: Driver, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalogue") / "data"
    columns = "id as source_id, id % 360 as ra, cast(id % 90 as double) as dec, 2.0 * (id % 360) - (id % 90) + 1 as parallax"
    spark(f"spark.range({ROWS}).selectExpr(*{columns.split(', ')!r}).write.parquet({str(path)!r})")
    return path


def wrong_scores(spark: Driver, space: Path) -> int:
    """How many rows of alice's scores are wrong."""
    return spark(f"spark.read.parquet('file://{space}/alice/scores').where('abs(score - parallax) > 0.001').count()")


def test_the_example_notebook_scores_a_catalogue_by_a_model_that_was_trained_on_a_sample(spark, catalogue, tmp_path, record_property):
    space = tmp_path / "user"
    notes = json.loads(example_notebooks([("sample", str(catalogue))], ["spark"], space=True, models=True))
    (texts,) = [[p["text"] for p in note["paragraphs"]] for note in notes.values() if note["name"] == "Score sample"]
    for number, text in enumerate(texts[1:]):
        code = tmp_path / f"{number}.py"
        code.write_text(text.removeprefix("%spark.pyspark").replace("/user/", f"{space}/"))
        begin = time.monotonic()
        spark(f"exec(open({str(code)!r}).read(), globals())")
        record_property(f"seconds of paragraph {number}", round(time.monotonic() - begin, 1))
    assert spark("[me, title, count, round(mean, 6)]") == ["alice", "example-alice", ROWS, round(MEAN, 6)]
    assert wrong_scores(spark, space) == 0
    version = "mlflow.MlflowClient().get_latest_versions('example-alice')[0].version"
    assert spark(f"{version} == str(info.registered_model_version)") is True


@needs_nginx
def test_a_laptop_does_the_same_by_spark_connect(spark, catalogue, models, people, tmp_path, record_property):
    """The file that people download and the thin client of Spark, through the gateway with TLS."""
    gateway, laptop, space = tmp_path / "gateway", tmp_path / "laptop", tmp_path / "user"
    gateway.mkdir()
    laptop.mkdir()
    certificate, _ = self_signed(gateway, host=HOST)
    code = laptop / "score_catalogue.py"
    code.write_text((ROOT / "components/zeppelin/files" / code.name).read_text().replace("/user/", f"{space}/"))
    plain, tls = free_ports(2)
    pod, _ = (part.split("=")[1] for part in SESSION.split(";"))
    addresses = {f"{pod}.{NOTEBOOKS}.svc.cluster.local": LISTENS}
    with serving(Backend) as backend, names(addresses) as resolver, relay(OTHER_GATEWAY, models.port) as way:
        config = configure(gateway, "gateway-tls.conf", backend, plain, tls=tls, resolver=resolver, models=f"127.0.0.1:{way}")
        nginx = serve(gateway, config, plain)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(laptop),
            "SPARK_REMOTE": f"sc://127.0.0.1:{tls}/;{SESSION}",
            "MLFLOW_TRACKING_URI": f"https://{HOST}/models",
            "MLFLOW_TRACKING_TOKEN": "session-of-a-program-by-alice",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificate),
            "REQUESTS_CA_BUNDLE": str(certificate),
            **resolving(laptop, tls, HOST),
        }
        environment["PYTHONPATH"] += f":{tools.connect()}"
        begin = time.monotonic()
        command = [str(tools.libraries()), code.name, str(catalogue)]
        done = subprocess.run(command, cwd=laptop, env=environment, capture_output=True, text=True, timeout=300, check=False)
        record_property("seconds of the laptop", round(time.monotonic() - begin, 1))
        nginx.terminate()
        nginx.wait()
    asked = (gateway / "access.log").read_text()
    assert done.returncode == 0, done.stderr[-3000:] + asked[-1000:] + spark.log()[-3000:]
    assert done.stdout.endswith(f"{ROWS:,} rows scored, mean {MEAN:.4f}\n")
    assert wrong_scores(spark, space) == 0
    assert "POST /models/api/2.0/mlflow/model-versions/create" in asked
    (version,) = re.findall(r"registered as example-alice, version (\d+), see /models/", done.stdout)
    assert people["bob"](f"client.get_model_version('example-alice', '{version}').status") == ["READY"]
