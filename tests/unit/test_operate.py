"""What an operator is told: drift as the engine writes it, days left, what a destruction keeps; and what is refused before it begins."""

import base64
import datetime as dt
import hashlib
import http.server
import json
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rich.console import Console

from cli.main import main
from operate import deadlines, destroy, drift, engine, resume, smoke
from operate.api import Api, ClusterError
from operate.live import server
from recording import SIGNATURE
from review.revisions import RevisionError
from review.risks import Risk
from tests.support.stack_files import document, settings_of

NOW = dt.datetime.now(dt.UTC)
URN = "urn:pulumi:prod::gaia-dmp::gaia-dmp:openstack:Network$openstack:networking/router:Router::ceph-router"
SERVER = "openstack:compute/instance:Instance"
SECURITY_GROUP = "openstack:networking/secGroup:SecGroup"
TOLD = "#cloud-config\nhostname: gateway-ä\n"


def certificate(days: float) -> tuple[bytes, bytes]:
    """A certificate (PEM) that ends in so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    ends = NOW + dt.timedelta(days=days)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), ends - dt.timedelta(days=400), ends)
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), pem


class TestDrift:
    def plan(self, *steps: dict[str, Any]) -> str:
        return json.dumps({"steps": list(steps), "changeSummary": {}})

    def test_what_differs_and_what_is_gone(self):
        changed = {"op": "update", "urn": URN, "detailedDiff": {"adminStateUp": {"kind": "update"}}}
        gone = {"op": "delete", "urn": URN.replace("ceph-router", "other")}
        same = {"op": "refresh", "urn": URN.replace("ceph-router", "third")}
        # Of Kubernetes the engine sees less than the API server, which is asked instead.
        kubernetes = {"op": "update", "urn": URN.replace("openstack:networking/router:Router", "kubernetes:apps/v1:Deployment")}
        found = drift.differences(self.plan(changed, gone, same, kubernetes), "prod")
        assert [(each.name, each.kind, each.operation, each.fields) for each in found] == [
            ("ceph-router", "openstack:networking/router:Router", "update", ("adminStateUp",)),
            ("other", "openstack:networking/router:Router", "delete", ()),
        ]
        console = Console(width=200, record=True, file=(Path("/dev/null").open("w")))  # noqa: SIM115
        deadline = deadlines.Deadline("certificate of x", 59, "docs/runbooks/certificate-expires.md")
        drift.show(drift.Drift(found, [Risk("rights", "a/b gains get on secrets")], [deadline]), "prod", console)
        lines = console.export_text().splitlines()
        assert lines[:2] == ["Wider rights or weaker admission", "  a/b gains get on secrets"]
        assert [line.split()[:2] for line in lines if "router:Router" in line] == [["changed", "ceph-router"], ["gone", "other"]]
        assert lines[-2:] == ["certificate of x: 59 days left", "  see docs/runbooks/certificate-expires.md"]

    @pytest.mark.parametrize("text", ["", "[", "clusters: [{name: a, cluster: {}}]", "user: {token: S3CRET: x}"])
    def test_a_kubeconfig_that_is_none_is_refused_and_not_shown(self, text):
        with pytest.raises(ClusterError) as refused:
            Api(text)
        assert "S3CRET" not in str(refused.value)

    def test_a_stack_without_a_cluster_has_nothing_to_compare(self):
        with pytest.raises(ClusterError, match="the cluster does not exist yet"):
            server([{"type": "pulumi:providers:openstack", "inputs": {}}])

    def test_without_an_answer_of_the_cluster_the_rest_is_told(self, capsys):
        found = drift.Drift([drift.Difference("ceph-router", "openstack:networking/router:Router", "update", ())], (), (), unseen="no way")
        drift.show(found, "prod", Console(width=200))
        said = capsys.readouterr().out
        assert "ceph-router" in said
        assert "No drift" not in said

    def test_what_is_no_plan_is_refused(self):
        with pytest.raises(RevisionError):
            drift.differences("error: no stack", "prod")

    def test_without_pulumi_it_says_so(self, monkeypatch, capsys):
        monkeypatch.setenv("PATH", "/nonexistent")
        assert main(["drift", "prod"]) == 3
        assert "pulumi is not on PATH" in capsys.readouterr().err


class TestDeadlines:
    @pytest.mark.parametrize(("days", "near"), [(-2.5, True), (10.5, True), (60.5, True), (61.5, False), (400.5, False)])
    def test_sixty_days_are_near(self, days, near):
        pem, _ = certificate(days)
        encoded = base64.b64encode(pem).decode()
        kubeconfig = {
            "users": [{"name": "a", "user": {"client-certificate-data": encoded}}, {"name": "b", "user": {"token": "x"}}],
            "clusters": [{"name": "c", "cluster": {"certificate-authority-data": encoded}}],
        }
        found = list(deadlines.of_kubeconfig(yaml.safe_dump(kubeconfig), NOW))
        assert [each.title for each in found] == ["credential of the kubeconfig", "certificate of the cluster"]
        assert {each.near for each in found} == {near}
        assert {each.days for each in found} == {days // 1}

    def test_what_cannot_be_read_wants_a_look(self):
        kubeconfig = {"users": [{"name": "a", "user": {"client-certificate-data": base64.b64encode(b"junk").decode()}}]}
        (found,) = deadlines.of_kubeconfig(yaml.safe_dump(kubeconfig), NOW)
        assert found.near
        assert found.days is None
        assert found.says.startswith("cannot be read")

    def test_the_certificate_that_browsers_meet(self, tmp_path):
        for name, data in zip(("certificate", "key"), certificate(20.5), strict=True):
            (tmp_path / name).write_bytes(data)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
        server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (found,) = deadlines.of_address(f"https://127.0.0.1:{server.server_address[1]}", NOW)
        server.shutdown()
        assert found.days == 20
        (silent,) = deadlines.of_address("https://127.0.0.1:1", NOW)
        assert silent.says.startswith("could not be fetched")
        assert list(deadlines.of_address("http://localhost:8080", NOW)) == []


class TestDestroy:
    def share(self, **more: Any) -> dict[str, Any]:
        plain = {"type": "openstack:sharedfilesystem/share:Share", "urn": "urn::a::b::c-share", "id": "4711", "custom": True}
        return plain | {"retainOnDelete": True, "outputs": {"name": "gaia-dmp-prod-notebooks"}} | more

    def test_what_is_kept_is_told_with_how_to_find_it(self):
        state = [
            self.share(),
            self.share(retainOnDelete=False, id="1"),
            self.share(external=True, id="2"),
            {"type": "kubernetes:core/v1:Namespace", "urn": "urn::a::b::n", "id": "3", "retainOnDelete": True},
        ]
        (found,) = destroy.kept(state)
        assert (found.name, found.identity, found.find) == ("gaia-dmp-prod-notebooks", "4711", "openstack share show 4711")

    def test_a_stack_of_which_nothing_is_left_says_so(self, capsys):
        destroy.show([], "dev", Console(width=200))
        assert "Nothing of it is left" in capsys.readouterr().out


class TestSmoke:
    def test_without_a_password_it_says_what_it_wants(self, monkeypatch, capsys):
        monkeypatch.setattr(smoke, "outputs", lambda *_: {"passwords": {}, "zeppelin_url": "https://z.example.org"})
        monkeypatch.delenv("SMOKE_PASSWORD", raising=False)
        assert main(["smoke", "prod"]) == 3
        assert "SMOKE_PASSWORD" in capsys.readouterr().err

    def test_it_comes_as_the_stacks_own_test_user_or_else_its_administrator(self, monkeypatch, capsys):
        monkeypatch.delenv("SMOKE_PASSWORD", raising=False)
        stack = {"passwords": {"admin": "a", "tester": "b"}, "zeppelin_url": "http://127.0.0.1:1"}
        for named, expected in (("tester", "tester at"), (None, "admin at")):
            monkeypatch.setattr(smoke, "outputs", lambda *_, named=named: stack | {"test_user": named})
            assert main(["smoke", "prod"]) == 1
            assert capsys.readouterr().err.startswith(expected)

    def test_no_password_is_printed(self, monkeypatch, capsys):
        monkeypatch.setattr(smoke, "outputs", lambda *_: {"passwords": {"smoke-test": "PLAIN"}, "zeppelin_url": "http://127.0.0.1:1"})
        monkeypatch.delenv("SMOKE_PASSWORD", raising=False)
        assert main(["smoke", "prod"]) == 1
        assert "PLAIN" not in "".join(capsys.readouterr())


def test_the_engines_own_words_are_told(tmp_path, monkeypatch):
    fake = tmp_path / "pulumi"
    fake.write_text("#!/bin/sh\necho no stack named prod found >&2\nexit 255\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(engine.EngineError, match="no stack named prod found"):
        engine.outputs("prod", tmp_path)


class TestResume:
    """A state into which something is taken over; tests/engine/test_killed.py does it with a real one."""

    def test_what_was_deleted_for_it_makes_room(self):
        old, other = {"urn": "a", "id": "1", "pendingReplacement": True}, {"urn": "b", "id": "2"}
        above, below = {"urn": "z", "id": "4"}, other | {"parent": "a", "dependencies": ["a"]}
        # An engine refuses to import a state in which a resource stands before what it depends on.
        assert resume._with([above, old, below], {"urn": "a", "id": "3"}) == [above, {"urn": "a", "id": "3"}, below]

    def test_what_it_replaces_goes_later(self):
        assert resume._with([{"urn": "a", "id": "1"}], {"urn": "a", "id": "2"}) == [
            {"urn": "a", "id": "1", "delete": True},
            {"urn": "a", "id": "2"},
        ]

    def found(self, *shares: dict[str, Any], **how: Any) -> str:
        """What stack dev takes of these shares, each as Manila lists it."""
        listed = [{"name": "n", "project_id": "p", "status": "available", "metadata": {}} | each for each in shares]
        answer = SimpleNamespace(status_code=200, raise_for_status=lambda: None, json=lambda: {"shares": listed})
        cloud: Any = SimpleNamespace(shared_file_system=SimpleNamespace(get=lambda *_, **__: answer), current_project_id="p")
        return resume.found(cloud, "openstack:sharedfilesystem/share:Share", {"name": "n"}, "gaia-dmp-dev", **how)

    def test_what_carries_the_mark_is_taken_and_what_is_anothers_never(self):
        ours, theirs = ({"id": stack, "metadata": {"stack": f"gaia-dmp-{stack}"}} for stack in ("dev", "other"))
        assert self.found(ours, theirs, {"id": "3"}) == "dev"
        assert self.found(theirs, unmarked=True) == ""
        assert self.found(ours | {"status": "deleting"}) == ""
        assert self.found(theirs, {"id": "3"}, unmarked=True) == "3"
        with pytest.raises(ValueError, match=r"n \(3\) has this stack's name and no mark of a stack; nothing was taken over"):
            self.found({"id": "3"})

    def servers(self, **more: Any) -> Any:
        """A project with a server of stack prod."""
        listed = [{"id": "7", "name": "n", "project_id": "p", "status": "ACTIVE", "metadata": {"stack": "gaia-dmp-prod"}, **more}]
        answer = SimpleNamespace(status_code=200, raise_for_status=lambda: None, json=lambda: {"servers": listed})
        return SimpleNamespace(compute=SimpleNamespace(get=lambda *_, **__: answer), current_project_id="p")

    def test_a_server_in_error_is_not_taken(self):
        assert resume.found(self.servers(), SERVER, {"name": "n"}, "gaia-dmp-prod") == "7"
        with pytest.raises(ValueError, match=r"server n \(7\) ended in error; nothing was taken over.\n .* server delete --wait 7"):
            resume.found(self.servers(status="ERROR"), SERVER, {"name": "n"}, "gaia-dmp-prod")

    def resumed(self, monkeypatch: pytest.MonkeyPatch, unnoted: Sequence[dict[str, Any]], *pending: dict[str, Any]) -> list[Any]:
        """Resume prod with servers whose answers were lost, or that were being made. Returns the states that were imported."""
        imported: list[Any] = []

        def run(_stack: str, *words: str, folder: Path) -> str:
            assert folder == Path("x")
            if words[:2] == ("stack", "import"):
                imported.append(json.loads(Path(words[-1]).read_text()))
            secret = {SIGNATURE: "s", **({"plaintext": json.dumps(TOLD)} if "--show-secrets" in words else {"ciphertext": "c"})}
            making = [
                {"type": "creating", "resource": {**each, "inputs": {"name": "n", "userData": secret} | each.get("inputs", {})}}
                for each in pending
            ]
            return json.dumps({"deployment": {"resources": [{"urn": "above"}], "pending_operations": making}})

        openstack: Any = settings_of(document("prod"))
        lost = SimpleNamespace(sought=lambda _: unnoted, took=lambda _: None)
        for name, stand_in in {
            "run": run,
            "load_file": lambda *_: SimpleNamespace(settings=openstack),
            "roles": lambda *_: {"compute": "p"},
            "role": lambda _: "compute",
            "connect": lambda _: self.servers(),
            "Unnoted": lambda *_: lost,
        }.items():
            monkeypatch.setattr(resume, name, stand_in)
        resume.resume("prod", Path("x"))
        return imported

    def test_a_server_is_taken_with_what_the_provider_notes_of_its_user_data(self, monkeypatch):
        """terraform-provider-openstack keeps its SHA-1 in hexadecimal, and its Read sets no other: else the next `up` replaces it."""
        making = {"urn": URN, "custom": True, "type": SERVER}
        ((_, taken),) = (each["deployment"]["resources"] for each in self.resumed(monkeypatch, [], making))
        assert (taken["id"], taken["outputs"]["userData"]) == ("7", hashlib.sha1(TOLD.encode()).hexdigest())
        # The text itself stays encrypted.
        assert taken["inputs"]["userData"] == {SIGNATURE: "s", "ciphertext": "c"}

    def test_a_server_of_unknown_user_data_is_not_taken(self, monkeypatch):
        lost = {"urn": URN, "custom": True, "type": SERVER, "inputs": {"name": "n", "userData": "[secret]"}}
        with pytest.raises(ValueError, match=r"nobody knows its user data; nothing was taken over.\n .*openstack server delete --wait 7"):
            self.resumed(monkeypatch, [lost])

    def test_everything_without_a_mark_is_named_before_anything_is_taken(self, monkeypatch):
        taken: list[str] = []

        def found(_cloud: Any, _kind: str, inputs: dict[str, str], *_: str, **__: Any) -> str:
            if inputs["name"] == "ours":
                return "7"
            raise resume.UnmarkedError(f"{inputs['name']} is strange.")

        monkeypatch.setattr(resume, "found", found)
        monkeypatch.setattr(resume, "_write", lambda *_: taken.append("state"))
        monkeypatch.setattr(resume, "_finish", lambda *_: taken.append("rules"))
        making = [
            {"urn": f"{URN}-{name}", "custom": True, "type": SECURITY_GROUP, "inputs": {"name": name}}
            for name in ("first", "ours", "second")
        ]
        with pytest.raises(resume.UnmarkedError) as refused:
            self.resumed(monkeypatch, [{**making[0], "urn": f"{URN}-lost", "inputs": {"name": "lost"}}], *making)
        words = "  Look at it. Is it this stack's? Run again with --unmarked. Otherwise rename it, or remove it"
        lines = ["first is strange.", "second is strange.", "lost is strange.", words]
        assert (str(refused.value).splitlines(), taken) == (lines, [])

    @pytest.fixture
    def finished(self, monkeypatch):
        """Security groups that lost their rules. Whatever is looked for is found."""
        groups: list[str] = []
        monkeypatch.setattr(resume, "found", lambda *_, **__: "7")
        monkeypatch.setattr(resume, "delete_rules", lambda _, group: groups.append(group))
        return groups

    @pytest.mark.parametrize(("inputs", "rules_of"), [({"deleteDefaultRules": True}, ["7"]), ({}, [])])
    def test_a_security_group_that_is_taken_is_finished(self, monkeypatch, finished, inputs, rules_of):
        self.resumed(monkeypatch, [], {"urn": URN, "custom": True, "type": SECURITY_GROUP, "inputs": inputs})
        assert finished == rules_of

    def test_nothing_is_finished_where_something_is_not_taken(self, monkeypatch, finished):
        group = {"urn": URN, "custom": True, "type": SECURITY_GROUP, "inputs": {"deleteDefaultRules": True}}
        lost = {"urn": URN + "-2", "custom": True, "type": SERVER, "inputs": {"name": "n", "userData": "[secret]"}}
        with pytest.raises(ValueError, match="nobody knows its user data"):
            self.resumed(monkeypatch, [lost], group)
        assert finished == []

    def test_what_no_listing_tells_is_said_to_be_so(self, capsys):
        resume.show(resume.Resumed({}, ["a"], ["b"], []), "dev", Console(width=200))
        said = capsys.readouterr().out.splitlines()
        assert said[:2] == [
            "not there with this stack's mark or name, the next `up` makes it: a",
            "not looked for, the next `up` makes it: b",
        ]

    def test_what_was_being_deleted_may_be_gone_so_the_next_up_looks(self, capsys):
        resume.show(resume.Resumed({}, [], [], [], deleting=True), "dev", Console(width=200))
        assert capsys.readouterr().out.splitlines()[-2:] == [
            "Something was being deleted. If a `destroy` was killed, run it again. Otherwise:",
            "Go on with: pulumi up --refresh --stack dev",
        ]

    def test_the_mark_of_a_resource_is_that_of_its_stack(self):
        assert resume._mark(URN) == "gaia-dmp-prod"
