"""Settings of the datasets: catalogues that every Spark Pod finds at the same path, read-only."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.values.vocabulary import (
    BucketName,
    CephId,
    ConfigKey,
    ExportPath,
    GiB,
    MountPath,
    Name,
    ObjectName,
    Presence,
    Problem,
    Settings,
    Url,
)

Project = Literal["compute", "data"]
AccessMode = Literal["ReadOnlyMany", "ReadWriteMany"]
CsiPlugin = Literal["ceph-csi", "manila-csi"]

OWN_SHARES = ("notebooks", "backup", "history", "models")
"""Names of the platform's own shares, besides `user-<person>`. Each has a second volume, `<name>-prepare`."""


def is_reserved(name: str) -> bool:
    """Whether the platform uses this name for its own shares or volumes. A dataset of that name would be bound to a writable one."""
    return name.removesuffix("-prepare") in OWN_SHARES or name.startswith("user-")


class CreatedShare(Settings):
    """A Manila share that this stack creates. It grows in place."""

    kind: Literal["create"]
    """A share that this stack creates."""

    size_gib: Annotated[GiB, Field(examples=[10])]
    """Quota of the share, in GiB. It may grow, in place. A smaller one is refused before anything changes."""

    state: Presence = "present"
    """`away` takes the dataset from notebooks, with its rule and its mounts, and keeps its share in the stack; `present` brings it back."""

    project: Project = "compute"
    """The project that owns the share: `compute` or `data`."""

    share_type: ObjectName | None = None
    """The operator's name for a share type that serves native CephFS; by default the site's."""

    availability_zone: ObjectName | None = None
    """Manila availability zone; by default Manila's choice."""

    on_destroy: Literal["keep", "delete"] = "keep"
    """What `pulumi destroy` does with the share: `keep` leaves it and its data on the cloud, `delete` removes both."""

    ceph_id: CephId | None = None
    """Ceph id of the read-only access rule; by default gaia-dmp-<stack>-data-<dataset>, which is unique."""

    plugin: CsiPlugin = "ceph-csi"
    """CSI plug-in that mounts it: `ceph-csi`, or `manila-csi`, which asks Manila at each mount with its own credential."""


class AdoptedShare(Settings):
    """An existing Manila share, for example in the data project. The stack adds one access rule and changes nothing else."""

    kind: Literal["adopt"]
    """An existing share."""

    share: Annotated[ObjectName, Field(examples=["aglais-data-gaia-dr3-2048-20221107"])]
    """Name of the share, if it is unique in its project, or id of the share."""

    project: Project = "data"
    """The project that owns the share: `compute` or `data`."""

    ceph_id: CephId | None = None
    """Ceph id of the read-only access rule; by default gaia-dmp-<stack>-data-<dataset>, which is unique."""

    plugin: CsiPlugin = "ceph-csi"
    """CSI plug-in that mounts it: `ceph-csi`, or `manila-csi`, which asks Manila at each mount with its own credential."""


class BroughtShare(Settings):
    """A CephFS path whose owner gave you the export path, a Ceph id and its key. The stack makes no OpenStack call for it."""

    kind: Literal["bring"]
    """A CephFS path with a key from its owner."""

    export_path: Annotated[ExportPath, Field(examples=["10.4.200.9:6789,10.4.200.13:6789:/volumes/_nogroup/aa/bb"])]
    """Monitors and root path as Manila prints them: mon1:6789,mon2:6789:/volumes/..."""

    ceph_id: Annotated[CephId, Field(examples=["gaia-reader"])]
    """Ceph id, without `client.`."""

    key_secret: Annotated[ConfigKey, Field(examples=["gdr3-ceph-key"])]
    """Name of the config key that holds the Ceph key: pulumi config set --secret gaia-dmp:<this name>."""

    fs_name: ObjectName | None = None
    """Name of the Ceph file system, if the Ceph cluster has several."""


class NfsExport(Settings):
    """An NFS export that the nodes can reach."""

    kind: Literal["nfs"]
    """An NFS export."""

    server: Annotated[ObjectName, Field(examples=["nfs.example.org"])]
    """Host name or address of the NFS server."""

    path: Annotated[str, Field(pattern=r"^/\S*$", examples=["/export/gaia"])]
    """Exported path, absolute."""


class CsiVolume(Settings):
    """An existing volume that a CSI driver of the cluster can mount."""

    kind: Literal["csi"]
    """A volume of any CSI driver."""

    driver: Annotated[ObjectName, Field(examples=["efs.csi.aws.com"])]
    """Name of the CSI driver."""

    volume_handle: Annotated[ObjectName, Field(examples=["fs-0123456789abcdef0"])]
    """The driver's identifier of the volume."""

    attributes: dict[str, str] = Field(default={})
    """The driver's volume attributes, text to text; they must not be secret."""


