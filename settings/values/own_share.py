"""Settings that all Manila shares of the platform itself have in common."""

from typing import Annotated, Literal

from pydantic import Field

from settings.values.vocabulary import GiB, ObjectName, Presence, Settings


class OwnShare(Settings):
    """A Manila share in the compute project, with one Ceph key that may write."""

    kind: Literal["share"]
    """A separate Manila share."""

    size_gib: Annotated[GiB, Field(examples=[20])]
    """Quota of the share, in GiB. It may grow, in place."""

    share_type: ObjectName | None = None
    """The operator's name for a share type that serves native CephFS; by default the site's."""

    on_destroy: Literal["keep", "delete"] = "keep"
    """What `pulumi destroy` does with the share: `keep` leaves it and its data on the cloud, `delete` removes both."""


class RestingShare(OwnShare):
    """The same for what the platform can do without."""

    state: Presence = "present"
    """`away` stops whatever reads and writes the share, and keeps the share in the stack. `present` goes on where it was."""
