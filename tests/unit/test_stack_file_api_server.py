"""A cluster that exists: its stack file names the addresses of the API server, and narrow ones."""

from ipaddress import IPv4Network

import pytest

from tests.support.stack_files import changed, refusal, settings_of

TOLD_BY = "kubectl get endpointslices -n default kubernetes"

WRONG = [
    # value of cloud.api_server, words of the message
    (None, ["gaia-dmp:cloud.api_server\n      is missing", "cidrs", TOLD_BY]),
    ({}, ["gaia-dmp:cloud.api_server.cidrs\n      is missing", TOLD_BY]),
    ({"cidr": "10.0.0.1/32"}, ["api_server.cidr: 10.0.0.1/32", "did you mean gaia-dmp:cloud.api_server.cidrs?"]),
    ({"cidrs": []}, ["api_server.cidrs: []", "must have at least 1 item", TOLD_BY]),
    ({"cidrs": ["0.0.0.0/0"]}, ["api_server.cidrs[0]: 0.0.0.0/0", "must be a public network of /24 or smaller", TOLD_BY]),
    ({"cidrs": ["10.0.0.1", "34.0.0.0/8"]}, ["api_server.cidrs[1]: 34.0.0.0/8", "must be a public network of /24 or smaller"]),
    ({"cidrs": ["34.118.0.0/23"]}, ["api_server.cidrs[0]: 34.118.0.0/23", "must be a public network of /24 or smaller"]),
    ({"cidrs": ["172.18.0.0/15"]}, ["api_server.cidrs[0]: 172.18.0.0/15", "must be a network of /16 or smaller", TOLD_BY]),
    ({"cidrs": ["10.96.0.1"]}, ["api_server.cidrs[0]: 10.96.0.1/32", "must not be a Service address", TOLD_BY]),
    ({"cidrs": ["10.244.1.0/24"]}, ["api_server.cidrs[0]: 10.244.1.0/24", "must be single addresses inside pod_cidrs"]),
    ({"cidrs": ["169.254.169.254"]}, ["api_server.cidrs[0]: 169.254.169.254/32", "must not be the cloud's metadata address"]),
]


@pytest.mark.parametrize(("value", "words"), WRONG, ids=[str(value) for value, _ in WRONG])
def test_an_api_server_that_is_anywhere_is_refused(value, words):
    message = refusal(changed("local", "cloud.api_server", value))
    assert [word for word in words if word not in message] == []
    assert "1 error; nothing was registered" in message


@pytest.mark.parametrize(
    "cidrs", [["172.18.0.2"], ["172.18.0.0/16"], ["10.0.1.16/28", "10.0.2.16/28"], ["34.118.9.0/24", "34.118.8.7/32"], ["10.244.1.7"]]
)
def test_an_api_server_has_one_address_or_several(cidrs):
    cloud = settings_of(changed("local", "cloud.api_server", {"cidrs": cidrs})).cloud
    assert cloud.kind == "kubernetes"
    assert (cloud.api_server.cidrs, cloud.api_server.ports) == (tuple(map(IPv4Network, cidrs)), (443, 6443))


def test_no_egress_rule_includes_the_metadata_address():
    message = refusal(changed("dev", "outside.egress.0.cidr", "169.254.169.254/32"))
    assert "outside.egress[0].cidr: 169.254.169.254/32\n      must not be the cloud's metadata address" in message


def test_the_networks_of_pods_and_services_are_lists():
    message = refusal(changed("local", "cloud.pod_cidrs", "10.244.0.0/16"))
    assert "cloud.pod_cidrs: 10.244.0.0/16\n      must be a list" in message
