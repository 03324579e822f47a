"""Settings of the Magnum cluster and its node pools."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from settings.values.vocabulary import Cores, GiB, Gpus, KubernetesVersion, Name, ObjectName, Problem, Settings

DEFAULT_WORKERS = "default-worker"
"""The name that Magnum gives to the first worker pool."""

CAPI_HELM_LABELS = frozenset(
    {
        "api_master_lb_allowed_cidrs",
        "auto_healing_enabled",
        "auto_scaling_enabled",
        "boot_volume_size",
        "boot_volume_type",
        "capi_helm_chart_version",
        "csi_cinder_allow_volume_expansion",
        "csi_cinder_availability_zone",
        "csi_cinder_fstype",
        "csi_cinder_reclaim_policy",
        "csi_cinder_volume_binding_mode",
        "etcd_blockdevice_size",
        "etcd_blockdevice_type",
        "etcd_blockdevice_volume_az",
        "etcd_blockdevice_volume_type",
        "etcd_volume_size",
        "etcd_volume_type",
        "extra_network_names",
        "fixed_subnet_cidr",
        "keystone_auth_enabled",
        "kube_dashboard_enabled",
        "master_lb_floating_ip_enabled",
        "max_node_count",
        "min_node_count",
        "monitoring_enabled",
        "octavia_lb_algorithm",
        "octavia_lb_healthcheck",
        "octavia_provider",
    }
)
"""The labels that magnum-capi-helm 1.4.0 reads (magnum_capi_helm/conf.py, group capi_helm_cluster_labels).
It ignores any other silently."""


GOVERNED_LABELS = {
    "api_master_lb_allowed_cidrs": "api_allowed_cidrs",
    "auto_scaling_enabled": "pools.autoscale",
    "calico_ipv4pool": "pod_cidr",
    "cilium_ipv4pool": "pod_cidr",
    "flannel_network_cidr": "pod_cidr",
    "kube_tag": "kubernetes_version",
    "master_lb_allowed_cidrs": "api_allowed_cidrs",
    "master_lb_floating_ip_enabled": "api_floating_ip",
    "max_node_count": "pools.autoscale",
    "min_node_count": "pools.autoscale",
    "octavia_provider": "the site's octavia_provider",
    "service_cluster_ip_range": "service_cidr",
}
"""Labels that another setting decides. Without this list, the stack file could contradict itself."""


def same_version(one: str, other: str) -> bool:
    """Whether two versions of Kubernetes agree in the parts that both state: 1.35 and 1.35.4 do."""
    return all(left == right for left, right in zip(one.split("."), other.split("."), strict=False))


class Flavour(Settings):
    """A flavour by name, with its size. Magnum does not report sizes, and the stack checks that Spark fits before it creates anything."""

    flavor: Annotated[ObjectName, Field(examples=["vm.v1.large"])]
    """Name of the Nova flavour."""

    vcpus: Annotated[Cores, Field(examples=[8])]
    """Virtual processors of the flavour, a whole number."""

    memory_gib: Annotated[GiB, Field(examples=[32])]
    """Memory of the flavour, in GiB."""

    disk_gib: Annotated[GiB, Field(examples=[80])]
    """Root disk of a node, in GiB: that of the flavour, or of the label `boot_volume_size`."""


class ControlPlane(Flavour):
    """The control plane nodes."""

    count: Annotated[Literal[1, 3, 5, 7], Field(examples=[1])] = 1
    """Number of control plane nodes: odd, so that etcd keeps a majority."""


class Workers(Flavour):
    """Magnum's own first pool, `default-worker`, for system Pods, Zeppelin and the gateway. Its size is fixed."""

    count: Annotated[int, Field(ge=1, le=500, examples=[2])]
    """Number of nodes."""

    @property
    def maximum(self) -> int:
        """Nodes at full size."""
        return self.count


