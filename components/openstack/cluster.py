"""The Kubernetes cluster that Magnum makes, its node pools, and the provider for what runs inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_openstack import compute, containerinfra

Driver = Literal["capi-helm", "vexxhost", "heat"]

NODE_GROUP_LABEL: Mapping[Driver, str] = {
    "capi-helm": "capi.stackhpc.com/node-group",
    "vexxhost": "node.cluster.x-k8s.io/nodegroup",
    "heat": "magnum.openstack.org/nodegroup",
}
"""The node label by which each driver tells the pool (2i2c-org/infrastructure terraform/openstack/cluster.tf; magnum-cluster-api
resources.py mutate_machine_deployment; magnum's Heat fragments)."""


@dataclass(frozen=True, kw_only=True)
class OwnTemplateArgs:
    """A template of our own. image: name or id of the node image. network_driver: calico, cilium or flannel."""

    image: str
    network_driver: str


@dataclass(frozen=True, kw_only=True)
class NamedTemplateArgs:
    """A template that the site made, by its name."""

    template: str


@dataclass(frozen=True, kw_only=True)
class PoolArgs:
    """A node group. count: nodes, or the first number of them where `autoscale` gives (minimum, maximum)."""

    name: str
    flavor: str
    count: int
    autoscale: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class KubernetesClusterArgs:
    """What a cluster needs.

    title: its name on the cloud. driver: Magnum driver; decides labels and node selectors. kubernetes_version: such as 1.33.4.
    template: own or named. public_key: OpenSSH public key of the nodes' administrator.
    external_network_id, network_id, subnet_id: where it stands. dns_nameservers: resolvers of the nodes.
    control_plane_flavor, control_plane_count; worker_flavor, worker_count: the first pool; pools: further ones.
    octavia_provider: amphora or ovn. pod_cidr, service_cidr: ranges inside the cluster.
    api_floating_ip: whether the API gets a floating IP. api_allowed_cidrs: who may reach it; everybody where empty.
    labels: further Magnum labels. rebuild: whether changed labels may replace the cluster.
    create_timeout: minutes. protect: whether the engine refuses to delete the cluster.
    """

    title: str
    driver: Driver
    kubernetes_version: str
    template: OwnTemplateArgs | NamedTemplateArgs
    public_key: str
    external_network_id: pulumi.Input[str]
    network_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    dns_nameservers: Sequence[str] = ()
    control_plane_flavor: str
    control_plane_count: int
    worker_flavor: str
    worker_count: int
    pools: Sequence[PoolArgs] = ()
    octavia_provider: str
    extra_network: str | None = None
    pod_cidr: str
    service_cidr: str
    api_floating_ip: bool = True
    api_allowed_cidrs: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    rebuild: bool = False
    create_timeout: int = 60
    protect: bool = True


def cluster_labels(args: KubernetesClusterArgs) -> dict[str, str]:
    """The Magnum labels of a cluster: what its driver reads, then what the engineer adds. All values are text."""
    labels = {
        "auto_healing_enabled": "true",
        "octavia_provider": args.octavia_provider,
        "master_lb_floating_ip_enabled": str(args.api_floating_ip).lower(),
    }
    if args.octavia_provider == "ovn":
        # OVN balances by source address and port alone; any other algorithm leaves the load balancer in ERROR.
        labels["octavia_lb_algorithm"] = "SOURCE_IP_PORT"
    allowed = ",".join(args.api_allowed_cidrs)
    network_driver = args.template.network_driver if isinstance(args.template, OwnTemplateArgs) else "calico"
    match args.driver:
        case "capi-helm":
            labels |= {"monitoring_enabled": "false", "kube_dashboard_enabled": "false"}
            if allowed:
                labels["api_master_lb_allowed_cidrs"] = allowed
        case "vexxhost":
            # Vexxhost's Manila CSI serves NFS alone; our shares are mounted by CephCSI.
            labels |= {
                "manila_csi_enabled": "false",
                f"{network_driver}_ipv4pool": args.pod_cidr,
                "service_cluster_ip_range": args.service_cidr,
            }
        case "heat":
            pods = "flannel_network_cidr" if network_driver == "flannel" else f"{network_driver}_ipv4pool"
            labels |= {pods: args.pod_cidr, "service_cluster_ip_range": args.service_cidr}
            if allowed:
                labels["master_lb_allowed_cidrs"] = allowed
    return labels | dict(args.labels)


def template_labels(args: KubernetesClusterArgs) -> dict[str, str]:
    """The labels that belong on the template: an upgrade to a new template reads the version from there, and the autoscaler is
    switched on there so that no later switch of it touches the cluster's own labels, which would replace the cluster
    (https://github.com/terraform-provider-openstack/terraform-provider-openstack/issues/1625).
    """
    labels = {"auto_scaling_enabled": str(any(pool.autoscale for pool in args.pools)).lower()}
    if args.extra_network:
        # One more port per node, of capi-helm alone: on the template, so that an upgrade in place brings it to a cluster that stands.
        labels["extra_network_names"] = args.extra_network
    if args.driver != "capi-helm":
        labels["kube_tag"] = f"v{args.kubernetes_version}"
    return labels


class KubernetesCluster(pulumi.ComponentResource):
    """A Magnum cluster with its pools and a Kubernetes provider for what runs inside.

    Creates: Keypair, ClusterTemplate (own only), Cluster, one NodeGroup per further pool, kubernetes Provider.

    A changed own template is replaced and the cluster upgraded to it in place, because Magnum never changes a template in use.
    Labels of a living cluster are left alone unless `rebuild`: Magnum cannot change them, and the provider would replace the
    cluster. Pools are made one after another: made at once they race inside Magnum. A pool whose size the autoscaler owns
    keeps that size. Everything inside hangs on the provider, so it is gone before the cluster goes, and the cluster before its
    subnet: load balancers and claims never outlive the network they stand in.
    """

    kubeconfig: pulumi.Output[str]
    """Kubeconfig of an administrator (secret). Pulumi keeps the one it got first."""

    provider: kubernetes.Provider
    """Provider for resources inside the cluster; a renewed kubeconfig replaces nothing."""

    cluster: containerinfra.Cluster
    """The Magnum cluster itself."""

    api_address: pulumi.Output[str]
    """Address of the Kubernetes API."""

    node_selector_label: str
    """Node label whose value is the name of the pool."""

    def __init__(self, name: str, args: KubernetesClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:openstack:KubernetesCluster", name, {}, opts)
        keypair = compute.Keypair(f"{name}-keypair", public_key=args.public_key, opts=pulumi.ResourceOptions(parent=self))
        own = isinstance(args.template, OwnTemplateArgs)
        self.cluster = containerinfra.Cluster(
            f"{name}-cluster",
            name=args.title,
            cluster_template_id=self._template(name, args),
            keypair=keypair.name,
            master_count=args.control_plane_count,
            node_count=args.worker_count,
            # The flavours of an own template stand there: named here as well, a change would replace the cluster.
            master_flavor=None if own else args.control_plane_flavor,
            flavor=None if own else args.worker_flavor,
            fixed_network=args.network_id,
            fixed_subnet=args.subnet_id,
            floating_ip_enabled=args.api_floating_ip,
            labels=cluster_labels(args) if own else cluster_labels(args) | template_labels(args),
            merge_labels=True,
            create_timeout=args.create_timeout,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                # A longer time-out is for the next creation: it must not replace the cluster that stands, as the provider would have it.
                ignore_changes=["create_timeout"] if args.rebuild else ["create_timeout", "labels"],
                # The floating IP, and most projects' quota, serve one cluster at a time.
                delete_before_replace=True,
                # The provider's own limit must be longer than Magnum's, so that Magnum's reason is what the engineer reads.
                custom_timeouts=pulumi.CustomTimeouts(create=f"{args.create_timeout + 10}m", update="60m", delete="60m"),
            ),
        )
        made = pulumi.Output.all(self.cluster.id, self.cluster.api_address).apply(lambda facts: _made(self.cluster, args.title, *facts))
        before: pulumi.Resource = self.cluster
        for pool in args.pools:
            before = self._pool(name, pool, made, before)
        self.kubeconfig = pulumi.Output.secret(pulumi.Output.all(made, self.cluster.kubeconfig).apply(lambda facts: facts[1]["raw_config"]))
        self.provider = kubernetes.Provider(
            f"{name}-provider",
            kubeconfig=self.kubeconfig,
            cluster_identifier=made,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[before]),
        )
        self.api_address = self.cluster.api_address
        self.node_selector_label = NODE_GROUP_LABEL[args.driver]
        self.register_outputs(
            {
                "kubeconfig": self.kubeconfig,
                "provider": self.provider,
                "cluster": self.cluster,
                "api_address": self.api_address,
                "node_selector_label": self.node_selector_label,
            }
        )

    def _template(self, name: str, args: KubernetesClusterArgs) -> pulumi.Output[str]:
        """Id of the cluster template."""
        match args.template:
            case NamedTemplateArgs(template=title):
                return containerinfra.get_cluster_template_output(name=title, opts=pulumi.InvokeOptions(parent=self)).id
            case OwnTemplateArgs(image=image, network_driver=network_driver):
                template = containerinfra.ClusterTemplate(
                    f"{name}-template",
                    coe="kubernetes",
                    server_type="vm",
                    image=image,
                    flavor=args.worker_flavor,
                    master_flavor=args.control_plane_flavor,
                    network_driver=network_driver,
                    volume_driver="cinder",
                    external_network_id=args.external_network_id,
                    # Magnum's field takes a single resolver, or several with commas between them.
                    dns_nameserver=",".join(args.dns_nameservers) or None,
                    floating_ip_enabled=args.api_floating_ip,
                    master_lb_enabled=True,
                    labels=template_labels(args),
                    # No name of ours: the old template and the new one live side by side during the upgrade.
                    opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["*"]),
                )
                return template.id
        raise TypeError(f"{name}: template is neither own nor named")

    def _pool(self, name: str, pool: PoolArgs, cluster_id: pulumi.Output[str], before: pulumi.Resource) -> containerinfra.NodeGroup:
        low, high = pool.autoscale or (None, None)
        return containerinfra.NodeGroup(
            f"{name}-pool-{pool.name}",
            cluster_id=cluster_id,
            name=pool.name,
            flavor_id=pool.flavor,
            node_count=pool.count,
            min_node_count=low,
            max_node_count=high,
            merge_labels=True,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[before],
                ignore_changes=["node_count"] if pool.autoscale else None,
                # Two pools of one name cannot stand side by side.
                delete_before_replace=True,
                # Magnum deletes the pools with the cluster. Deleted one by one they meet a race of Magnum and its provider: the
                # first poll can still read the state from before, which counts as a failure.
                deleted_with=self.cluster,
                custom_timeouts=pulumi.CustomTimeouts(create="60m", update="60m", delete="60m"),
            ),
        )


def _made(cluster: containerinfra.Cluster, title: str, cluster_id: str, api_address: str | None) -> str:
    """The id of a cluster that is there.

    One whose creation failed stays in the state, and the next update takes it for whole. Raises RuntimeError, with what helps.
    """
    if not api_address:
        pulumi.log.error(
            f"cluster {title} ({cluster_id}) has no API address: its creation failed, or has not ended.\n"
            f"  openstack coe cluster show {cluster_id} -c status -c status_reason\n"
            "Is it in progress, wait for its end. Has it failed, remove the reason, then the cluster, and wait until it is gone:\n"
            f"  openstack coe cluster delete {cluster_id}\n"
            "Then in both cases:\n"
            "  pulumi refresh\n"
            "  pulumi up",
            resource=cluster,
        )
        raise RuntimeError(f"cluster {title} is not there")
    return cluster_id
