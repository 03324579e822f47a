"""Buckets that the stack makes, and the one S3 key that reaches them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_openstack import Provider, identity, objectstorage


@dataclass(frozen=True, kw_only=True)
class BucketsArgs:
    """What the buckets need.

    buckets: name on the cloud, to whether `pulumi destroy` leaves it there. owner: provider of the project they belong to, whose id is
    project_id. reader: provider of the user who gets the key. project_id, user_id: Keystone's, of that user. protect: whether the engine
    refuses to delete a bucket.
    """

    buckets: Mapping[str, bool]
    owner: Provider
    reader: Provider
    project_id: str
    user_id: str
    protect: bool = True


class Buckets(pulumi.ComponentResource):
    """Swift containers, read and written by one user beside their owner, and that user's EC2 credential.

    Creates: Container (protected and kept as told) for each bucket, Ec2CredentialV3.

    An EC2 credential carries whatever roles its user has in the project. So the user must have none that Swift obeys (its
    `operator_roles`): then the access lists of these containers are all that the key opens.
    """

    access_key: pulumi.Output[str]
    """The S3 access key."""

    secret_key: pulumi.Output[str]
    """The S3 secret key (secret)."""

    def __init__(self, name: str, args: BucketsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:openstack:Buckets", name, {}, opts)
        who = f"{args.project_id}:{args.user_id}"
        for title, keep in args.buckets.items():
            objectstorage.Container(
                f"{name}-{title}",
                name=title,
                container_read=who,
                container_write=who,
                # A bucket that is not kept goes with all that is in it.
                force_destroy=not keep,
                opts=pulumi.ResourceOptions(parent=self, provider=args.owner, protect=args.protect, retain_on_delete=keep),
            )
        key = identity.Ec2CredentialV3(
            f"{name}-key",
            project_id=args.project_id,
            user_id=args.user_id,
            opts=pulumi.ResourceOptions(parent=self, provider=args.reader),
        )
        self.access_key, self.secret_key = key.access, pulumi.Output.secret(key.secret)
        self.register_outputs({"access_key": self.access_key, "secret_key": self.secret_key})
