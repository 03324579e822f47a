"""Mistakes that would work on the wrong cloud: each is refused before any resource is registered, or before the engine is asked."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from cli.main import main
from doctor import projects
from operate import destroy, engine
from preview import recorder
from settings import StackFileError
from settings.switch import load_switch
from tests.support.programs import record_data
from tests.support.stack_files import document, write

Data = dict[str, Any]
STORE = {"project": "iris-gaia-buckets", "clouds_yaml": "buckets", "endpoint": "https://s3.example.org", "buckets": [{"name": "results"}]}


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Types that get registered; the credential `wrong` opens another project than the one that is asked for."""
    found: list[str] = []
    register = recorder.Recorder.RegisterResource

    def counting(self: Any, request: Any) -> Any:
        found.append(request.type)
        return register(self, request)

    def scope(args: Any) -> dict[str, Any]:
        return {"projectName": "somebody-elses" if args["name"].startswith("wrong") else args["name"], "projectId": "1"}

    monkeypatch.setattr(recorder, "QUERIES", dict(recorder.QUERIES) | {"openstack:identity/getAuthScope:getAuthScope": scope})
    monkeypatch.setattr(recorder.Recorder, "RegisterResource", counting)
    return found


def credential(data: Data) -> None:
    data["gaia-dmp:cloud"]["project"] = "wrong"


def data_credential(data: Data) -> None:
    data["gaia-dmp:cloud"]["data_project"]["project"] = "wrong-data"


def bucket_credential(data: Data) -> None:
    data["gaia-dmp:outside"]["egress"][0]["who"] = ["notebooks"]
    data["gaia-dmp:object_store"] = STORE | {"project": "wrong-buckets"}


def data_in_compute(data: Data) -> None:
    data["gaia-dmp:cloud"]["data_project"]["project"] = data["gaia-dmp:cloud"]["project"]


def buckets_in_data(data: Data) -> None:
    data["gaia-dmp:object_store"] = STORE | {"project": data["gaia-dmp:cloud"]["data_project"]["project"]}


def no_credential(data: Data) -> None:
    del data["gaia-dmp:cloud"]["clouds_yaml"]


def kubernetes_sources(data: Data) -> None:
    data["gaia-dmp:cloud"] = document("local")["gaia-dmp:cloud"]


def unknown_site(data: Data) -> None:
    data["gaia-dmp:cloud"]["site"] = "arkus"


MISTAKES: tuple[tuple[Callable[[Data], None], str], ...] = (
    (credential, r"gaia-dmp:cloud\.project: wrong: the credential .* opens another project, somebody-elses"),
    (data_credential, r"gaia-dmp:cloud\.data_project\.project: wrong-data: .* opens another project"),
    (bucket_credential, r"gaia-dmp:object_store\.project: wrong-buckets: .* opens another project"),
    (data_in_compute, "is the compute project itself"),
    (buckets_in_data, r"is also cloud\.data_project\.project: the buckets' key, which notebooks have"),
    (no_credential, "clouds_yaml"),
    (kubernetes_sources, "is not available with cloud.kind kubernetes"),
    (unknown_site, "arcus"),
)


@pytest.mark.parametrize(("mistake", "words"), MISTAKES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_stack_file_that_leads_elsewhere_registers_nothing(registered, mistake, words):
    data = copy.deepcopy(document("prod"))
    mistake(data)
    with pytest.raises((pulumi.RunError, StackFileError), match=words):
        record_data(data)
    assert set(registered) <= {"pulumi:pulumi:Stack", "pulumi:providers:openstack"}


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine must not be asked."""

    def run(*_: Any, **__: Any) -> str:
        raise AssertionError("the engine was asked")

    monkeypatch.setattr(engine, "run", run)
    monkeypatch.setattr(destroy, "run", run)
    monkeypatch.setattr(destroy, "resources", run)


@pytest.mark.usefixtures("no_engine")
class TestDestroy:
    @pytest.mark.parametrize(
        ("stack", "confirm", "words"),
        [
            ("dev", "", "is not destroyed unless you repeat its name: gaia destroy dev --confirm dev"),
            ("dev", "prod", "--confirm must be 'dev', not 'prod'; nothing was changed"),
            ("prod", "prod", "stack prod is protected"),
            ("pord", "pord", "Pulumi.pord.yaml"),
        ],
    )
    def test_is_refused(self, stack, confirm, words, capsys):
        assert main(["destroy", stack, "--confirm", confirm]) == 1
        assert words in capsys.readouterr().err

    def test_of_a_credential_that_does_not_open_is_refused(self, tmp_path: Path, monkeypatch, capsys):
        write(tmp_path, "dev", document("dev"))
        clouds = tmp_path / "clouds.yaml"
        clouds.write_text("clouds: {other: {auth: {auth_url: 'http://127.0.0.1:1', username: a, password: b, project_name: c}}}\n")
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
        assert main(["destroy", "dev", "--confirm", "dev", "--folder", str(tmp_path)]) == 1
        assert "gaia-dmp:cloud.clouds_yaml: the credential iris-gaia-red was not accepted" in capsys.readouterr().err

    def test_of_a_credential_that_opens_another_project_is_refused(self, tmp_path: Path, monkeypatch, capsys):
        def open_project(project: Any) -> None:
            raise projects.OtherProjectError("somebody-elses", "4711")

        write(tmp_path, "dev", document("dev"))
        monkeypatch.setattr(destroy, "open_project", open_project)
        assert main(["destroy", "dev", "--confirm", "dev", "--folder", str(tmp_path)]) == 1
        assert capsys.readouterr().err.strip() == (
            "Pulumi.dev.yaml: gaia-dmp:cloud.project is 'iris-gaia-red', but the credential of clouds.yaml entry 'iris-gaia-red' "
            "is for 'somebody-elses' (4711); nothing was changed"
        )


class TestSwitch:
    def settings(self, **more: Any) -> dict[str, Any]:
        project = {"project": "iris-gaia-data", "clouds_yaml": "iris-gaia-data"}
        stacks = {"blue": "organization/gaia-dmp/blue", "green": "organization/gaia-dmp/green"}
        return {"project": project, "record": {"zone": "example.org", "name": "z.example.org"}, "stacks": stacks, "live": "blue"} | more

    def test_a_sound_one(self):
        assert load_switch(self.settings(), "f").live == "blue"

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ({"live": "grene"}, "f: gaia-dmp-switch:name.live: must be one of stacks; accepted: blue, green"),
            ({"stacks": {"blue": "organization/gaia-dmp/blue"}}, "name.stacks"),
            ({"record": {"zone": "example.org", "name": "z.example.com"}}, "is not inside the zone example.org"),
            ({"lvie": "blue"}, "name.lvie"),
        ],
    )
    def test_one_that_leads_elsewhere(self, more, words):
        with pytest.raises(ValueError, match="gaia-dmp-switch") as caught:
            load_switch(self.settings(**more), "f")
        assert words in str(caught.value)
