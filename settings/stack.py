"""A whole stack: every section of a stack file, and what must hold between sections."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.values.cloud import ONE_NODE_CLASSES, Cloud, KubernetesCloud, NodeSize, OpenStackCloud
from settings.values.dataset import AdoptedShare, CreatedShare, Dataset, S3Bucket, dataset_problems
from settings.values.entry import Entry, LoadBalancerEntry, NoEntry, entry_problems
from settings.values.images import ImageSettings, OutsideSettings
from settings.values.login import LdapLogin, LocalLogin, slug
from settings.values.monitoring import MonitoringSettings, monitoring_problems
from settings.values.object_store import ObjectStoreSettings
from settings.values.own_share import OwnShare
from settings.values.spark import HistoryVolume, NotebookSize, PodSize, SparkSettings
from settings.values.vocabulary import KeyPath, ObjectName, Problem, Settings
from settings.values.zeppelin import AdoptedNotebooks, BackupBucket, BackupShare, NotebookVolume, PersonVolumes, ZeppelinSettings

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


class RotationSettings(Settings):
    """Generations of secrets that the stack makes itself. One more, and the next `pulumi up` makes new ones. See docs/how-to/rotate.md."""

    ceph_keys: Annotated[int, Field(ge=1, le=9999)] = 1
    """Generation of the Ceph keys: another one is another Ceph id on every share, with a key of its own. Mounts are cut and made anew."""

    passwords: Annotated[int, Field(ge=1, le=9999)] = 1
    """Generation of the passwords of people and of the gate's cookie."""


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

    object_store: ObjectStoreSettings | None = None
    """Buckets that the stack makes; none by default."""

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

    monitoring: MonitoringSettings | None = None
    """Metrics, dashboards and alerts; none by default."""

    rotation: RotationSettings = RotationSettings()
    """Generations of keys and passwords."""

    @property
    def protected(self) -> bool:
        """Whether the engine refuses to destroy what holds data."""
        return self.protection == "on"

    def administrators(self) -> dict[str, bool]:
        """Everybody who has limits of their own, by login name, to whether they are administrators."""
        people = {person.name: person.administrator for person in self.zeppelin.people}
        if self.monitoring:
            people[self.monitoring.smoke_test.user] = False
        return {self.zeppelin.administrator: True} | people if isinstance(self.zeppelin.login, LocalLogin) else people

    def spaces_gib(self) -> dict[str, int]:
        """Size of `/user/<name>` in GiB by login name; nothing where there is no user_space."""
        space = self.zeppelin.user_space
        own = {person.name: person.space_gib for person in self.zeppelin.people}
        if self.monitoring:
            own[self.monitoring.smoke_test.user] = 1
        return {name: own.get(name) or space.size_gib for name in self.administrators()} if space else {}

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
        if self.monitoring:
            names = {person.name for person in self.zeppelin.people} | {self.zeppelin.administrator}
            ldap, out = isinstance(self.zeppelin.login, LdapLogin), self.outside.leads_out("alerts")
            yield from (
                Problem(("monitoring", *p.path), p.message, p.accepted, p.involves)
                for p in monitoring_problems(self.monitoring, names, ldap=ldap, alerts_lead_out=out)
            )

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
        logins: list[tuple[KeyPath, str]] = [(("zeppelin", "people", i, "name"), each.name) for i, each in enumerate(self.zeppelin.people)]
        if self.monitoring:
            logins.append((("monitoring", "smoke_test", "user"), self.monitoring.smoke_test.user))
        for path, login in logins:
            for profile in profiles:
                # Pods are named <setting>-<person>-..., and the gateway tells by that whose Spark UI is whose.
                if slug(login).startswith(f"{profile}-"):
                    yield Problem(
                        path,
                        f"begins like the profile spark-{profile}, so that Pods of both could not be told apart",
                        "another login name, or another name for the profile",
                        (("spark", "profiles"),),
                    )

    def _source_problems(self) -> Iterator[Problem]:
        openstack = self.cloud if isinstance(self.cloud, OpenStackCloud) else None
        accepted = ("create", "adopt", "bring", "nfs", "csi", "s3") if openstack else ("bring", "nfs", "csi", "s3")
        buckets: dict[str, int] = {}
        for index, dataset in enumerate(self.datasets):
            source, path = dataset.source, ("datasets", index, "source")
            if source.kind not in accepted:
                yield Problem((*path, "kind"), f"does not go with cloud.kind {self.cloud.kind}", ", ".join(accepted), (("cloud", "kind"),))
            if isinstance(source, CreatedShare | AdoptedShare) and openstack:
                yield from _owner_problems(path, source, openstack)
            if self.zeppelin.user_space and (dataset.mount_path or "").split("/")[1:2] == ["user"]:
                involved = (("zeppelin", "user_space"),)
                yield Problem(("datasets", index, "mount_path"), "is where zeppelin.user_space is", "a path outside /user", involved)
            if isinstance(source, CreatedShare):
                yield from self._share_type_problems(path, source)
            if isinstance(source, S3Bucket):
                other = buckets.setdefault(source.bucket, index)
                if other != index:
                    yield Problem((*path, "bucket"), f"is the bucket of datasets[{other}] too", "one entry for each bucket")
                if not self.outside.leads_out("notebooks"):
                    message = "cannot be reached: no way out is open for notebooks"
                    yield Problem(
                        (*path, "endpoint"), message, "an entry of outside.egress with who: [notebooks]", (("outside", "egress"),)
                    )
        store = self.object_store
        if store and not openstack:
            message = "does not go with cloud.kind kubernetes: buckets are made on OpenStack"
            yield Problem(("object_store",), message, "datasets of kind s3", (("cloud", "kind"),))
        if store and openstack:
            for setting, other in (("project", openstack), ("data_project.project", openstack.data_project)):
                if other and store.project == other.project:
                    message = f"is cloud.{setting}, all of which notebooks could then reach by the key of the buckets"
                    yield Problem(("object_store", "project"), message, "a project for the buckets alone", (("cloud",),))
        if store and not self.outside.leads_out("notebooks"):
            message = "cannot be reached: no way out is open for notebooks"
            involved = (("outside", "egress"),)
            yield Problem(("object_store", "endpoint"), message, "an entry of outside.egress with who: [notebooks]", involved)
        yield from self._notebook_problems()

    def _notebook_problems(self) -> Iterator[Problem]:
        """What is wrong about the homes of notebooks, their backups and people's space."""
        zeppelin = self.zeppelin
        backup = zeppelin.backup
        for path, home in (
            (("zeppelin", "notebooks"), zeppelin.notebooks),
            (("zeppelin", "user_space"), zeppelin.user_space),
            (("zeppelin", "backup", "target"), backup and backup.target),
            (("spark", "history"), self.spark.history),
        ):
            if isinstance(self.cloud, KubernetesCloud):
                yield from self._class_problems(path, home, self.cloud)
            if isinstance(home, OwnShare | AdoptedNotebooks) and not isinstance(self.cloud, OpenStackCloud):
                other = "bucket" if isinstance(home, BackupShare) else "storage_class"
                yield Problem((*path, "kind"), "does not go with cloud.kind kubernetes", other, (("cloud", "kind"),))
            elif isinstance(home, OwnShare):
                yield from self._share_type_problems(path, home)
            elif isinstance(home, AdoptedNotebooks) and isinstance(self.cloud, OpenStackCloud):
                yield from _owner_problems(path, home, self.cloud)
        if backup and isinstance(backup.target, BackupBucket) and not self.outside.leads_out("backup"):
            path = ("zeppelin", "backup", "target", "endpoint")
            message = "cannot be reached: no way out is open for the backup"
            yield Problem(path, message, "an entry of outside.egress with who: [backup]", (("outside", "egress"),))
        for index, person in enumerate(zeppelin.people):
            if person.space_gib and zeppelin.user_space is None:
                path = ("zeppelin", "people", index, "space_gib")
                yield Problem(
                    path, "has no use: there is no zeppelin.user_space", "no value, or a user_space", (("zeppelin", "user_space"),)
                )

    def _class_problems(self, path: KeyPath, home: object, cloud: KubernetesCloud) -> Iterator[Problem]:
        """What is wrong about a storage class, as a provider has them."""
        if not isinstance(home, NotebookVolume | PersonVolumes | HistoryVolume):
            return
        shared = not isinstance(home, NotebookVolume)
        provider = (("cloud", "provider"),)
        if cloud.provider == "eks" and home.name is None:
            accepted = "the class of an EFS file system, such as efs-sc" if shared else "a class of discs, such as gp3"
            yield Problem((*path, "name"), "is missing: a cluster of eks has no default class", accepted, provider)
        if cloud.provider == "gke" and shared and home.name is None:
            yield Problem(
                (*path, "name"),
                "is missing: the default class of gke is one of discs",
                "a class of Filestore, such as standard-rwx",
                provider,
            )
        if shared and home.name in ONE_NODE_CLASSES.get(cloud.provider, ()):
            accepted = "the class of a file system: EFS" if cloud.provider == "eks" else "the class of a file system: Filestore"
            yield Problem((*path, "name"), "is a class of discs, which one node alone mounts", accepted, provider)

    def _share_type_problems(self, path: KeyPath, share: CreatedShare | OwnShare) -> Iterator[Problem]:
        if isinstance(self.cloud, OpenStackCloud) and not (share.share_type or self.cloud.site.share_type):
            message, accepted = "is missing, and the site has none", "the operator's name for its CephFS share type"
            yield Problem((*path, "share_type"), message, accepted, (("cloud", "site"),))

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
        backup = self.zeppelin.backup
        shares += sum(
            home.size_gib for home in (self.zeppelin.notebooks, backup and backup.target, self.spark.history) if isinstance(home, OwnShare)
        )
        if isinstance(self.zeppelin.user_space, OwnShare):
            shares += sum(self.spaces_gib().values())
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


def _owner_problems(path: KeyPath, source: CreatedShare | AdoptedShare | AdoptedNotebooks, cloud: OpenStackCloud) -> Iterator[Problem]:
    if source.project == "data" and cloud.data_project is None:
        message = "is `data`, but cloud.data_project is missing"
        yield Problem((*path, "project"), message, "compute, or a cloud.data_project", (("cloud", "data_project"),))


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
