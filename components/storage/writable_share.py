"""Where somebody writes: a CephFS share of the platform's own, or a volume that a storage class makes."""

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import claim_volume, mount
from components.names import ONLY_DELETION_AWAITED
from components.storage.data_volume import DataVolume


@dataclass(frozen=True, kw_only=True)
class WritableShare:
    """A CephFS path to write."""

    volume: DataVolume
    """The path, for those who write."""

    prepare: DataVolume
    """The same path, for the Job that makes its root writable."""

    keys: NamespaceRef
    """The namespace of the Ceph keys, where that Job runs."""

    image: str
    """Image of that Job, with a shell, chown and find."""


@dataclass(frozen=True, kw_only=True)
class StorageClass:
    """A volume that a storage class makes."""

    name: str | None
    """Name of the class, or None for the cluster's default."""

    size_gib: int
    """Size of the volume, in GiB."""


Home = WritableShare | StorageClass
"""Where somebody writes."""


@dataclass(frozen=True, kw_only=True)
class HomeClaim:
    """The claim by which Pods mount a home."""

    name: str
    """Name of the claim; that of a share is reserved for its volume already."""

    namespace: NamespaceRef
    """The namespace of those who write."""

    owner: str
    """User and group that own a share's root, as chown takes them: `185:185`."""

    mode: str = "0770"
    """Mode of a share's root, as chmod takes it."""

    folder: str | None = None
    """A folder in a share's root, of the same owner and mode, with what is in it; or None. The kubelet would make it as root, before the
    root is prepared."""

    access_mode: Literal["ReadWriteOnce", "ReadWriteMany"] = "ReadWriteMany"
    """Access mode of a storage class' volume."""

    protect: bool = True
    """Whether the engine refuses to delete the claim of a storage class, which holds the data itself."""

    deleted_with_namespace: bool = True
    """Whether the claim of a storage class goes with its namespace. Otherwise it goes by itself, while the cluster lives to remove its
    volume."""


def bind_home(name: str, resource: str, home: Home, claim: HomeClaim, parent: pulumi.Resource) -> pulumi.Output[str]:
    """Make the claim of a home, and return its name.

    name: of the component that writes. resource: name of the claim's resource where a storage class makes the volume.
    """
    match home:
        case WritableShare() as share:
            _prepare(name, share, claim, parent)
            return share.volume.bind(claim.namespace, share.keys)
        case StorageClass(name=storage_class, size_gib=size_gib):
            made = core.PersistentVolumeClaim(
                resource,
                metadata=meta.ObjectMetaArgs(name=claim.name, namespace=claim.namespace.title),
                spec=core.PersistentVolumeClaimSpecArgs(
                    access_modes=[claim.access_mode],
                    storage_class_name=storage_class,
                    resources=core.VolumeResourceRequirementsArgs(requests={"storage": f"{size_gib}Gi"}),
                ),
                opts=pulumi.ResourceOptions(
                    parent=parent,
                    protect=claim.protect,
                    deleted_with=claim.namespace.resource if claim.deleted_with_namespace else None,
                ),
            )
            return made.metadata["name"]


def _prepare(name: str, share: WritableShare, claim: HomeClaim, parent: pulumi.Resource) -> None:
    """The Job that makes a share's root writable, once.

    Manila hands out a share whose root belongs to root alone (`cephfs_volume_mode` 755), CephCSI changes no owner, and a
    Pod under `restricted` may not. So a Job in the namespace of the CSI plug-in does, by a volume of its own.
    """
    below = ""
    if claim.folder:
        # An earlier kubelet made people's folders as root, in the one that it had made as root, too.
        mended = f"-maxdepth 1 -type d -exec chown {claim.owner} {{}} + -exec chmod {claim.mode} {{}} +"
        below = f" && mkdir -p /share/{claim.folder} && find /share/{claim.folder} {mended}"
    container = core.ContainerArgs(
        name="prepare",
        image=share.image,
        command=["sh", "-ec", f"chown {claim.owner} /share && chmod {claim.mode} /share{below}"],
        security_context=core.SecurityContextArgs(
            run_as_user=0,
            # Only who is in its group may enter a root that was given away, or let new folders belong to the group (setattr_prepare).
            run_as_group=int(claim.owner.partition(":")[2]) if claim.folder else None,
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=core.CapabilitiesArgs(drop=["ALL"], add=["CHOWN", "FOWNER"]),
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        resources=core.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "32Mi"}, limits={"cpu": "100m", "memory": "128Mi"}),
        volume_mounts=[mount("share", "/share")],
    )
    keys = share.keys
    batch.Job(
        f"{name}-prepare-job",
        metadata=meta.ObjectMetaArgs(
            # The claim of the Job and the Job have one name.
            name=share.prepare.claim_name,
            namespace=keys.title,
            # A Pod that uses the folder waits for it by itself, so nothing else needs to wait for the Job.
            annotations=dict(ONLY_DELETION_AWAITED),
        ),
        spec=batch.JobSpecArgs(
            backoff_limit=20,
            template=core.PodTemplateSpecArgs(
                spec=core.PodSpecArgs(
                    restart_policy="OnFailure",
                    automount_service_account_token=False,
                    enable_service_links=False,
                    containers=[container],
                    volumes=[claim_volume("share", share.prepare.bind(keys, keys))],
                )
            ),
        ),
        opts=pulumi.ResourceOptions(parent=parent, deleted_with=keys.resource, delete_before_replace=True),
    )
