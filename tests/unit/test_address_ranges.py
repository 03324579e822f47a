"""Whatever address ranges a stack file gives: it is accepted if and only if the ranges are really apart and nested as they must be."""

from ipaddress import IPv4Address, IPv4Network

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settings import StackFileError
from tests.support.stack_files import document, settings_of

slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CEPH = [IPv4Network("10.9.0.0/16"), IPv4Network("10.4.200.0/24")]


def networks(low: int, high: int) -> st.SearchStrategy[IPv4Network]:
    """Networks inside 10.0.0.0/8 and 172.16.0.0/12, of prefixes `low` to `high`."""
    bases = st.sampled_from([IPv4Address("10.0.0.0"), IPv4Address("172.16.0.0")])
    return st.builds(
        lambda base, offset, prefix: IPv4Network((int(base) + offset, prefix), strict=False),
        bases,
        st.integers(0, 2**20 - 1),
        st.integers(low, high),
    )


def accepted(data: dict) -> bool:
    try:
        settings_of(data)
    except StackFileError:
        return False
    return True


@slow
@given(pods=networks(10, 20), services=networks(12, 24))
def test_pods_services_subnet_and_ceph_are_apart(pods: IPv4Network, services: IPv4Network):
    data = document("dev")
    data["gaia-dmp:cloud"]["cluster"] |= {"pod_cidr": str(pods), "service_cidr": str(services)}
    ranges = [IPv4Network("10.10.0.0/16"), pods, services, *CEPH]
    apart = all(not a.overlaps(b) for i, a in enumerate(ranges[:3]) for b in ranges[i + 1 :])
    assert accepted(data) == apart


@slow
@given(subnet=networks(14, 30), cidr=networks(8, 20))
def test_subnet_lies_inside_its_network(subnet: IPv4Network, cidr: IPv4Network):
    data = document("dev")
    data["gaia-dmp:cloud"]["cluster"] |= {"pod_cidr": "192.168.0.0/17", "service_cidr": "192.168.128.0/17"}
    first = subnet.network_address
    data["gaia-dmp:cloud"]["network"] = {
        "cidr": str(cidr),
        "subnet": str(subnet),
        "allocation_pool": {"start": str(first + 4), "end": str(subnet.broadcast_address - 1)},
        "ceph_router_address": str(first + 3),
    }
    right = subnet.subnet_of(cidr) and 16 <= subnet.prefixlen <= 28 and not any(cidr.overlaps(ceph) for ceph in CEPH)
    assert accepted(data) == right


@slow
@given(start=st.integers(0, 255), end=st.integers(0, 255), ceph=st.integers(0, 255))
def test_allocation_pool_and_ceph_router(start: int, end: int, ceph: int):
    data = document("dev")
    data["gaia-dmp:cloud"]["network"] = {
        "subnet": "10.10.0.0/24",
        "allocation_pool": {"start": f"10.10.0.{start}", "end": f"10.10.0.{end}"},
        "ceph_router_address": f"10.10.0.{ceph}",
    }
    hosts = range(1, 255)
    right = (
        start in hosts
        and end in hosts
        and ceph in hosts
        and start <= end
        and not start <= 1 <= end
        and ceph != 1
        and not start <= ceph <= end
    )
    assert accepted(data) == right
