"""The network: order, routes, addresses; a node that waits for the subnet waits for every route."""

import json

import pulumi
import pulumi_openstack as openstack
import pytest

from components.openstack.network import Network, NetworkArgs
from recording import UNKNOWN
from settings.values.network import NetworkSettings
from settings.values.sites import Site
from tests.support.programs import MODES, named, only, only_by, record_component

CEPH = {
    "kind": "router",
    "network": "cephfs",
    "cidr": "10.9.0.0/16",
    "routes": [{"destination": "10.4.200.0/24", "next_hop": "10.9.0.1"}, {"destination": "10.206.0.0/16"}],
}


def args(*, ceph: dict | None = None, public_address: bool = False, **changes) -> NetworkArgs:
    """ceph: the site's way to Ceph. changes: keys of the network's settings. Both as a stack file has them."""
    given = {
        "subnet": "10.10.0.0/24",
        "gateway": "10.10.0.1",
        "allocation_pool": {"start": "10.10.0.50", "end": "10.10.0.250"},
        "ceph_router_address": "10.10.0.15" if ceph else None,
    }
    site = {"external_network": "public", "dns_nameservers": ["8.8.8.8"], "ceph": ceph}
    return NetworkArgs(
        title="gaia-dmp-test",
        network=NetworkSettings.model_validate_json(json.dumps(given | changes)),
        site=Site.model_validate_json(json.dumps(site)),
        public_address=public_address,
    )


@pytest.mark.parametrize("mode", MODES)
def test_subnet_says_what_nodes_need(mode):
    recording = record_component(lambda opts: Network("net", args(), opts), mode)
    subnet = only(recording, "openstack:networking/subnet:Subnet")
    assert subnet.inputs["cidr"] == "10.10.0.0/24"
    assert subnet.inputs["gatewayIp"] == "10.10.0.1"
    assert subnet.inputs["dnsNameservers"] == ["8.8.8.8"]
    assert subnet.inputs["allocationPools"] == [{"start": "10.10.0.50", "end": "10.10.0.250"}]
    assert (subnet.inputs["networkId"] == UNKNOWN) == (mode == "preview")


@pytest.mark.parametrize("mode", MODES)
def test_ceph_router_has_its_fixed_address_and_every_route(mode):
    recording = record_component(lambda opts: Network("net", args(ceph=CEPH), opts), mode)
    port = only(recording, "openstack:networking/port:Port")
    assert port.inputs["fixedIps"][0]["ipAddress"] == "10.10.0.15"
    learnt = recording.of_type("openstack:networking/subnetRoute:SubnetRoute")
    assert [(r.inputs["destinationCidr"], r.inputs["nextHop"]) for r in learnt] == [
        ("10.4.200.0/24", "10.10.0.15"),
        ("10.206.0.0/16", "10.10.0.15"),
    ]
    inner = only(recording, "openstack:networking/routerRoute:RouterRoute")
    assert (inner.inputs["destinationCidr"], inner.inputs["nextHop"]) == ("10.4.200.0/24", "10.9.0.1")
    interface = named(recording, "net-ceph-router-interface")
    assert "portId" in interface.inputs
    assert "subnetId" not in interface.inputs


def test_whoever_takes_the_subnet_waits_for_routes_and_interfaces():
    def program(opts: pulumi.ResourceOptions) -> None:
        network = Network("net", args(ceph=CEPH), opts)
        openstack.networking.Port(
            "node",
            network_id=network.network_id,
            fixed_ips=[openstack.networking.PortFixedIpArgs(subnet_id=network.node_subnet_id)],
            opts=only_by(openstack.Provider, opts),
        )

    recording = record_component(program, "update")
    waits = " ".join(named(recording, "node").options["dependencies"])
    for name in (
        "net-router-interface",
        "net-ceph-router-interface",
        "net-ceph-router-route-0",
        "net-ceph-subnet-route-0",
        "net-ceph-subnet-route-1",
    ):
        assert f"::{name}" in waits


def test_without_a_ceph_network_there_is_one_router():
    recording = record_component(lambda opts: Network("net", args(), opts))
    assert [r.name for r in recording.of_type("openstack:networking/router:Router")] == ["net-router"]
    assert recording.of_type("openstack:networking/subnetRoute:SubnetRoute") == []


def test_public_address_and_its_record():
    record = {"zone": "example.org", "name": "zeppelin.example.org", "ttl": 300}
    recording = record_component(lambda opts: Network("net", args(public_address=True, dns_record=record), opts), "update")
    assert only(recording, "openstack:networking/floatingIp:FloatingIp").inputs["pool"] == "public"
    found = only(recording, "openstack:dns/recordSet:RecordSet").inputs
    assert (found["name"], found["type"], found["records"], found["ttl"]) == ("zeppelin.example.org.", "A", ["198.51.100.10"], 300)


def test_no_address_where_nobody_needs_one():
    assert record_component(lambda opts: Network("net", args(), opts)).of_type("openstack:networking/floatingIp:FloatingIp") == []


def test_external_network_is_asked_for_by_name_through_our_provider():
    recording = record_component(lambda opts: Network("net", args(), opts))
    (query,) = recording.invokes
    assert query.token == "openstack:networking/getNetwork:getNetwork"
    assert query.args == {"name": "public", "external": True}
    assert query.provider.endswith("pulumi:providers:openstack::openstack")
