"""One existing volume, shown to one namespace: PersistentVolume and claim, and for CephFS the key in its own namespace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

AccessMode = Literal["ReadOnlyMany", "ReadWriteMany"]


@dataclass(frozen=True, kw_only=True)
class CephFSVolumeArgs:
    """A CephFS path.

    driver: name of the CSI driver. secret_namespace: namespace of the Ceph keys, a Namespace resource. cluster_id: key of the
    monitors in CephCSI's configuration. root_path: absolute path. ceph_id: without `client.`. key: Ceph key (secret).
    fs_name: name of the file system, or None for the only one.
    """

    driver: str
    secret_namespace: core.Namespace
    cluster_id: str
    root_path: pulumi.Input[str]
    ceph_id: str
    key: pulumi.Input[str]
    fs_name: pulumi.Input[str | None] = None


@dataclass(frozen=True, kw_only=True)
class NFSVolumeArgs:
    """An NFS export. server: host name or address. path: exported path."""

    server: str
    path: str


@dataclass(frozen=True, kw_only=True)
class CSIVolumeArgs:
    """A volume of any CSI driver. volume_handle: the driver's name for it. attributes: the driver's own, nothing secret."""

    driver: str
    volume_handle: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DataVolumeArgs:
    """What a volume needs.

    handle: the volume's name for the kubelet, unique in the cluster. claim_name: name of the claim.
    namespace: where the claim stands, a Namespace resource. size_gib: what the PersistentVolume shows; nothing is enforced by it.
    source: CephFS, NFS or CSI. access_mode: ReadOnlyMany, or ReadWriteMany. read_only: whether the volume may be written at all;
    with ReadWriteMany the Pods' mounts keep data read-only.
    """

    handle: str
    claim_name: str
    namespace: core.Namespace
    size_gib: pulumi.Input[int]
    source: CephFSVolumeArgs | NFSVolumeArgs | CSIVolumeArgs
    access_mode: AccessMode = "ReadOnlyMany"
    read_only: bool = True


class DataVolume(pulumi.ComponentResource):
    """A PersistentVolume for something that exists, reserved for one claim.

    Creates: Secret (CephFS only, in the namespace of the Ceph keys), PersistentVolume (`Retain`: nothing here ever deletes data),
    PersistentVolumeClaim. Volume and claim are replaced together, because a released volume never binds again. The claim goes with
    its namespace: deleted by itself it would wait for every Pod that still uses it, also for Pods that nobody here made.
    """

    claim_name: pulumi.Output[str]
    """Name of the claim."""

    def __init__(self, name: str, args: DataVolumeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:DataVolume", name, {}, opts)
        namespace = args.namespace.metadata["name"]
        capacity = {"storage": pulumi.Output.from_input(args.size_gib).apply(lambda gib: f"{max(gib, 1)}Gi")}
        volume = core.PersistentVolume(
            f"{name}-volume",
            # No name of ours: a replacement is made beside the old volume, and the claim moves over to it.
            metadata=meta.ObjectMetaArgs(
                # Kubernetes holds back the deletion of a volume until its claim is gone, and the claim goes with its namespace, after
                # this. Waiting for it here would wait for ever.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=core.PersistentVolumeSpecArgs(
                capacity=capacity,
                access_modes=[args.access_mode],
                persistent_volume_reclaim_policy="Retain",
                # An empty class on both sides: a default class would otherwise make a new, empty volume for the claim.
                storage_class_name="",
                volume_mode="Filesystem",
                claim_ref=core.ObjectReferenceArgs(api_version="v1", kind="PersistentVolumeClaim", namespace=namespace, name=args.claim_name),
                **self._source(name, args),
            ),
            opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["spec"]),
        )
        claim = core.PersistentVolumeClaim(
            f"{name}-claim",
            metadata=meta.ObjectMetaArgs(name=args.claim_name, namespace=namespace),
            spec=core.PersistentVolumeClaimSpecArgs(
                access_modes=[args.access_mode],
                storage_class_name="",
                volume_name=volume.metadata["name"],
                volume_mode="Filesystem",
                resources=core.VolumeResourceRequirementsArgs(requests=capacity),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                deleted_with=args.namespace,
                delete_before_replace=True,
                replace_on_changes=["spec"],
                replace_with=[volume],
            ),
        )
        self.claim_name = claim.metadata["name"]
        self.register_outputs({"claim_name": self.claim_name})

    def _source(self, name: str, args: DataVolumeArgs) -> dict:
        """The member of PersistentVolumeSpec that says where the data is."""
        # A volume of mode ReadWriteMany is staged writable: that is what the mode is for. Its readers mount it read-only.
        read_only = args.read_only and args.access_mode == "ReadOnlyMany"
        match args.source:
            case CephFSVolumeArgs() as ceph:
                return {"csi": self._cephfs(name, args, ceph, read_only=read_only)}
            case NFSVolumeArgs(server=server, path=path):
                return {"nfs": core.NFSVolumeSourceArgs(server=server, path=path, read_only=read_only)}
            case CSIVolumeArgs() as csi:
                return {
                    "csi": core.CSIPersistentVolumeSourceArgs(
                        driver=csi.driver, volume_handle=csi.volume_handle, volume_attributes=dict(csi.attributes) or None, read_only=read_only
                    )
                }
        raise TypeError(f"{name}: source is neither CephFS nor NFS nor CSI")

    def _cephfs(self, name: str, args: DataVolumeArgs, ceph: CephFSVolumeArgs, *, read_only: bool) -> core.CSIPersistentVolumeSourceArgs:
        keys = ceph.secret_namespace.metadata["name"]
        secret = core.Secret(
            f"{name}-ceph-key",
            metadata=meta.ObjectMetaArgs(name=f"ceph-key-{args.handle}", namespace=keys),
            string_data={"userID": ceph.ceph_id, "userKey": pulumi.Output.secret(ceph.key)},
            opts=pulumi.ResourceOptions(parent=self, deleted_with=ceph.secret_namespace),
        )
        attributes = {"clusterID": ceph.cluster_id, "rootPath": ceph.root_path, "staticVolume": "true"}
        return core.CSIPersistentVolumeSourceArgs(
            driver=ceph.driver,
            volume_handle=args.handle,
            node_stage_secret_ref=core.SecretReferenceArgs(name=secret.metadata["name"], namespace=keys),
            read_only=read_only,
            volume_attributes=pulumi.Output.all(**attributes, fsName=ceph.fs_name).apply(
                lambda given: {key: value for key, value in given.items() if value}
            ),
        )
