"""One existing volume, shown to one namespace: PersistentVolume and claim, and for CephFS the key in its own namespace."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import NamespaceRef
from components.names import CEPHFS_DRIVER, CSI_NAMESPACE, MANILA_DRIVER
from settings.values.ceph_csi import Mounter
from settings.values.dataset import AccessMode, CsiVolume, NfsExport


@dataclass(frozen=True, kw_only=True)
class CephFSVolumeArgs:
    """A CephFS path, mounted by CephCSI."""

    cluster_id: str
    """Key of the monitors in CephCSI's configuration."""

    root_path: pulumi.Input[str]
    """Absolute path inside the Ceph file system."""

    ceph_id: str
    """Ceph id, without `client.`."""

    key: pulumi.Input[str]
    """Ceph key (secret)."""

    fs_name: pulumi.Input[str | None] = None
    """Name of the Ceph file system, or None for the only one."""

    mounter: Mounter = "kernel"
    """What mounts it on a node."""


@dataclass(frozen=True, kw_only=True)
class ManilaVolumeArgs:
    """A share that the Manila CSI plug-in looks up."""

    share_id: pulumi.Input[str]
    """Manila's id of the share."""

    access_id: pulumi.Input[str]
    """Manila's id of the rule."""

    mounter: Mounter
    """What mounts it on a node."""

    secret_name: str
    """Secret with the plug-in's credential, in the namespace of the Ceph keys."""


@dataclass(frozen=True, kw_only=True)
class DataVolumeArgs:
    """What a volume needs."""

    handle: str
    """The volume's name for the kubelet, unique in the cluster."""

    claim_name: str
    """The claim that it is reserved for."""

    namespace: str
    """Name of that claim's namespace."""

    size_gib: pulumi.Input[int]
    """What the PersistentVolume shows, in GiB; nothing is enforced by it."""

    source: CephFSVolumeArgs | ManilaVolumeArgs | NfsExport | CsiVolume
    """CephFS, Manila, NFS, or any other CSI driver."""

    access_mode: AccessMode = "ReadOnlyMany"
    """`ReadOnlyMany` or `ReadWriteMany`."""

    read_only: bool = True
    """Whether the volume may not be written at all; with ReadWriteMany the Pods' mounts keep data read-only."""