class S3Bucket(Settings):
    """A bucket of any S3 server. Nothing is mounted: notebooks read `s3a://<bucket>/<prefix>`."""

    kind: Literal["s3"]
    """A bucket of any S3 server."""

    endpoint: Annotated[Url, Field(examples=["https://object.example.org"])]
    """Address of the S3 server."""

    bucket: Annotated[BucketName, Field(examples=["gaia-dr3"])]
    """Name of the bucket. A stack may use each bucket name once, because Spark finds endpoint and key by it."""

    prefix: Annotated[str, Field(pattern=r"^[^/\s]\S*[^/\s]$", max_length=500, examples=["parquet/GDR3"])] | None = None
    """Path of the catalogue in the bucket, without a slash at either end; by default the bucket's root."""

    region: ObjectName = "us-east-1"
    """Region that requests are signed for. Most servers other than Amazon's accept any."""

    access_key_secret: ConfigKey | None = None
    """Name of the config key that holds the access key; without it, the bucket is read anonymously."""

    secret_key_secret: ConfigKey | None = None
    """Name of the config key that holds the secret key."""

    def problems(self) -> Iterator[Problem]:
        yield from key_pair_problems(self.access_key_secret, self.secret_key_secret)


def key_pair_problems(access: str | None, secret: str | None) -> Iterator[Problem]:
    """An S3 access key without its secret key, or the other way round."""
    for here, name, other in ((access, "secret_key_secret", secret), (secret, "access_key_secret", access)):
        if here and not other:
            yield Problem((name,), "is missing: an access key and a secret key go together", "the name of a config key")


Source = Annotated[CreatedShare | AdoptedShare | BroughtShare | NfsExport | CsiVolume | S3Bucket, Field(discriminator="kind")]


class Expectation(Settings):
    """What a complete dataset holds. `python components/spark/files/check_datasets.py digest <folder>` prints both values."""

    files: Annotated[int, Field(ge=0, examples=[2049])]
    """Number of files, without folders."""

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the listing (path and size of every file), 64 hex digits. Without it, the check only counts files."""


class Dataset(Settings):
    """A catalogue: its source, and its path in Pods."""

    name: Annotated[Name, Field(examples=["gdr3"], max_length=30)]
    """Short name, unique in the stack. Resources are named after it."""

    formerly: Annotated[Name, Field(max_length=30)] | None = None
    """Its former name, for a rename that replaces nothing. Keep this setting: the claim and the Ceph id keep the former name."""

    mount_path: Annotated[MountPath, Field(examples=["/data/gaia/GDR3"])] | None = None
    """Absolute path in drivers and executors, unique in the stack. Required for every kind except s3."""

    source: Source
    """Source of the data: create, adopt, bring, nfs, csi or s3."""

    expect: Expectation | None = None
    """What it must hold, checked after each `pulumi up` and every day. Without it, the check only tests that the dataset answers."""

    size_gib: GiB | None = None
    """Size to show on the PersistentVolume, in GiB. It enforces nothing. By default the share's quota, or 1."""

    access_mode: AccessMode = "ReadOnlyMany"
    """Access mode of the PersistentVolume. Use ReadWriteMany on clouds where a ReadOnlyMany volume does not mount; the Ceph access rule
    and the mounts in Pods stay read-only."""

    @property
    def identity(self) -> str:
        """The dataset's first name, which objects in the cluster and Ceph ids keep."""
        return self.formerly or self.name

    @property
    def away(self) -> bool:
        """Whether only its share is there."""
        return isinstance(self.source, CreatedShare) and self.source.state == "away"

    @property
    def location(self) -> str:
        """Where a notebook finds it: a path, or an address `s3a://`."""
        if isinstance(self.source, S3Bucket):
            return "/".join(["s3a:/", self.source.bucket, *([self.source.prefix] if self.source.prefix else [])])
        return self.mount_path or ""

    def problems(self) -> Iterator[Problem]:
        if self.size_gib and isinstance(self.source, CreatedShare):
            yield Problem(("size_gib",), "repeats source.size_gib", "only source.size_gib", (("source",),))
        if isinstance(self.source, S3Bucket):
            for key in ("mount_path", "size_gib", "expect", "formerly"):
                if getattr(self, key) is not None:
                    yield Problem((key,), "has no effect: a bucket is not mounted", f"no {key}", (("source",),))
        elif self.mount_path is None:
            yield Problem(("mount_path",), "is missing", "an absolute path such as /data/gaia/GDR3", (("source",),))
        if self.formerly == self.name:
            yield Problem(("formerly",), "is the current name", "the previous name, or no value", (("name",),))
