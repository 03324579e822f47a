"""Settings of CephCSI: whether the stack or the site installs it."""

from collections.abc import Iterator
from typing import Literal

from settings.values.vocabulary import ObjectName, Problem, Settings

Mounter = Literal["kernel", "fuse"]


class CephCsiSettings(Settings):
    """The CephCSI node plug-in."""

    install: bool = True
    """Whether the stack installs CephCSI: true or false. Use false if the site's clusters come with CephCSI for CephFS."""

    cluster_id: ObjectName | None = None
    """The clusterID of the monitors in the site's CephCSI; required with `install: false`, not allowed otherwise."""

    mounter: Mounter = "kernel"
    """What mounts CephFS: the node's kernel, or `ceph-fuse` in the plug-in's Pod, for nodes whose kernel has no Ceph client. With `fuse`,
    all mounts of a node end with that Pod, so `pulumi up` does not replace it; docs/runbooks/mount-lost.md describes how to."""

    def problems(self) -> Iterator[Problem]:
        if self.install and self.cluster_id:
            yield Problem(
                ("cluster_id",),
                "has no effect: the CephCSI that the stack installs has its own clusterID",
                "no value, or install: false",
                (("install",),),
            )
        if not self.install and not self.cluster_id:
            yield Problem(
                ("cluster_id",), "is missing: the site's CephCSI finds its monitors by a clusterID", "the site's clusterID", (("install",),)
            )
