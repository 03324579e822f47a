"""A whole stack: every section of a stack file, and what follows from all of them together."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings import checks
from settings.values.backend import MachineBackend
from settings.values.ceph_csi import CephCsiSettings
from settings.values.cloud import Cloud, OpenStackCloud
from settings.values.dataset import AdoptedShare, CreatedShare, Dataset
from settings.values.entry import Entry, LoadBalancerEntry
from settings.values.images import ImageSettings, OutsideSettings
from settings.values.login import LocalLogin
from settings.values.models import ModelSettings
from settings.values.monitoring import MonitoringSettings
from settings.values.object_store import ObjectStoreSettings
from settings.values.own_share import OwnShare
from settings.values.rotation import RotationSettings
from settings.values.spark import SparkSettings
from settings.values.vocabulary import KeyPath, Problem, Settings
from settings.values.zeppelin import AdoptedNotebooks, ZeppelinSettings


class StackSettings(Settings):
    """The settings of a stack file. Each field is one top-level key `gaia-dmp:<field>`."""

    protection: Annotated[Literal["on", "off"], Field(examples=["on"])]
    """With `on`, the engine refuses to delete the cluster, and shares, buckets and claims that hold data. With `off` it does not."""

    cloud: Cloud
    """Where the platform runs: `kind: openstack` or `kind: kubernetes`."""

    datasets: Annotated[tuple[Dataset, ...], Field(strict=False)] = ()
    """The catalogues that notebooks can read."""

    object_store: ObjectStoreSettings | None = None
    """Buckets that the stack creates; none by default."""

    spark: SparkSettings
    """Sizes and limits of Spark."""

    zeppelin: ZeppelinSettings
    """The Zeppelin server."""

    models: ModelSettings | None = None
    """MLflow, which keeps experiments and models; none by default."""

    entry: Entry
    """How a browser reaches Zeppelin: load_balancer, ingress or none."""

    ceph_csi: CephCsiSettings = CephCsiSettings()
    """The CephCSI node plug-in."""

    images: ImageSettings = ImageSettings()
    """The container images."""

    outside: OutsideSettings = OutsideSettings()
    """Certificates, proxy, mirrors and egress rules for Pods."""

    monitoring: MonitoringSettings | None = None
    """Metrics, dashboards and alerts; none by default."""

    rotation: RotationSettings = RotationSettings()
    """Generations of keys and passwords."""

    @property
    def protected(self) -> bool:
        """Whether the engine refuses to destroy what holds data."""
        return self.protection == "on"

    @property
    def machines(self) -> MachineBackend | None:
        """Yarn's machines, where the platform stands on them and not in a cluster."""
        return self.spark.backend if isinstance(self.spark.backend, MachineBackend) else None

    def administrators(self) -> dict[str, bool]:
        """Everybody with their own limits: login name to whether they are an administrator."""
        people = {person.name: person.administrator for person in self.zeppelin.people if person.state == "present"}
        if self.monitoring:
            people[self.monitoring.smoke_test.user] = False
        return {self.zeppelin.administrator: True} | people if isinstance(self.zeppelin.login, LocalLogin) else people

    def spaces_gib(self) -> dict[str, int]:
        """Size of `/user/<name>` in GiB by login name, of people who are away as well; empty without a user_space."""
        space = self.zeppelin.user_space
        own = {person.name: person.space_gib for person in self.zeppelin.people}
        if self.monitoring:
            own[self.monitoring.smoke_test.user] = 1
        return {name: own.get(name) or space.size_gib for name in [*self.administrators(), *self.away()]} if space else {}

    def adopted_spaces(self) -> dict[str, str]:
        """Share by login name, for people whose `/user/<name>` the stack does not make."""
        return {person.name: person.space_share for person in self.zeppelin.people if person.space_share}

    def adopted_shares(self) -> Iterator[tuple[str, str, str]]:
        """(setting, whose project, name or id) of each share that the stack adopts."""
        for index, dataset in enumerate(self.datasets):
            if isinstance(dataset.source, AdoptedShare):
                yield f"datasets[{index}].source.share", dataset.source.project, dataset.source.share
        notebooks = self.zeppelin.notebooks
        if isinstance(notebooks, AdoptedNotebooks):
            yield "zeppelin.notebooks.share", notebooks.project, notebooks.share
        for index, person in enumerate(self.zeppelin.people):
            if person.space_share:
                yield f"zeppelin.people[{index}].space_share", "compute", person.space_share

    def away(self) -> list[str]:
        """Login names of people who are away: only their data is here."""
        return [person.name for person in self.zeppelin.people if person.state == "away"]

    def secret_keys(self) -> dict[str, str]:
        """The config keys that hold secrets: name of the key to the path of the setting that names it."""
        return dict(_named_secrets(self, ""))

    def homes(self) -> dict[KeyPath, Settings]:
        """Where the platform keeps what people and Spark write: path of the setting to its value, for the settings that the stack has."""
        zeppelin = self.zeppelin
        found = {
            ("zeppelin", "notebooks"): zeppelin.notebooks,
            ("zeppelin", "user_space"): zeppelin.user_space,
            ("zeppelin", "backup", "target"): zeppelin.backup and zeppelin.backup.target,
            ("spark", "history"): self.spark.history,
            ("models", "store"): self.models and self.models.store,
        }
        return {path: home for path, home in found.items() if home}

    def capacity(self) -> dict[str, dict[str, int]]:
        """What the stack uses of the cloud, when nothing runs (`idle`) and at full size (`full`).

        Keys of each: nodes, vcpus, memory_gib, disk_gib (node disks), share_gib (shares that this stack creates), floating_ips.
        Adopted shares are not counted, because they belong to somebody else.
        """
        return {"idle": self._held(full=False), "full": self._held(full=True)}

    def _held(self, *, full: bool) -> dict[str, int]:
        machines = self.machines
        if machines:
            sized = [machines.gateway, *[machines.worker] * machines.workers]
            total = {key: sum(getattr(size, key) for size in sized) for key in ("vcpus", "memory_gib", "disk_gib")}
            return total | {"share_gib": self._share_gib(), "floating_ips": 1, "nodes": len(sized)}
        groups = [(pool.maximum if full else pool.minimum, pool) for pool in self.cloud.node_sizes()]
        total = {key: sum(count * getattr(size, key) for count, size in groups) for key in ("vcpus", "memory_gib", "disk_gib")}
        nodes, addresses = sum(count for count, _ in groups), 0
        if isinstance(self.cloud, OpenStackCloud):
            plane = self.cloud.cluster.control_plane
            nodes += plane.count
            for key in total:
                total[key] += plane.count * getattr(plane, key)
            addresses = int(self.cloud.cluster.api_floating_ip) + isinstance(self.entry, LoadBalancerEntry)
        return total | {"share_gib": self._share_gib(), "floating_ips": addresses, "nodes": nodes}

    def _share_gib(self) -> int:
        created = sum(dataset.source.size_gib for dataset in self.datasets if isinstance(dataset.source, CreatedShare))
        spaces = self.zeppelin.user_space
        own = sum(home.size_gib for home in self.homes().values() if isinstance(home, OwnShare) and home is not spaces)
        # Spaces are a share for each person.
        made = sum(size for name, size in self.spaces_gib().items() if name not in self.adopted_spaces())
        return created + own + (made if isinstance(spaces, OwnShare) else 0)

    def problems(self) -> Iterator[Problem]:
        yield from checks.problems(self)


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
