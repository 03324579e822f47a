"""What the hook says that the engine calls before it makes something: on real APIs, before a stack stands and while it does.

Invariants: where nothing stands, nothing is refused; whatever Neutron, Manila, Magnum or Swift would make a second time is.
"""

from collections.abc import Iterable
from typing import Any

import pulumi
import pytest

from components.openstack.first_look import first_look
from recording import RecordedResource
from settings.values.cloud import OpenStackProject
from tests.cloud.openstack.apply import applied
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.inventory import held
from tests.cloud.openstack.seed import SHARE_TYPE
from tests.support.programs import only, record_component, record_data, record_stack
from tests.support.stack_files import document

SINGLE = {
    "network-network": "network gaia-dmp-dev",
    "network-router": "router gaia-dmp-dev",
    "network-ceph-router": "router gaia-dmp-dev-ceph",
    "network-public-address": "floating ip gaia-dmp-dev: public address",
    "notebooks-share": "share gaia-dmp-dev-notebooks",
    "data-sample-share": "share gaia-dmp-dev-sample",
    "cluster-cluster": "coe cluster gaia-dmp-dev",
}
"""Resource of dev to how it is called in the message."""


@pytest.fixture(autouse=True)
def credential(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))


def refused(resources: Iterable[RecordedResource], project: str = "iris-gaia-red", *, dry: bool = False) -> dict[str, str]:
    """What the hook says before each resource, by its name; nothing of those that it lets pass."""
    said: dict[str, str] = {}

    def program(_opts: pulumi.ResourceOptions) -> None:
        hook = first_look("openstack", OpenStackProject(project=project, clouds_yaml=project))
        assert hook.opts
        assert hook.opts.on_dry_run
        for each in resources:
            try:
                hook.callback(pulumi.ResourceHookArgs(each.urn, "", each.name, each.type, new_inputs=each.inputs))
            except ValueError as error:
                said[each.name] = str(error)

    record_component(program, "preview" if dry else "update")
    return said


def test_what_stands_is_not_made_a_second_time(cloud: Cloud) -> None:
    balanced = {"kind": "load_balancer", "hostname": "zeppelin.example.org", "tls": {"kind": "self_signed"}}
    recording = record_data(document("dev") | {"gaia-dmp:entry": balanced}, "update", "dev")
    single = [each for each in recording.resources if each.name in SINGLE]
    assert {each.name for each in recording.resources if "openstack-compute-first-look" in each.options.get("hooks", [])} == set(SINGLE)
    assert refused(single) == {}
    with applied(recording, cloud.clouds_yaml) as ids:
        said = refused(single)
        for each in single:
            words = said[each.name]
            assert words.startswith(f"{SINGLE[each.name]} stands already in project iris-gaia-red ({ids[each.urn]})")
            assert "gaia resume test" in words
            assert f"openstack {SINGLE[each.name].split(' gaia')[0]} delete {ids[each.urn]}" in words
            assert ("kind: adopt" in words) == each.name.endswith("-share")
        # A cluster that is replaced stands until its time comes, so a preview does not look.
        assert set(refused(single, dry=True)) == set(SINGLE) - {"cluster-cluster"}
        assert refused(single, "iris-gaia-blue") == {}
    assert refused(single) == {}


def test_a_mark_of_this_stack_is_told(cloud: Cloud) -> None:
    network: Any = connect(cloud.clouds_yaml, "iris-gaia-red").network
    wanted = only(record_stack("dev"), "openstack:networking/network:Network")
    made = network.create_network(name="gaia-dmp-dev")
    assert "nothing on it says whose it is" in refused([wanted])["network-network"]
    network.set_tags(made, ["gaia-dmp-test"])
    assert "it carries the mark of stack gaia-dmp-test" in refused([wanted])["network-network"]
    network.set_tags(made, ["gaia-dmp-other"])
    words = refused([wanted])["network-network"]
    assert "it carries the mark of stack gaia-dmp-other" in words
    assert "openstack network delete" not in words
    network.delete_network(made)
    assert held(connect(cloud.clouds_yaml, "iris-gaia-red")) == {}


def test_somebody_elses_bucket_is_refused_and_ones_own_is_taken_over(cloud: Cloud) -> None:
    store: Any = connect(cloud.clouds_yaml, "iris-gaia-buckets").object_store
    bucket = RecordedResource(
        urn="urn:bucket", name="buckets-b", type="openstack:objectstorage/container:Container", parent="", provider="", custom=True,
        inputs={"name": "gaia-dmp-test-b"}, secret_paths=[], outputs={}, options={},
    )  # fmt: skip
    assert refused([bucket], "iris-gaia-buckets") == {}
    store.put("/gaia-dmp-test-b").raise_for_status()
    assert refused([bucket], "iris-gaia-buckets")["buckets-b"].startswith("container gaia-dmp-test-b stands already")
    assert "openstack container set --property stack=gaia-dmp-test gaia-dmp-test-b" in refused([bucket], "iris-gaia-buckets")["buckets-b"]
    store.post("/gaia-dmp-test-b", headers={"X-Container-Meta-Stack": "gaia-dmp-test"}).raise_for_status()
    assert refused([bucket], "iris-gaia-buckets") == {}
    store.delete("/gaia-dmp-test-b").raise_for_status()


def test_a_share_type_that_a_project_does_not_see_is_refused() -> None:
    share = next(each for each in record_stack("dev").resources if each.name == "data-sample-share")
    assert share.inputs["shareType"] == SHARE_TYPE
    share.inputs["shareType"] = "nfs_only"
    words = refused([share])["data-sample-share"]
    assert words.startswith("data-sample-share: share type nfs_only is not known to project iris-gaia-red; the share was not made.")
    assert SHARE_TYPE in words
