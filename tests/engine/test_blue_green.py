"""Two stacks over the same data under the real engine: the name is switched, Kubernetes is upgraded, one stack is taken down, and no
data is touched by any of it."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.automation import LocalWorkspace, Stack

from cli.main import main
from operate import drift
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.seed import SHARE_TYPE
from tests.engine import designate
from tests.engine.platform import Outcome, Platform
from tests.support.stack_files import ROOT, document

NAME = "zeppelin.gaia-dmp.example.org"
NOTEBOOKS = "gaia-notebooks"
SECRETS = {"gaia-dmp:tls-certificate": "certificate", "gaia-dmp:tls-key": "key"}


def colour(project: str, *, standby: bool) -> dict[str, Any]:
    """A stack over the catalogues and the notebooks of the data project; it keeps its own event logs."""
    data = document("prod")
    del data["gaia-dmp:monitoring"]
    data["gaia-dmp:protection"] = "off"
    data["gaia-dmp:cloud"] |= {"project": project, "clouds_yaml": project}
    data["gaia-dmp:spark"]["history"]["size_gib"] = 1
    zeppelin = data["gaia-dmp:zeppelin"]
    for key in ("backup", "user_space"):
        del zeppelin[key]
    zeppelin |= {"notebooks": {"kind": "adopt", "share": NOTEBOOKS, "project": "data"}, "standby": standby, "people": []}
    return data


class Switch(Platform):
    """The little program that owns the public name."""

    live = "blue"

    def stack(self) -> Stack:
        folder = self.folder / "switch"
        if not folder.exists():
            for name in ("components", "settings", "switch"):
                shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            (self.folder / ".venv").symlink_to(ROOT / ".venv")
        file = folder / "Pulumi.prod.yaml"
        data = yaml.safe_load((ROOT / "switch" / "Pulumi.prod.yaml").read_text())
        data["config"]["gaia-dmp-switch:name"]["live"] = self.live
        file.write_text(yaml.safe_dump(data))
        return Stack.create_or_select("prod", LocalWorkspace(work_dir=str(folder), env_vars=self.environment))


def rules(data: Any) -> dict[str, str]:
    """Ceph id to level of every rule of the data project."""
    shares = data.shared_file_system
    return {rule.access_to: rule.access_level for share in shares.shares() for rule in shares.access_rules(share.id)}


def replicas(platform: Platform) -> int:
    """Servers of Zeppelin that a stack wants."""
    resources = (platform.stack().export_stack().deployment or {})["resources"]
    (server,) = [each for each in resources if each["urn"].endswith("::zeppelin-server")]
    return server["inputs"]["spec"]["replicas"]


def untouched(outcome: Outcome) -> None:
    """An operation that succeeded, and replaced or deleted nothing that holds data."""
    assert not outcome.error, outcome.output[-3000:]
    held = ("-share", "-adopted", "-volume", "-claim", "cluster-cluster", "network-network")
    touched = {name: op for name, op in outcome.ops.items() if name.endswith(held) and op not in ("create", "update")}
    assert touched == {}


def test_a_switch_an_upgrade_and_a_teardown_leave_the_data_alone(  # noqa: PLR0915 - one story, told in order
    cloud: Cloud, platform: Callable[..., Platform], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data: Any = connect(cloud.clouds_yaml, "iris-gaia-data")
    notebooks = data.shared_file_system.create_share(name=NOTEBOOKS, size=1, share_protocol="CEPHFS", share_type=SHARE_TYPE)
    data.shared_file_system.wait_for_status(notebooks, status="available", interval=1, wait=60)
    before = {share.id: share.name for share in data.shared_file_system.shares()}
    blue = platform("blue", colour("iris-gaia-blue", standby=False))
    green = platform("green", colour("iris-gaia-red", standby=True))
    switch = Switch(cloud.clouds_yaml, tmp_path / "name", "prod", {})
    for each in (blue, green, switch):
        each.environment["PULUMI_BACKEND_URL"] = blue.environment["PULUMI_BACKEND_URL"]
        each.secrets = SECRETS
    with designate.running(connect(cloud.clouds_yaml, "admin")) as dns:
        untouched(blue.up())
        untouched(green.up())
        assert (replicas(blue), replicas(green)) == (1, 0)
        untouched(switch.up())
        addresses = {each.name: each.outputs()["public_address"] for each in (blue, green)}
        assert dns.history == [[addresses["blue"]]]

        # Not before green serves.
        switch.live = "green"
        refused = switch.preview()
        assert refused.error
        assert "is on standby: set zeppelin.standby to false" in refused.output

        blue.data = colour("iris-gaia-blue", standby=True)
        stands_by = blue.up()
        untouched(stands_by)
        assert stands_by.ops == {"zeppelin-server": "update"}
        green.data = colour("iris-gaia-red", standby=False)
        untouched(green.up())
        assert (replicas(blue), replicas(green)) == (0, 1)
        switched = switch.up()
        assert not switched.error, switched.output[-3000:]
        # The reference to the stack that was live is forgotten, which is nothing in the cloud.
        assert {name: op for name, op in switched.ops.items() if op != "discard"} == {"public-name-record": "update"}
        assert dns.history == [[addresses["blue"]], [addresses["green"]]]
        assert len(dns.records) == 1

        # Another version of Kubernetes, in place. No machine boots from its image either.
        glance: Any = connect(cloud.clouds_yaml, "admin").image
        new, properties = "ubuntu-jammy-kube-v1.36.1", {"os_distro": "ubuntu", "kube_version": "v1.36.1"}
        glance.create_image(new, data=b"-", disk_format="raw", container_format="bare", visibility="public", wait=True, **properties)
        upgraded = copy.deepcopy(green.data)
        cluster = upgraded["gaia-dmp:cloud"]["cluster"]
        cluster |= {"kubernetes_version": "1.36.1", "template": {"kind": "own", "image": new}}
        ids, green.data = green.ids(), upgraded
        outcome = green.up()
        untouched(outcome)
        assert outcome.ops["cluster-cluster"] == "update"
        assert {name: op for name, op in outcome.ops.items() if op == "replace"} == {"cluster-template": "replace"}
        assert {name: now for name, now in green.ids().items() if name != "cluster-template" and ids.get(name) != now} == {}
        assert green.up().ops == {}

        # Nothing has drifted; what somebody takes away by hand is found.
        for key, value in green.environment.items():
            monkeypatch.setenv(key, value)
        assert drift.differences(drift.run("green", "refresh", "--preview-only", "--json", folder=green.folder), "green") == []
        rule = next(
            (share, each)
            for share in data.shared_file_system.shares()
            for each in data.shared_file_system.access_rules(share.id)
            if each.access_to == "gaia-dmp-green-data-gdr3"
        )
        data.shared_file_system.delete_access_rule(rule[1].id, rule[0].id)
        found = drift.differences(drift.run("green", "refresh", "--preview-only", "--json", folder=green.folder), "green")
        assert [(each.operation, each.name) for each in found] == [("delete", "data-gdr3-access-gaia-dmp-green-data-gdr3")]
        assert main(["drift", "green", "--folder", str(green.folder)]) == 1
        assert "gone" in capsys.readouterr().out
        assert not green.refresh().error
        untouched(green.up())

        # Blue goes: refused unless it is meant, and then what it keeps is told.
        ids = blue.ids()
        assert main(["destroy", "blue", "--confirm", "green", "--folder", str(blue.folder)]) == 1
        assert blue.ids() == ids
        assert main(["destroy", "blue", "--confirm", "blue", "--folder", str(blue.folder)]) == 0
        shown = capsys.readouterr().out
        assert "gaia-dmp-blue-history" in shown
        assert f"openstack share show {ids['history-share']}" in shown
        assert blue.ids() == {}
        assert set(rules(data)) == {
            "gaia-dmp-green-data-gdr3",
            "gaia-dmp-green-data-gedr3",
            "gaia-dmp-green-notebooks",
        }
        assert {share.id: share.name for share in data.shared_file_system.shares()} == before
        assert json.dumps(dns.history) == json.dumps([[addresses["blue"]], [addresses["green"]]])
        own: Any = connect(cloud.clouds_yaml, "iris-gaia-blue").shared_file_system
        assert [share.name for share in own.shares()] == ["gaia-dmp-blue-history"]
        for share in own.shares():
            own.delete_share(share.id)
        green.destroy()
        project: Any = connect(cloud.clouds_yaml, "iris-gaia-red").shared_file_system
        for share in project.shares():
            project.delete_share(share.id)
    data.shared_file_system.delete_share(notebooks.id)
