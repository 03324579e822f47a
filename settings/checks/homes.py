"""Homes of what people write: notebooks, spaces, backups, event logs. Which kind and which storage class the cloud has for them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.cloud import ONE_NODE_CLASSES, KubernetesCloud
from settings.values.own_share import OwnShare
from settings.values.spark import HistoryVolume
from settings.values.vocabulary import KeyPath, Problem
from settings.values.zeppelin import AdoptedNotebooks, BackupShare, NotebookVolume, PersonVolumes

if TYPE_CHECKING:
    from settings.stack import StackSettings


def problems(stack: "StackSettings") -> Iterator[Problem]:
    if isinstance(stack.cloud, KubernetesCloud):
        for path, home in stack.homes().items():
            if isinstance(home, OwnShare | AdoptedNotebooks):
                accepted = "bucket" if isinstance(home, BackupShare) else "storage_class"
                yield Problem((*path, "kind"), "does not go with cloud.kind kubernetes", accepted, (("cloud", "kind"),))
            if isinstance(home, NotebookVolume | PersonVolumes | HistoryVolume):
                yield from _storage_class(path, home, stack.cloud.provider)
    for index, person in enumerate(stack.zeppelin.people):
        if person.space_gib and stack.zeppelin.user_space is None:
            path = ("zeppelin", "people", index, "space_gib")
            message, accepted = "has no use: there is no zeppelin.user_space", "no value, or a user_space"
            yield Problem(path, message, accepted, (("zeppelin", "user_space"),))


def _storage_class(path: KeyPath, home: NotebookVolume | PersonVolumes | HistoryVolume, provider: str) -> Iterator[Problem]:
    """Whether the provider has the class, and many nodes can mount what many nodes write."""
    shared = not isinstance(home, NotebookVolume)
    involved = (("cloud", "provider"),)
    if provider == "eks" and home.name is None:
        accepted = "the class of an EFS file system, such as efs-sc" if shared else "a class of discs, such as gp3"
        yield Problem((*path, "name"), "is missing: a cluster of eks has no default class", accepted, involved)
    if provider == "gke" and shared and home.name is None:
        message, accepted = "is missing: the default class of gke is one of discs", "a class of Filestore, such as standard-rwx"
        yield Problem((*path, "name"), message, accepted, involved)
    if shared and home.name in ONE_NODE_CLASSES.get(provider, ()):
        accepted = "the class of a file system: EFS" if provider == "eks" else "the class of a file system: Filestore"
        yield Problem((*path, "name"), "is a class of discs, which one node alone mounts", accepted, involved)
