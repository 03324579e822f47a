"""What a killed engine was making is found on the real APIs by what the program asked for, each with the id that the provider writes."""

from collections.abc import Callable
from typing import Any

import pytest

from operate.resume import delete_rules, found
from preview.answers import identifier
from recording import Recording
from tests.cloud.openstack.apply import applied, replaced
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.support.machines import recorded
from tests.support.programs import record_data
from tests.support.stack_files import document, with_machines

KINDS = {
    "Network", "Subnet", "Router", "RouterInterface", "Port", "FloatingIp", "Share", "ShareAccess", "Keypair", "ClusterTemplate", "Cluster",
    "NodeGroup", "SubnetRoute", "RouterRoute",
}  # fmt: skip
MACHINE_KINDS = {
    "Network", "Subnet", "Router", "RouterInterface", "Port", "FloatingIp", "Share", "ShareAccess", "SubnetRoute", "RouterRoute",
    "SecGroup", "SecGroupRule", "ServerGroup", "Volume", "Instance", "VolumeAttach",
}  # fmt: skip
"""Those of a stack on Yarn's machines."""
NETWORK = "openstack:networking/network:Network"
RANDOM_NAMES = {"Keypair", "ClusterTemplate"}
"""What the provider names; the tests name it like its resource."""
GONE = "6b1d2f57-0c3e-4a55-9f0a-1f1d6f2b7c11"
"""An id that nothing has."""


def of_clusters() -> Recording:
    balanced = {"kind": "load_balancer", "hostname": "zeppelin.example.org", "tls": {"kind": "self_signed"}}
    return record_data(document("dev") | {"gaia-dmp:entry": balanced}, "update", "dev")


def of_machines() -> Recording:
    return recorded(with_machines(document("dev")), "dev")


@pytest.mark.parametrize(("recording", "kinds"), [(of_clusters, KINDS), pytest.param(of_machines, MACHINE_KINDS, marks=pytest.mark.long)])
def test_everything_that_an_api_would_make_twice_or_refuse_is_found(
    cloud: Cloud, recording: Callable[[], Recording], kinds: set[str]
) -> None:
    project, stack = connect(cloud.clouds_yaml, "iris-gaia-red"), recording()
    ours = [each for each in stack.resources if each.type.split(":")[-1] in kinds and each.type.startswith("openstack:")]
    assert {each.type.split(":")[-1] for each in ours} == kinds
    with applied(stack, cloud.clouds_yaml) as ids:
        real = {identifier(urn): identity for urn, identity in ids.items()}
        asked: list[tuple[Any, dict[str, Any]]] = []
        for each in ours:
            kind = each.type.split(":")[-1]
            inputs = replaced(each.inputs, real) | ({"name": each.name} if kind in RANDOM_NAMES else {})
            asked.append((each, inputs))
            wanted = ids[each.urn]
            if kind == "NodeGroup":
                wanted = f"{inputs['clusterId']}/{wanted}"
            elif kind in {"SubnetRoute", "RouterRoute"}:
                # terraform-provider-openstack: networking_{subnet,router}_route_v2.go, resourceNetworking{Subnet,Router}RouteV2BuildID
                owner = inputs["subnetId" if kind == "SubnetRoute" else "routerId"]
                wanted = f"{owner}-route-{inputs['destinationCidr']}-{inputs['nextHop']}"
            assert found(project, each.type, inputs, "gaia-dmp-dev", unmarked=True) == wanted, each.urn
    inside = ("RouterInterface", "ShareAccess", "NodeGroup", "SubnetRoute", "RouterRoute", "VolumeAttach")
    assert {found(project, each.type, inputs, "gaia-dmp-dev") for each, inputs in asked if each.type.split(":")[-1] not in inside} == {""}


def test_what_is_there_twice_is_not_guessed(cloud: Cloud) -> None:
    network: Any = connect(cloud.clouds_yaml, "iris-gaia-red").network
    made = [network.create_network(name="gaia-dmp-dev") for _ in range(2)]
    with pytest.raises(ValueError, match="2 are there of gaia-dmp-dev") as refused:
        found(connect(cloud.clouds_yaml, "iris-gaia-red"), NETWORK, {"name": "gaia-dmp-dev"}, "gaia-dmp-dev", unmarked=True)
    assert [each.id in str(refused.value) for each in made] == [True, True]
    for each in made:
        network.delete_network(each)


