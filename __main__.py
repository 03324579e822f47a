"""The platform of one stack: settings in, components, outputs."""

from typing import cast

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pulumi_tls as tls
from pulumi_kubernetes.core.v1 import Namespace

from components import interpreter_cleaner, interpreter_files
from components.ceph_csi import DRIVER, CephCSI, CephCSIArgs
from components.cephfs_share import AdoptShareArgs, BringShareArgs, CephFSShare, CephFSShareArgs, CreateShareArgs
from components.data_volume import CephFSVolumeArgs, CSIVolumeArgs, DataVolume, DataVolumeArgs, NFSVolumeArgs
from components.entry import (
    CertManagerTlsArgs,
    Entry,
    EntryArgs,
    IngressArgs,
    LoadBalancerArgs,
    PortForwardArgs,
    SecretTlsArgs,
    SelfSignedTlsArgs,
)
from components.example_notebooks import example_notebooks
from components.gate import Gate, GateArgs
from components.image_puller import ImagePuller, ImagePullerArgs
from components.interpreter_cleaner import InterpreterCleaner, InterpreterCleanerArgs
from components.interpreter_files import InterpreterArgs, LdapArgs, MountArgs, PodSizeArgs, SparkSizeArgs
from components.kubernetes_cluster import KubernetesCluster, KubernetesClusterArgs, NamedTemplateArgs, OwnTemplateArgs, PoolArgs
from components.network import CephRouteArgs, CephRouterArgs, DnsRecordArgs, Network, NetworkArgs
from components.network_policies import Flow, NetworkPolicies, NetworkPoliciesArgs
from components.openstack_project import OpenStackProjectArgs, openstack_project
from components.platform_flows import WayOut, notebook_flows, server_flows
from components.spark_admission import SparkAdmission, SparkAdmissionArgs
from components.spark_namespace import SparkNamespace, SparkNamespaceArgs
from components.spark_rbac import SparkRBAC, SparkRBACArgs
from components.zeppelin import ACCOUNT, HTTP_PORT, LABELS, SERVICE, NotebookClaimArgs, NotebookShareArgs, Zeppelin, ZeppelinArgs
from settings import StackFileError, load
from settings.cloud import KubernetesCloud, OpenStackCloud
from settings.cluster import ClusterSettings, NamedTemplate, Pool
from settings.dataset import AdoptedShare, BroughtShare, CreatedShare, CsiVolume, Dataset, NfsExport
from settings.entry import CertManagerTls, IngressEntry, LoadBalancerEntry, NoEntry, SecretTls, SelfSignedTls
from settings.login import LdapLogin, LocalLogin, slug
from settings.network import NetworkSettings
from settings.sites import Site
from settings.spark import PodSize
from settings.zeppelin import NotebookShare, NotebookVolume

STACK = pulumi.get_stack()
TITLE = f"{pulumi.get_project()}-{STACK}"
try:
    settings = load(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env(), f"Pulumi.{STACK}.yaml")
except StackFileError as error:
    raise pulumi.RunError(str(error)) from None
config = pulumi.Config()
CSI_NAMESPACE, ZEPPELIN_NAMESPACE, SPARK_NAMESPACE = "gaia-csi", "gaia-zeppelin", "gaia-spark"


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
        driver=DRIVER,
        secret_namespace=CSI_NAMESPACE,
        cluster_id=settings.ceph_csi.cluster_id or name,
        root_path=share.root_path,
        ceph_id=user,
        key=key,
        fs_name=share.fs_name,
    )


def volume_args(dataset: Dataset) -> DataVolumeArgs:
    """The volume of a dataset for the namespace of notebooks."""
    size_gib: pulumi.Input[int] = dataset.size_gib or 1
    match dataset.source:
        case NfsExport(server=server, path=path):
            source = NFSVolumeArgs(server=server, path=path)
        case CsiVolume() as volume:
            source = CSIVolumeArgs(driver=volume.driver, volume_handle=volume.volume_handle, attributes=volume.attributes)
        case CreatedShare() | AdoptedShare() | BroughtShare():
            source = ceph_volume(dataset.name)
            size_gib = dataset.size_gib or shares[dataset.name].size
    return DataVolumeArgs(
        handle=f"{SPARK_NAMESPACE}-{dataset.name}",
        claim_name=f"data-{dataset.name}",
        namespace=SPARK_NAMESPACE,
        size_gib=size_gib,
        source=source,
        access_mode=dataset.access_mode,
    )


