"""The OpenStack resources of every stack, made through the real APIs from what the program recorded, and removed again.

Invariants: every service takes what the program asks for; what stands is what the stack file says; nothing is left; what is adopted
loses our access rule and nothing else.
"""

from typing import Any

import pytest

from tests.cloud.openstack.apply import applied, in_order
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import NODE_GROUPS, connect
from tests.cloud.openstack.inventory import held
from tests.cloud.openstack.seed import SHARE_TYPE, SHARES
from tests.support.eventually import eventually
from tests.support.programs import named, record_data, record_stack
from tests.support.stack_files import document

PROJECT = {"dev": "iris-gaia-red", "prod": "iris-gaia-blue"}


@pytest.mark.parametrize("stack", PROJECT)
def test_a_stack_stands_and_goes(cloud: Cloud, stack: str) -> None:
    recording = record_stack(stack, "update")
    project, data = connect(cloud.clouds_yaml, PROJECT[stack]), connect(cloud.clouds_yaml, "iris-gaia-data")
    assert held(project) == {}
    before = held(data)
    with applied(recording, cloud.clouds_yaml) as ids:
        assert len(ids) == len(list(in_order(recording)))
        title = f"gaia-dmp-{stack}"
        now = held(project)
        assert (now["networks"], now["clusters"]) == ([title], [title])
        assert now["routers"] == [title, f"{title}-ceph"]
        _check_network(project, title)
        _check_cluster(project, recording, ids)
        for resource in recording.of_type("openstack:sharedfilesystem/shareAccess:ShareAccess"):
            _check_rule(connect(cloud.clouds_yaml, _entry(recording, resource)), resource, ids)
    assert held(project) == {}
    assert held(data) == before == {"shares": sorted(SHARES)}


def _entry(recording: Any, resource: Any) -> str:
    provider = next(each for each in recording.resources if each.urn == resource.provider)
    return provider.inputs["cloud"]


def _check_network(project: Any, title: str) -> None:
    """The subnet tells nodes the way to Ceph, and the Ceph router knows it."""
    subnet = project.network.find_subnet(title)
    assert subnet.host_routes == [{"destination": "10.4.200.0/24", "nexthop": "10.10.0.15"}]
    assert subnet.allocation_pools[0]["start"] == "10.10.0.50"
    ceph = project.network.find_router(f"{title}-ceph")
    assert ceph.routes == [{"destination": "10.4.200.0/24", "nexthop": "10.9.0.1"}]
    addresses = [ip["ip_address"] for port in project.network.ports(device_id=ceph.id) for ip in port.fixed_ips]
    assert "10.10.0.15" in addresses


def _check_cluster(project: Any, recording: Any, ids: dict[str, str]) -> None:
    """The cluster stands in our network, has our labels and the template's, and the pools of the stack file."""
    wanted = named(recording, "cluster-cluster")
    magnum = project.container_infrastructure_management
    found = magnum.get(f"/clusters/{ids[wanted.urn]}").json()
    assert found["fixed_subnet"] == ids[named(recording, "network-subnet").urn]
    assert wanted.inputs["labels"].items() <= found["labels"].items()
    assert named(recording, "cluster-template").inputs["labels"].items() <= found["labels"].items()
    groups = magnum.get(f"/clusters/{found['uuid']}/nodegroups", headers=NODE_GROUPS).json()["nodegroups"]
    sizes = {group["name"]: group["node_count"] for group in groups if group["role"] == "worker"}
    pool = named(recording, "cluster-pool-spark").inputs
    assert sizes == {"default-worker": wanted.inputs["nodeCount"], "spark": pool["nodeCount"]}


def _check_rule(project: Any, resource: Any, ids: dict[str, str]) -> None:
    """A rule of ours gives its Ceph id a key and no more than the stack said."""
    inputs = resource.inputs
    rules = [rule for share in project.shared_file_system.shares() for rule in project.shared_file_system.access_rules(share.id)]
    rule = next(rule for rule in rules if rule.id == ids[resource.urn])
    assert (rule.access_to, rule.access_level, rule.state) == (inputs["accessTo"], inputs["accessLevel"], "active")
    assert len(rule.access_key) == 40


def test_a_stack_on_a_cluster_that_exists_makes_nothing_on_openstack() -> None:
    assert list(in_order(record_stack("local", "update"))) == []


def test_two_stacks_on_one_share_have_two_keys_and_one_can_go(cloud: Cloud) -> None:
    """Adopted by the same name: each adds its own rule, and removing one leaves the other's, and whoever else's."""
    data: Any = connect(cloud.clouds_yaml, "iris-gaia-data").shared_file_system
    share = next(each for each in data.shares() if each.name == SHARES[0])
    recordings = [record_data(document("prod"), "update", name) for name in ("blue", "green")]
    kinds = ("pulumi:providers:openstack", "openstack:sharedfilesystem/shareAccess:ShareAccess")
    for recording in recordings:
        # The rules on adopted shares alone: those on the stack's own want the stack's own.
        found = [each for each in recording.resources if each.type in kinds]
        recording.resources = [each for each in found if each.name.startswith(("data-", "openstack-"))]

    def keys() -> dict[str, str]:
        return {rule.access_to: rule.access_key for rule in data.access_rules(share.id)}

    with applied(recordings[0], cloud.clouds_yaml):
        first = keys()
        with applied(recordings[1], cloud.clouds_yaml):
            both = keys()
            assert set(both) == {f"gaia-dmp-{name}-data-gedr3" for name in ("blue", "green")}
            assert len(set(both.values())) == 2
        assert keys() == first
    assert keys() == {}


def test_a_share_that_was_kept_is_somebodys_space_again(cloud: Cloud) -> None:
    """Somebody was taken off the list, whose share stayed on the cloud, and is back."""
    shares: Any = connect(cloud.clouds_yaml, "iris-gaia-red").shared_file_system
    title = "gaia-dmp-dev-user-alice"
    kept = shares.create_share(name=title, size=1, share_protocol="CEPHFS", share_type=SHARE_TYPE)
    shares.wait_for_status(kept, "available", failures=["error"], interval=0.5, wait=60)
    data = document("dev")
    data["gaia-dmp:zeppelin"] |= {
        "people": [{"name": "alice", "space_share": title}],
        "user_space": {"kind": "share", "size_gib": 1, "on_destroy": "delete"},
    }
    with applied(record_data(data, "update", "dev"), cloud.clouds_yaml):
        assert [each.id for each in shares.shares() if each.name == title] == [kept.id]
        assert {rule.access_to: rule.access_level for rule in shares.access_rules(kept.id)} == {"gaia-dmp-dev-user-alice": "rw"}
    assert list(shares.access_rules(kept.id)) == []
    shares.delete_share(kept.id)
    eventually(lambda: "shares" not in held(connect(cloud.clouds_yaml, "iris-gaia-red")))
