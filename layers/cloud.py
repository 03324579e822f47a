"""The ground that everything stands on: an OpenStack network with a Magnum cluster, or a cluster that exists."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_kubernetes as kubernetes

from components.openstack.cluster import KubernetesCluster, KubernetesClusterArgs
from components.openstack.network import Network, NetworkArgs
from components.openstack.project import OpenedProject, openstack_project
from layers.stack import Stack
from settings.values.cloud import KubernetesCloud, OpenStackCloud, OpenStackProject

Role = Literal["compute", "data", "buckets"]
"""What a project of OpenStack is for."""

BALANCERS: Mapping[str, Mapping[str, str]] = {
    # The floating IP is the network's and outlives the Service (cloud-provider-openstack, load balancer annotations).
    "openstack": {"loadbalancer.openstack.org/keep-floatingip": "true"},
    # AWS Load Balancer Controller: Service annotations. Without the first, the in-tree controller makes a classic load balancer.
    "eks": {
        "service.beta.kubernetes.io/aws-load-balancer-type": "external",
        "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
        "service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing",
    },
    # Google Kubernetes Engine: backend service-based external passthrough Network Load Balancers.
    "gke": {"cloud.google.com/l4-rbs": "enabled"},
    "other": {},
}
"""What a Service of type LoadBalancer is to say, by provider."""


@dataclass(frozen=True, kw_only=True)
class Projects:
    """Projects of OpenStack."""

    projects: Mapping[Role, OpenedProject] = field(default_factory=dict)
    """OpenStack projects that a credential has opened."""

    def in_project(self, role: Role) -> pulumi.ResourceOptions:
        """Options of what is made in one OpenStack project; without one on a cluster that exists, where no share is ours."""
        return pulumi.ResourceOptions(providers=[self.projects[role].provider] if self.projects else None)


@dataclass(frozen=True, kw_only=True)
class Ground(Projects):
    """Projects, and a network in the one that computes."""

    network: Network
    """The network."""


@dataclass(frozen=True, kw_only=True)
class Cloud(Projects):
    """A cluster, and the projects around it."""

    kubernetes: kubernetes.Provider
    """Provider for whatever stands in the cluster."""

    kubeconfig: pulumi.Output[str]
    """Kubeconfig of an administrator (secret)."""

    version: pulumi.Input[str]
    """Version of Kubernetes that the cluster runs: as Magnum reports it, or as the stack file says it of a cluster that exists."""

    spark_nodes: Mapping[str, str]
    """Labels of the nodes that notebooks compute on."""

    gpu_nodes: Mapping[str, Mapping[str, str]]
    """Pools on which executors have a GPU, to the labels of their nodes."""

    public_address: pulumi.Input[str | None] = None
    """Floating IP of the platform, or None."""

    balancer: Mapping[str, str]
    """Annotations of a Service of type LoadBalancer."""

    identity: str | None = None
    """What Spark is to the cloud's provider, so that it reaches buckets without a key; or None."""

    @property
    def in_cluster(self) -> pulumi.ResourceOptions:
        """Options of what stands in the cluster."""
        return pulumi.ResourceOptions(providers=[self.kubernetes])


def build(stack: Stack) -> Cloud:
    """The network and cluster that a stack makes, or the cluster that it finds."""
    match stack.settings.cloud:
        case OpenStackCloud() as cloud:
            return _openstack(stack, cloud)
        case KubernetesCloud() as cloud:
            return _existing(stack, cloud)


def ground(stack: Stack, cloud: OpenStackCloud) -> Ground:
    """The projects and the network of a stack on OpenStack."""
    # Every credential is asked which project it opens before anything is made in any of them.
    named: dict[Role, tuple[OpenStackProject | None, str]] = {
        "compute": (cloud, "cloud.project"),
        "data": (cloud.data_project, "cloud.data_project.project"),
        "buckets": (stack.settings.object_store, "object_store.project"),
    }
    wanted: dict[Role, tuple[OpenStackProject, str]] = {role: (project, setting) for role, (project, setting) in named.items() if project}
    projects: dict[Role, OpenedProject] = {
        role: openstack_project(f"openstack-{role}", project, setting) for role, (project, setting) in wanted.items()
    }
    network = Network(
        "network",
        NetworkArgs(
            title=stack.title,
            network=cloud.network,
            site=cloud.site,
            public_address=stack.balanced,
            first_look=projects["compute"].first_look,
        ),
        pulumi.ResourceOptions(providers=[projects["compute"].provider]),
    )
    return Ground(projects=projects, network=network)


def _openstack(stack: Stack, cloud: OpenStackCloud) -> Cloud:
    below = ground(stack, cloud)
    projects, network = below.projects, below.network
    cluster = KubernetesCluster(
        "cluster",
        KubernetesClusterArgs(
            title=stack.title,
            cluster=cloud.cluster,
            site=cloud.site,
            external_network_id=network.external_network_id,
            network_id=network.network_id,
            subnet_id=network.node_subnet_id,
            protect=stack.protect,
            first_look=projects["compute"].first_look,
        ),
        below.in_project("compute"),
    )
    return Cloud(
        kubernetes=cluster.provider,
        kubeconfig=cluster.kubeconfig,
        version=cluster.version,
        spark_nodes={cluster.node_selector_label: stack.settings.spark.pool},
        gpu_nodes={pool: {cluster.node_selector_label: pool} for pool in stack.settings.spark.gpu_pools},
        projects=projects,
        public_address=network.public_address,
        balancer=BALANCERS["openstack"],
    )


def _existing(stack: Stack, cloud: KubernetesCloud) -> Cloud:
    kubeconfig = stack.secret(cloud.kubeconfig_secret)
    nodes = {pool.name: pool.node_selector for pool in cloud.pools}
    return Cloud(
        kubernetes=kubernetes.Provider("kubernetes", kubeconfig=kubeconfig, context=cloud.context, cluster_identifier=cloud.cluster_name),
        kubeconfig=kubeconfig,
        version=cloud.kubernetes_version,
        spark_nodes=nodes[stack.settings.spark.pool],
        gpu_nodes={pool: nodes[pool] for pool in stack.settings.spark.gpu_pools},
        balancer=BALANCERS[cloud.provider],
        identity=cloud.identity,
    )