class Autoscale(Settings):
    """Bounds between which the cluster autoscaler sizes a pool."""

    minimum: Annotated[int, Field(ge=0, le=500, examples=[1])]
    """Fewest nodes; magnum-capi-helm requires at least 1."""

    maximum: Annotated[int, Field(ge=1, le=500, examples=[12])]
    """Most nodes."""

    def problems(self) -> Iterator[Problem]:
        if self.minimum > self.maximum:
            yield Problem(
                ("minimum",), f"is larger than maximum {self.maximum}", f"a whole number up to maximum {self.maximum}", (("maximum",),)
            )


class Pool(Flavour):
    """A further pool: a Magnum node group."""

    name: Annotated[Name, Field(examples=["spark"], max_length=20)]
    """Name of the pool, unique in the cluster."""

    count: Annotated[int, Field(ge=0, le=500)] | None = None
    """Number of nodes, for a pool of fixed size."""

    autoscale: Autoscale | None = None
    """Bounds of the pool, where the autoscaler sets its size."""

    gpus: Gpus = 0
    """GPUs of one node, which the flavour has; 0 by default. A profile of Spark with `gpu` uses them."""

    @property
    def minimum(self) -> int:
        """Nodes when nothing runs."""
        return self.autoscale.minimum if self.autoscale else self.count or 0

    @property
    def maximum(self) -> int:
        """Nodes at full size."""
        return self.autoscale.maximum if self.autoscale else self.count or 0

    def problems(self) -> Iterator[Problem]:
        if (self.count is None) == (self.autoscale is None):
            yield Problem(
                ("count",),
                "is missing, and so is autoscale" if self.count is None else "conflicts with autoscale, which sets the size, too",
                "either count, or autoscale with minimum and maximum",
                (("autoscale",),),
            )


Driver = Literal["capi-helm", "vexxhost", "heat"]
NetworkDriver = Literal["calico", "cilium", "flannel"]


class NamedTemplate(Settings):
    """A cluster template that the site made."""

    kind: Literal["named"]
    """An existing template."""

    name: Annotated[ObjectName, Field(examples=["kubernetes-v1.33.4"])]
    """Name of the template."""

    network_driver: NetworkDriver = "calico"
    """Container network of the template: calico, cilium or flannel."""


class OwnTemplate(Settings):
    """A cluster template that this stack creates. A change creates a new one and upgrades the cluster to it in place."""

    kind: Literal["own"]
    """A template that the stack creates."""

    image: Annotated[ObjectName, Field(examples=["ubuntu-jammy-kube-v1.33.4"])]
    """Name or id of the node image; it carries the property `os_distro`, and for capi-helm `kube_version`."""

    network_driver: NetworkDriver = "calico"
    """Container network; the operator's list may be shorter. flannel enforces no network policy."""


class Reserve(Settings):
    """What a node keeps for the system. Spark Pods must fit into the rest."""

    vcpus: Annotated[int, Field(ge=0, le=64)] = 1
    """Virtual processors kept on each node."""

    memory_gib: Annotated[int, Field(ge=0, le=512)] = 3
    """Memory kept on each node, in GiB."""

    disk_gib: Annotated[int, Field(ge=0, le=1024)] = 15
    """Disk kept on each node for system and images, in GiB."""


