"""The connections that NetworkPolicies allow, as a set that can be subtracted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Any

from policy.objects import metadata, objects
from recording import RecordedResource, Recording

ANYBODY = "anybody"


@dataclass(frozen=True, order=True)
class Opening:
    """One kind of connection that a NetworkPolicy allows. pods: the end that the policy selects. peer: the other end, `anybody` for all."""

    namespace: str
    pods: str
    direction: str
    peer: str
    port: str

    def covers(self, other: "Opening") -> bool:
        """Whether this allows everything that the other allows."""
        same = (self.namespace, self.direction) == (other.namespace, other.direction) and self.pods in {"all Pods", other.pods}
        return same and self.port in {"all ports", other.port} and (self.peer in {ANYBODY, other.peer} or _inside(other.peer, self.peer))

    def __str__(self) -> str:
        way = "from" if self.direction == "ingress" else "to"
        return f"{self.namespace}: {self.pods}, {self.direction} {way} {self.peer}, {self.port}"


def _inside(peer: str, other: str) -> bool:
    try:
        inner, outer = ip_network(peer), ip_network(other)
    except ValueError:
        return False
    return isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network) and inner.subnet_of(outer)


def openings(recording: Recording | None) -> tuple[set[Opening], set[tuple[str, str, str]]]:
    """What the NetworkPolicies allow, and what they otherwise close: (namespace, Pods, direction)."""
    found, closed = set(), set()
    for policy in objects(recording, "NetworkPolicy"):
        spec = policy.inputs.get("spec") or {}
        place = str(metadata(policy).get("namespace", "")), _selector(spec.get("podSelector"))
        closed |= {(*place, str(each).lower()) for each in spec.get("policyTypes") or ("Ingress",)}
        found |= set(openings_of(policy))
    return found, closed


def openings_of(policy: RecordedResource) -> Iterator[Opening]:
    """What one NetworkPolicy allows."""
    spec, namespace = policy.inputs.get("spec") or {}, str(metadata(policy).get("namespace", ""))
    for direction in [str(each).lower() for each in spec.get("policyTypes") or ("Ingress",)]:
        for rule in spec.get(direction) or ():
            peers = [_peer(each, namespace) for each in rule.get("from") or rule.get("to") or ()] or [ANYBODY]
            ports = [_port(each) for each in rule.get("ports") or ()] or ["all ports"]
            for peer in peers:
                yield from (Opening(namespace, _selector(spec.get("podSelector")), direction, peer, port) for port in ports)


def _selector(selector: Any) -> str:
    labels = (selector or {}).get("matchLabels") or {}
    expressions = (selector or {}).get("matchExpressions") or []
    parts = [f"{key}={value}" for key, value in sorted(labels.items())]
    parts += [f"{each.get('key')} {each.get('operator')} {','.join(each.get('values') or ())}".strip() for each in expressions]
    return ", ".join(parts) or "all Pods"


def _port(port: Mapping[str, Any]) -> str:
    last = f"-{port['endPort']}" if port.get("endPort") else ""
    return f"{port.get('protocol', 'TCP')} {port.get('port', 'all')}{last}"


def _peer(peer: Mapping[str, Any], namespace: str) -> str:
    block = peer.get("ipBlock")
    if block:
        excepted = block.get("except")
        return f"{block.get('cidr')} but {', '.join(excepted)}" if excepted else str(block.get("cidr"))
    place = peer.get("namespaceSelector")
    where = (
        namespace if place is None else _selector(place).removeprefix("kubernetes.io/metadata.name=").replace("all Pods", "any namespace")
    )
    return f"{_selector(peer.get('podSelector'))} in {where}"


def entries(recording: Recording | None) -> set[Opening]:
    """What accepts connections from outside the cluster: load balancers, node ports, Ingresses."""
    found = set()
    for service in objects(recording, "Service"):
        spec, about = service.inputs.get("spec") or {}, metadata(service)
        if spec.get("type") in {"LoadBalancer", "NodePort"}:
            title = f"{spec['type']} {about.get('name')}"
            for port in spec.get("ports") or ():
                for peer in spec.get("loadBalancerSourceRanges") or (ANYBODY,):
                    found.add(Opening(str(about.get("namespace")), title, "ingress", str(peer), _port(port)))
    for ingress in objects(recording, "Ingress"):
        about = metadata(ingress)
        for rule in (ingress.inputs.get("spec") or {}).get("rules") or ():
            host = f"host {rule.get('host', 'any')}"
            found.add(Opening(str(about.get("namespace")), f"Ingress {about.get('name')}", "ingress", ANYBODY, host))
    return found


def opened(before: Recording | None, after: Recording | None) -> list[str]:
    """Every connection that is allowed now and was not before, as a line."""
    old, closed_before = openings(before)
    new, closed_after = openings(after)
    old, new = old | entries(before), new | entries(after)
    names = {str(metadata(each).get("name")) for each in objects(after, "Namespace")}
    lines = [str(each) for each in sorted(new - old) if not any(other.covers(each) for other in old)]
    # What no policy closes any more is open to all, unless its namespace goes, too.
    return lines + [
        f"{namespace}: {pods}, {direction} is no longer closed by any policy"
        for namespace, pods, direction in sorted(closed_before - closed_after)
        if namespace in names and (namespace, "all Pods", direction) not in closed_after
    ]