def test_a_security_group_that_was_being_made_loses_the_rules_of_neutron(cloud: Cloud) -> None:
    """Neutron lets everything out of a new group, by both families of addresses. The provider deletes that, and sets tags at last."""
    project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    half, whole = (project.network.create_security_group(name=name) for name in ("gaia-dmp-dev-worker", "gaia-dmp-dev-gateway"))
    project.network.set_tags(whole, ["gaia-dmp-dev"])

    def rules(group: Any) -> list[tuple[str, str]]:
        return sorted((rule.direction, rule.ether_type) for rule in project.network.security_group_rules(security_group_id=group.id))

    assert rules(half) == rules(whole) == [("egress", "IPv4"), ("egress", "IPv6")]
    for each in (half, whole):
        delete_rules(project, each.id)
    assert rules(half) == []
    assert rules(whole) == [("egress", "IPv4"), ("egress", "IPv6")]
    for each in (half, whole):
        project.network.delete_security_group(each.id)


def test_what_a_new_one_is_made_beside_is_not_taken_for_it(cloud: Cloud) -> None:
    """A replacement that is made before the old one goes has its name and its mark."""
    project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    old = project.network.create_network(name="gaia-dmp-dev")
    project.network.set_tags(old, ["gaia-dmp-dev"])
    asked: dict[str, Any] = {"kind": NETWORK, "inputs": {"name": "gaia-dmp-dev"}, "mark": "gaia-dmp-dev"}
    assert found(project, **asked) == old.id
    assert found(project, **asked, beside=[old.id]) == ""
    new = project.network.create_network(name="gaia-dmp-dev")
    with pytest.raises(ValueError, match=rf"gaia-dmp-dev \({new.id}\) has this stack's name and no mark"):
        found(project, **asked, beside=[old.id])
    assert found(project, **asked, beside=[old.id], unmarked=True) == new.id
    for each in (old, new):
        project.network.delete_network(each)


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("containerinfra/nodeGroup:NodeGroup", {"clusterId": GONE, "name": "spark"}),
        ("compute/volumeAttach:VolumeAttach", {"instanceId": GONE, "volumeId": GONE}),
        ("networking/secGroupRule:SecGroupRule", {"securityGroupId": GONE, "direction": "egress", "ethertype": "IPv4"}),
        ("sharedfilesystem/shareAccess:ShareAccess", {"shareId": GONE, "accessTo": "gaia-dmp-dev-notebooks"}),
        ("networking/routerInterface:RouterInterface", {"routerId": GONE, "subnetId": GONE}),
        ("networking/routerRoute:RouterRoute", {"routerId": GONE, "destinationCidr": "10.4.200.0/24", "nextHop": "10.10.0.15"}),
        ("networking/subnetRoute:SubnetRoute", {"subnetId": GONE, "destinationCidr": "10.4.200.0/24", "nextHop": "10.10.0.15"}),
    ],
)
def test_nothing_is_in_what_is_gone(cloud: Cloud, kind: str, inputs: dict[str, str]) -> None:
    """A `destroy` that was killed has deleted it, and the state knows it still."""
    assert found(connect(cloud.clouds_yaml, "iris-gaia-red"), f"openstack:{kind}", inputs, "gaia-dmp-dev") == ""


def test_a_network_is_taken_by_the_mark_on_it(cloud: Cloud) -> None:
    project = connect(cloud.clouds_yaml, "iris-gaia-red")
    network: Any = project.network
    inputs = {"name": "gaia-dmp-dev"}
    made = network.create_network(name="gaia-dmp-dev")
    with pytest.raises(ValueError, match="no mark of a stack"):
        found(project, NETWORK, inputs, "gaia-dmp-dev")
    assert found(project, NETWORK, inputs, "gaia-dmp-dev", unmarked=True) == made.id
    network.set_tags(made, ["gaia-dmp-dev"])
    assert found(project, NETWORK, inputs, "gaia-dmp-dev") == made.id
    assert found(project, NETWORK, inputs, "gaia-dmp-prod", unmarked=True) == ""
    network.delete_network(made)
