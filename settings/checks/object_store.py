"""Buckets that the stack creates: which clouds have them, and which project must not hold them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.cloud import OpenStackCloud
from settings.values.vocabulary import Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings


def problems(stack: "StackSettings") -> Iterator[Problem]:
    store, cloud = stack.object_store, stack.cloud
    if store is None:
        return
    if not isinstance(cloud, OpenStackCloud):
        message = "is not available with cloud.kind kubernetes: the stack creates buckets only on OpenStack"
        yield Problem(("object_store",), message, "datasets of kind s3", (("cloud", "kind"),))
        return
    for setting, other in (("project", cloud), ("data_project.project", cloud.data_project)):
        if other and store.project == other.project:
            message = f"is also cloud.{setting}: the buckets' key, which notebooks have, would open everything in it"
            yield Problem(("object_store", "project"), message, "a project that holds only the buckets", (("cloud",),))
