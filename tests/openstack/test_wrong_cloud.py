"""`make destroy` on a real Keystone: the credential is asked which project it opens, and another one is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.main import main
from operate import destroy
from tests.cloud.openstack.cloud import Cloud
from tests.support.stack_files import document, write


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the engine is asked."""
    found: list[tuple[Any, ...]] = []

    def run(*words: Any, **_: Any) -> str:
        found.append(words)
        return "{}"

    monkeypatch.setattr(destroy, "run", run)
    monkeypatch.setattr(destroy, "resources", lambda *_: [])
    return found


@pytest.mark.parametrize("named_by", ["name", "id"])
def test_the_right_project_goes_on(cloud: Cloud, monkeypatch, tmp_path: Path, asked, named_by) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))
    data = document("dev")
    if named_by == "id":
        from tests.cloud.openstack.connections import connect  # noqa: PLC0415

        data["gaia-dmp:cloud"]["project"] = connect(cloud.clouds_yaml, "iris-gaia-red").current_project_id
    write(tmp_path, "dev", data)
    assert main(["destroy", "dev", "--confirm", "dev", "--folder", str(tmp_path)]) == 0
    assert asked == [("dev", "destroy", "--yes")]


def test_an_entry_that_opens_another_project_is_refused(cloud: Cloud, monkeypatch, tmp_path: Path, asked, capsys) -> None:
    """The entry still has the name that it had, and somebody has put another project's credential there."""
    clouds = yaml.safe_load(cloud.clouds_yaml.read_text())
    clouds["clouds"]["iris-gaia-red"] = clouds["clouds"]["iris-gaia-blue"]
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(clouds))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    write(tmp_path, "dev", document("dev"))
    assert main(["destroy", "dev", "--confirm", "dev", "--folder", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "gaia-dmp:cloud.project is 'iris-gaia-red', but the credential" in message
    assert "is for 'iris-gaia-blue'" in message
    assert asked == []


def test_the_second_project_is_asked_too(cloud: Cloud, monkeypatch, tmp_path: Path, asked, capsys) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))
    data: dict[str, Any] = document("prod") | {"gaia-dmp:protection": "off"}
    data["gaia-dmp:cloud"]["data_project"] = {"project": "iris-gaia-data", "clouds_yaml": "iris-gaia-red"}
    write(tmp_path, "prod", data)
    assert main(["destroy", "prod", "--confirm", "prod", "--folder", str(tmp_path)]) == 1
    assert "gaia-dmp:cloud.data_project.project is 'iris-gaia-data', but the credential" in capsys.readouterr().err
    assert asked == []
