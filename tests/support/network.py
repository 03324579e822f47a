"""Who reaches whom under recorded NetworkPolicies: an evaluator of what the Kubernetes documentation says of them.

This asserts what the policies say. `tests/cloud/node/test_packets.py` compares it with packets, cell by cell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from recording import Recording
from tests.support.stack_files import document

POD_NETWORK, SERVICE_NETWORK, API_SERVER = "10.100.0.0/16", "10.254.0.0/16", "10.10.0.60"
"""Where Pods, Services and the API server of tests are: those of the tests' own nodes."""

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """A Pod, by namespace and labels; or an address outside, with neither. A block of addresses means a Pod only where its address is
    known."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


def networked(stack: str, pods: str = POD_NETWORK, services: str = SERVICE_NETWORK, api_server: str = API_SERVER) -> dict[str, Any]:
    """A real stack file's configuration, on a cluster with these networks."""
    data = document(stack)
    cloud = data["gaia-dmp:cloud"]
    if cloud["kind"] == "kubernetes":
        cloud |= {"api_server": {"cidrs": [api_server], "ports": [6443]}, "pod_cidrs": [pods], "service_cidrs": [services]}
    else:
        cloud["cluster"] |= {"pod_cidr": pods, "service_cidr": services}
    return data


def policies(recording: Recording) -> list[Policy]:
    """The NetworkPolicies of a recording."""
    return [resource.inputs for resource in recording.resources if resource.inputs.get("kind") == "NetworkPolicy"]


def may(found: Sequence[Policy], source: Pod, target: Pod, port: int, protocol: str = "TCP") -> bool:
    """Whether `source` may open a connection to a port of `target`: its egress and the other's ingress both allow it."""
    return _allows(found, source, target, "egress", port, protocol) and _allows(found, target, source, "ingress", port, protocol)


def _allows(found: Sequence[Policy], pod: Pod, peer: Pod, direction: str, port: int, protocol: str) -> bool:
    """Whether the policies of one end allow it. An end that no policy of the direction selects is open, and so is whatever is no Pod."""
    if not pod.namespace:
        return True
    selecting = [
        policy["spec"]
        for policy in found
        if policy["metadata"]["namespace"] == pod.namespace
        and direction.capitalize() in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], pod.labels)
    ]
    return not selecting or any(_rule(rule, peer, port, protocol) for spec in selecting for rule in spec.get(direction) or [])


def _rule(rule: Mapping[str, Any], peer: Pod, port: int, protocol: str) -> bool:
    peers = rule.get("to") or rule.get("from")
    ports = rule.get("ports")
    fits = not ports or any(each["port"] <= port <= each.get("endPort", each["port"]) and each["protocol"] == protocol for each in ports)
    return fits and (not peers or any(_peer(each, peer) for each in peers))


def _peer(rule: Mapping[str, Any], peer: Pod) -> bool:
    if "ipBlock" in rule:
        if not peer.address:
            return False
        block, address = rule["ipBlock"], IPv4Address(peer.address)
        return address in IPv4Network(block["cidr"]) and not any(address in IPv4Network(cut) for cut in block.get("except") or [])
    namespace = {"kubernetes.io/metadata.name": peer.namespace}
    return bool(peer.namespace) and _selects(rule["namespaceSelector"], namespace) and _selects(rule["podSelector"], peer.labels)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return (selector.get("matchLabels") or {}).items() <= labels.items()


def matrix(found: Sequence[Policy], pods: Sequence[Pod], ports: Sequence[int]) -> Iterator[tuple[str, str, int]]:
    """Every connection that is allowed: (from, to, port)."""
    for source in pods:
        for target in pods:
            for port in ports:
                if source is not target and may(found, source, target, port):
                    yield source.name, target.name, port
