"""Buckets that the stack makes, and the one S3 key that reaches them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_openstack import identity, objectstorage

from components.openstack.first_look import before_create


@dataclass(frozen=True, kw_only=True)
class BucketsArgs:
    """What the buckets need."""

    buckets: Mapping[str, bool]
    """Name on the cloud, to whether `pulumi destroy` leaves it there."""

    project_id: str
    """Keystone's id of the project that holds them."""

    user_id: str
    """Keystone's id of that project's member."""

    protect: bool = True
    """Whether the engine refuses to delete a bucket."""

    first_look: pulumi.ResourceHook | None = None
    """A hook before one is made, or None."""


class Buckets(pulumi.ComponentResource):
    """Swift containers, and an EC2 credential of their project's member.

    Creates: Container (protected and kept as told) for each bucket, Ec2CredentialV3.

    An EC2 credential carries whatever roles its user has in the project, and S3 names no bucket of another project. So what the key opens
    is decided by the project: it holds the buckets of one stack and nothing else. (Lists of access on containers would narrow it, but since
    2026.2 Keystone makes EC2 credentials for the role `member` alone, and most sites let that role do everything in Swift.)
    """

    access_key: pulumi.Output[str]
    """The S3 access key."""

    secret_key: pulumi.Output[str]
    """The S3 secret key (secret)."""

    def __init__(self, name: str, args: BucketsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:openstack:Buckets", name, {}, opts)
        for title, keep in args.buckets.items():
            objectstorage.Container(
                f"{name}-{title}",
                name=title,
                # A bucket that is not kept goes with all that is in it.
                force_destroy=not keep,
                # Whose it is: one that a destroy kept is taken over again, somebody else's is not.
                metadata={"stack": f"{pulumi.get_project()}-{pulumi.get_stack()}"},
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect, retain_on_delete=keep, hooks=before_create(args.first_look)),
            )
        key = identity.Ec2CredentialV3(
            f"{name}-key", project_id=args.project_id, user_id=args.user_id, opts=pulumi.ResourceOptions(parent=self)
        )
        self.access_key, self.secret_key = key.access, pulumi.Output.secret(key.secret)
        self.register_outputs({"access_key": self.access_key, "secret_key": self.secret_key})
