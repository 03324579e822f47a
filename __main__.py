"""The platform of one stack: settings in, components, outputs."""

from typing import cast

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pulumi_tls as tls
from pulumi_kubernetes.core.v1 import Namespace

from components.access.gateway import (
    CertManagerTlsArgs,
    Entry,
    EntryArgs,
    IngressArgs,
    LoadBalancerArgs,
    PortForwardArgs,
    SecretTlsArgs,
    SelfSignedTlsArgs,
)
from components.access.oidc_proxy import Gate, GateArgs
from components.kubernetes.connections import Namespaces, WayOut, monitoring_flows, notebook_flows, server_flows
from components.kubernetes.network_policies import Flow, NetworkPolicies, NetworkPoliciesArgs
from components.observability import stack as monitoring
from components.observability.smoke_test import SmokeTest, SmokeTestArgs
from components.observability.stack import AlertsArgs, Monitoring, MonitoringArgs
from components.openstack.buckets import Buckets, BucketsArgs
from components.openstack.cephfs_share import AdoptShareArgs, BringShareArgs, CephFSShare, CephFSShareArgs, CreateShareArgs
from components.openstack.cluster import KubernetesCluster, KubernetesClusterArgs, NamedTemplateArgs, OwnTemplateArgs, PoolArgs
from components.openstack.network import CephRouteArgs, CephRouterArgs, DnsRecordArgs, Network, NetworkArgs
from components.openstack.project import OpenStackProjectArgs, openstack_project, share_type_check
from components.spark import history_server, interpreter_files
from components.spark.admission import SparkAdmission, SparkAdmissionArgs
from components.spark.dataset_check import DatasetCheck, DatasetCheckArgs
from components.spark.hadoop_conf import BucketAccessArgs, HadoopConf, HadoopConfArgs
from components.spark.history_server import HistoryServer, HistoryServerArgs
from components.spark.interpreter_files import CheckedDataset, InterpreterArgs, LdapArgs, PodSizeArgs, SparkSizeArgs
from components.spark.local_queue import QUEUE, LocalQueue, LocalQueueArgs
from components.spark.namespace import SparkNamespace, SparkNamespaceArgs
from components.spark.rbac import SparkRBAC, SparkRBACArgs
from components.storage import ceph_csi, manila_csi
from components.storage.ceph_csi import CephCSI, CephCSIArgs
from components.storage.data_volume import CephFSVolumeArgs, CSIVolumeArgs, DataVolume, DataVolumeArgs, ManilaVolumeArgs, NFSVolumeArgs
from components.storage.manila_csi import ManilaCredential, ManilaCredentialArgs, ManilaCSI, ManilaCSIArgs
from components.storage.user_space import UserSpace, UserSpaceArgs
from components.storage.writable_share import StorageClassArgs, WritableShareArgs
from components.zeppelin import cleaner as interpreter_cleaner
from components.zeppelin.backup import BackupBucketArgs, NotebookBackup, NotebookBackupArgs
from components.zeppelin.cleaner import InterpreterCleaner, InterpreterCleanerArgs
from components.zeppelin.examples import example_notebooks
from components.zeppelin.image_puller import ImagePuller, ImagePullerArgs
from components.zeppelin.server import ACCOUNT, HTTP_PORT, LABELS, SERVICE, Zeppelin, ZeppelinArgs
from settings import StackFileError, load
from settings.values.cloud import KubernetesCloud, OpenStackCloud
from settings.values.cluster import ClusterSettings, NamedTemplate, Pool
from settings.values.dataset import AdoptedShare, BroughtShare, CreatedShare, CsiVolume, Dataset, NfsExport, S3Bucket
from settings.values.entry import CertManagerTls, IngressEntry, LoadBalancerEntry, NoEntry, SecretTls, SelfSignedTls
from settings.values.login import LdapLogin, slug
from settings.values.network import NetworkSettings
from settings.values.own_share import OwnShare
from settings.values.sites import CephPort, CephRouter, Site
from settings.values.spark import HistoryShare, HistoryVolume, PodSize
from settings.values.zeppelin import (
    AdoptedNotebooks,
    BackupBucket,
    BackupShare,
    NotebookShare,
    NotebookVolume,
    PersonShares,
    PersonVolumes,
)

STACK = pulumi.get_stack()
TITLE = f"{pulumi.get_project()}-{STACK}"
try:
    settings = load(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env(), f"Pulumi.{STACK}.yaml")
except StackFileError as error:
    raise pulumi.RunError(str(error)) from None
config = pulumi.Config()
CSI_NAMESPACE, ZEPPELIN_NAMESPACE, SPARK_NAMESPACE, MONITORING_NAMESPACE = "gaia-csi", "gaia-zeppelin", "gaia-spark", "gaia-monitoring"


