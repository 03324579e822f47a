"""Settings of Zeppelin: the server's size, the notebooks' home, who may log in."""

from typing import Annotated, Literal

from pydantic import Field

from settings.vocabulary import Cores, GiB, Name, ObjectName, Settings


class NotebookShare(Settings):
    """Notebooks and Zeppelin's configuration on a Manila share of their own, which outlives the cluster."""

    kind: Literal["share"]
    """A Manila share of their own."""

    size_gib: Annotated[GiB, Field(examples=[20])] = 20
    """Quota of the share, in GiB."""

    share_type: ObjectName | None = None
    """The operator's name for a share type that serves native CephFS; by default the site's."""

    on_destroy: Literal["keep", "delete"] = "keep"
    """What `pulumi destroy` does to the share: `keep` leaves it and its notebooks on the cloud, `delete` removes both."""


class NotebookVolume(Settings):
    """Notebooks and Zeppelin's configuration on a volume that a storage class makes. It ends with the cluster."""

    kind: Literal["storage_class"]
    """A volume made by a storage class of the cluster."""

    name: Annotated[ObjectName, Field(examples=["csi-cinder"])] | None = None
    """Name of the storage class; by default the cluster's default class."""

    size_gib: Annotated[GiB, Field(examples=[20])] = 20
    """Size of the volume, in GiB."""


class ZeppelinSettings(Settings):
    """The Zeppelin server."""

    notebooks: Annotated[NotebookShare | NotebookVolume, Field(discriminator="kind")]
    """Where notebooks and Zeppelin's own configuration live: share or storage_class."""

    administrator: Annotated[Name, Field(max_length=20)] = "admin"
    """Login name of the administrator; the password is made by the stack and shown by `pulumi stack output --show-secrets`."""

    cores: Cores = 2
    """Processor cores of the server."""

    memory_gib: Annotated[int, Field(ge=2, le=256)] = 4
    """Memory of the server, in GiB; three quarters of it are the JVM's heap."""

    start_timeout_seconds: Annotated[int, Field(ge=60, le=7200)] = 900
    """Seconds a notebook waits for its interpreter, from the moment its Pod is asked for: the first pull of an image, or a new node of
    an autoscaled pool, takes minutes. What has not answered by then is removed."""
