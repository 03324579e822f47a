"""Settings of CephCSI: whether the stack installs it, or the site has."""

from collections.abc import Iterator

from settings.values.vocabulary import ObjectName, Problem, Settings


class CephCsiSettings(Settings):
    """The CephCSI node plug-in."""

    install: bool = True
    """false where the site's clusters come with CephCSI for CephFS: true or false."""

    cluster_id: ObjectName | None = None
    """The site's clusterID of the monitors; wanted where CephCSI is the site's, without use where it is ours."""

    def problems(self) -> Iterator[Problem]:
        if self.install and self.cluster_id:
            yield Problem(
                ("cluster_id",), "has no use: our CephCSI names its clusters itself", "no value, or install: false", (("install",),)
            )
        if not self.install and not self.cluster_id:
            yield Problem(
                ("cluster_id",), "is missing: the site's CephCSI knows its monitors by a clusterID", "that clusterID", (("install",),)
            )