class ClusterSettings(Settings):
    """The Kubernetes cluster that Magnum makes."""

    driver: Annotated[Driver, Field(examples=["capi-helm"])]
    """Magnum driver of the site: capi-helm (magnum-capi-helm), vexxhost (magnum-cluster-api) or heat (legacy, Magnum up to 2026.1)."""

    kubernetes_version: Annotated[KubernetesVersion, Field(examples=["1.33.4"])]
    """Version of Kubernetes. capi-helm takes it from the image, so this must be the version of the image; vexxhost and heat get it as the
    label `kube_tag` and need all three numbers. Where the name of the image or template contains a version, both must agree."""

    template: Annotated[NamedTemplate | OwnTemplate, Field(discriminator="kind")]
    """The cluster template: named or own."""

    public_key: Annotated[
        str,
        Field(pattern=r"^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/=]+( .*)?$", examples=["ssh-ed25519 AAAAC3Nz me@example.org"]),
    ]
    """OpenSSH public key for the nodes' administrator. The private key stays with you."""

    control_plane: ControlPlane
    """The control plane nodes."""

    workers: Workers
    """The first worker pool, `default-worker`."""

    pools: Annotated[tuple[Pool, ...], Field(strict=False, max_length=20)] = ()
    """Further pools, made one after another."""

    reserve: Reserve = Reserve()
    """What each node keeps for the system."""

    pod_cidr: Annotated[IPv4Network, Field(examples=["172.16.0.0/13"])] = IPv4Network("172.16.0.0/13")
    """Address range of Pods, as an IPv4 network. vexxhost and heat use it; for capi-helm it must be the range of the site's chart."""

    service_cidr: Annotated[IPv4Network, Field(examples=["172.24.0.0/13"])] = IPv4Network("172.24.0.0/13")
    """Address range of Services, as an IPv4 network. vexxhost and heat use it; for capi-helm it must be the range of the site's chart."""

    api_floating_ip: bool = True
    """Whether the Kubernetes API gets a floating IP: true or false. Pulumi must reach the API either way."""

    api_allowed_cidrs: Annotated[tuple[IPv4Network, ...], Field(strict=False)] = ()
    """IPv4 networks that may reach the Kubernetes API; by default every address may. capi-helm and heat only."""

    labels: dict[str, str] = Field(default={})
    """Further Magnum labels, text to text; they are merged with the template's. A change needs `rebuild: true`."""

    rebuild: bool = False
    """Whether a change of labels replaces the cluster: true or false. By default the labels of an existing cluster stay as they are."""

    create_timeout: Annotated[int, Field(ge=5, le=600)] = 60
    """How long Magnum may take to make the cluster, in minutes."""

    def problems(self) -> Iterator[Problem]:
        full = self.kubernetes_version.count(".") == 2
        if self.driver != "capi-helm" and not full:
            yield Problem(
                ("kubernetes_version",),
                f"has no patch number, which {self.driver} needs",
                'all three numbers, such as "1.33.4"',
                (("driver",),),
            )
        key, name = ("image", self.template.image) if isinstance(self.template, OwnTemplate) else ("name", self.template.name)
        told = re.findall(r"(?<![\d.])1\.\d\d(?:\.\d{1,2})?(?![\d.])", name)
        if told and not any(same_version(version, self.kubernetes_version) for version in told):
            yield Problem(
                ("kubernetes_version",),
                f"is not the version in template.{key} {name}, which decides what the cluster runs",
                f'"{told[0]}", or another template.{key}',
                (("template", key),),
            )
        names = [DEFAULT_WORKERS, *(pool.name for pool in self.pools)]
        for index, pool in enumerate(self.pools):
            if pool.name in names[: index + 1]:
                yield Problem(("pools", index, "name"), "is taken by another pool", f"a name other than {', '.join(names[: index + 1])}")
            if self.driver == "capi-helm" and pool.minimum < 1 and (pool.autoscale or pool.count is not None):
                key = ("autoscale", "minimum") if pool.autoscale else ("count",)
                yield Problem(("pools", index, *key), "is 0, which magnum-capi-helm refuses", "1 or more", (("driver",),))
        for label in self.labels:
            if label in GOVERNED_LABELS:
                yield Problem(("labels", label), "is decided by another setting", f"the setting {GOVERNED_LABELS[label]} instead")
            elif self.driver == "capi-helm" and label not in CAPI_HELM_LABELS:
                yield Problem(
                    ("labels", label),
                    "is not a label of magnum-capi-helm, which would ignore it silently",
                    ", ".join(sorted(CAPI_HELM_LABELS)),
                    (("driver",),),
                )
        for flavour, key in ((self.control_plane, ("control_plane",)), (self.workers, ("workers",))):
            if self.driver == "capi-helm" and (flavour.vcpus < 2 or flavour.memory_gib < 2):
                field = "vcpus" if flavour.vcpus < 2 else "memory_gib"
                yield Problem((*key, field), "is below what magnum-capi-helm accepts", "2 vcpus and 2 GiB or more", (("driver",),))
        if self.driver == "vexxhost" and self.api_allowed_cidrs:
            yield Problem(("api_allowed_cidrs",), "is not supported by the vexxhost driver", "no value with this driver", (("driver",),))
