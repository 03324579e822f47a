"""Where data lies: datasets, homes that people and servers write, buckets, and the plug-ins that mount them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes.namespace import NamespaceRef
from components.names import CSI_NAMESPACE
from components.openstack.buckets import Buckets, BucketsArgs
from components.openstack.cephfs_share import CephFSShare
from components.spark.hadoop_conf import BucketAccess
from components.storage.ceph_csi import CephCSI, CephCSIArgs
from components.storage.manila_csi import ManilaCredential, ManilaCredentialArgs, ManilaCSI, ManilaCSIArgs
from components.storage.writable_share import Home, StorageClass, WritableShare
from components.zeppelin.backup import BucketTarget
from layers.cloud import Cloud, Projects, Role
from layers.shares import MountedDataset, OwnVolumes, mounted_datasets, own_shares
from layers.stack import Stack
from settings.values.dataset import AdoptedShare, CreatedShare, S3Bucket
from settings.values.login import slug
from settings.values.models import ModelVolume
from settings.values.spark import HistoryVolume
from settings.values.zeppelin import BackupBucket, NotebookVolume, PersonVolumes


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Everything that holds data."""

    datasets: Sequence[MountedDataset]
    """Datasets that Pods mount."""

    buckets: Sequence[BucketAccess]
    """Buckets that notebooks reach."""

    notebooks: Home
    """Where notebooks lie."""

    spaces: Mapping[str, Home]
    """`/user/<name>` by person, as part of names of objects."""

    backup: WritableShare | BucketTarget | None
    """Where backups of notebooks go."""

    history: Home | None
    """Where Spark's event logs go."""

    models: Home | None
    """Where models go."""

    keys: NamespaceRef | None
    """The namespace of the Ceph keys and of the CSI plug-ins; None where nothing lies on CephFS."""

    inside: pulumi.ResourceOptions
    """Options of whatever stands in the cluster beside storage itself. It goes before what it mounts, and before the plug-ins: without
    them no kubelet could unmount, and its namespaces would hang."""

    namespaces: Mapping[str, str]
    """The stack output of the namespaces that this layer makes."""


def build(stack: Stack, cloud: Cloud) -> Storage:
    """Every share, bucket and volume of a stack, and the plug-ins that mount them."""
    datasets, own = mounted_datasets(stack, cloud), own_shares(stack, cloud)
    shares = {each.dataset.identity: each.share for each in datasets if each.share} | {each.name: each.share for each in own.all()}
    volumes = [each.volume for each in datasets] + [volume for each in own.all() for volume in (each.volume, each.prepare)]
    inside = pulumi.ResourceOptions(providers=[cloud.kubernetes], depends_on=[volume.volume for volume in volumes])
    keys = None
    if shares:
        csi = _ceph_csi(stack, shares, inside)
        plugins = [csi, *_manila_csi(stack, cloud, datasets, csi.namespace, inside)]
        keys, inside = csi.namespace, pulumi.ResourceOptions(providers=[cloud.kubernetes], depends_on=plugins)
    zeppelin, history = stack.settings.zeppelin, stack.settings.spark.history
    models = stack.settings.models and stack.settings.models.store
    return Storage(
        datasets=datasets,
        buckets=all_buckets(stack, cloud),
        notebooks=_home(stack, keys, own.notebooks, zeppelin.notebooks),
        spaces={
            slug(login): _home(stack, keys, own.spaces.get(slug(login)), zeppelin.user_space, size_gib)
            for login, size_gib in stack.settings.spaces_gib().items()
            # A claim that holds the data itself stays, no matter who is away.
            if login in stack.people or isinstance(zeppelin.user_space, PersonVolumes)
        },
        backup=_backup_bucket(stack) or (_writable(stack, keys, own.backup) if own.backup else None),
        history=_home(stack, keys, own.history, history) if own.history or isinstance(history, HistoryVolume) else None,
        models=_home(stack, keys, own.models, models) if own.models or isinstance(models, ModelVolume) else None,
        keys=keys,
        inside=inside,
        namespaces={"csi": CSI_NAMESPACE} if shares else {},
    )