def notebook_volume(role: str, claim_name: str, namespace: str) -> DataVolume:
    """The notebooks' share, writable, for one claim."""
    args = DataVolumeArgs(
        handle=f"{ZEPPELIN_NAMESPACE}-{role}",
        claim_name=claim_name,
        namespace=namespace,
        size_gib=settings.zeppelin.notebooks.size_gib,
        source=ceph_volume("notebooks"),
        access_mode="ReadWriteMany",
        read_only=False,
    )
    return DataVolume(role, args, inside)


def tls_args(choice: SecretTls | CertManagerTls | SelfSignedTls) -> SecretTlsArgs | CertManagerTlsArgs | SelfSignedTlsArgs:
    """Where the certificate comes from."""
    match choice:
        case SecretTls(certificate_secret=certificate, key_secret=key):
            return SecretTlsArgs(certificate=config.require_secret(certificate), key=config.require_secret(key))
        case CertManagerTls(issuer=issuer, issuer_kind=issuer_kind):
            return CertManagerTlsArgs(issuer=issuer, issuer_kind=issuer_kind)
        case SelfSignedTls(valid_days=days):
            return SelfSignedTlsArgs(valid_days=days)


# 1. The cloud: a provider for Kubernetes, the shares, the labels of the Spark nodes.
shares: dict[str, CephFSShare] = {}
public_address: pulumi.Input[str | None] = None
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
        provider, public_address = cluster.provider, network.public_address
        kubeconfig: pulumi.Output[str] = cluster.kubeconfig
        node_selector = {cluster.node_selector_label: settings.spark.pool}
        site = cloud.site
        for dataset in settings.datasets:
            owner = openstack[getattr(dataset.source, "project", "compute")]
            shares[dataset.name] = CephFSShare(f"data-{dataset.name}", share_args(dataset, site), pulumi.ResourceOptions(providers=[owner]))
        if isinstance(settings.zeppelin.notebooks, NotebookShare):
            notebooks_args = CephFSShareArgs(
                source=create_args(f"{TITLE}-notebooks", settings.zeppelin.notebooks, site),
                writers=(ceph_id("notebooks"),),
                protect=settings.protected,
            )
            shares["notebooks"] = CephFSShare("notebooks", notebooks_args, compute)
    case KubernetesCloud() as cloud:
        kubeconfig = config.require_secret(cloud.kubeconfig_secret)
        provider = kubernetes.Provider("kubernetes", kubeconfig=kubeconfig, context=cloud.context, cluster_identifier=cloud.cluster_name)
        node_selector = next(dict(pool.node_selector) for pool in cloud.pools if pool.name == settings.spark.pool)
        for dataset in settings.datasets:
            if isinstance(dataset.source, BroughtShare):
                shares[dataset.name] = CephFSShare(f"data-{dataset.name}", share_args(dataset, None))

# 2. Inside the cluster: volumes, then what mounts them, then the namespace of notebooks with its rights. A destroy goes the other way.
inside = pulumi.ResourceOptions(providers=[provider])
pull_secret = config.require_secret(settings.images.pull_secret) if settings.images.pull_secret else None
volumes = {dataset.name: DataVolume(f"data-{dataset.name}", volume_args(dataset), inside) for dataset in settings.datasets}
if "notebooks" in shares:
    volumes["notebooks"] = notebook_volume("notebooks", "notebooks", ZEPPELIN_NAMESPACE)
    volumes["notebooks-prepare"] = notebook_volume("notebooks-prepare", "prepare-notebooks", CSI_NAMESPACE)
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
            pull_secret=pull_secret,
        ),
        inside,
    )
    keys = csi.namespace
    # The plug-in outlives the Pods that it mounts for: without it no kubelet could unmount, and their namespaces would hang.
    inside = pulumi.ResourceOptions(providers=[provider], depends_on=[csi])
people = {person.name: person.administrator for person in settings.zeppelin.people}
if isinstance(settings.zeppelin.login, LocalLogin):
    people = {settings.zeppelin.administrator: True} | people
slugs = {name: slug(name) for name in people}
spark = SparkNamespace(
    "spark",
    SparkNamespaceArgs(
        namespace=SPARK_NAMESPACE,
        cores=settings.spark.quota.cores,
        memory_gib=settings.spark.quota.memory_gib,
        scratch_gib=settings.spark.quota.scratch_gib,
        pods=settings.spark.quota.pods,
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
    ),
    inside,
)
for dataset in settings.datasets:
    volumes[dataset.name].bind(spark.namespace, keys)
