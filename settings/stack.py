"""A whole stack: every section of a stack file, and what must hold between sections."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.cloud import Cloud, NodeSize, OpenStackCloud
from settings.dataset import AdoptedShare, CreatedShare, Dataset, dataset_problems
from settings.entry import Entry, LoadBalancerEntry, NoEntry, entry_problems
from settings.images import ImageSettings, OutsideSettings
from settings.login import LdapLogin, slug
from settings.spark import NotebookSize, PodSize, SparkSettings
from settings.vocabulary import KeyPath, ObjectName, Problem, Settings
from settings.zeppelin import NotebookShare, ZeppelinSettings

OLDEST_KUBERNETES = 30
"""Minor version since which ValidatingAdmissionPolicy is stable (kubernetes 1.30 release notes)."""


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


class Size(Settings):
    """What a stack holds of the cloud at one moment."""

    vcpus: int
    memory_gib: int
    disk_gib: int
    share_gib: int
    floating_ips: int
    nodes: int


class StackSettings(Settings):
    """Everything that a stack file may say. Each field is one top-level key `gaia-dmp:<field>`."""

    protection: Annotated[Literal["on", "off"], Field(examples=["on"])]
    """`on` refuses the destruction of shares and cluster, `off` allows it."""

    cloud: Cloud
    """Where the platform stands: `kind: openstack` or `kind: kubernetes`."""

    datasets: Annotated[tuple[Dataset, ...], Field(strict=False)] = ()
    """The catalogues that notebooks find, read-only."""

    spark: SparkSettings
    """Sizes and bounds of Spark."""

    zeppelin: ZeppelinSettings
    """The Zeppelin server."""

    entry: Entry
    """The way in: load_balancer, ingress or none."""

    ceph_csi: CephCsiSettings = CephCsiSettings()
    """The CephCSI node plug-in."""

    images: ImageSettings = ImageSettings()
    """The container images."""

    outside: OutsideSettings = OutsideSettings()
    """Certificates, proxy and mirrors for Pods."""

    @property
    def protected(self) -> bool:
        """Whether the engine refuses to destroy what holds data."""
        return self.protection == "on"

    def secret_keys(self) -> dict[str, str]:
        """The config keys that hold secrets: name of the key to the path of the setting that names it."""
        return dict(_named_secrets(self, ""))

    def problems(self) -> Iterator[Problem]:
        yield from (
            Problem(("datasets", *p.path), p.message, p.accepted, tuple(("datasets", *i) for i in p.involves))
            for p in dataset_problems(self.datasets)
        )
        yield from self._source_problems()
        yield from self._size_problems()
        record = self.cloud.network.dns_record if isinstance(self.cloud, OpenStackCloud) else None
        involved = (("cloud", "network", "dns_record"), ("entry",))
        yield from (
            Problem(("entry", *p.path), p.message, p.accepted, involved) for p in entry_problems(self.entry, record and record.name)
        )

        yield from self._fence_problems()

    def _fence_problems(self) -> Iterator[Problem]:
        version = self.cloud.kubernetes_version
        on_openstack = isinstance(self.cloud, OpenStackCloud)
        where = ("cloud", "cluster", "kubernetes_version") if on_openstack else ("cloud", "kubernetes_version")
        if int(version.split(".")[1]) < OLDEST_KUBERNETES:
            message = "has no ValidatingAdmissionPolicy, on which the fence of notebooks rests"
            yield Problem(where, message, f"1.{OLDEST_KUBERNETES} or later")
        egress = (("outside", "egress"),)
        if isinstance(self.zeppelin.login, LdapLogin) and not self.outside.leads_out("server"):
            path = ("zeppelin", "login", "url")
            yield Problem(
                path, "cannot be reached: no way out is open for the server", "an entry of outside.egress with who: [server]", egress
            )
        if not isinstance(self.entry, NoEntry) and self.entry.gate and not self.outside.leads_out("gate"):
            path = ("entry", "gate", "issuer_url")
            yield Problem(path, "cannot be reached: no way out is open for the gate", "an entry of outside.egress with who: [gate]", egress)
        profiles = [profile.name for profile in self.spark.profiles]
        for index, person in enumerate(self.zeppelin.people):
            for profile in profiles:
                # Pods are named <setting>-<person>-..., and the gateway tells by that whose Spark UI is whose.
                if slug(person.name).startswith(f"{profile}-"):
                    yield Problem(
                        ("zeppelin", "people", index, "name"),
                        f"begins like the profile spark-{profile}, so that Pods of both could not be told apart",
                        "another login name, or another name for the profile",
                        (("spark", "profiles"),),
                    )

    def _source_problems(self) -> Iterator[Problem]:
        on_openstack = isinstance(self.cloud, OpenStackCloud)
        accepted = ("create", "adopt", "bring") if on_openstack else ("bring", "nfs", "csi")
        for index, dataset in enumerate(self.datasets):
            source, path = dataset.source, ("datasets", index, "source")
            if source.kind not in accepted:
                yield Problem((*path, "kind"), f"does not go with cloud.kind {self.cloud.kind}", ", ".join(accepted), (("cloud", "kind"),))
            if isinstance(source, CreatedShare | AdoptedShare) and isinstance(self.cloud, OpenStackCloud):
                if source.project == "data" and self.cloud.data_project is None:
                    yield Problem(
                        (*path, "project"),
                        "is `data`, but cloud.data_project is missing",
                        "compute, or a cloud.data_project",
                        (("cloud", "data_project"),),
                    )
                if isinstance(source, CreatedShare) and not (source.share_type or self.cloud.site.share_type):
                    yield Problem(
                        (*path, "share_type"),
                        "is missing, and the site has none",
                        "the operator's name for its CephFS share type",
                        (("cloud", "site"),),
                    )
        notebooks = self.zeppelin.notebooks
        if isinstance(notebooks, NotebookShare):
            if not isinstance(self.cloud, OpenStackCloud):
                yield Problem(
                    ("zeppelin", "notebooks", "kind"), "does not go with cloud.kind kubernetes", "storage_class", (("cloud", "kind"),)
                )
            elif not (notebooks.share_type or self.cloud.site.share_type):
                yield Problem(
                    ("zeppelin", "notebooks", "share_type"),
                    "is missing, and the site has none",
                    "the operator's name for its CephFS share type",
                    (("cloud", "site"),),
                )

    def _size_problems(self) -> Iterator[Problem]:
        spark, reserve = self.spark, self.cloud.reserve
        pools = {pool.name: pool for pool in self.cloud.node_sizes()}
        pool = pools.get(spark.pool)
        nodes = ("cloud", "cluster") if isinstance(self.cloud, OpenStackCloud) else ("cloud", "pools")
        if pool is None:
            yield Problem(("spark", "pool"), "is no pool of this stack", ", ".join(pools), (nodes,))
            return
        room = {
            "cores": pool.vcpus - reserve.vcpus,
            "memory_gib": pool.memory_gib - reserve.memory_gib,
            "scratch_gib": pool.disk_gib - reserve.disk_gib,
        }
        for setting, sizes in spark.sizes().items():
            yield from self._fit_problems(setting, sizes, pool, room, nodes)
        for key, free in room.items():
            most = max(free, 0) * pool.maximum
            limit = getattr(spark.quota, key)
            if limit > most:
                yield Problem(
                    ("spark", "quota", key),
                    f"is more than pool {pool.name} has at full size: {pool.maximum} nodes of {max(free, 0)} less the reserve",
                    f"at most {most}" if most else "a larger flavour, more nodes, or a smaller reserve",
                    (nodes, ("spark", "pool")),
                )

    def _fit_problems(self, setting: str, sizes: NotebookSize, pool: NodeSize, room: dict[str, int], nodes: KeyPath) -> Iterator[Problem]:
        """Whether driver and executors of one interpreter setting fit the nodes of the pool, one by one and all together."""
        paths = {key: ("spark", *self.spark.paths(setting, key)) for key in ("driver", "executor", "max_executors")}
        involved = (nodes, ("spark", "pool"), *paths.values())
        for role, size in (("driver", sizes.driver), ("executor", sizes.executor)):
            if setting != "spark" and paths[role][1] != "profiles":
                continue  # said already of `spark` itself
            wanted = _of(size)
            for key, free in room.items():
                if wanted[key] > free:
                    extra = " (heap and overhead)" if key == "memory_gib" else ""
                    yield Problem(
                        (*paths[role], key),
                        f"{wanted[key]}{extra} does not fit a node of pool {pool.name}, which has {max(free, 0)} less its reserve",
                        f"at most {free}" if free > 0 else "a larger flavour, or a smaller reserve",
                        involved,
                    )
        per_node = min(free // _of(sizes.executor)[key] for key, free in room.items())
        if per_node > 0 and sizes.max_executors > per_node * pool.maximum:
            yield Problem(
                paths["max_executors"],
                f"does not fit: pool {pool.name} has {pool.maximum} nodes at full size and {per_node} executors of {setting} fit on one",
                f"at most {per_node * pool.maximum}",
                involved,
            )

    def capacity(self) -> dict[str, dict[str, int]]:
        """What the stack holds of the cloud, when nothing runs (`idle`) and at full size (`full`).

        Keys of each: nodes, vcpus, memory_gib, disk_gib (node disks), share_gib (shares that this stack makes), floating_ips.
        Adopted shares are not counted: they are another's.
        """
        return {"idle": self._size(full=False).model_dump(), "full": self._size(full=True).model_dump()}

    def _size(self, *, full: bool) -> Size:
        groups = [(pool.maximum if full else pool.minimum, pool) for pool in self.cloud.node_sizes()]
        shares = sum(d.source.size_gib for d in self.datasets if isinstance(d.source, CreatedShare))
        if isinstance(self.zeppelin.notebooks, NotebookShare):
            shares += self.zeppelin.notebooks.size_gib
        addresses = 0
        total = {key: sum(count * getattr(size, key) for count, size in groups) for key in ("vcpus", "memory_gib", "disk_gib")}
        nodes = sum(count for count, _ in groups)
        if isinstance(self.cloud, OpenStackCloud):
            plane = self.cloud.cluster.control_plane
            nodes += plane.count
            for key in total:
                total[key] += plane.count * getattr(plane, key)
            addresses = int(self.cloud.cluster.api_floating_ip) + isinstance(self.entry, LoadBalancerEntry)
        return Size(nodes=nodes, share_gib=shares, floating_ips=addresses, **total)


def _of(size: PodSize) -> dict[str, int]:
    return {"cores": size.cores, "memory_gib": size.total_memory_gib, "scratch_gib": size.scratch_gib}


def _named_secrets(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every `*_secret` setting below `value`, and `pull_secret`: (config key, path of the setting)."""
    if isinstance(value, Settings):
        for field in type(value).model_fields:
            child = getattr(value, field)
            where = f"{path}.{field}".lstrip(".")
            if field.endswith("_secret") and child:
                yield child, where
            yield from _named_secrets(child, where)
    elif isinstance(value, tuple):
        for index, child in enumerate(value):
            yield from _named_secrets(child, f"{path}[{index}]")
