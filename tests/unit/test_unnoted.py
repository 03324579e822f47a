"""What the program wants and the state does not have is looked for, and only where everything that it hangs on is there."""

from pathlib import Path
from typing import Any

import pytest

from operate.unnoted import SHARED, Unnoted
from tests.support.programs import record_data, record_stack
from tests.support.stack_files import ROOT, document, write

NETWORKS = {f"openstack:networking/{kind}" for kind in ("network:Network", "subnet:Subnet", "router:Router")}
STACK = {"urn": "urn:pulumi:dev::gaia-dmp::pulumi:pulumi:Stack::gaia-dmp-dev", "type": "pulumi:pulumi:Stack"}


def state(*without: str) -> list[dict[str, Any]]:
    """Dev as an engine has it, without some resources."""
    wanted = [each for each in record_stack("dev", "update").resources if each.name not in without]
    return [STACK, *({"urn": each.urn, "type": each.type} | ({"id": f"id of {each.name}"} if each.custom else {}) for each in wanted)]


def names(found: list[dict[str, Any]]) -> list[str]:
    return [each["urn"].split("::")[-1] for each in found]


@pytest.fixture(scope="module")
def cut() -> list[dict[str, Any]]:
    return state("network-network", "network-subnet", "network-router", "notebooks-share")


def test_what_is_there_leads_to_what_hangs_on_it(cut):
    unnoted = Unnoted("dev", ROOT, cut, [])
    found = []
    for each in unnoted.sought(NETWORKS):
        found.append(each)
        unnoted.took(each | {"id": f"real {each['urn'].split('::')[-1]}"})
    assert sorted(names(found)) == ["network-network", "network-router", "network-subnet"]
    subnet = next(each for each in found if each["urn"].endswith("network-subnet"))
    assert subnet["inputs"]["networkId"] == "real network-network"
    assert subnet["parent"].endswith("gaia-dmp:openstack:Network::network")
    assert subnet["provider"].endswith("pulumi:providers:openstack::openstack-compute::id of openstack-compute")


def test_without_its_network_no_subnet_is_looked_for(cut):
    assert sorted(names(list(Unnoted("dev", ROOT, cut, []).sought(NETWORKS)))) == ["network-network", "network-router"]


def test_what_is_known_or_noted_or_not_begun_is_not_looked_for(cut):
    noted = [each.urn for each in record_stack("dev", "update").resources if each.name == "network-router"]
    assert names(list(Unnoted("dev", ROOT, cut, noted).sought(NETWORKS))) == ["network-network"]
    assert list(Unnoted("dev", ROOT, state(), []).sought(NETWORKS)) == []
    assert list(Unnoted("dev", ROOT, [STACK], []).sought(NETWORKS)) == []


def test_a_record_of_dns_may_be_somebody_elses(tmp_path: Path):
    data = document("dev") | {"gaia-dmp:entry": {"kind": "load_balancer", "hostname": "z.example.org", "tls": {"kind": "self_signed"}}}
    data["gaia-dmp:cloud"]["network"]["dns_record"] = {"zone": "example.org", "name": "z.example.org"}
    write(tmp_path, "dev", data)
    wanted = record_data(data, "update", "dev").resources
    assert [each.name for each in wanted if each.type in SHARED] == ["network-dns-record"]
    known = [STACK, *({"urn": each.urn, "type": each.type, "id": each.name} for each in wanted if each.type not in SHARED)]
    assert list(Unnoted("dev", tmp_path, known, []).sought({*SHARED})) == []