mounts = [MountArgs(claim=volumes[dataset.name].claim_name, path=dataset.mount_path) for dataset in settings.datasets]
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
        node_selector=node_selector,
    ),
    inside,
)
ways_out = [WayOut(title=way.name, cidr=str(way.cidr), ports=way.ports, who=way.who) for way in settings.outside.egress]
notebook_network = NetworkPolicies(
    "spark-network",
    network_policies_args(
        spark.namespace, notebook_flows(SPARK_NAMESPACE, ZEPPELIN_NAMESPACE, ways_out), [interpreter_files.DRIVER_LABELS]
    ),
    inside,
)

# 3. Zeppelin and the way in.
match settings.entry:
    case LoadBalancerEntry() | IngressEntry():
        origin = f"https://{settings.entry.hostname}"
    case _:
        # `kubectl port-forward` brings the browser to its own machine.
        origin = f"http://localhost:{HTTP_PORT}"
sizes = settings.spark.sizes()
interpreters = InterpreterArgs(
    namespace=SPARK_NAMESPACE,
    server_service=f"{SERVICE}.{ZEPPELIN_NAMESPACE}.svc",
    driver_account=rbac.driver_account,
    executor_account=rbac.executor_account,
    interpreter_account=rbac.interpreter_account,
    driver_priority=spark.driver_priority,
    executor_priority=spark.executor_priority,
    people=slugs,
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
    executor_idle_seconds=settings.spark.executor_idle_seconds,
    cached_idle_seconds=settings.spark.cached_idle_seconds,
    environment=outside_environment(),
    maven_mirror=settings.outside.maven_mirror,
)
match settings.zeppelin.notebooks:
    case NotebookVolume() as claim:
        notebooks = NotebookClaimArgs(storage_class=claim.name, size_gib=claim.size_gib)
    case NotebookShare():
        # A share of notebooks is one of `shares`, so CephCSI and its namespace are there.
        notebooks = NotebookShareArgs(volume=volumes["notebooks"], prepare=volumes["notebooks-prepare"], keys=cast("Namespace", keys))
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
        notebooks_seed=example_notebooks([(dataset.name, dataset.mount_path) for dataset in settings.datasets], list(sizes)),
        cores=settings.zeppelin.cores,
        memory_gib=settings.zeppelin.memory_gib,
        idle_minutes=settings.spark.interpreter_idle_minutes,
        origin=origin,
        pull_secret=pull_secret,
        ca_bundle=settings.outside.ca_bundle,
    ),
    # Rights, accounts and the whole fence stand before the server that starts what they bound.
    pulumi.ResourceOptions.merge(
        pulumi.ResourceOptions.merge(inside, made_here), pulumi.ResourceOptions(depends_on=[rbac, fence, notebook_network])
    ),
)
NetworkPolicies(
    "zeppelin-network",
    network_policies_args(
        zeppelin.namespace, server_flows(SPARK_NAMESPACE, ZEPPELIN_NAMESPACE, ways_out), [LABELS, interpreter_cleaner.LABELS]
    ),
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
            ),
            pulumi.ResourceOptions.merge(inside, made_here),
        ).service
    )
match way_in:
    case LoadBalancerEntry():
        exposure = LoadBalancerArgs(address=public_address, allowed_cidrs=[str(cidr) for cidr in way_in.allowed_cidrs])
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
        gate=gate is not None,
        pull_secret=spark.pull_secret,
        priority=spark.server_priority,
    ),
    pulumi.ResourceOptions(
        providers=[provider, *([tls.Provider("tls")] if isinstance(certificate, SelfSignedTls) else [])], depends_on=before_entry
    ),
)

pulumi.export("zeppelin_url", entry.url)
pulumi.export("passwords", zeppelin.passwords)
pulumi.export("kubeconfig", kubeconfig)
pulumi.export("public_address", public_address)
pulumi.export("namespaces", {"zeppelin": ZEPPELIN_NAMESPACE, "spark": SPARK_NAMESPACE} | ({"csi": CSI_NAMESPACE} if shares else {}))
pulumi.export("datasets", {dataset.name: dataset.mount_path for dataset in settings.datasets})
pulumi.export("kubernetes_version", settings.cloud.kubernetes_version)
pulumi.export("capacity", settings.capacity())
