"""`/user/<name>`: one person's own space, for their interpreters and executors alone."""

from dataclasses import dataclass

import pulumi

from components.kubernetes.namespace import NamespaceRef
from components.names import SPARK_UID, user_claim
from components.storage.writable_share import Home, HomeClaim, bind_home


@dataclass(frozen=True, kw_only=True)
class UserSpaceArgs:
    """What a space needs."""

    person: str
    """Whose it is, as part of names of objects."""

    namespace: NamespaceRef
    """Where notebooks compute."""

    home: Home
    """Where the data lies."""

    protect: bool = True
    """Whether the engine refuses to delete a claim that holds the data itself."""


class UserSpace(pulumi.ComponentResource):
    """The claim `user-<person>` in the namespace of notebooks, writable from many nodes.

    Creates: on a share the claims of its two volumes, their Secrets and the Job that makes the root writable; otherwise one claim of a
    storage class. It goes with its namespace: a running notebook would otherwise keep it from going. SparkAdmission lets only this
    person's Pods mount it.
    """

    claim_name: str
    """Name of the claim."""

    def __init__(self, name: str, args: UserSpaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:UserSpace", name, {}, opts)
        self.claim_name = user_claim(args.person)
        claim = HomeClaim(name=self.claim_name, namespace=args.namespace, owner=f"{SPARK_UID}:{SPARK_UID}", protect=args.protect)
        bind_home(name, f"{name}-claim", args.home, claim, self)
        self.register_outputs({"claim_name": self.claim_name})