BALANCERS: dict[str, dict[str, str]] = {
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
        ceph=CephRouterArgs(
            network=ceph.network,
            address=str(network.ceph_router_address),
            routes=[CephRouteArgs(destination=str(r.destination), next_hop=str(r.next_hop) if r.next_hop else None) for r in ceph.routes],
        )
        if isinstance(ceph, CephRouter)
        else None,
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
        extra_network=site.ceph.network if isinstance(site.ceph, CephPort) else None,
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
    generation = settings.rotation.ceph_keys
    return "-".join([TITLE, *parts, *([str(generation)] if generation > 1 else [])]).replace(".", "-")


def share_args(dataset: Dataset, cloud: OpenStackCloud | None) -> CephFSShareArgs:
    """The share of a dataset, and the read-only rule on it."""
    reader = getattr(dataset.source, "ceph_id", None) or ceph_id("data", dataset.identity)
    match dataset.source:
        case CreatedShare() as created:
            setting = f"datasets[{positions[dataset.name]}].source.size_gib"
            source = create_args(f"{TITLE}-{dataset.name}", created, created.size_gib, setting, cloud)
            return CephFSShareArgs(source=source, readers=(reader,), protect=settings.protected)
        case AdoptedShare() as adopted:
            return CephFSShareArgs(source=AdoptShareArgs(title=adopted.share), readers=(reader,))
        case BroughtShare() as brought:
            key = config.require_secret(brought.key_secret)
            return CephFSShareArgs(source=BringShareArgs(export_path=brought.export_path, ceph_id=reader, key=key, fs_name=brought.fs_name))
    raise TypeError(f"dataset {dataset.name} has no share")


def create_args(title: str, share: CreatedShare | OwnShare, size_gib: int, setting: str, cloud: OpenStackCloud | None) -> CreateShareArgs:
    """A share that this stack makes. setting: that of its size."""
    return CreateShareArgs(
        title=title,
        size=size_gib,
        share_type=share.share_type or (cloud and cloud.site.share_type) or "",
        availability_zone=getattr(share, "availability_zone", None),
        keep=share.on_destroy == "keep",
        setting=setting,
        check=share_types[getattr(share, "project", "compute")],
    )


def own_share(name: str, share: OwnShare, size_gib: int, setting: str, cloud: OpenStackCloud) -> None:
    """A share of people's own making, in the compute project, with one key that may write."""
    source = create_args(f"{TITLE}-{name}", share, size_gib, setting, cloud)
    args = CephFSShareArgs(source=source, writers=(ceph_id(name),), protect=settings.protected)
    shares[name] = CephFSShare(name, args, compute)


def renamed(prefix: str, dataset: Dataset) -> pulumi.ResourceOptions:
    """Options by which a renamed dataset's component is the one that stands; its children follow it."""
    return pulumi.ResourceOptions(aliases=[pulumi.Alias(name=f"{prefix}-{dataset.formerly}")] if dataset.formerly else None)


def image(name: str) -> str:
    """An image, from the mirror where the stack names one."""
    prefix = settings.images.registry_prefix
    return f"{prefix}/{name}" if prefix else name


def outside_environment() -> dict[str, str]:
    """What a process needs to reach the world: proxy, mirrors, certificates."""
    outside = settings.outside
    result = {}
    if outside.http_proxy:
        inside = ["localhost", "127.0.0.1", ".svc", ".cluster.local", "kubernetes.default.svc"]
        result |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), outside.http_proxy)
        result |= dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join([*inside, *outside.no_proxy]))
    if outside.pip_index:
        result["PIP_INDEX_URL"] = outside.pip_index
    if outside.ca_bundle:
        result |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"), "/opt/platform/ca-bundle.pem")
    return result


def pod_size(size: PodSize) -> PodSizeArgs:
    """The size of a driver or an executor."""
    return PodSizeArgs(cores=size.cores, memory_gib=size.memory_gib, overhead_gib=size.overhead_gib, scratch_gib=size.scratch_gib)


def person_executors() -> dict[str, str]:
    """What all executors of one person may request together: as many as they may have, each of the size that asks for most."""
    wanted = [(size.max_executors, size.executor) for size in settings.spark.sizes().values()]
    wanted.append((settings.spark.executors_per_person, settings.spark.executor))
    return {
        "pods": str(settings.spark.executors_per_person),
        "cpu": str(max(count * size.cores for count, size in wanted)),
        "memory": f"{max(count * size.total_memory_gib for count, size in wanted)}Gi",
    }