class DataVolume(pulumi.ComponentResource):
    """A PersistentVolume for something that exists, reserved for one claim.

    Creates: PersistentVolume (`Retain`: nothing here ever deletes data); with `bind`, once the namespaces are there, the
    PersistentVolumeClaim and for CephFS the Secret, in the namespace of the Ceph keys.

    The volume stands before the namespace of its claim, so that it goes after it. Kubernetes holds back the deletion of a volume
    until its claim is gone, and of a claim until no Pod uses it, also no Pod that somebody else made; a namespace takes its Pods and
    claims with it. In any other order a destroy never ends.

    Volume and claim are replaced together, because a released volume never binds again. A grown share replaces neither.
    """

    volume: core.PersistentVolume
    """The volume, for namespaces to stand after."""

    claim_name: str
    """Name of the claim."""

    def __init__(self, name: str, args: DataVolumeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:DataVolume", name, {}, opts)
        self._name, self._args = name, args
        self._capacity = {"storage": pulumi.Output.from_input(args.size_gib).apply(lambda gib: f"{max(gib, 1)}Gi")}
        self.volume = core.PersistentVolume(
            f"{name}-volume",
            # No metadata, so no name of ours: a replacement is made beside the old volume, and the claim moves over to it.
            spec=core.PersistentVolumeSpecArgs(
                capacity=self._capacity,
                access_modes=[args.access_mode],
                persistent_volume_reclaim_policy="Retain",
                # An empty class on both sides: a default class would otherwise make a new, empty volume for the claim.
                storage_class_name="",
                volume_mode="Filesystem",
                claim_ref=core.ObjectReferenceArgs(
                    api_version="v1", kind="PersistentVolumeClaim", namespace=args.namespace, name=args.claim_name
                ),
                **self._source(),
            ),
            # What Kubernetes cannot change in a volume. Its capacity is for show: a grown share replaces nothing.
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["spec.capacity"],
                replace_on_changes=["spec.accessModes", "spec.claimRef", "spec.csi", "spec.nfs"],
            ),
        )
        self.claim_name = args.claim_name
        self.register_outputs({"volume": self.volume, "claim_name": self.claim_name})

    def bind(self, namespace: NamespaceRef, keys: NamespaceRef | None = None) -> pulumi.Output[str]:
        """Make the claim in `namespace` and, for CephFS, the Secret in `keys`; return the name of the claim."""
        after: list[pulumi.Resource] = []
        if isinstance(self._args.source, CephFSVolumeArgs):
            if keys is None:
                raise ValueError(f"{self._name}: a CephFS volume is bound with the namespace of the Ceph keys")
            after = [self._key(self._args.source, keys)]
        claim = core.PersistentVolumeClaim(
            f"{self._name}-claim",
            metadata=meta.ObjectMetaArgs(name=self._args.claim_name, namespace=namespace.title),
            spec=core.PersistentVolumeClaimSpecArgs(
                access_modes=[self._args.access_mode],
                storage_class_name="",
                volume_name=self.volume.metadata["name"],
                volume_mode="Filesystem",
                resources=core.VolumeResourceRequirementsArgs(requests=self._capacity),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=after,
                deleted_with=namespace.resource,
                delete_before_replace=True,
                ignore_changes=["spec.resources"],
                replace_on_changes=["spec.accessModes", "spec.volumeName"],
                replace_with=[self.volume],
            ),
        )
        return claim.metadata["name"]

    def _source(self) -> dict:
        """The member of PersistentVolumeSpec that says where the data is."""
        args = self._args
        # A volume of mode ReadWriteMany is staged writable: that is what the mode is for. Its readers mount it read-only.
        read_only = args.read_only and args.access_mode == "ReadOnlyMany"
        match args.source:
            case CephFSVolumeArgs() as ceph:
                return {"csi": self._cephfs(ceph, read_only=read_only)}
            case ManilaVolumeArgs() as manila:
                secret = core.SecretReferenceArgs(name=manila.secret_name, namespace=CSI_NAMESPACE)
                return {
                    "csi": core.CSIPersistentVolumeSourceArgs(
                        driver=MANILA_DRIVER,
                        volume_handle=args.handle,
                        # The credential may be a new one; the volume names it by its Secret.
                        node_stage_secret_ref=secret,
                        node_publish_secret_ref=secret,
                        read_only=read_only,
                        volume_attributes={
                            "shareID": manila.share_id,
                            "shareAccessIDs": manila.access_id,
                            "cephfs-mounter": manila.mounter,
                        },
                    )
                }
            case NfsExport(server=server, path=path):
                return {"nfs": core.NFSVolumeSourceArgs(server=server, path=path, read_only=read_only)}
            case CsiVolume() as csi:
                return {
                    "csi": core.CSIPersistentVolumeSourceArgs(
                        driver=csi.driver,
                        volume_handle=csi.volume_handle,
                        volume_attributes=dict(csi.attributes) or None,
                        read_only=read_only,
                    )
                }
        raise TypeError(f"{self._name}: source is neither CephFS nor NFS nor CSI")

    def _cephfs(self, ceph: CephFSVolumeArgs, *, read_only: bool) -> core.CSIPersistentVolumeSourceArgs:
        attributes = {"clusterID": ceph.cluster_id, "rootPath": ceph.root_path, "staticVolume": "true"}
        if ceph.mounter == "fuse":
            # Left out, it is the kernel's client (ceph-csi: internal/cephfs/mounter/volumemounter.go).
            attributes["mounter"] = "fuse"
        return core.CSIPersistentVolumeSourceArgs(
            driver=CEPHFS_DRIVER,
            volume_handle=self._args.handle,
            # By name alone: a changed key replaces the Secret, never the volume.
            node_stage_secret_ref=core.SecretReferenceArgs(name=self._secret_name, namespace=CSI_NAMESPACE),
            read_only=read_only,
            volume_attributes=pulumi.Output.all(**attributes, fsName=ceph.fs_name).apply(
                lambda given: {key: value for key, value in given.items() if value}
            ),
        )

    @property
    def _secret_name(self) -> str:
        return f"ceph-key-{self._args.handle}"

    def _key(self, ceph: CephFSVolumeArgs, keys: NamespaceRef) -> core.Secret:
        return core.Secret(
            f"{self._name}-ceph-key",
            metadata=meta.ObjectMetaArgs(name=self._secret_name, namespace=keys.title),
            string_data={"userID": ceph.ceph_id, "userKey": pulumi.Output.secret(ceph.key)},
            opts=pulumi.ResourceOptions(parent=self, deleted_with=keys.resource),
        )
