"""Settings of the cloud: an OpenStack project in which the stack creates everything, or an existing Kubernetes cluster."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from settings.values.api_server import TOLD_BY, ApiServer
from settings.values.cluster import DEFAULT_WORKERS, ClusterSettings, NetworkDriver, Reserve
from settings.values.network import NetworkSettings
from settings.values.sites import CephPort, CephRouter, SiteChoice
from settings.values.vocabulary import ConfigKey, Cores, GiB, Gpus, KeyPath, KubernetesVersion, Name, ObjectName, Problem, Settings


class NodeSize(Settings):
    """The nodes of one pool as Spark sees them, on any kind of cloud."""

    name: str
    vcpus: int
    memory_gib: int
    disk_gib: int
    minimum: int
    maximum: int
    gpus: int = 0


class OpenStackProject(Settings):
    """A project of an OpenStack cloud and the credential for it."""

    project: Annotated[ObjectName, Field(examples=["iris-gaia-red"])]
    """Name or id of the project. Nothing is registered unless the credential is for this project."""

    clouds_yaml: Annotated[ObjectName, Field(examples=["iris-gaia-red"])]
    """Name of the entry in clouds.yaml that holds the credential."""

    region: ObjectName | None = None
    """Region; by default that of the clouds.yaml entry."""


def opens(stated: str, *, name: str | None, identity: str) -> bool:
    """Whether a credential is for the project that a stack file states by name or id. name, identity: the project that Keystone reports."""
    return stated in (name, identity)


class OpenStackCloud(OpenStackProject):
    """An OpenStack cloud, on which the stack creates network, cluster and shares."""

    kind: Literal["openstack"]
    """An OpenStack cloud."""

    site: SiteChoice
    """The site: arcus, cumulus, somerville, or a mapping that describes another."""

    data_project: OpenStackProject | None = None
    """The project that owns the data shares, with its own credential; datasets with `project: data` need it."""

    network: NetworkSettings = NetworkSettings()
    """The network, subnet and routers."""

    cluster: ClusterSettings
    """The Kubernetes cluster."""

    @property
    def kubernetes_version(self) -> str:
        """Version of the cluster that manifests are checked against."""
        return self.cluster.kubernetes_version

    @property
    def network_driver(self) -> NetworkDriver:
        """Container network of the cluster."""
        return self.cluster.template.network_driver

    @property
    def api_server(self) -> ApiServer:
        """The addresses behind the Service of the Kubernetes API: the control plane nodes, on our subnet."""
        return ApiServer(cidrs=(self.network.subnet,), ports=(6443,))

    @property
    def inner_networks(self) -> tuple[IPv4Network, ...]:
        """Where the addresses of Pods and Services are."""
        return (self.cluster.pod_cidr, self.cluster.service_cidr)

    @property
    def node_network(self) -> IPv4Network:
        """Where the nodes' own addresses are."""
        return self.network.subnet

    @property
    def reserve(self) -> Reserve:
        """What a node keeps for the system."""
        return self.cluster.reserve

    def node_sizes(self) -> list[NodeSize]:
        """Every pool that Pods can run on."""
        workers = self.cluster.workers
        named = [(DEFAULT_WORKERS, workers, workers.count, workers.count, 0)]
        named += [(pool.name, pool, pool.minimum, pool.maximum, pool.gpus) for pool in self.cluster.pools]
        return [
            NodeSize(name=name, vcpus=size.vcpus, memory_gib=size.memory_gib, disk_gib=size.disk_gib, minimum=low, maximum=high, gpus=gpus)
            for name, size, low, high, gpus in named
        ]

    def problems(self) -> Iterator[Problem]:
        cluster, network, ceph = self.cluster, self.network, self.site.ceph
        ranges: list[tuple[KeyPath, IPv4Network]] = [
            (("network", "cidr"), network.cidr),
            (("network", "subnet"), network.subnet),
            (("cluster", "pod_cidr"), cluster.pod_cidr),
            (("cluster", "service_cidr"), cluster.service_cidr),
        ]
        if ceph:
            ranges.append((("site", "ceph", "cidr"), ceph.cidr))
        if isinstance(ceph, CephRouter):
            ranges += [(("site", "ceph", "routes", i, "destination"), route.destination) for i, route in enumerate(ceph.routes)]
        for index, (path, network_range) in enumerate(ranges):
            for other_path, other in ranges[:index]:
                pair = {path[0], other_path[0]}
                if pair in ({"network"}, {"site"}) or not network_range.overlaps(other):
                    continue
                # A stack cannot change the site's ranges, so the key at fault is one of the stack's.
                fault, cause, range_at_fault, range_of_cause = (
                    (other_path, path, other, network_range) if path[0] == "site" else (path, other_path, network_range, other)
                )
                if fault == ("network", "subnet") and network.cidr.overlaps(range_of_cause) and network.subnet.subnet_of(network.cidr):
                    continue  # reported for the range that holds the subnet already
                where = ".".join(str(part) for part in cause)
                yield Problem(
                    fault,
                    f"{range_at_fault} overlaps cloud.{where} {range_of_cause}",
                    f"a range that shares no address with {range_of_cause}",
                    (cause,),
                )
        if isinstance(ceph, CephRouter) and network.ceph_router_address is None:
            yield Problem(
                ("network", "ceph_router_address"),
                f"is missing: this site reaches Ceph by a router on the network {ceph.network}",
                f"a fixed address of subnet {network.subnet} outside the allocation pool, such as {network.subnet.network_address + 15}",
                (("site",), ("network", "subnet")),
            )
        if not isinstance(ceph, CephRouter) and network.ceph_router_address:
            yield Problem(
                ("network", "ceph_router_address"),
                "has no effect: this site reaches Ceph without a router",
                "no value, or a site.ceph of kind router",
                (("site",),),
            )
        if isinstance(ceph, CephPort) and cluster.driver != "capi-helm":
            yield Problem(
                ("cluster", "driver"),
                f"cannot create a second port on each node, which this site needs to reach its Ceph network {ceph.network}",
                "capi-helm, or a site.ceph of kind router",
                (("site",),),
            )
        if self.data_project and self.data_project.project == self.project:
            yield Problem(
                ("data_project", "project"), "is the compute project itself", "another project, or no data_project", (("project",),)
            )