def network_policies_args(namespace: Namespace, flows: list[Flow], api_callers: list[dict[str, str]]) -> NetworkPoliciesArgs:
    """The policies of one namespace."""
    api_server = settings.cloud.api_server
    return NetworkPoliciesArgs(
        namespace=namespace,
        flows=flows,
        api_callers=api_callers,
        api_server=str(api_server.cidr),
        api_ports=api_server.ports,
        cilium=settings.cloud.network_driver == "cilium",
    )


def ceph_volume(name: str) -> CephFSVolumeArgs:
    """A share, as a volume of CephCSI. The share has one Ceph id of ours."""
    share = shares[name]
    ((user, key),) = share.keys.items()
    return CephFSVolumeArgs(
        driver=ceph_csi.DRIVER,
        secret_namespace=CSI_NAMESPACE,
        cluster_id=settings.ceph_csi.cluster_id or name,
        root_path=share.root_path,
        ceph_id=user,
        key=key,
        fs_name=share.fs_name,
    )


def manila_volume(name: str, role: str) -> ManilaVolumeArgs:
    """A share, as a volume of Manila CSI. role: of its project."""
    share = shares[name]
    ((_, rule),) = share.rules.items()
    return ManilaVolumeArgs(
        driver=manila_csi.DRIVER, share_id=share.share_id, access_id=rule, secret_namespace=CSI_NAMESPACE, secret_name=f"manila-{role}"
    )


def volume_args(dataset: Dataset) -> DataVolumeArgs:
    """The volume of a dataset for the namespace of notebooks."""
    size_gib: pulumi.Input[int] = dataset.size_gib or 1
    match dataset.source:
        case NfsExport(server=server, path=path):
            source = NFSVolumeArgs(server=server, path=path)
        case CsiVolume() as volume:
            source = CSIVolumeArgs(driver=volume.driver, volume_handle=volume.volume_handle, attributes=volume.attributes)
        case CreatedShare() | AdoptedShare() | BroughtShare() as share:
            if isinstance(share, CreatedShare | AdoptedShare) and share.plugin == "manila-csi":
                source = manila_volume(dataset.identity, share.project)
            else:
                source = ceph_volume(dataset.identity)
            size_gib = dataset.size_gib or shares[dataset.identity].size
        case S3Bucket():
            raise TypeError(f"dataset {dataset.name} is not mounted")
    return DataVolumeArgs(
        handle=f"{SPARK_NAMESPACE}-{dataset.identity}",
        claim_name=f"data-{dataset.identity}",
        namespace=SPARK_NAMESPACE,
        size_gib=size_gib,
        source=source,
        access_mode=dataset.access_mode,
    )


def own_volumes(name: str, namespace: str, claim_name: str) -> None:
    """A share of people's own making, writable: for its Pods in `namespace`, and for the Job that prepares its root."""
    for role, where, claim in ((name, namespace, claim_name), (f"{name}-prepare", CSI_NAMESPACE, f"prepare-{name}")):
        args = DataVolumeArgs(
            handle=f"{namespace}-{role}",
            claim_name=claim,
            namespace=where,
            size_gib=shares[name].size,
            source=ceph_volume(name),
            access_mode="ReadWriteMany",
            read_only=False,
        )
        volumes[role] = DataVolume(role, args, inside)


def writable(name: str) -> WritableShareArgs:
    """A share that somebody writes. It is one of `shares`, so CephCSI and its namespace are there."""
    return WritableShareArgs(
        volume=volumes[name], prepare=volumes[f"{name}-prepare"], keys=cast("Namespace", keys), image=image(settings.images.zeppelin)
    )


def bucket_access(source: S3Bucket) -> BucketAccessArgs:
    """How the bucket of a dataset is reached."""
    keys = [config.require_secret(name) if name else None for name in (source.access_key_secret, source.secret_key_secret)]
    return BucketAccessArgs(bucket=source.bucket, endpoint=source.endpoint, region=source.region, access_key=keys[0], secret_key=keys[1])


def tls_args(choice: SecretTls | CertManagerTls | SelfSignedTls) -> SecretTlsArgs | CertManagerTlsArgs | SelfSignedTlsArgs:
    """Where the certificate comes from."""
    match choice:
        case SecretTls(certificate_secret=certificate, key_secret=key):
            return SecretTlsArgs(certificate=config.require_secret(certificate), key=config.require_secret(key))
        case CertManagerTls(issuer=issuer, issuer_kind=issuer_kind):
            return CertManagerTlsArgs(issuer=issuer, issuer_kind=issuer_kind)
        case SelfSignedTls(valid_days=days):
            return SelfSignedTlsArgs(valid_days=days)


