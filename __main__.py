"""The platform of one stack: settings in, components, outputs."""

import pulumi
import pulumi_kubernetes as kubernetes

from components.cephfs_share import AdoptShareArgs, BringShareArgs, CephFSShare, CephFSShareArgs, CreateShareArgs
from components.kubernetes_cluster import KubernetesCluster, KubernetesClusterArgs, NamedTemplateArgs, OwnTemplateArgs, PoolArgs
from components.network import CephRouteArgs, CephRouterArgs, DnsRecordArgs, Network, NetworkArgs
from components.openstack_project import OpenStackProjectArgs, openstack_project
from settings import StackFileError, load
from settings.cloud import KubernetesCloud, OpenStackCloud
from settings.cluster import ClusterSettings, NamedTemplate, Pool
from settings.dataset import AdoptedShare, BroughtShare, CreatedShare, Dataset
from settings.entry import LoadBalancerEntry
from settings.network import NetworkSettings
from settings.sites import Site
from settings.zeppelin import NotebookShare

STACK = pulumi.get_stack()
TITLE = f"{pulumi.get_project()}-{STACK}"
try:
    settings = load(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env(), f"Pulumi.{STACK}.yaml")
except StackFileError as error:
    raise pulumi.RunError(str(error)) from None
config = pulumi.Config()


def network_args(network: NetworkSettings, site: Site) -> NetworkArgs:
    """The network of a site, as the stack wants it."""
    pool, record, ceph = network.allocation_pool, network.dns_record, site.ceph
    return NetworkArgs(
        title=TITLE,
        external_network=site.external_network,
        subnet=str(network.subnet),
        gateway=str(network.gateway_address),
        allocation_pool=(str(pool.start), str(pool.end)) if pool else None,
        dns_nameservers=[str(address) for address in site.dns_nameservers],
        ceph=ceph
        and CephRouterArgs(
            network=ceph.network,
            address=str(network.ceph_router_address),
            routes=[CephRouteArgs(destination=str(r.destination), next_hop=str(r.next_hop) if r.next_hop else None) for r in ceph.routes],
        ),
        public_address=isinstance(settings.entry, LoadBalancerEntry),
        dns_record=record and DnsRecordArgs(zone=record.zone, name=record.name, ttl=record.ttl),
    )


def pool_args(pool: Pool) -> PoolArgs:
    """One further pool."""
    bounds = pool.autoscale and (pool.autoscale.minimum, pool.autoscale.maximum)
    return PoolArgs(name=pool.name, flavor=pool.flavor, count=pool.minimum, autoscale=bounds)


def cluster_args(cluster: ClusterSettings, site: Site, network: Network) -> KubernetesClusterArgs:
    """The cluster, in the network that we made for it."""
    template = cluster.template
    return KubernetesClusterArgs(
        title=TITLE,
        driver=cluster.driver,
        kubernetes_version=cluster.kubernetes_version,
        template=(
            NamedTemplateArgs(template=template.name)
            if isinstance(template, NamedTemplate)
            else OwnTemplateArgs(image=template.image, network_driver=template.network_driver)
        ),
        public_key=cluster.public_key,
        external_network_id=network.external_network_id,
        network_id=network.network_id,
        subnet_id=network.node_subnet_id,
        dns_nameservers=[str(address) for address in site.dns_nameservers],
        control_plane_flavor=cluster.control_plane.flavor,
        control_plane_count=cluster.control_plane.count,
        worker_flavor=cluster.workers.flavor,
        worker_count=cluster.workers.count,
        pools=[pool_args(pool) for pool in cluster.pools],
        octavia_provider=site.octavia_provider,
        pod_cidr=str(cluster.pod_cidr),
        service_cidr=str(cluster.service_cidr),
        api_floating_ip=cluster.api_floating_ip,
        api_allowed_cidrs=[str(cidr) for cidr in cluster.api_allowed_cidrs],
        labels=cluster.labels,
        rebuild=cluster.rebuild,
        create_timeout=cluster.create_timeout,
        protect=settings.protected,
    )


def ceph_id(*parts: str) -> str:
    """A Ceph id of this stack: Manila wants it unique on the whole cloud and without a dot, which a stack's name may have."""
    return "-".join([TITLE, *parts]).replace(".", "-")


def share_args(dataset: Dataset, site: Site | None) -> CephFSShareArgs:
    """The share of a dataset, and the read-only rule on it."""
    reader = getattr(dataset.source, "ceph_id", None) or ceph_id("data", dataset.name)
    match dataset.source:
        case CreatedShare() as created:
            title = f"{TITLE}-{dataset.name}"
            source = create_args(title, created, site)
            return CephFSShareArgs(source=source, readers=(reader,), protect=settings.protected)
        case AdoptedShare() as adopted:
            return CephFSShareArgs(source=AdoptShareArgs(title=adopted.share), readers=(reader,))
        case BroughtShare() as brought:
            key = config.require_secret(brought.key_secret)
            return CephFSShareArgs(source=BringShareArgs(export_path=brought.export_path, ceph_id=reader, key=key, fs_name=brought.fs_name))
    raise TypeError(f"dataset {dataset.name} has no share")


def create_args(title: str, share: CreatedShare | NotebookShare, site: Site | None) -> CreateShareArgs:
    """A share that this stack makes."""
    return CreateShareArgs(
        title=title,
        size=share.size_gib,
        share_type=share.share_type or (site and site.share_type) or "",
        availability_zone=getattr(share, "availability_zone", None),
        keep=share.on_destroy == "keep",
    )


match settings.cloud:
    case OpenStackCloud() as cloud:
        projects = {"compute": cloud} | ({"data": cloud.data_project} if cloud.data_project else {})
        openstack = {
            role: openstack_project(
                f"openstack-{role}",
                OpenStackProjectArgs(
                    project=project.project,
                    clouds_yaml=project.clouds_yaml,
                    region=project.region,
                    setting="cloud.project" if role == "compute" else "cloud.data_project.project",
                ),
            )
            for role, project in projects.items()
        }
        compute = pulumi.ResourceOptions(providers=[openstack["compute"]])
        network = Network("network", network_args(cloud.network, cloud.site), compute)
        cluster = KubernetesCluster("cluster", cluster_args(cloud.cluster, cloud.site, network), compute)
        for dataset in settings.datasets:
            owner = openstack[getattr(dataset.source, "project", "compute")]
            CephFSShare(f"data-{dataset.name}", share_args(dataset, cloud.site), pulumi.ResourceOptions(providers=[owner]))
    case KubernetesCloud() as cloud:
        provider = kubernetes.Provider(
            "kubernetes", kubeconfig=config.require_secret(cloud.kubeconfig_secret), context=cloud.context, cluster_identifier=cloud.cluster_name
        )
pulumi.export("capacity", settings.capacity())
