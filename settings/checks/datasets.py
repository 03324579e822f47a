"""Datasets: names and mount paths that collide, and sources that are not available on this kind of cloud."""

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
                accepted = f"a name other than {', '.join(OWN_SHARES)} (with or without -prepare) that does not begin with user-"
                yield Problem(("datasets", index, key), "is reserved for the platform's own volumes", accepted)
        if dataset.formerly:
            other = taken.setdefault(dataset.formerly, index)
            if other != index:
                yield Problem(
                    ("datasets", index, "formerly"),
                    f"is already the name of datasets[{other}]",
                    "a name that no other dataset has or had",
                    (("datasets", other, "name"),),
                )
        other = names.setdefault(dataset.name, index)
        if other != index:
            path = ("datasets", index, "name")
            yield Problem(path, f"is already the name of datasets[{other}]", "a unique name", (("datasets", other, "name"),))


def _mount_paths(datasets: tuple[Dataset, ...]) -> Iterator[Problem]:
    paths: dict[str, int] = {}
    for index, dataset in enumerate(datasets):
        if dataset.mount_path is None or dataset.away:
            continue
        other = paths.setdefault(dataset.mount_path, index)
        if other != index:
            path = ("datasets", index, "mount_path")
            yield Problem(path, f"is already the mount path of datasets[{other}]", "a unique path", (("datasets", other, "mount_path"),))
    for index, dataset in enumerate(datasets):
        parts = ("" if dataset.away else dataset.mount_path or "").split("/")
        for length in range(2, len(parts)):
            other = paths.get("/".join(parts[:length]))
            if other is not None:
                yield Problem(
                    ("datasets", index, "mount_path"),
                    f"is inside {datasets[other].mount_path} of datasets[{other}], which is read-only, so a mount point cannot be created",
                    "a path outside it",
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
            message = f"is not available with cloud.kind {stack.cloud.kind}"
            yield Problem((*path, "source", "kind"), message, ", ".join(accepted), (("cloud", "kind"),))
        if stack.zeppelin.user_space and (dataset.mount_path or "").split("/")[1:2] == ["user"]:
            involved = (("zeppelin", "user_space"),)
            yield Problem((*path, "mount_path"), "is used by zeppelin.user_space", "a path outside /user", involved)
        if isinstance(source, S3Bucket):
            other = buckets.setdefault(source.bucket, index)
            if other != index:
                yield Problem((*path, "source", "bucket"), f"is already the bucket of datasets[{other}]", "one entry per bucket")