# 1. The cloud: a provider for Kubernetes, the shares and buckets, the labels of the Spark nodes.
people = settings.administrators()
slugs = {name: slug(name) for name in people}
positions = {dataset.name: index for index, dataset in enumerate(settings.datasets)}
spaces_gib = settings.spaces_gib()
mounted = [dataset for dataset in settings.datasets if not isinstance(dataset.source, S3Bucket)]
buckets = [bucket_access(dataset.source) for dataset in settings.datasets if isinstance(dataset.source, S3Bucket)]
user_space, backup, store = settings.zeppelin.user_space, settings.zeppelin.backup, settings.object_store
history, metrics, standby = settings.spark.history, settings.monitoring, settings.zeppelin.standby
shares: dict[str, CephFSShare] = {}
share_types: dict[str, pulumi.ResourceHook] = {}
public_address: pulumi.Input[str | None] = None
match settings.cloud:
    case OpenStackCloud() as cloud:
        # Every credential is asked which project it opens before anything is made in any of them.
        named = {"compute": (cloud, "cloud"), "data": (cloud.data_project, "cloud.data_project"), "buckets": (store, "object_store")}
        opened = {
            role: OpenStackProjectArgs(
                project=project.project, clouds_yaml=project.clouds_yaml, region=project.region, setting=f"{setting}.project"
            )
            for role, (project, setting) in named.items()
            if project
        }
        openstack = {role: openstack_project(f"openstack-{role}", args) for role, args in opened.items()}
        share_types = {role: share_type_check(f"openstack-{role}", opened[role]) for role in ("compute", "data") if role in opened}
        compute = pulumi.ResourceOptions(providers=[openstack["compute"].provider])
        network = Network("network", network_args(cloud.network, cloud.site), compute)
        cluster = KubernetesCluster("cluster", cluster_args(cloud.cluster, cloud.site, network), compute)
        provider, public_address = cluster.provider, network.public_address
        # The floating IP is the network's and outlives the Service (cloud-provider-openstack, load balancer annotations).
        balancer, identity = {"loadbalancer.openstack.org/keep-floatingip": "true"}, None
        kubeconfig: pulumi.Output[str] = cluster.kubeconfig
        node_selector = {cluster.node_selector_label: settings.spark.pool}
        for dataset in mounted:
            if isinstance(dataset.source, CreatedShare | AdoptedShare | BroughtShare):
                owner = pulumi.ResourceOptions(providers=[openstack[getattr(dataset.source, "project", "compute")].provider])
                options = pulumi.ResourceOptions.merge(owner, renamed("data", dataset))
                shares[dataset.identity] = CephFSShare(f"data-{dataset.name}", share_args(dataset, cloud), options)
        match settings.zeppelin.notebooks:
            case NotebookShare() as home:
                own_share("notebooks", home, home.size_gib, "zeppelin.notebooks.size_gib", cloud)
            case AdoptedNotebooks() as home:
                notebooks_args = CephFSShareArgs(source=AdoptShareArgs(title=home.share), writers=(ceph_id("notebooks"),))
                owner = pulumi.ResourceOptions(providers=[openstack[home.project].provider])
                shares["notebooks"] = CephFSShare("notebooks", notebooks_args, owner)
        if isinstance(user_space, PersonShares):
            for name, size_gib in spaces_gib.items():
                own_share(f"user-{slugs[name]}", user_space, size_gib, f"zeppelin.user_space.size_gib, or space_gib of {name}", cloud)
        if backup and isinstance(backup.target, BackupShare):
            own_share("backup", backup.target, backup.target.size_gib, "zeppelin.backup.target.size_gib", cloud)
        if isinstance(history, HistoryShare):
            own_share("history", history, history.size_gib, "spark.history.size_gib", cloud)
        if store:
            bucket_project = openstack["buckets"]
            made = Buckets(
                "buckets",
                BucketsArgs(
                    buckets={f"{TITLE}-{bucket.name}": bucket.on_destroy == "keep" for bucket in store.buckets},
                    project_id=bucket_project.project_id,
                    user_id=bucket_project.user_id,
                    protect=settings.protected,
                ),
                pulumi.ResourceOptions(providers=[bucket_project.provider]),
            )
            buckets += [
                BucketAccessArgs(
                    bucket=f"{TITLE}-{bucket.name}",
                    endpoint=store.endpoint,
                    region=store.s3_region,
                    access_key=made.access_key,
                    secret_key=made.secret_key,
                )
                for bucket in store.buckets
            ]
    case KubernetesCloud() as cloud:
        kubeconfig = config.require_secret(cloud.kubeconfig_secret)
        provider = kubernetes.Provider("kubernetes", kubeconfig=kubeconfig, context=cloud.context, cluster_identifier=cloud.cluster_name)
        node_selector = next(dict(pool.node_selector) for pool in cloud.pools if pool.name == settings.spark.pool)
        balancer = BALANCERS[cloud.provider]
        identity = cloud.identity
        openstack = {}
        for dataset in mounted:
            if isinstance(dataset.source, BroughtShare):
                shares[dataset.identity] = CephFSShare(f"data-{dataset.name}", share_args(dataset, None), renamed("data", dataset))

