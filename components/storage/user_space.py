"""`/user/<name>`: one person's own space, for their interpreters and executors alone."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.spark.interpreter_files import UID, user_claim
from components.storage.writable_share import StorageClassArgs, WritableShareArgs, bind_writable


@dataclass(frozen=True, kw_only=True)
class UserSpaceArgs:
    """What a space needs. person: as part of names of objects. namespace: where notebooks compute, a Namespace resource.
    source: a share, or a claim. protect: whether the engine refuses to delete a claim that holds the data itself.
    """

    person: str
    namespace: core.Namespace
    source: WritableShareArgs | StorageClassArgs
    protect: bool = True


class UserSpace(pulumi.ComponentResource):
    """The claim `user-<person>` in the namespace of notebooks, writable from many nodes.

    Creates: on a share the claims of its two volumes, their Secrets and the Job that makes the root writable; otherwise one claim of a
    storage class. It goes with its namespace: a notebook that runs would hold it back for ever. That only this person's Pods mount it is
    for SparkAdmission to see to.
    """

    claim_name: str
    """Name of the claim."""

    def __init__(self, name: str, args: UserSpaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:UserSpace", name, {}, opts)
        self.claim_name = user_claim(args.person)
        match args.source:
            case WritableShareArgs() as share:
                bind_writable(name, share, args.namespace, f"{UID}:{UID}", self)
            case StorageClassArgs(storage_class=storage_class, size_gib=size_gib):
                core.PersistentVolumeClaim(
                    f"{name}-claim",
                    metadata=meta.ObjectMetaArgs(name=self.claim_name, namespace=args.namespace.metadata["name"]),
                    spec=core.PersistentVolumeClaimSpecArgs(
                        access_modes=["ReadWriteMany"],
                        storage_class_name=storage_class,
                        resources=core.VolumeResourceRequirementsArgs(requests={"storage": f"{size_gib}Gi"}),
                    ),
                    opts=pulumi.ResourceOptions(parent=self, protect=args.protect, deleted_with=args.namespace),
                )
        self.register_outputs({"claim_name": self.claim_name})
