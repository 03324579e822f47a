"""Shares of a stack and their volumes: those of datasets, which are read, and the platform's own, which are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.names import (
    BACKUP_CLAIM,
    CSI_NAMESPACE,
    HISTORY_CLAIM,
    MODELS_CLAIM,
    NOTEBOOKS_CLAIM,
    SPARK_NAMESPACE,
    ZEPPELIN_NAMESPACE,
    user_claim,
)
from components.openstack.cephfs_share import AdoptShareArgs, BringShareArgs, CephFSShare, CephFSShareArgs, CreateShareArgs
from components.storage.data_volume import CephFSVolumeArgs, DataVolume, DataVolumeArgs, ManilaVolumeArgs
from layers.cloud import Cloud, Projects, Role
from layers.stack import Stack
from settings.values.cloud import OpenStackCloud
from settings.values.dataset import AdoptedShare, BroughtShare, CreatedShare, CsiVolume, Dataset, NfsExport, S3Bucket
from settings.values.login import slug
from settings.values.own_share import OwnShare, RestingShare
from settings.values.zeppelin import AdoptedNotebooks


@dataclass(frozen=True, kw_only=True)
class MountedDataset:
    """A dataset that Pods mount, read-only."""

    dataset: Dataset
    """What the stack file says of it."""

    volume: DataVolume
    """Its volume for the namespace of notebooks."""

    share: CephFSShare | None
    """Its share, where it lies on CephFS."""


@dataclass(frozen=True, kw_only=True)
class OwnVolumes:
    """A share of the platform's own. It is written, and can be nothing else."""

    name: str
    """Name of its component."""

    share: CephFSShare
    """The share."""

    volume: DataVolume
    """Its volume, for those who write."""

    prepare: DataVolume
    """Its volume beside the keys, for the Job that makes its root writable."""


@dataclass(frozen=True, kw_only=True)
class OwnShares:
    """The shares that the platform writes; None where a setting names no share, or one that is only kept."""

    notebooks: OwnVolumes | None
    """Of notebooks."""

    spaces: Mapping[str, OwnVolumes]
    """Of `/user/<name>`, by person as part of names of objects."""

    backup: OwnVolumes | None
    """Of backups."""

    history: OwnVolumes | None
    """Of Spark's event logs."""

    models: OwnVolumes | None
    """Of models."""

    def all(self) -> Sequence[OwnVolumes]:
        """Every one of them."""
        return [each for each in (self.notebooks, *self.spaces.values(), self.backup, self.history, self.models) if each]


def mounted_datasets(stack: Stack, cloud: Cloud) -> Sequence[MountedDataset]:
    """Every dataset that Pods mount, with its share and volume."""
    result = []
    for index, dataset in enumerate(stack.settings.datasets):
        if isinstance(dataset.source, S3Bucket):
            continue
        share = None
        if isinstance(dataset.source, CreatedShare | AdoptedShare | BroughtShare):
            share = dataset_share(stack, cloud, index, dataset)
        if dataset.away:
            continue
        volume = DataVolume(
            f"data-{dataset.name}",
            DataVolumeArgs(
                handle=f"{SPARK_NAMESPACE}-{dataset.identity}",
                claim_name=f"data-{dataset.identity}",
                namespace=SPARK_NAMESPACE,
                size_gib=dataset.size_gib or (share.size if share else 1),
                source=_dataset_volume(stack, dataset, share),
                access_mode=dataset.access_mode,
            ),
            pulumi.ResourceOptions.merge(cloud.in_cluster, _renamed(dataset)),
        )
        result.append(MountedDataset(dataset=dataset, volume=volume, share=share))
    return result


def own_shares(stack: Stack, cloud: Cloud) -> OwnShares:
    """Every share that the platform writes, with its volumes. One that is only kept has neither a rule nor volumes."""
    zeppelin, history = stack.settings.zeppelin, stack.settings.spark.history
    models = stack.settings.models and stack.settings.models.store
    notebooks, space, backup = zeppelin.notebooks, zeppelin.user_space, zeppelin.backup and zeppelin.backup.target
    spaces = {}
    if isinstance(space, OwnShare):
        for login, size_gib in stack.settings.spaces_gib().items():
            person, setting = slug(login), f"zeppelin.user_space.size_gib, or space_gib of {login}"
            adopted = stack.settings.adopted_spaces().get(login)
            made = created(stack, cloud, user_claim(person), space, size_gib, setting=setting)
            if login in stack.people:
                source = AdoptShareArgs(title=adopted) if adopted else made
                spaces[person] = _own(stack, cloud, user_claim(person), source, SPARK_NAMESPACE, claim=user_claim(person))
            elif not adopted:
                keep(stack, cloud, user_claim(person), made)

    def writable(name: str, share: object, setting: str, namespace: str, claim: str) -> OwnVolumes | None:
        if not isinstance(share, OwnShare):
            return None
        source = created(stack, cloud, name, share, share.size_gib, setting=f"{setting}.size_gib")
        if isinstance(share, RestingShare) and share.state == "away":
            keep(stack, cloud, name, source)
            return None
        return _own(stack, cloud, name, source, namespace, claim=claim)

    if isinstance(notebooks, AdoptedNotebooks):
        adopted = AdoptShareArgs(title=notebooks.share)
        home = _own(stack, cloud, "notebooks", adopted, ZEPPELIN_NAMESPACE, claim=NOTEBOOKS_CLAIM, role=notebooks.project)
    else:
        home = writable("notebooks", notebooks, "zeppelin.notebooks", ZEPPELIN_NAMESPACE, NOTEBOOKS_CLAIM)
    return OwnShares(
        notebooks=home,
        spaces=spaces,
        backup=writable("backup", backup, "zeppelin.backup.target", ZEPPELIN_NAMESPACE, BACKUP_CLAIM),
        history=writable("history", history, "spark.history", SPARK_NAMESPACE, HISTORY_CLAIM),
        models=writable("models", models, "models.store", ZEPPELIN_NAMESPACE, MODELS_CLAIM),
    )


