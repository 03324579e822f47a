"""The platform without Kubernetes: Yarn and Zeppelin on machines, on the shares that the stack has anyway."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pulumi
import pulumi_random as random
import pulumi_tls as tls

from components.access.certificate import GivenTls
from components.names import user_claim
from components.openstack.cephfs_share import AdoptShareArgs, CephFSShare, CephFSShareArgs
from components.yarn.machine_files import CephMount
from components.yarn.machine_roles import STAGING_FOLDER, gateway_mounts
from components.yarn.machines import YarnMachines, YarnMachinesArgs
from components.yarn.pods import STAGING
from components.zeppelin.login import LoginArgs
from layers.access import certificate_choice
from layers.cloud import Ground, ground
from layers.shares import created, dataset_share, keep
from layers.stack import Stack
from layers.storage import all_buckets
from settings.values.cloud import OpenStackCloud
from settings.values.entry import LoadBalancerEntry, SelfSignedTls
from settings.values.login import slug
from settings.values.own_share import OwnShare
from settings.values.zeppelin import AdoptedNotebooks

_NOT_THERE = "dashboards and alerts, backups of notebooks, /user/<name>, models, Spark's history, and buckets in notebooks"


@dataclass(frozen=True, kw_only=True)
class Machines:
    """The platform on machines."""

    url: str
    """Address of the platform."""

    public_address: pulumi.Input[str | None]
    """Floating IP of the platform."""

    passwords: pulumi.Output[dict[str, str]]
    """Passwords by login name, the administrator's first (secret)."""


def build(stack: Stack) -> Machines:
    """The network, the shares and the machines of a stack."""
    settings, entry, backend = stack.settings, stack.settings.entry, stack.settings.machines
    if backend is None or not isinstance(settings.cloud, OpenStackCloud) or not isinstance(entry, LoadBalancerEntry):
        raise TypeError("settings.checks.machines has let something through")
    pulumi.log.warn(f"spark.backend yarn-machines: there is no cluster, and with it there are no {_NOT_THERE}. Their data stays.")
    below = ground(stack, settings.cloud)
    # They are kept, and nothing here reads them.
    all_buckets(stack, below)
    datasets = _datasets(stack, below)
    notebooks, history = _own_shares(stack, below)
    tells = certificate_choice(stack, entry)
    signs = isinstance(tells, SelfSignedTls)
    made = YarnMachines(
        "yarn",
        YarnMachinesArgs(
            title=stack.title,
            backend=backend,
            network_id=below.network.network_id,
            subnet_id=below.network.node_subnet_id,
            subnet=settings.cloud.network.subnet,
            public_address=below.network.public_address.apply(lambda address: address or ""),
            allowed_cidrs=entry.allowed_cidrs,
            gateway_mounts=_all(
                [
                    *datasets,
                    _mount(notebooks, "/notebooks", stack.ceph_ids("notebooks")[0], read_only=False),
                    *(
                        _mount(history, path, stack.ceph_ids("history")[0], folder=folder, read_only=False)
                        for path, folder in gateway_mounts()
                    ),
                ]
            ),
            worker_mounts=_all([*datasets, _mount(history, STAGING, stack.ceph_ids("history", "workers")[0], folder=f"/{STAGING_FOLDER}")]),
            spark=settings.spark,
            people=list(stack.people.values()),
            zeppelin=settings.zeppelin,
            login=LoginArgs(
                people=list(stack.people),
                administrators=[login for login, administrator in settings.administrators().items() if administrator],
                secure=True,
                password_generation=settings.rotation.passwords,
            ),
            certificate=cast("GivenTls | SelfSignedTls", tells),
            hostname=entry.hostname,
            outside=settings.outside,
            environment=stack.pod_environment,
        ),
        pulumi.ResourceOptions(
            providers=[below.projects["compute"].provider, random.Provider("random"), *([tls.Provider("tls")] if signs else [])]
        ),
    )
    return Machines(url=stack.origin, public_address=below.network.public_address, passwords=made.passwords)


def _datasets(stack: Stack, below: Ground) -> list[pulumi.Output[CephMount]]:
    """Datasets where notebooks look for them, on every machine."""
    mounts = []
    for index, dataset in enumerate(stack.settings.datasets):
        share = dataset_share(stack, below, index, dataset)
        if not dataset.away:
            mounts.append(_mount(share, dataset.location, next(iter(share.keys))))
    return mounts


def _own_shares(stack: Stack, below: Ground) -> tuple[CephFSShare, CephFSShare]:
    """The shares of notebooks and of event logs, whose keys write. Those that nothing here mounts are kept, without a key.

    Workers have a key of their own to event logs, which reads.
    """
    settings, notebooks = stack.settings, stack.settings.zeppelin.notebooks
    if isinstance(notebooks, AdoptedNotebooks):
        source, owner = AdoptShareArgs(title=notebooks.share), below.in_project(notebooks.project)
        home = CephFSShare("notebooks", CephFSShareArgs(source=source, writers=stack.ceph_ids("notebooks")), owner)
    else:
        home = _written(stack, below, "notebooks", notebooks, setting="zeppelin.notebooks")
    history = _written(
        stack, below, "history", settings.spark.history, setting="spark.history", readers=stack.ceph_ids("history", "workers")
    )
    backup, models = settings.zeppelin.backup and settings.zeppelin.backup.target, settings.models and settings.models.store
    for name, share, setting in (("backup", backup, "zeppelin.backup.target"), ("models", models, "models.store")):
        if isinstance(share, OwnShare):
            keep(stack, below, name, created(stack, below, name, share, share.size_gib, setting=f"{setting}.size_gib"))
    space = settings.zeppelin.user_space
    if isinstance(space, OwnShare):
        for login, size_gib in settings.spaces_gib().items():
            if login not in settings.adopted_spaces():
                name, setting = user_claim(slug(login)), f"zeppelin.user_space.size_gib, or space_gib of {login}"
                keep(stack, below, name, created(stack, below, name, space, size_gib, setting=setting))
    return home, history


def _written(stack: Stack, below: Ground, name: str, share: object, *, setting: str, readers: tuple[str, ...] = ()) -> CephFSShare:
    if not isinstance(share, OwnShare):
        raise TypeError(f"{setting} is not a share")
    source = created(stack, below, name, share, share.size_gib, setting=f"{setting}.size_gib")
    args = CephFSShareArgs(source=source, readers=readers, writers=stack.ceph_ids(name), protect=stack.protect)
    return CephFSShare(name, args, below.in_project("compute"))


def _mount(share: CephFSShare, path: str, ceph_id: str, *, folder: str = "", read_only: bool = True) -> pulumi.Output[CephMount]:
    """A share, or a folder of it, where a machine finds it."""
    told = pulumi.Output.all(share.monitors, share.root_path, share.fs_name, share.keys[ceph_id])
    return told.apply(
        lambda given: CephMount(
            path=path,
            ceph_id=ceph_id,
            key=given[3],
            monitors=given[0],
            root_path=f"{given[1]}{folder}",
            fs_name=given[2],
            read_only=read_only,
        )
    )


def _all(mounts: Sequence[pulumi.Output[CephMount]]) -> pulumi.Output[Sequence[CephMount]]:
    return pulumi.Output.all(*mounts).apply(list)