def _home(stack: Stack, keys: NamespaceRef | None, own: OwnVolumes | None, setting: object, size_gib: int | None = None) -> Home:
    """What a setting names: a class of the cluster, or the share that was made or adopted for it. size_gib: other than the setting's."""
    if isinstance(setting, NotebookVolume | PersonVolumes | HistoryVolume | ModelVolume):
        return StorageClass(name=setting.name, size_gib=size_gib or setting.size_gib)
    return _writable(stack, keys, own)


def _writable(stack: Stack, keys: NamespaceRef | None, own: OwnVolumes | None) -> WritableShare:
    if own is None or keys is None:
        raise ValueError("a share that is written has its volumes, and a namespace of its keys")
    return WritableShare(volume=own.volume, prepare=own.prepare, keys=keys, image=stack.image("zeppelin"))


def _backup_bucket(stack: Stack) -> BucketTarget | None:
    """The bucket that backups go to, where a stack names one."""
    backup = stack.settings.zeppelin.backup
    if backup is None or not isinstance(backup.target, BackupBucket):
        return None
    bucket = backup.target
    return BucketTarget(
        endpoint=bucket.endpoint,
        path=f"{bucket.bucket}/{bucket.prefix or stack.title}",
        region=bucket.region,
        access_key=stack.secret(bucket.access_key_secret),
        secret_key=stack.secret(bucket.secret_key_secret),
    )


def all_buckets(stack: Stack, cloud: Projects) -> list[BucketAccess]:
    """Buckets that datasets name, then those that the stack makes."""
    found = [
        BucketAccess(
            bucket=source.bucket,
            endpoint=source.endpoint,
            region=source.region,
            access_key=stack.optional_secret(source.access_key_secret),
            secret_key=stack.optional_secret(source.secret_key_secret),
        )
        for source in (dataset.source for dataset in stack.settings.datasets)
        if isinstance(source, S3Bucket)
    ]
    store = stack.settings.object_store
    if store is None:
        return found
    project = cloud.projects["buckets"]
    titles = {f"{stack.title}-{bucket.name}": bucket.on_destroy == "keep" for bucket in store.buckets}
    made = Buckets(
        "buckets",
        BucketsArgs(
            buckets=titles,
            project_id=project.project_id,
            user_id=project.user_id,
            protect=stack.protect,
            first_look=project.first_look,
        ),
        cloud.in_project("buckets"),
    )
    return found + [
        BucketAccess(bucket=title, endpoint=store.endpoint, region=store.s3_region, access_key=made.access_key, secret_key=made.secret_key)
        for title in titles
    ]


def _ceph_csi(stack: Stack, shares: Mapping[str, CephFSShare], options: pulumi.ResourceOptions) -> CephCSI:
    """What mounts CephFS on every node, and the namespace of the keys."""
    args = CephCSIArgs(
        image=stack.image("ceph_csi"),
        registrar_image=stack.image("csi_registrar"),
        monitors={name: share.monitors for name, share in shares.items()},
        install=stack.settings.ceph_csi.install,
        mounter=stack.settings.ceph_csi.mounter,
        metrics=stack.settings.monitoring is not None,
        login=stack.registry_login,
    )
    return CephCSI("ceph-csi", args, options)


def _manila_csi(
    stack: Stack, cloud: Cloud, datasets: Sequence[MountedDataset], keys: NamespaceRef, options: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """The second plug-in and its credential in each project, where a dataset asks for it."""
    asked: dict[Role, list[CephFSShare]] = {}
    for each in datasets:
        source = each.dataset.source
        if isinstance(source, CreatedShare | AdoptedShare) and source.plugin == "manila-csi" and each.share:
            asked.setdefault(source.project, []).append(each.share)
    if not asked:
        return []
    args = ManilaCSIArgs(
        namespace=keys, image=stack.image("manila_csi"), registrar_image=stack.image("csi_registrar"), cluster_id=stack.title
    )
    made: list[pulumi.Resource] = [ManilaCSI("manila-csi", args, options)]
    for role, shares in asked.items():
        project = cloud.projects[role]
        credential = ManilaCredentialArgs(
            title=stack.title,
            auth_url=project.auth_url,
            region=project.region,
            namespace=keys,
            shares=[share.share_id for share in shares],
        )
        providers = pulumi.ResourceOptions(providers=[cloud.kubernetes, project.provider])
        made.append(ManilaCredential(f"manila-{role}", credential, providers))
    return made
