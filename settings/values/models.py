"""Settings of models: a server of MLflow, which keeps experiments, runs and models."""

from typing import Annotated, Literal

from pydantic import Field

from settings.values.own_share import RestingShare
from settings.values.vocabulary import Cores, GiB, ObjectName, Settings


class ModelShare(RestingShare):
    """Models and all that is known of them on their own Manila share, which outlives the cluster."""

    size_gib: Annotated[GiB, Field(examples=[100])] = 100
    """Quota of the share, in GiB. It may grow, in place."""


class ModelVolume(Settings):
    """Models and all that is known of them on a volume of a storage class. It is deleted with the cluster."""

    kind: Literal["storage_class"]
    """A volume of a storage class of the cluster."""

    name: Annotated[ObjectName, Field(examples=["csi-manila-cephfs"])] | None = None
    """Name of the storage class; by default the cluster's default class. Several nodes must be able to write to its volumes, and heed each
    other's locks: backups read while the server writes."""

    size_gib: Annotated[GiB, Field(examples=[100])] = 100
    """Size of the volume, in GiB."""


class ModelSettings(Settings):
    """MLflow: people log experiments and register models from notebooks, and score catalogues by them. Needs `images.mlflow`, and MLflow in
    `images.spark`.
    """

    store: Annotated[ModelShare | ModelVolume, Field(discriminator="kind")]
    """Where the server keeps its database and the files of models: share or storage_class."""

    cores: Cores = 2
    """Processor cores that the server may use. It requests a quarter of them, because it mostly waits."""

    memory_gib: Annotated[int, Field(ge=2, le=256)] = 3
    """Memory that the server may use, in GiB. It requests a quarter of it."""
