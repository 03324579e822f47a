"""Datasets: names and mount paths that clash, and sources that the cloud does not have."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.cloud import OpenStackCloud
from settings.values.dataset import OWN_SHARES, Dataset, S3Bucket, is_reserved
from settings.values.vocabulary import Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings


def problems(stack: "StackSettings") -> Iterator[Problem]:
    """Linear in the number of datasets."""
    yield from _names(stack.datasets)
    yield from _mount_paths(stack.datasets)
    yield from _sources(stack)


def _names(datasets: tuple[Dataset, ...]) -> Iterator[Problem]:
    names: dict[str, int] = {}
    taken: dict[str, int] = {}
    for index, dataset in enumerate(datasets):
        taken.setdefault(dataset.name, index)
    for index, dataset in enumerate(datasets):
        for key in ("name", "formerly"):
            if is_reserved(getattr(dataset, key) or ""):
                accepted = f"a name other than {', '.join(OWN_SHARES)}, each with and without -prepare, that does not begin with user-"
                yield Problem(("datasets", index, key), "is a name of the platform for volumes of its own", accepted)
        if dataset.formerly:
            other = taken.setdefault(dataset.formerly, index)
            if other != index:
                yield Problem(
                    ("datasets", index, "formerly"),
                    f"is datasets[{other}], too",
                    "a name that no other dataset has or had",
                    (("datasets", other, "name"),),
                )
        other = names.setdefault(dataset.name, index)
        if other != index:
            path = ("datasets", index, "name")
            yield Problem(path, f"is the name of datasets[{other}] too", "a name of its own", (("datasets", other, "name"),))


def _mount_paths(datasets: tuple[Dataset, ...]) -> Iterator[Problem]:
    paths: dict[str, int] = {}
    for index, dataset in enumerate(datasets):
        if dataset.mount_path is None:
            continue
        other = paths.setdefault(dataset.mount_path, index)
        if other != index:
            path = ("datasets", index, "mount_path")
            yield Problem(path, f"is the mount path of datasets[{other}] too", "a path of its own", (("datasets", other, "mount_path"),))
    for index, dataset in enumerate(datasets):
        parts = (dataset.mount_path or "").split("/")
        for length in range(2, len(parts)):
            other = paths.get("/".join(parts[:length]))
            if other is not None:
                yield Problem(
                    ("datasets", index, "mount_path"),
                    f"lies inside {datasets[other].mount_path} of datasets[{other}], which is read-only, so no mount point can be made",
                    "a path beside it",
                    (("datasets", other, "mount_path"),),
                )


def _sources(stack: "StackSettings") -> Iterator[Problem]:
    accepted = ("bring", "nfs", "csi", "s3")
    if isinstance(stack.cloud, OpenStackCloud):
        accepted = ("create", "adopt", *accepted)
    buckets: dict[str, int] = {}
    for index, dataset in enumerate(stack.datasets):
        path, source = ("datasets", index), dataset.source
        if source.kind not in accepted:
            message = f"does not go with cloud.kind {stack.cloud.kind}"
            yield Problem((*path, "source", "kind"), message, ", ".join(accepted), (("cloud", "kind"),))
        if stack.zeppelin.user_space and (dataset.mount_path or "").split("/")[1:2] == ["user"]:
            involved = (("zeppelin", "user_space"),)
            yield Problem((*path, "mount_path"), "is where zeppelin.user_space is", "a path outside /user", involved)
        if isinstance(source, S3Bucket):
            other = buckets.setdefault(source.bucket, index)
            if other != index:
                yield Problem((*path, "source", "bucket"), f"is the bucket of datasets[{other}] too", "one entry for each bucket")
