"""Who may do what with models, by the address of their Pod."""

import contextlib
import http.client as http_client
import json
import select
import socket
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from components.observability import dashboards
from tests.cloud import tools
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.models.addresses import ALICE, BOB, CHECK, GATEWAY, GUEST, NOBODY
from tests.cloud.models.server import Models
from tests.cloud.test_rights import GROUPED, RESOURCES, VERBS
from tests.support.eventually import eventually
from tests.support.servers import free_ports


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