def _renamed(dataset: Dataset) -> pulumi.ResourceOptions:
    """Options by which a renamed dataset's component is the one that stands; its children follow it."""
    return pulumi.ResourceOptions(aliases=[pulumi.Alias(name=f"data-{dataset.formerly}")] if dataset.formerly else None)


def dataset_share(stack: Stack, cloud: Projects, index: int, dataset: Dataset) -> CephFSShare:
    """The share of a dataset, in its project. index: of the dataset in the stack file."""
    args = _dataset_share(stack, cloud, dataset, f"datasets[{index}].source.size_gib")
    owner = cloud.in_project(getattr(dataset.source, "project", "compute"))
    return CephFSShare(f"data-{dataset.name}", args, pulumi.ResourceOptions.merge(owner, _renamed(dataset)))


def _dataset_share(stack: Stack, cloud: Projects, dataset: Dataset, setting: str) -> CephFSShareArgs:
    """The share of a dataset, and the read-only rule on it. setting: that of its size."""
    named = getattr(dataset.source, "ceph_id", None)
    readers = (named,) if named else stack.ceph_ids("data", dataset.identity)
    match dataset.source:
        case CreatedShare() as made:
            source = created(stack, cloud, dataset.name, made, made.size_gib, setting=setting)
            return CephFSShareArgs(source=source, readers=() if dataset.away else readers, protect=stack.protect)
        case AdoptedShare() as adopted:
            return CephFSShareArgs(source=AdoptShareArgs(title=adopted.share), readers=readers)
        case BroughtShare() as brought:
            key = stack.secret(brought.key_secret)
            return CephFSShareArgs(
                source=BringShareArgs(export_path=brought.export_path, ceph_id=brought.ceph_id, key=key, fs_name=brought.fs_name)
            )
    raise TypeError(f"dataset {dataset.name} has no share")


def _dataset_volume(
    stack: Stack, dataset: Dataset, share: CephFSShare | None
) -> CephFSVolumeArgs | ManilaVolumeArgs | NfsExport | CsiVolume:
    """How the kubelet finds a dataset."""
    source = dataset.source
    if isinstance(source, NfsExport | CsiVolume):
        return source
    if share is None:
        raise TypeError(f"dataset {dataset.name} is not mounted")
    if isinstance(source, CreatedShare | AdoptedShare) and source.plugin == "manila-csi":
        rule = next(iter(share.rules.values()))
        return ManilaVolumeArgs(
            share_id=share.share_id, access_id=rule, secret_name=f"manila-{source.project}", mounter=stack.settings.ceph_csi.mounter
        )
    return _ceph_volume(stack, dataset.identity, share)


def _ceph_volume(stack: Stack, name: str, share: CephFSShare) -> CephFSVolumeArgs:
    """A share, as a volume of CephCSI, by the first of the share's Ceph ids. name: of its monitors in our own CephCSI."""
    ceph_id, key = next(iter(share.keys.items()))
    plugin = stack.settings.ceph_csi
    return CephFSVolumeArgs(
        cluster_id=plugin.cluster_id or name,
        root_path=share.root_path,
        ceph_id=ceph_id,
        key=key,
        fs_name=share.fs_name,
        mounter=plugin.mounter,
    )


def created(stack: Stack, cloud: Projects, name: str, share: CreatedShare | OwnShare, size_gib: int, *, setting: str) -> CreateShareArgs:
    """A share that this stack makes. setting: that of its size."""
    site = stack.settings.cloud.site if isinstance(stack.settings.cloud, OpenStackCloud) else None
    return CreateShareArgs(
        title=f"{stack.title}-{name}",
        size=size_gib,
        share_type=share.share_type or (site and site.share_type) or "",
        availability_zone=share.availability_zone if isinstance(share, CreatedShare) else None,
        keep=share.on_destroy == "keep",
        setting=setting,
        first_look=cloud.projects[share.project if isinstance(share, CreatedShare) else "compute"].first_look,
    )


def keep(stack: Stack, cloud: Projects, name: str, source: CreateShareArgs) -> None:
    """A share that nobody reads or writes for the time being: the same resource as ever, and no key to it."""
    CephFSShare(name, CephFSShareArgs(source=source, protect=stack.protect), cloud.in_project("compute"))


def _own(
    stack: Stack,
    cloud: Cloud,
    name: str,
    source: CreateShareArgs | AdoptShareArgs,
    namespace: str,
    *,
    claim: str,
    role: Role = "compute",
) -> OwnVolumes:
    """A share with a key that may write, and its two volumes. claim: in `namespace`. role: of the share's project."""
    args = CephFSShareArgs(source=source, writers=stack.ceph_ids(name), protect=stack.protect)
    share = CephFSShare(name, args, cloud.in_project(role))

    def volume(title: str, where: str, claim_name: str) -> DataVolume:
        args = DataVolumeArgs(
            handle=f"{namespace}-{title}",
            claim_name=claim_name,
            namespace=where,
            size_gib=share.size,
            source=_ceph_volume(stack, name, share),
            access_mode="ReadWriteMany",
            read_only=False,
        )
        return DataVolume(title, args, cloud.in_cluster)

    return OwnVolumes(
        name=name,
        share=share,
        volume=volume(name, namespace, claim),
        prepare=volume(f"{name}-prepare", CSI_NAMESPACE, f"prepare-{name}"),
    )
