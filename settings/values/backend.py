"""Settings of what starts executors: Kubernetes, or Yarn as the fall-back, in Pods or on machines of its own."""

from ipaddress import IPv4Address
from typing import Annotated, Literal

from pydantic import Field

from settings.values.cluster import Flavour
from settings.values.vocabulary import Cores, GiB, ObjectName, Settings, Url


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


class Archive(Settings):
    """A release as its project publishes it: a .tar.gz with one folder in it."""

    file: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)*$", max_length=200, examples=["hadoop-3.5.0.tar.gz"]),
    ]
    """Path of the file below `mirror`, such as spark/spark-3.5.8-bin-hadoop3.tgz. Each part of it begins with a letter or a digit."""

    sha512: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$", examples=["0" * 128])]
    """Its SHA-512 digest, as 128 hex digits. The Apache Software Foundation publishes it beside each release."""


class MachineSoftware(Settings):
    """Where machines get their software. Every archive is checked before it is unpacked. Debian's own packages come from where the image
    gets its packages.
    """

    mirror: Annotated[Url, Field(examples=["https://mirror.example.org/gaia-dmp"])]
    """Address of a folder with the archives, which machines reach without a login."""

    hadoop: Archive
    """Hadoop's binary release. Yarn needs 3.5, the first one for Java 17."""

    spark: Annotated[Archive, Field(examples=[{"file": "spark-3.5.8-bin-hadoop3.tgz", "sha512": "0" * 128}])]
    """Spark's binary release for Hadoop 3. It brings along the shuffle service of NodeManagers."""

    zeppelin: Annotated[Archive, Field(examples=[{"file": "zeppelin-0.12.1-bin-all.tgz", "sha512": "0" * 128}])]
    """Zeppelin's binary release."""


class MachineBackend(Settings):
    """The fall-back without Kubernetes: Yarn and Zeppelin on machines of the cloud. The stack makes no cluster then, and nothing that
    runs in one. Everybody on Yarn must trust everybody else. It needs `spark.history`, a local login and an entry of kind load_balancer.
    """

    kind: Literal["yarn-machines"]
    """Executors are containers of Yarn, on servers of Nova."""

    image: Annotated[ObjectName, Field(examples=["debian-12-genericcloud"])]
    """Name of a cloud image of Debian 12, which has the Java and Python that Spark 3.5 needs."""

    first_address: Annotated[IPv4Address, Field(examples=["10.10.0.20"])]
    """Address of the gateway's machine on the subnet, as an IPv4 address. Workers have the addresses after it. All of them must be outside
    the allocation pool."""

    gateway: Flavour
    """The machine of Zeppelin, of the drivers of all notebooks, and of Yarn's ResourceManager."""

    worker: Flavour
    """A machine with a NodeManager."""

    workers: Annotated[int, Field(ge=1, le=200, examples=[4])]
    """Number of workers."""

    cores: Annotated[Cores, Field(examples=[8])]
    """Processor cores that a NodeManager hands out."""

    memory_gib: Annotated[GiB, Field(examples=[28])]
    """Memory that a NodeManager hands out, in GiB: more than `cores`. Its machine keeps 2 GiB more."""

    scratch_gib: Annotated[GiB, Field(examples=[500])]
    """Volume of each machine, in GiB, for what Spark writes on local disk. It is emptied when its machine begins."""

    volume_type: ObjectName | None = None
    """Cinder's type of these volumes; by default the site's."""

    software: MachineSoftware
    """Where machines get Hadoop, Spark and Zeppelin."""

    def addresses(self) -> list[IPv4Address]:
        """Addresses of the machines on the subnet, the gateway's first."""
        return [self.first_address + index for index in range(1 + self.workers)]


MACHINE_OWN_GIB = 2
"""Memory of a worker that its NodeManager does not hand out, in GiB: for the system and the NodeManager itself."""

GATEWAY_OWN_GIB = 3
"""Memory of the gateway's machine beside Zeppelin's and the drivers', in GiB: for the system, the ResourceManager and nginx."""

MACHINE_RULES = 10
"""Rules of both security groups of machines, beside those that let browsers in."""

MACHINE_PEOPLE = 100
"""Most people of a stack on machines. Nova takes 64 KiB of user data, which hold the hashes of their passwords beside all else."""

Backend = Annotated[PodBackend | YarnBackend | MachineBackend, Field(discriminator="kind")]
