"""Where notebooks, people's spaces, backups, event logs and models are kept: the kinds and storage classes that each cloud offers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.cloud import ONE_NODE_CLASSES, KubernetesCloud
from settings.values.models import ModelVolume
from settings.values.own_share import OwnShare
from settings.values.spark import HistoryVolume
from settings.values.vocabulary import KeyPath, Problem
from settings.values.zeppelin import AdoptedNotebooks, BackupShare, NotebookVolume, PersonShares, PersonVolumes

if TYPE_CHECKING:
    from settings.stack import StackSettings


def problems(stack: "StackSettings") -> Iterator[Problem]:
    if isinstance(stack.cloud, KubernetesCloud):
        for path, home in stack.homes().items():
            if isinstance(home, OwnShare | AdoptedNotebooks):
                accepted = "bucket" if isinstance(home, BackupShare) else "storage_class"
                yield Problem((*path, "kind"), "is not available with cloud.kind kubernetes", accepted, (("cloud", "kind"),))
            if isinstance(home, NotebookVolume | PersonVolumes | HistoryVolume | ModelVolume):
                yield from _storage_class(path, home, stack.cloud.provider)
    for index, person in enumerate(stack.zeppelin.people):
        if person.space_gib and stack.zeppelin.user_space is None:
            path = ("zeppelin", "people", index, "space_gib")
            message, accepted = "has no effect without zeppelin.user_space", "no value, or a zeppelin.user_space"
            yield Problem(path, message, accepted, (("zeppelin", "user_space"),))
        if person.space_share:
            path, involved = ("zeppelin", "people", index, "space_share"), (("zeppelin", "user_space"),)
            if not isinstance(stack.zeppelin.user_space, PersonShares):
                yield Problem(path, "has no effect unless user_space is a share", "no value, or a user_space of kind share", involved)
            if person.space_gib:
                size = ("zeppelin", "people", index, "space_gib")
                yield Problem(size, "has no use: space_share has its own size", "no value", (path,))
    yield from _adopted_spaces(stack)


def _adopted_spaces(stack: "StackSettings") -> Iterator[Problem]:
    """A share is the space of one person."""
    taken: dict[str, int] = {}
    for index, person in enumerate(stack.zeppelin.people):
        other = taken.setdefault(person.space_share, index) if person.space_share else index
        if other != index:
            path, involved = ("zeppelin", "people", index, "space_share"), (("zeppelin", "people", other, "space_share"),)
            yield Problem(path, f"is already the space of zeppelin.people[{other}]", "a share that is nobody else's space", involved)


def _storage_class(path: KeyPath, home: NotebookVolume | PersonVolumes | HistoryVolume | ModelVolume, provider: str) -> Iterator[Problem]:
    """Whether the provider has such a class, and whether several nodes can mount its volumes where several nodes write to them."""
    shared = not isinstance(home, NotebookVolume)
    involved = (("cloud", "provider"),)
    if provider == "eks" and home.name is None:
        accepted = "a class for EFS, such as efs-sc" if shared else "a class for disks, such as gp3"
        yield Problem((*path, "name"), "is missing: an EKS cluster has no default storage class", accepted, involved)
    if provider == "gke" and shared and home.name is None:
        message, accepted = "is missing: only one node can mount a volume of GKE's default class", "a Filestore class, such as standard-rwx"
        yield Problem((*path, "name"), message, accepted, involved)
    if shared and home.name in ONE_NODE_CLASSES.get(provider, ()):
        accepted = "a class for EFS, such as efs-sc" if provider == "eks" else "a Filestore class, such as standard-rwx"
        yield Problem((*path, "name"), "is a class for disks, which only one node at a time can mount", accepted, involved)
