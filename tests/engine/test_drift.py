"""`gaia drift` on what the real engine made and exports: edits by hand are found and put back, and then the engine has nothing to do."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cli.main import main
from operate.api import Api, Object
from tests.cloud.openstack.cloud import Cloud
from tests.engine.platform import Platform
from tests.support.stack_files import document

ROLE: Object = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"namespace": "gaia-spark", "name": "spark-driver"},
}
CONFIG: Object = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "gaia-zeppelin", "name": "zeppelin"}}


def test_what_somebody_edits_is_found_and_put_back(
    cloud: Cloud, platform: Callable[..., Platform], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dev = platform("dev", document("dev"))
    first = dev.up()
    assert not first.error, first.output[-3000:]
    for name, value in dev.environment.items():
        monkeypatch.setenv(name, value)

    def drift(*words: str) -> tuple[int, dict[str, Any]]:
        code = main(["drift", "dev", "--json", "--folder", str(dev.folder), *words])
        return code, json.loads(capsys.readouterr().out)

    code, found = drift()
    assert found["differences"] == []
    api = Api(dev.outputs()["kubeconfig"])
    role = api.get(ROLE)
    assert role
    api.replace(role | {"rules": [*role["rules"], {"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}]}, dry_run=False)
    api.delete(CONFIG)
    code, found = drift()
    assert code == 1
    assert {each["operation"] for each in found["differences"]} == {"update", "delete"}
    assert "secrets" in json.dumps(found["wider"])
    drift("--mend")
    assert drift()[1]["differences"] == []
    assert api.get(CONFIG)
    live = api.get(ROLE)
    assert live
    assert live["rules"] == role["rules"]
    assert dev.up(refresh=True).ops == {}