class KubernetesPool(Settings):
    """Nodes of one size in an existing cluster."""

    name: Annotated[Name, Field(examples=["spark"])]
    """Name for these nodes, unique in the stack file."""

    vcpus: Annotated[Cores, Field(examples=[8])]
    """Processors of one node, a whole number."""

    memory_gib: Annotated[GiB, Field(examples=[32])]
    """Memory of one node, in GiB."""

    disk_gib: Annotated[GiB, Field(examples=[80])]
    """Disk of one node for Pods and images, in GiB."""

    count: Annotated[int, Field(ge=1, le=5000, examples=[3])]
    """Nodes at full size."""

    minimum: Annotated[int, Field(ge=0, le=5000)] | None = None
    """Nodes when nothing runs; by default as many as `count`."""

    gpus: Gpus = 0
    """GPUs of one node; 0 by default. A profile of Spark with `gpu` uses them."""

    node_selector: dict[str, str] = Field(default={})
    """Labels that select these nodes, text to text; none means any node."""

    def problems(self) -> Iterator[Problem]:
        if self.minimum is not None and self.minimum > self.count:
            yield Problem(("minimum",), f"is larger than count {self.count}", f"a whole number up to count {self.count}", (("count",),))


class KubernetesCloud(Settings):
    """An existing Kubernetes cluster, such as a commercial provider's, kind or k3s. The stack creates everything in it."""

    kind: Literal["kubernetes"]
    """An existing Kubernetes cluster."""

    provider: Literal["eks", "gke", "other"] = "other"
    """Whose conventions hold for load balancers, storage classes and identity: eks (Amazon), gke (Google) or other."""

    identity: str | None = None
    """ARN of the IAM role that gives Spark access to S3 without a key; only with provider eks, none by default."""

    kubeconfig_secret: Annotated[ConfigKey, Field(examples=["kubeconfig"])]
    """Name of the config key that holds the kubeconfig: pulumi config set --secret gaia-dmp:<this name> < kubeconfig."""

    context: ObjectName | None = None
    """Context of the kubeconfig; by default its current one."""

    cluster_name: Annotated[Name, Field(examples=["kind"])]
    """Permanent name of this cluster. A renewed kubeconfig under the same name replaces nothing; a new name replaces everything."""

    kubernetes_version: Annotated[KubernetesVersion, Field(examples=["1.33"])]
    """Version of the cluster."""

    pools: Annotated[tuple[KubernetesPool, ...], Field(strict=False, min_length=1)]
    """The nodes that Pods can run on."""

    reserve: Reserve = Reserve()
    """What each node keeps for the system."""

    network_driver: NetworkDriver | Literal["other"] = "other"
    """Container network of the cluster: calico, cilium, flannel or other. Cilium needs its own kind of policy for the API server."""

    api_server: Annotated[ApiServer, Field(examples=[{"cidrs": ["172.18.0.2/32"]}])]
    """Where Pods reach the Kubernetes API, such as {cidrs: [172.18.0.2/32]}: the addresses that
    `kubectl get endpointslices -n default kubernetes` prints."""

    pod_cidrs: Annotated[tuple[IPv4Network, ...], Field(strict=False, max_length=20)] = ()
    """Address ranges of the cluster's Pods, as IPv4 networks. Egress rules and a wide `api_server` do not include them. Without this
    setting, an egress rule for 0.0.0.0/0 includes the Pods of other namespaces."""

    service_cidrs: Annotated[tuple[IPv4Network, ...], Field(strict=False, max_length=20)] = ()
    """Address ranges of the cluster's Services, as IPv4 networks, excluded from egress rules like `pod_cidrs`."""

    node_network: IPv4Network = IPv4Network("0.0.0.0/0")
    """Address range of the nodes, as an IPv4 network, for the metrics of nodes; any address by default."""

    @property
    def inner_networks(self) -> tuple[IPv4Network, ...]:
        """Where the addresses of Pods and Services are, as far as the stack file says it."""
        return (*self.pod_cidrs, *self.service_cidrs)

    def node_sizes(self) -> list[NodeSize]:
        """Every pool that Pods can run on."""
        return [
            NodeSize(
                name=pool.name,
                vcpus=pool.vcpus,
                memory_gib=pool.memory_gib,
                disk_gib=pool.disk_gib,
                minimum=pool.count if pool.minimum is None else pool.minimum,
                maximum=pool.count,
                gpus=pool.gpus,
            )
            for pool in self.pools
        ]

    def problems(self) -> Iterator[Problem]:
        names: list[str] = []
        for index, pool in enumerate(self.pools):
            if pool.name in names:
                yield Problem(("pools", index, "name"), "is taken by another pool", f"a name other than {', '.join(names)}")
            names.append(pool.name)
        yield from self._api_server_problems()
        if self.identity and self.provider != "eks":
            # On gke it comes from the metadata server, which is closed to notebooks because it also serves the node's secrets.
            message, accepted = "works only with provider eks", "no value; buckets have keys (access_key_secret, secret_key_secret)"
            yield Problem(("identity",), message, accepted, (("provider",),))
        elif self.identity and not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", self.identity):
            yield Problem(("identity",), "must be the ARN of an IAM role", "an ARN such as arn:aws:iam::111122223333:role/gaia-spark")

    def _api_server_problems(self) -> Iterator[Problem]:
        """Addresses of the API server that belong to Services or Pods. Single Pod addresses may: some clusters share one network."""
        accepted = f"addresses that {TOLD_BY} prints, such as 172.18.0.2/32"
        for index, network in enumerate(self.api_server.cidrs):
            path = ("api_server", "cidrs", index)
            if any(network.subnet_of(services) for services in self.service_cidrs):
                message = "must not be a Service address: network policies see the address behind it"
                yield Problem(path, message, accepted, (("service_cidrs",),))
            elif network.prefixlen < 32 and any(network.subnet_of(pods) for pods in self.pod_cidrs):
                message = "must be single addresses inside pod_cidrs: every driver could reach all Pods in a wider range"
                yield Problem(path, message, accepted, (("pod_cidrs",),))


ONE_NODE_CLASSES = {
    "eks": ("gp2", "gp3", "auto-ebs-sc"),
    "gke": ("standard", "standard-rwo", "premium-rwo", "enterprise-rwo", "hyperdisk-balanced"),
}
"""Provider to the storage classes whose volumes only one node at a time can mount."""

Cloud = Annotated[OpenStackCloud | KubernetesCloud, Field(discriminator="kind")]
