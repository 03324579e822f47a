"""Settings of what starts executors: Kubernetes, or Yarn as the fall-back."""

from typing import Annotated, Literal

from pydantic import Field

from settings.values.vocabulary import Cores, GiB, Settings


class PodBackend(Settings):
    """Spark asks Kubernetes for its executors. Each is a Pod of its own."""

    kind: Literal["kubernetes"]
    """Executors are Pods."""


class YarnBackend(Settings):
    """The fall-back: Spark asks Yarn for its executors, and all of them run in a few Pods of Yarn's. They share one user and one network.
    Everybody on Yarn must trust everybody else. It needs `spark.history` and `images.yarn`.
    """

    kind: Literal["yarn"]
    """Executors are containers of Yarn."""

    workers: Annotated[int, Field(ge=1, le=500, examples=[4])]
    """Number of NodeManagers, each a Pod. `quota` must have room for all of them, and for drivers beside them."""

    cores: Annotated[Cores, Field(examples=[10])]
    """Processor cores that a NodeManager hands out."""

    memory_gib: Annotated[GiB, Field(examples=[20])]
    """Memory that a NodeManager hands out, in GiB: more than `cores`. Its Pod has 1 GiB more."""

    scratch_gib: Annotated[GiB, Field(examples=[40])]
    """Local disk of a NodeManager, in GiB, for the shuffle files of all executors there. Its Pod has 2 GiB more."""


YARN_OWN_GIB = {"memory_gib": 1, "scratch_gib": 2}
"""What a NodeManager's Pod has beside what it hands out, in GiB."""

YARN_MANAGER = {"cores": 1, "memory_gib": 2, "scratch_gib": 2}
"""What the ResourceManager's Pod has."""

Backend = Annotated[PodBackend | YarnBackend, Field(discriminator="kind")]