# 2. Inside the cluster: volumes, then what mounts them, then the namespace of notebooks with its rights. A destroy goes the other way.
inside = pulumi.ResourceOptions(providers=[provider])
pull_secret = config.require_secret(settings.images.pull_secret) if settings.images.pull_secret else None
volumes = {
    dataset.name: DataVolume(f"data-{dataset.name}", volume_args(dataset), pulumi.ResourceOptions.merge(inside, renamed("data", dataset)))
    for dataset in mounted
}
for name in shares:
    if name in ("notebooks", "backup"):
        own_volumes(name, ZEPPELIN_NAMESPACE, name)
    elif name.startswith("user-"):
        own_volumes(name, SPARK_NAMESPACE, name)
    elif name == "history":
        own_volumes(name, SPARK_NAMESPACE, interpreter_files.HISTORY_CLAIM)
keys: Namespace | None = None
inside = pulumi.ResourceOptions(providers=[provider], depends_on=[volume.volume for volume in volumes.values()])
if shares:
    csi = CephCSI(
        "ceph-csi",
        CephCSIArgs(
            namespace=CSI_NAMESPACE,
            image=image(settings.images.ceph_csi),
            registrar_image=image(settings.images.csi_registrar),
            monitors={name: share.monitors for name, share in shares.items()},
            install=settings.ceph_csi.install,
            metrics=metrics is not None,
            pull_secret=pull_secret,
        ),
        inside,
    )
    keys = csi.namespace
    plugins: list[pulumi.Resource] = [csi]
    asked = [dataset for dataset in mounted if getattr(dataset.source, "plugin", "") == "manila-csi"]
    if asked:
        plugin_args = ManilaCSIArgs(
            namespace=csi.namespace,
            image=image(settings.images.manila_csi),
            registrar_image=image(settings.images.csi_registrar),
            cluster_id=TITLE,
            pull_secrets=csi.pull_secrets,
        )
        plugins.append(ManilaCSI("manila-csi", plugin_args, inside))
        for role, project in openstack.items():
            of_project = [shares[dataset.identity] for dataset in asked if getattr(dataset.source, "project", "") == role]
            if of_project:
                credential_args = ManilaCredentialArgs(
                    title=TITLE,
                    auth_url=project.auth_url,
                    region=project.region,
                    namespace=csi.namespace,
                    shares=[share.share_id for share in of_project],
                )
                credential = ManilaCredential(
                    f"manila-{role}", credential_args, pulumi.ResourceOptions(providers=[provider, project.provider])
                )
                plugins.append(credential)
    # The plug-ins outlive the Pods that they mount for: without them no kubelet could unmount, and their namespaces would hang.
    inside = pulumi.ResourceOptions(providers=[provider], depends_on=plugins)
spark = SparkNamespace(
    "spark",
    SparkNamespaceArgs(
        namespace=SPARK_NAMESPACE,
        cores=settings.spark.quota.cores,
        memory_gib=settings.spark.quota.memory_gib,
        scratch_gib=settings.spark.quota.scratch_gib,
        pods=settings.spark.quota.pods,
        history=history is not None,
        # One of each Spark node, and the two of listings.
        check_pods=next(pool.maximum for pool in settings.cloud.node_sizes() if pool.name == settings.spark.pool) + 2 if mounted else 0,
        people=list(slugs.values()),
        person_interpreters=settings.spark.per_person.interpreters,
        person_executors=person_executors(),
        pull_secret=pull_secret,
    ),
    inside,
)
rbac = SparkRBAC(
    "spark-rbac",
    SparkRBACArgs(
        namespace=spark.namespace,
        server_namespace=ZEPPELIN_NAMESPACE,
        server_account=ACCOUNT,
        cleaner_account=interpreter_cleaner.ACCOUNT,
        people=list(slugs.values()),
        annotations={"eks.amazonaws.com/role-arn": identity} if identity else {},
    ),
    inside,
)
for dataset in mounted:
    volumes[dataset.name].bind(spark.namespace, keys)
