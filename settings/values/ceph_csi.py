"""Settings of CephCSI: whether the stack installs it, or the site has."""

from collections.abc import Iterator
from typing import Literal

from settings.values.vocabulary import ObjectName, Problem, Settings

Mounter = Literal["kernel", "fuse"]


class CephCsiSettings(Settings):
    """The CephCSI node plug-in."""

    install: bool = True
    """false where the site's clusters come with CephCSI for CephFS: true or false."""

    cluster_id: ObjectName | None = None
    """The site's clusterID of the monitors; wanted where CephCSI is the site's, without use where it is ours."""

    mounter: Mounter = "kernel"
    """What mounts CephFS: the node's kernel, or `ceph-fuse` in the plug-in's Pod, for nodes whose kernel has no Ceph client. With `fuse`
    every mount of a node ends with that Pod, so `pulumi up` does not replace it: docs/runbooks/mount-lost.md tells how."""

    def problems(self) -> Iterator[Problem]:
        if self.install and self.cluster_id:
            yield Problem(
                ("cluster_id",), "has no use: our CephCSI names its clusters itself", "no value, or install: false", (("install",),)
            )
        if not self.install and not self.cluster_id:
            yield Problem(
                ("cluster_id",), "is missing: the site's CephCSI knows its monitors by a clusterID", "that clusterID", (("install",),)
            )
