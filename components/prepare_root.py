"""A Job that makes the root of a CephFS share writable for those who are to use it."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta


@dataclass(frozen=True, kw_only=True)
class PrepareRootArgs:
    """What the Job needs.

    title: name of the Job. namespace: that of the Ceph keys, a Namespace resource. claim: name of a claim in it that mounts the root.
    image: with a shell and chown. owner: user and group of the root, `185:185`.
    """

    title: str
    namespace: core.Namespace
    claim: pulumi.Input[str]
    image: str
    owner: str


def prepare_root(name: str, args: PrepareRootArgs, parent: pulumi.Resource) -> batch.Job:
    """The Job, run once.

    Manila hands out a share whose root belongs to root alone (`cephfs_volume_mode` 755), CephCSI changes no owner, and a
    Pod under `restricted` may not. So a Job in the namespace of the CSI plug-in does, by a volume of its own.
    """
    container = core.ContainerArgs(
        name="prepare",
        image=args.image,
        command=["sh", "-ec", f"chown {args.owner} /share && chmod 0770 /share"],
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
    claim = core.PersistentVolumeClaimVolumeSourceArgs(claim_name=args.claim)
    return batch.Job(
        name,
        metadata=meta.ObjectMetaArgs(
            name=args.title,
            namespace=args.namespace.metadata["name"],
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
        opts=pulumi.ResourceOptions(parent=parent, deleted_with=args.namespace, delete_before_replace=True),
    )