mounts = [
    CheckedDataset(
        name=dataset.name,
        claim=volumes[dataset.name].claim_name,
        path=dataset.location,
        files=dataset.expect.files if dataset.expect else None,
        digest=dataset.expect.digest if dataset.expect else None,
    )
    for dataset in mounted
]
hadoop_conf = HadoopConf("hadoop-conf", HadoopConfArgs(namespace=spark.namespace, buckets=buckets), inside) if buckets else None
images = {name: image(getattr(settings.images, name)) for name in ("zeppelin", "spark", "gateway", "gate")}
fence = SparkAdmission(
    "spark-admission",
    SparkAdmissionArgs(
        title=TITLE,
        namespace=spark.namespace,
        namespace_name=SPARK_NAMESPACE,
        server_user=f"system:serviceaccount:{ZEPPELIN_NAMESPACE}:{ACCOUNT}",
        cleaner_user=f"system:serviceaccount:{ZEPPELIN_NAMESPACE}:{interpreter_cleaner.ACCOUNT}",
        driver_account=rbac.driver_account,
        executor_account=rbac.executor_account,
        interpreter_account=rbac.interpreter_account,
        driver_priority=spark.driver_priority,
        executor_priority=spark.executor_priority,
        people=list(slugs.values()),
        spark_image=images["spark"],
        zeppelin_image=images["zeppelin"],
        claims=[mount.claim for mount in mounts],
        user_space=user_space is not None,
        hadoop_conf=hadoop_conf and hadoop_conf.secret_name,
        history=history is not None,
        kueue=settings.spark.kueue is not None,
        web_identity="sts.amazonaws.com" if identity else None,
        node_selector=node_selector,
    ),
    inside,
)
if settings.spark.kueue:
    LocalQueue("local-queue", LocalQueueArgs(namespace=spark.namespace, cluster_queue=settings.spark.kueue.cluster_queue), inside)
namespaces = Namespaces(spark=SPARK_NAMESPACE, zeppelin=ZEPPELIN_NAMESPACE, monitoring=MONITORING_NAMESPACE if metrics else None)
ways_out = [WayOut(title=way.name, cidr=str(way.cidr), ports=way.ports, who=way.who) for way in settings.outside.egress]
notebook_network = NetworkPolicies(
    "spark-network",
    network_policies_args(spark.namespace, notebook_flows(namespaces, ways_out), [interpreter_files.DRIVER_LABELS]),
    inside,
)

for name, size_gib in spaces_gib.items():
    person = slugs[name]
    match user_space:
        case PersonVolumes(name=storage_class):
            space = StorageClassArgs(storage_class=storage_class, size_gib=size_gib)
        case _:
            space = writable(f"user-{person}")
    space_args = UserSpaceArgs(person=person, namespace=spark.namespace, source=space, protect=settings.protected)
    UserSpace(f"space-{person}", space_args, inside)
sizes = settings.spark.sizes()
if history:
    in_class = isinstance(history, HistoryVolume)
    logs = StorageClassArgs(storage_class=history.name, size_gib=history.size_gib) if in_class else writable("history")
    history_args = HistoryServerArgs(
        namespace=spark.namespace,
        source=logs,
        size_gib=history.size_gib,
        image=images["spark"],
        people={person: login for login, person in slugs.items()},
        settings=list(sizes),
        keep_days=history.keep_days,
        priority=spark.server_priority,
        pull_secret=spark.pull_secret,
        protect=settings.protected,
    )
    HistoryServer("history-server", history_args, inside)
if mounts:
    check_args = DatasetCheckArgs(
        namespace=spark.namespace,
        datasets=mounts,
        image=images["spark"],
        node_selector=node_selector,
        priority=spark.server_priority,
        pull_secret=spark.pull_secret,
    )
    DatasetCheck("dataset-check", check_args, inside)

# 3. Zeppelin and the way in.
match settings.entry:
    case LoadBalancerEntry() | IngressEntry():
        origin = f"https://{settings.entry.hostname}"
    case _:
        # `kubectl port-forward` brings the browser to its own machine.
        origin = f"http://localhost:{HTTP_PORT}"
interpreters = InterpreterArgs(
    namespace=SPARK_NAMESPACE,
    server_service=f"{SERVICE}.{ZEPPELIN_NAMESPACE}.svc",
    driver_account=rbac.driver_account,
    executor_account=rbac.executor_account,
    interpreter_account=rbac.interpreter_account,
    driver_priority=spark.driver_priority,
    executor_priority=spark.executor_priority,
    people=slugs,
    user_space=user_space is not None,
    fs_group=interpreter_files.UID if isinstance(user_space, PersonVolumes) else None,
    hadoop_conf=hadoop_conf and hadoop_conf.secret_name,
    zeppelin_image=images["zeppelin"],
    spark_image=images["spark"],
    datasets=mounts,
    node_selector=node_selector,
    pull_secret=spark.pull_secret,
    sizes={
        name: SparkSizeArgs(driver=pod_size(size.driver), executor=pod_size(size.executor), max_executors=size.max_executors)
        for name, size in sizes.items()
    },
    languages=settings.zeppelin.interpreters,
    history=history is not None,
    queue_labels={"kueue.x-k8s.io/queue-name": QUEUE} if settings.spark.kueue else {},
    web_identity=identity is not None,
    executor_idle_seconds=settings.spark.executor_idle_seconds,
    cached_idle_seconds=settings.spark.cached_idle_seconds,
    environment=outside_environment(),
    maven_mirror=settings.outside.maven_mirror,
)
match settings.zeppelin.notebooks:
    case NotebookVolume() as claim:
        notebooks = StorageClassArgs(storage_class=claim.name, size_gib=claim.size_gib)
    case NotebookShare() | AdoptedNotebooks():
        notebooks = writable("notebooks")
