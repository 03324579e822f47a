"""Buckets that the stack makes: where they can be, and which project must not hold them."""

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
        message = "does not go with cloud.kind kubernetes: buckets are made on OpenStack"
        yield Problem(("object_store",), message, "datasets of kind s3", (("cloud", "kind"),))
        return
    for setting, other in (("project", cloud), ("data_project.project", cloud.data_project)):
        if other and store.project == other.project:
            message = f"is cloud.{setting}, all of which notebooks could then reach by the key of the buckets"
            yield Problem(("object_store", "project"), message, "a project for the buckets alone", (("cloud",),))
