"""The way to models for people: by the gateway, with the login of Zeppelin played (tests/support/gateway.py), and in a browser."""

import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.cloud import deployed, tools
from tests.cloud.models.addresses import HOST
from tests.cloud.models.server import Models
from tests.support.certificates import self_signed
from tests.support.eventually import eventually
from tests.support.gateway import Backend, configure, needs_nginx, serve
from tests.support.servers import free_ports, serving


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

    @pytest.mark.long
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
