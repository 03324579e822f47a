"""A CephFS share that somebody writes: bound for them, and its root made writable by a Job."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.storage.data_volume import DataVolume


@dataclass(frozen=True, kw_only=True)
class WritableShareArgs:
    """A CephFS path to write. volume: for those who write. prepare: the same path, for the Job that makes its root writable.
    keys: the namespace of the Ceph keys, where that Job runs, a Namespace resource. image: with a shell and chown, for that Job.
    """

    volume: DataVolume
    prepare: DataVolume
    keys: core.Namespace
    image: str


@dataclass(frozen=True, kw_only=True)
class StorageClassArgs:
    """A volume to write that a storage class makes, in place of a share. storage_class: its name, or None for the default.
    size_gib: in GiB.
    """

    storage_class: str | None
    size_gib: int


def bind_writable(
    name: str, share: WritableShareArgs, namespace: core.Namespace, owner: str, parent: pulumi.Resource, *, mode: str = "0770"
) -> pulumi.Output[str]:
    """Bind a share in `namespace`, make its root writable for `owner` (user and group, `185:185`), and return the name of its claim.
    mode: of the root, as chmod takes it.

    Manila hands out a share whose root belongs to root alone (`cephfs_volume_mode` 755), CephCSI changes no owner, and a
    Pod under `restricted` may not. So a Job in the namespace of the CSI plug-in does, once, by a volume of its own.
    """
    container = core.ContainerArgs(
        name="prepare",
        image=share.image,
        command=["sh", "-ec", f"chown {owner} /share && chmod {mode} /share"],
        security_context=core.SecurityContextArgs(
            run_as_user=0,
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=core.CapabilitiesArgs(drop=["ALL"], add=["CHOWN", "FOWNER"]),
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        resources=core.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "32Mi"}, limits={"cpu": "100m", "memory": "128Mi"}),
        volume_mounts=[core.VolumeMountArgs(name="share", mount_path="/share")],
    )
    claim = core.PersistentVolumeClaimVolumeSourceArgs(claim_name=share.prepare.bind(share.keys, share.keys))
    batch.Job(
        f"{name}-prepare-job",
        metadata=meta.ObjectMetaArgs(
            # The claim of the Job and the Job have one name.
            name=share.prepare.claim_name,
            namespace=share.keys.metadata["name"],
            # Whoever uses the folder waits for it by itself, so nobody else needs to wait for the Job.
            annotations={"pulumi.com/skipAwait": "true"},
        ),
        spec=batch.JobSpecArgs(
            backoff_limit=20,
            template=core.PodTemplateSpecArgs(
                spec=core.PodSpecArgs(
                    restart_policy="OnFailure",
                    automount_service_account_token=False,
                    enable_service_links=False,
                    containers=[container],
                    volumes=[core.VolumeArgs(name="share", persistent_volume_claim=claim)],
                )
            ),
        ),
        opts=pulumi.ResourceOptions(parent=parent, deleted_with=share.keys, delete_before_replace=True),
    )
    return share.volume.bind(namespace, share.keys)