login = settings.zeppelin.login
ldap = login if isinstance(login, LdapLogin) else None
made_here = pulumi.ResourceOptions(providers=[random.Provider("random")])
zeppelin = Zeppelin(
    "zeppelin",
    ZeppelinArgs(
        namespace=ZEPPELIN_NAMESPACE,
        interpreters=interpreters,
        spark_namespace=spark.namespace,
        priority=spark.server_priority,
        notebooks=notebooks,
        people=people,
        ldap=ldap and LdapArgs(**ldap.model_dump(exclude={"kind", "bind_password_secret"})),
        ldap_password=config.require_secret(ldap.bind_password_secret) if ldap and ldap.bind_password_secret else "",
        notebooks_seed=example_notebooks(
            [(dataset.name, dataset.location) for dataset in settings.datasets],
            list(sizes),
            [f"{TITLE}-{bucket.name}" for bucket in store.buckets] if store else [],
            space=user_space is not None,
            limits=[
                f"{settings.spark.per_person.interpreters} interpreters at a time: one for each notebook and language",
                f"{settings.spark.executors_per_person} executors of all your notebooks together",
                "what is over a limit waits, and starts when something of yours has ended",
            ],
        ),
        cores=settings.zeppelin.cores,
        memory_gib=settings.zeppelin.memory_gib,
        idle_minutes=settings.spark.interpreter_idle_minutes,
        origin=origin,
        pull_secret=pull_secret,
        ca_bundle=settings.outside.ca_bundle,
        protect=settings.protected,
        standby=standby,
        password_generation=settings.rotation.passwords,
    ),
    # Rights, accounts and the whole fence stand before the server that starts what they bound.
    pulumi.ResourceOptions.merge(
        pulumi.ResourceOptions.merge(inside, made_here), pulumi.ResourceOptions(depends_on=[rbac, fence, notebook_network])
    ),
)
NetworkPolicies(
    "zeppelin-network",
    network_policies_args(zeppelin.namespace, server_flows(namespaces, ways_out), [LABELS, interpreter_cleaner.LABELS]),
    inside,
)
ImagePuller(
    "image-puller",
    ImagePullerArgs(
        namespace=zeppelin.namespace,
        images=[images["zeppelin"], images["spark"]],
        node_selector=node_selector,
        pull_secret=spark.pull_secret,
    ),
    inside,
)
InterpreterCleaner(
    "interpreter-cleaner",
    InterpreterCleanerArgs(
        namespace=zeppelin.namespace,
        spark_namespace=SPARK_NAMESPACE,
        image=images["spark"],
        wait_seconds=settings.zeppelin.start_timeout_seconds,
        pull_secret=spark.pull_secret,
    ),
    pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[rbac, fence])),
)
if backup:
    match backup.target:
        case BackupBucket() as bucket:
            backup_target = BackupBucketArgs(
                endpoint=bucket.endpoint,
                path=f"{bucket.bucket}/{bucket.prefix or TITLE}",
                region=bucket.region,
                access_key=config.require_secret(bucket.access_key_secret),
                secret_key=config.require_secret(bucket.secret_key_secret),
            )
        case BackupShare():
            backup_target = writable("backup")
    NotebookBackup(
        "notebook-backup",
        NotebookBackupArgs(
            namespace=zeppelin.namespace,
            claim=zeppelin.notebooks_claim,
            target=backup_target,
            password=config.require_secret(backup.password_secret),
            schedule=backup.schedule,
            keep=backup.keep.model_dump(),
            image=image(settings.images.restic),
            environment=outside_environment(),
            ca_bundle=settings.outside.ca_bundle,
            pull_secret=spark.pull_secret,
        ),
        inside,
    )
way_in = settings.entry
public = None if isinstance(way_in, NoEntry) else way_in
gate = public and public.gate
before_entry: list[pulumi.Resource] = [zeppelin.service]
if public and gate:
    before_entry.append(
        Gate(
            "gate",
            GateArgs(
                namespace=zeppelin.namespace,
                hostname=public.hostname,
                image=images["gate"],
                issuer_url=gate.issuer_url,
                client_id=gate.client_id,
                client_secret=config.require_secret(gate.client_secret),
                email_domains=gate.email_domains,
                pull_secret=spark.pull_secret,
                password_generation=settings.rotation.passwords,
            ),
            pulumi.ResourceOptions.merge(inside, made_here),
        ).service
    )
