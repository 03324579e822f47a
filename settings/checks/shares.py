"""Manila shares: the project that owns each, and the share type of those that the stack creates."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.cloud import OpenStackCloud
from settings.values.dataset import AdoptedShare, CreatedShare
from settings.values.own_share import OwnShare
from settings.values.vocabulary import Problem
from settings.values.zeppelin import AdoptedNotebooks

if TYPE_CHECKING:
    from settings.stack import StackSettings


def problems(stack: "StackSettings") -> Iterator[Problem]:
    cloud = stack.cloud
    if not isinstance(cloud, OpenStackCloud):
        return
    sources = {("datasets", index, "source"): dataset.source for index, dataset in enumerate(stack.datasets)}
    for path, share in (sources | stack.homes()).items():
        if isinstance(share, CreatedShare | AdoptedShare | AdoptedNotebooks) and share.project == "data" and cloud.data_project is None:
            message, accepted = "is `data`, but cloud.data_project is missing", "compute, or a cloud.data_project"
            yield Problem((*path, "project"), message, accepted, (("cloud", "data_project"),))
        if isinstance(share, CreatedShare | OwnShare) and not (share.share_type or cloud.site.share_type):
            message, accepted = "is missing, and the site has no default", "the operator's name for its CephFS share type"
            yield Problem((*path, "share_type"), message, accepted, (("cloud", "site"),))
