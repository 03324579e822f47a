"""Who may talk to whom: everything is closed, and each flow that the platform has is opened by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.networking import v1 as networking

from components.kubernetes.namespace import NamespaceRef
from settings.values.api_server import ApiServer
from settings.values.network import METADATA

NODE_LOCAL_DNS = "169.254.20.10/32"
"""Address of the node-local DNS cache (kubernetes: nodelocaldns add-on), which is no Pod that a selector could find."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The other end of a connection: Pods of a namespace, or a network. With neither, whatever there is: some container networks take no
    Pod for an address of a network.
    """

    namespace: str | None = None
    """Name of the Pods' namespace."""

    labels: Mapping[str, str] | None = None
    """Labels of the Pods; all Pods of the namespace where there are none."""

    cidr: str | None = None
    """An IPv4 network. Addresses of Pods and Services within a wider one are excepted: a network means what is outside the cluster."""

    nodes: bool = False
    """Whether the network is that of the nodes, from which nothing but the metadata address is excepted: some clusters give Pods addresses
    of the same network (VPC CNI of Amazon)."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One flow of the Pods with these labels."""

    title: str
    """Name of its NetworkPolicy."""

    labels: Mapping[str, str]
    """Labels of the Pods; all Pods of the namespace where there are none."""

    ingress: Sequence[Peer] = ()
    """Who may connect to them."""

    egress: Sequence[Peer] = ()
    """Whom they may connect to."""

    ports: Sequence[int] = ()
    """TCP ports of the end that listens."""

    udp: bool = False
    """Whether UDP is open as well."""


@dataclass(frozen=True, kw_only=True)
class NetworkPoliciesArgs:
    """What the policies need."""

    namespace: NamespaceRef
    """The namespace that they close."""

    flows: Sequence[Flow] = ()
    """What is open."""

    api_callers: Sequence[Mapping[str, str]] = ()
    """Labels of the Pods that call the Kubernetes API."""

    api_server: ApiServer
    """The API server's own addresses."""

    inner_networks: Sequence[IPv4Network] = ()
    """Where the addresses of Pods and Services are, as far as it is known."""

    cilium: bool = False
    """Whether the container network is Cilium."""


class NetworkPolicies(pulumi.ComponentResource):
    """The NetworkPolicies of one namespace.

    Creates: a NetworkPolicy that closes everything, one that opens DNS for every Pod, one per flow, and one per caller of the Kubernetes
    API. Cilium takes no address of a node for a peer, so there a CiliumNetworkPolicy for the API server stands beside it.
    """

    def __init__(self, name: str, args: NetworkPoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:NetworkPolicies", name, {}, opts)
        self._name, self._namespace, self._inner = name, args.namespace.title, args.inner_networks
        self._inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        self._policy("closed", {}, types=("Ingress", "Egress"))
        dns = [Peer(namespace="kube-system", labels={"k8s-app": "kube-dns"}), Peer(cidr=NODE_LOCAL_DNS)]
        for flow in [Flow(title="dns", labels={}, egress=dns, ports=(53,), udp=True), *args.flows]:
            self._flow(flow)
        for index, labels in enumerate(args.api_callers):
            title = f"api-server-{index}"
            addresses = [Peer(cidr=str(network)) for network in args.api_server.cidrs]
            self._flow(Flow(title=title, labels=labels, egress=addresses, ports=args.api_server.ports))
            if args.cilium:
                CustomResource(
                    f"{name}-{title}-cilium",
                    api_version="cilium.io/v2",
                    kind="CiliumNetworkPolicy",
                    metadata=meta.ObjectMetaArgs(name=title, namespace=self._namespace),
                    spec={"endpointSelector": {"matchLabels": dict(labels)}, "egress": [{"toEntities": ["kube-apiserver"]}]},
                    opts=self._inside,
                )
        self.register_outputs({"namespace": args.namespace.resource})

    def _flow(self, flow: Flow) -> None:
        ports = [
            networking.NetworkPolicyPortArgs(protocol=protocol, port=port)
            for port in flow.ports
            for protocol in (("TCP", "UDP") if flow.udp else ("TCP",))
        ]
        ingress = [networking.NetworkPolicyIngressRuleArgs(from_=self._peers(flow.ingress), ports=ports)]
        egress = [networking.NetworkPolicyEgressRuleArgs(to=self._peers(flow.egress), ports=ports)]
        self._policy(
            flow.title,
            flow.labels,
            types=tuple(kind for kind, peers in (("Ingress", flow.ingress), ("Egress", flow.egress)) if peers),
            ingress=ingress if flow.ingress else None,
            egress=egress if flow.egress else None,
        )

    def _policy(
        self,
        title: str,
        labels: Mapping[str, str],
        *,
        types: Sequence[str],
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

    def _peers(self, peers: Sequence[Peer]) -> list[networking.NetworkPolicyPeerArgs] | None:
        """The peers of a rule; None, which means anybody, where one of them is anybody."""
        return None if Peer() in peers else [_peer(peer, () if peer.nodes else self._inner) for peer in peers]


def _peer(peer: Peer, inner: Sequence[IPv4Network]) -> networking.NetworkPolicyPeerArgs:
    if peer.cidr:
        network = IPv4Network(peer.cidr)
        # Kubernetes takes no exception that is the whole network; who names a network within one of these means it.
        cut = [str(each) for each in (METADATA, *inner) if each != network and each.subnet_of(network)]
        return networking.NetworkPolicyPeerArgs(ip_block=networking.IPBlockArgs(cidr=peer.cidr, except_=cut or None))
    return networking.NetworkPolicyPeerArgs(
        namespace_selector=meta.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": peer.namespace or ""}),
        pod_selector=meta.LabelSelectorArgs(match_labels=dict(peer.labels or {})),
    )
