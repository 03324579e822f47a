"""The Kubernetes cluster that Magnum makes, its node pools, and the provider for what runs inside."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_openstack import compute, containerinfra

from components.openstack.first_look import before_create
from settings.values.cluster import ClusterSettings, Driver, NamedTemplate, OwnTemplate, Pool, same_version
from settings.values.sites import CephPort, Site

NODE_GROUP_LABEL: Mapping[Driver, str] = {
    "capi-helm": "capi.stackhpc.com/node-group",
    "vexxhost": "node.cluster.x-k8s.io/nodegroup",
    "heat": "magnum.openstack.org/nodegroup",
}
"""The node label by which each driver tells the pool (2i2c-org/infrastructure terraform/openstack/cluster.tf; magnum-cluster-api
resources.py mutate_machine_deployment; magnum's Heat fragments)."""


@dataclass(frozen=True, kw_only=True)
class KubernetesClusterArgs:
    """What a cluster needs."""

    title: str
    """Its name on the cloud."""

    cluster: ClusterSettings
    """Driver, version, template, nodes, ranges, labels."""

    site: Site
    """Resolvers, Octavia's provider, and the way to Ceph."""

    external_network_id: pulumi.Input[str]
    """Id of the external network."""

    network_id: pulumi.Input[str]
    """Id of the network that it stands in."""

    subnet_id: pulumi.Input[str]
    """Id of the nodes' subnet."""

    protect: bool = True
    """Whether the engine refuses to delete the cluster."""

    first_look: pulumi.ResourceHook | None = None
    """A hook before the cluster is made, or None."""


def cluster_labels(args: KubernetesClusterArgs) -> dict[str, str]:
    """The Magnum labels of a cluster: what its driver reads, then what the engineer adds. All values are text."""
    cluster, octavia_provider = args.cluster, args.site.octavia_provider
    labels = {
        "auto_healing_enabled": "true",
        "octavia_provider": octavia_provider,
        "master_lb_floating_ip_enabled": str(cluster.api_floating_ip).lower(),
    }
    if octavia_provider == "ovn":
        # OVN balances by source address and port alone; any other algorithm leaves the load balancer in ERROR.
        labels["octavia_lb_algorithm"] = "SOURCE_IP_PORT"
    allowed = ",".join(str(cidr) for cidr in cluster.api_allowed_cidrs)
    network_driver = cluster.template.network_driver if isinstance(cluster.template, OwnTemplate) else "calico"
    pods, services = str(cluster.pod_cidr), str(cluster.service_cidr)
    match cluster.driver:
        case "capi-helm":
            labels |= {"monitoring_enabled": "false", "kube_dashboard_enabled": "false"}
            if allowed:
                labels["api_master_lb_allowed_cidrs"] = allowed
        case "vexxhost":
            # Vexxhost's Manila CSI serves NFS alone; our shares are mounted by CephCSI.
            labels |= {
                "manila_csi_enabled": "false",
                f"{network_driver}_ipv4pool": pods,
                "service_cluster_ip_range": services,
            }
        case "heat":
            key = "flannel_network_cidr" if network_driver == "flannel" else f"{network_driver}_ipv4pool"
            labels |= {key: pods, "service_cluster_ip_range": services}
            if allowed:
                labels["master_lb_allowed_cidrs"] = allowed
    return labels | cluster.labels


def template_labels(args: KubernetesClusterArgs) -> dict[str, str]:
    """The labels that belong on the template: an upgrade to a new template reads the version from there, and the autoscaler is
    switched on there so that no later switch of it touches the cluster's own labels, which would replace the cluster
    (https://github.com/terraform-provider-openstack/terraform-provider-openstack/issues/1625).
    """
    cluster, ceph = args.cluster, args.site.ceph
    labels = {"auto_scaling_enabled": str(any(pool.autoscale for pool in cluster.pools)).lower()}
    if isinstance(ceph, CephPort):
        # One more port per node, of capi-helm alone: on the template, so that an upgrade in place brings it to a cluster that stands.
        labels["extra_network_names"] = ceph.network
    if cluster.driver != "capi-helm":
        labels["kube_tag"] = f"v{cluster.kubernetes_version}"
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

    version: pulumi.Output[str]
    """Version of Kubernetes that Magnum's driver reports, such as 1.35.4; empty where it reports none."""

    node_selector_label: str
    """Node label whose value is the name of the pool."""

    def __init__(self, name: str, args: KubernetesClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:openstack:KubernetesCluster", name, {}, opts)
        cluster = args.cluster
        keypair = compute.Keypair(f"{name}-keypair", public_key=cluster.public_key, opts=pulumi.ResourceOptions(parent=self))
        own = isinstance(cluster.template, OwnTemplate)
        self.cluster = containerinfra.Cluster(
            f"{name}-cluster",
            name=args.title,
            cluster_template_id=self._template(name, args),
            keypair=keypair.name,
            master_count=cluster.control_plane.count,
            node_count=cluster.workers.count,
            # The flavours of an own template stand there: named here as well, a change would replace the cluster.
            master_flavor=None if own else cluster.control_plane.flavor,
            flavor=None if own else cluster.workers.flavor,
            fixed_network=args.network_id,
            fixed_subnet=args.subnet_id,
            floating_ip_enabled=cluster.api_floating_ip,
            labels=cluster_labels(args) if own else cluster_labels(args) | template_labels(args),
            merge_labels=True,
            create_timeout=cluster.create_timeout,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                hooks=before_create(args.first_look),
                # A longer time-out is for the next creation: it must not replace the cluster that stands, as the provider would have it.
                ignore_changes=["create_timeout"] if cluster.rebuild else ["create_timeout", "labels"],
                # The floating IP, and most projects' quota, serve one cluster at a time.
                delete_before_replace=True,
                # The provider's own limit must be longer than Magnum's, so that Magnum's reason is what the engineer reads.
                custom_timeouts=pulumi.CustomTimeouts(create=f"{cluster.create_timeout + 10}m", update="60m", delete="60m"),
            ),
        )
        made = pulumi.Output.all(self.cluster.id, self.cluster.api_address).apply(lambda facts: _made(self.cluster, args.title, *facts))
        before: pulumi.Resource = self.cluster
        for pool in cluster.pools:
            before = self._pool(name, pool, made, before)
        found = pulumi.Output.all(made, self.cluster.api_address, self.cluster.kubeconfig)
        self.kubeconfig = pulumi.Output.secret(found.apply(lambda facts: _kubeconfig(facts[2]["raw_config"], facts[1])))
        self.provider = kubernetes.Provider(
            f"{name}-provider",
            kubeconfig=self.kubeconfig,
            cluster_identifier=made,
            # `deleted_with`, because the engine closes a provider that it has to compare, and nothing inside could be deleted any more
            # when the cluster is replaced (pulumi: pkg/resource/deploy/providers/registry.go, Diff). So it is not compared.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[before], deleted_with=self.cluster),
        )
        self.api_address = self.cluster.api_address
        self.version = self.cluster.coe_version.apply(lambda found: _version(self.cluster, found, cluster.kubernetes_version))
        self.node_selector_label = NODE_GROUP_LABEL[cluster.driver]
        self.register_outputs(
            {
                "kubeconfig": self.kubeconfig,
                "provider": self.provider,
                "cluster": self.cluster,
                "api_address": self.api_address,
                "version": self.version,
                "node_selector_label": self.node_selector_label,
            }
        )

    def _template(self, name: str, args: KubernetesClusterArgs) -> pulumi.Output[str]:
        """Id of the cluster template."""
        cluster = args.cluster
        match cluster.template:
            case NamedTemplate(name=title):
                return containerinfra.get_cluster_template_output(name=title, opts=pulumi.InvokeOptions(parent=self)).id
            case OwnTemplate(image=image, network_driver=network_driver):
                template = containerinfra.ClusterTemplate(
                    f"{name}-template",
                    coe="kubernetes",
                    server_type="vm",
                    image=image,
                    flavor=cluster.workers.flavor,
                    master_flavor=cluster.control_plane.flavor,
                    network_driver=network_driver,
                    volume_driver="cinder",
                    external_network_id=args.external_network_id,
                    # Magnum's field takes a single resolver, or several with commas between them.
                    dns_nameserver=",".join(str(address) for address in args.site.dns_nameservers) or None,
                    floating_ip_enabled=cluster.api_floating_ip,
                    master_lb_enabled=True,
                    labels=template_labels(args),
                    # No name of ours: the old template and the new one live side by side during the upgrade.
                    opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["*"]),
                )
                return template.id
        raise TypeError(f"{name}: template is neither own nor named")

    def _pool(self, name: str, pool: Pool, cluster_id: pulumi.Output[str], before: pulumi.Resource) -> containerinfra.NodeGroup:
        bounds = pool.autoscale
        return containerinfra.NodeGroup(
            f"{name}-pool-{pool.name}",
            cluster_id=cluster_id,
            name=pool.name,
            flavor_id=pool.flavor,
            node_count=pool.minimum,
            min_node_count=bounds and bounds.minimum,
            max_node_count=bounds and bounds.maximum,
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
            "  pulumi up\n"
            "After a rebuild, this forgets what was in the old cluster:\n"
            "  PULUMI_K8S_DELETE_UNREACHABLE=true pulumi up",
            resource=cluster,
        )
        raise RuntimeError(f"cluster {title} is not there")
    return cluster_id


def _kubeconfig(written: str, api_address: str) -> str:
    """A kubeconfig with its server.

    The provider writes it once, and without a server where Magnum was still making the cluster: an engine was killed, and a refresh came
    before the end (terraform-provider-openstack: containerinfra_shared_v1.go, flattenContainerInfraV1Kubeconfig).
    """
    return written.replace('server: ""', f"server: {api_address}")


def _version(cluster: containerinfra.Cluster, found: str | None, stated: str) -> str:
    """The version that the driver reports. Logs a warning where the stack file states another one."""
    version = (found or "").removeprefix("v")
    # A preview still has the version from before an upgrade.
    if version and not same_version(version, stated) and not pulumi.runtime.is_dry_run():
        pulumi.log.warn(
            f"the cluster says that it runs Kubernetes {version}, and the stack file says {stated}. With capi-helm the image decides, "
            "with vexxhost and heat the template's label kube_tag; a cluster that the site upgraded wants its version in the stack file.",
            resource=cluster,
        )
    return version
