"""Who may talk to whom: everything is closed, and each role of Pods has one policy with all of its flows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.networking import v1 as networking

from components.kubernetes.namespace import NamespaceRef
from settings.values.api_server import ApiServer
from settings.values.network import METADATA


@dataclass(frozen=True, kw_only=True)
class Pods:
    """The Pods of one role."""

    role: str
    """Name of their NetworkPolicy."""

    namespace: str
    """Name of their namespace."""

    labels: Mapping[str, str]
    """Labels that select them."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """Whatever has an address of an IPv4 network. Addresses of Pods and Services within a wider one are excepted: a network means what is
    outside the cluster.
    """

    cidr: str

    nodes: bool = False
    """Whether the network is that of the nodes, from which nothing but the metadata address is excepted: some clusters give Pods addresses
    of the same network (VPC CNI of Amazon)."""


Anybody = Literal["anybody"]
"""Whatever there is: some container networks take no Pod for an address of a network."""

Peer = Pods | Network | Anybody
"""The other end of a connection."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One flow of the Pods of a role."""

    pods: Pods

    ingress: Sequence[Peer] = ()
    """Who may connect to them."""

    egress: Sequence[Peer] = ()
    """Whom they may connect to."""

    ports: Sequence[int]
    """TCP ports of the end that listens: single ones, or a range."""


_DNS: Sequence[Peer] = (
    Pods(role="dns", namespace="kube-system", labels={"k8s-app": "kube-dns"}),
    # The node-local cache (kubernetes: nodelocaldns add-on) is no Pod that a selector could find.
    Network(cidr="169.254.20.10/32"),
)


@dataclass(frozen=True, kw_only=True)
class NetworkPoliciesArgs:
    """What the policies need."""

    namespace: NamespaceRef
    """The namespace that they close."""

    flows: Sequence[Flow] = ()
    """What is open."""

    api_callers: Sequence[Pods] = ()
    """The Pods that call the Kubernetes API."""

    api_server: ApiServer
    """The API server's own addresses."""

    inner_networks: Sequence[IPv4Network] = ()
    """Where the addresses of Pods and Services are, as far as it is known."""

    cilium: bool = False
    """Whether the container network is Cilium."""


class NetworkPolicies(pulumi.ComponentResource):
    """The NetworkPolicies of one namespace.

    Creates: a NetworkPolicy that closes everything but DNS, and one for the Pods of each role, with all of their flows. Cilium takes no
    address of a node for a peer, so there a CiliumNetworkPolicy for the API server stands beside that of each role that calls it.
    """

    def __init__(self, name: str, args: NetworkPoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:NetworkPolicies", name, {}, opts)
        self._name, self._namespace, self._inner = name, args.namespace.title, args.inner_networks
        self._inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        self._policy("closed", {}, ("Ingress", "Egress"), egress=[self._egress(_DNS, _ports([53], "TCP", "UDP"))])
        api_server = [Network(cidr=str(network)) for network in args.api_server.cidrs]
        calls = [Flow(pods=pods, egress=api_server, ports=args.api_server.ports) for pods in args.api_callers]
        by_role: dict[str, list[Flow]] = {}
        for flow in [*args.flows, *calls]:
            flows = by_role.setdefault(flow.pods.role, [])
            if flows and flows[0].pods != flow.pods:
                raise ValueError(f"two kinds of Pods have the role {flow.pods.role}")
            flows.append(flow)
        for role, flows in by_role.items():
            ingress = [self._ingress(flow.ingress, _ports(flow.ports, "TCP")) for flow in flows if flow.ingress]
            egress = [self._egress(flow.egress, _ports(flow.ports, "TCP")) for flow in flows if flow.egress]
            types = [kind for kind, rules in (("Ingress", ingress), ("Egress", egress)) if rules]
            self._policy(role, flows[0].pods.labels, types, ingress=ingress or None, egress=egress or None)
        for pods in args.api_callers if args.cilium else ():
            CustomResource(
                f"{name}-{pods.role}-cilium",
                api_version="cilium.io/v2",
                kind="CiliumNetworkPolicy",
                metadata=meta.ObjectMetaArgs(name=pods.role, namespace=self._namespace),
                spec={"endpointSelector": {"matchLabels": dict(pods.labels)}, "egress": [{"toEntities": ["kube-apiserver"]}]},
                opts=self._inside,
            )
        self.register_outputs({"namespace": args.namespace.resource})

    def _policy(
        self,
        title: str,
        labels: Mapping[str, str],
        types: Sequence[str],
        *,
        ingress: list[networking.NetworkPolicyIngressRuleArgs] | None = None,
        egress: list[networking.NetworkPolicyEgressRuleArgs] | None = None,
    ) -> None:
        networking.NetworkPolicy(
            f"{self._name}-{title}",
            metadata=meta.ObjectMetaArgs(name=title, namespace=self._namespace),
            spec=networking.NetworkPolicySpecArgs(
                pod_selector=meta.LabelSelectorArgs(match_labels=dict(labels)), policy_types=list(types), ingress=ingress, egress=egress
            ),
            opts=self._inside,
        )

    def _ingress(self, peers: Sequence[Peer], ports: list[networking.NetworkPolicyPortArgs]) -> networking.NetworkPolicyIngressRuleArgs:
        return networking.NetworkPolicyIngressRuleArgs(from_=self._peers(peers), ports=ports)

    def _egress(self, peers: Sequence[Peer], ports: list[networking.NetworkPolicyPortArgs]) -> networking.NetworkPolicyEgressRuleArgs:
        return networking.NetworkPolicyEgressRuleArgs(to=self._peers(peers), ports=ports)

    def _peers(self, peers: Sequence[Peer]) -> list[networking.NetworkPolicyPeerArgs] | None:
        """The peers of a rule; None, which means anybody, where one of them is anybody."""
        found: list[networking.NetworkPolicyPeerArgs] = []
        for peer in peers:
            if peer == "anybody":
                return None
            found.append(_pods(peer) if isinstance(peer, Pods) else _network(peer, () if peer.nodes else self._inner))
        return found


def _ports(ports: Sequence[int], *protocols: str) -> list[networking.NetworkPolicyPortArgs]:
    if isinstance(ports, range):
        return [networking.NetworkPolicyPortArgs(protocol=each, port=ports[0], end_port=ports[-1]) for each in protocols]
    return [networking.NetworkPolicyPortArgs(protocol=protocol, port=port) for port in ports for protocol in protocols]


def _pods(pods: Pods) -> networking.NetworkPolicyPeerArgs:
    return networking.NetworkPolicyPeerArgs(
        namespace_selector=meta.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": pods.namespace}),
        pod_selector=meta.LabelSelectorArgs(match_labels=dict(pods.labels)),
    )


def _network(network: Network, inner: Sequence[IPv4Network]) -> networking.NetworkPolicyPeerArgs:
    whole = IPv4Network(network.cidr)
    # Kubernetes takes no exception that is the whole network; who names a network within one of these means it.
    cut = [str(each) for each in (METADATA, *inner) if each != whole and each.subnet_of(whole)]
    return networking.NetworkPolicyPeerArgs(ip_block=networking.IPBlockArgs(cidr=network.cidr, except_=cut or None))