match way_in:
    case LoadBalancerEntry():
        exposure = LoadBalancerArgs(
            address=public_address, allowed_cidrs=[str(cidr) for cidr in way_in.allowed_cidrs], annotations=balancer
        )
    case IngressEntry():
        exposure = IngressArgs(class_name=way_in.class_name)
    case NoEntry():
        exposure = PortForwardArgs()
certificate = public and public.tls
entry = Entry(
    "entry",
    EntryArgs(
        namespace=zeppelin.namespace,
        url=origin,
        hostname=public and public.hostname,
        image=images["gateway"],
        exposure=exposure,
        tls=certificate and tls_args(certificate),
        spark_settings=list(sizes),
        spark_domain=f"{SPARK_NAMESPACE}.svc.cluster.local:{interpreter_files.UI_PORT}",
        history_domain=f"{SPARK_NAMESPACE}.svc.cluster.local:{history_server.PORT}" if history else None,
        monitoring_domain=f"{MONITORING_NAMESPACE}.svc.cluster.local" if metrics else None,
        gate=gate is not None,
        pull_secret=spark.pull_secret,
        priority=spark.server_priority,
    ),
    pulumi.ResourceOptions(
        providers=[provider, *([tls.Provider("tls")] if isinstance(certificate, SelfSignedTls) else [])], depends_on=before_entry
    ),
)

# 4. Who looks after it.
if metrics:
    told, smoke = metrics.alerts, metrics.smoke_test
    SmokeTest(
        "smoke-test",
        SmokeTestArgs(
            namespace=zeppelin.namespace,
            url=f"http://{SERVICE}:{HTTP_PORT}",
            user=smoke.user,
            password=config.require_secret(smoke.password_secret) if smoke.password_secret else zeppelin.passwords[smoke.user],
            image=images["spark"],
            every_minutes=smoke.every_minutes,
            slow_seconds=smoke.slow_seconds,
            certificate="gateway:443" if isinstance(way_in, LoadBalancerEntry) else None,
            pull_secret=spark.pull_secret,
            serving=not standby,
        ),
        inside,
    )
    prefix = settings.images.registry_prefix
    watched = Monitoring(
        "monitoring",
        MonitoringArgs(
            namespace=MONITORING_NAMESPACE,
            spark_namespace=spark.namespace,
            spark_name=SPARK_NAMESPACE,
            zeppelin_namespace=zeppelin.namespace,
            zeppelin_name=ZEPPELIN_NAMESPACE,
            csi_namespace=keys if settings.ceph_csi.install else None,
            csi_name=CSI_NAMESPACE,
            retention_days=metrics.retention_days,
            size_gib=metrics.size_gib,
            storage_class=metrics.storage_class,
            alerts=told and AlertsArgs(kind=told.kind, url=config.require_secret(told.url_secret)),
            origin=origin,
            idle_minutes=settings.spark.interpreter_idle_minutes,
            smoke_minutes=smoke.every_minutes,
            serving=not standby,
            runbooks=metrics.runbooks or "docs/runbooks",
            environment=outside_environment(),
            ca_bundle=settings.outside.ca_bundle,
            mirror=f"{prefix}/" if prefix else "",
            pull_secret=pull_secret,
        ),
        inside,
    )
    flows = monitoring_flows(namespaces, str(settings.cloud.node_network), ways_out)
    api_callers = [monitoring.PROMETHEUS_LABELS, monitoring.STATE_LABELS]
    NetworkPolicies("monitoring-network", network_policies_args(watched.namespace, flows, api_callers), inside)

pulumi.export("zeppelin_url", entry.url)
pulumi.export("serving", not standby)
pulumi.export("passwords", zeppelin.passwords)
pulumi.export("test_user", metrics.smoke_test.user if metrics else None)
pulumi.export("kubeconfig", kubeconfig)
pulumi.export("public_address", public_address)
pulumi.export(
    "namespaces",
    {"zeppelin": ZEPPELIN_NAMESPACE, "spark": SPARK_NAMESPACE}
    | ({"csi": CSI_NAMESPACE} if shares else {})
    | ({"monitoring": MONITORING_NAMESPACE} if metrics else {}),
)
pulumi.export("datasets", {dataset.name: dataset.location for dataset in settings.datasets})
pulumi.export("kubernetes_version", settings.cloud.kubernetes_version)
pulumi.export("capacity", settings.capacity())
