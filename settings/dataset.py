"""Settings of the datasets: catalogues that every Pod of Spark finds at one path, read-only."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.vocabulary import CephId, ConfigKey, ExportPath, GiB, MountPath, Name, ObjectName, Problem, Settings

Project = Literal["compute", "data"]

RESERVED_NAMES = ("notebooks", "notebooks-prepare")
"""Names that the platform uses for volumes of its own."""


class CreatedShare(Settings):
    """A Manila share that this stack makes. It grows in place."""

    kind: Literal["create"]
    """A share that this stack makes."""

    size_gib: Annotated[GiB, Field(examples=[10])]
    """Quota of the share, in GiB. It may grow; a shrink below what is used is refused by Manila."""

    project: Project = "compute"
    """Whose share it is: that of the `compute` project or of the `data` project."""

    share_type: ObjectName | None = None
    """The operator's name for a share type that serves native CephFS; by default the site's."""

    availability_zone: ObjectName | None = None
    """Manila availability zone; by default Manila's choice."""

    on_destroy: Literal["keep", "delete"] = "keep"
    """What `pulumi destroy` does to the share: `keep` leaves it and its data on the cloud, `delete` removes both."""

    ceph_id: CephId | None = None
    """Ceph id of the read-only rule; by default gaia-dmp-<stack>-data-<dataset>, so that no two rules share one."""


class AdoptedShare(Settings):
    """A Manila share that exists, perhaps in the data project: a rule of our own is added, nothing else is touched."""

    kind: Literal["adopt"]
    """A share that exists."""

    share: Annotated[ObjectName, Field(examples=["aglais-data-gaia-dr3-2048-20221107"])]
    """Name of the share, unique in its project."""

    project: Project = "data"
    """Whose share it is: that of the `compute` project or of the `data` project."""

    ceph_id: CephId | None = None
    """Ceph id of the read-only rule; by default gaia-dmp-<stack>-data-<dataset>, so that no two rules share one."""


class BroughtShare(Settings):
    """A CephFS path whose owner handed over export path, Ceph id and key; no OpenStack call is made for it."""

    kind: Literal["bring"]
    """A CephFS path with a key that its owner gave us."""

    export_path: Annotated[ExportPath, Field(examples=["10.4.200.9:6789,10.4.200.13:6789:/volumes/_nogroup/aa/bb"])]
    """Monitors and root path as Manila prints them: mon1:6789,mon2:6789:/volumes/..."""

    ceph_id: Annotated[CephId, Field(examples=["gaia-reader"])]
    """Ceph id, without `client.`."""

    key_secret: Annotated[ConfigKey, Field(examples=["gdr3-ceph-key"])]
    """Name of the config key that holds the Ceph key: pulumi config set --secret gaia-dmp:<this name>."""

    fs_name: ObjectName | None = None
    """Name of the Ceph file system, where the Ceph cluster has several."""


class NfsExport(Settings):
    """An NFS export that the nodes of an existing cluster can reach."""

    kind: Literal["nfs"]
    """An NFS export."""

    server: Annotated[ObjectName, Field(examples=["nfs.example.org"])]
    """Host name or address of the NFS server."""

    path: Annotated[str, Field(pattern=r"^/\S*$", examples=["/export/gaia"])]
    """Exported path, absolute."""


class CsiVolume(Settings):
    """A volume that exists and that a CSI driver of an existing cluster can mount."""

    kind: Literal["csi"]
    """A volume of any CSI driver."""

    driver: Annotated[ObjectName, Field(examples=["efs.csi.aws.com"])]
    """Name of the CSI driver."""

    volume_handle: Annotated[ObjectName, Field(examples=["fs-0123456789abcdef0"])]
    """The driver's own name for the volume."""

    attributes: dict[str, str] = Field(default={})
    """The driver's volume attributes, text to text; nothing secret."""


Source = Annotated[CreatedShare | AdoptedShare | BroughtShare | NfsExport | CsiVolume, Field(discriminator="kind")]


class Dataset(Settings):
    """A catalogue: where it comes from and where Pods find it."""

    name: Annotated[Name, Field(examples=["gdr3"], max_length=30)]
    """Short name, unique in the stack; resources are named after it."""

    mount_path: Annotated[MountPath, Field(examples=["/data/gaia/GDR3"])]
    """Absolute path inside drivers and executors, the same in both; unique in the stack."""

    source: Source
    """Where it comes from: create, adopt, bring, nfs or csi."""

    size_gib: GiB | None = None
    """Size to show on the PersistentVolume, in GiB; nothing is enforced by it. By default the share's quota, or 1."""

    access_mode: Literal["ReadOnlyMany", "ReadWriteMany"] = "ReadOnlyMany"
    """Access mode of the PersistentVolume. ReadWriteMany is for clouds where a read-only stage does not mount: the Ceph rule and
    the mounts in Pods stay read-only."""

    def problems(self) -> Iterator[Problem]:
        if self.size_gib and isinstance(self.source, CreatedShare):
            yield Problem(("size_gib",), "stands beside source.size_gib", "source.size_gib alone", (("source",),))


def dataset_problems(datasets: tuple[Dataset, ...]) -> Iterator[Problem]:
    """What is wrong between datasets: names and mount paths that clash. Linear in their number."""
    names: dict[str, int] = {}
    paths: dict[str, int] = {}
    for index, dataset in enumerate(datasets):
        if dataset.name in RESERVED_NAMES:
            yield Problem((index, "name"), "is the platform's own name for its notebooks", f"a name other than {', '.join(RESERVED_NAMES)}")
        if dataset.name in names:
            yield Problem(
                (index, "name"),
                f"is the name of datasets[{names[dataset.name]}] too",
                "a name of its own",
                ((names[dataset.name], "name"),),
            )
        if dataset.mount_path in paths:
            other = paths[dataset.mount_path]
            yield Problem(
                (index, "mount_path"), f"is the mount path of datasets[{other}] too", "a path of its own", ((other, "mount_path"),)
            )
        names.setdefault(dataset.name, index)
        paths.setdefault(dataset.mount_path, index)
    for index, dataset in enumerate(datasets):
        parts = dataset.mount_path.split("/")
        for length in range(2, len(parts)):
            other = paths.get("/".join(parts[:length]))
            if other is not None:
                yield Problem(
                    (index, "mount_path"),
                    f"lies inside {datasets[other].mount_path} of datasets[{other}], which is read-only, so no mount point can be made",
                    "a path beside it",
                    ((other, "mount_path"),),
                )
