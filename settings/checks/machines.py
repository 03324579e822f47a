"""Spark on Yarn on machines: what it needs of the cloud and of other sections, its addresses, and whether executors and drivers fit."""

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from settings.checks.backend import BACKEND, executors_fit, limits_kept, nobody_is
from settings.values.backend import GATEWAY_OWN_GIB, MACHINE_OWN_GIB, MACHINE_PEOPLE, MachineBackend
from settings.values.cloud import OpenStackCloud
from settings.values.dataset import AdoptedShare, BroughtShare, CreatedShare
from settings.values.entry import CertManagerTls, LoadBalancerEntry
from settings.values.login import LocalLogin
from settings.values.network import NetworkSettings
from settings.values.own_share import RestingShare
from settings.values.sites import CephPort
from settings.values.vocabulary import KeyPath, Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings

KIND: KeyPath = (*BACKEND, "kind")
_OWN_FOLDERS = ("/notebooks", "/srv/platform", "/staging", "/work")
"""Where machines mount shares and the volume of the stack itself."""

_ACCOUNTS = ("root", "spark", "www-data", "yarn", "zeppelin")
"""Whose processes run on machines."""


def problems(stack: "StackSettings") -> Iterator[Problem]:
    machines = stack.spark.backend
    if not isinstance(machines, MachineBackend):
        return
    if not isinstance(stack.cloud, OpenStackCloud):
        yield Problem(KIND, "needs a cloud.kind openstack, on which it makes machines", "kubernetes or yarn", (("cloud", "kind"),))
        return
    if isinstance(stack.cloud.site.ceph, CephPort):
        message = "does not work on this site: machines have one port, and Ceph is reached by a second one"
        yield Problem(KIND, message, "kubernetes, or a site.ceph of kind router", (("cloud", "site"),))
    yield from _sections(stack)
    yield from nobody_is(_ACCOUNTS, stack)
    yield from _addresses(machines, stack.cloud.network)
    yield from _sizes(stack, machines)


def _sections(stack: "StackSettings") -> Iterator[Problem]:
    """What other sections must be."""
    history, entry = stack.spark.history, stack.entry
    if not isinstance(history, RestingShare) or history.state == "away":
        message = "needs spark.history as a share: there drivers leave what their executors fetch as they start"
        yield Problem(KIND, message, "kubernetes, or a spark.history of kind share that is present", (("spark", "history"),))
    if stack.zeppelin.notebooks.kind == "storage_class":
        message = "is a class of the cluster, which does not exist with spark.backend.kind yarn-machines"
        yield Problem(("zeppelin", "notebooks", "kind"), message, "share or adopt", (KIND,))
    if not isinstance(stack.zeppelin.login, LocalLogin):
        message = "is not available with spark.backend.kind yarn-machines"
        yield Problem(("zeppelin", "login", "kind"), message, "local", (KIND,))
    if not isinstance(entry, LoadBalancerEntry):
        message = "is not available with spark.backend.kind yarn-machines, where browsers come by a floating IP"
        yield Problem(("entry", "kind"), message, "load_balancer", (KIND,))
        return
    if isinstance(entry.tls, CertManagerTls):
        message = "runs in the cluster, which does not exist with spark.backend.kind yarn-machines"
        yield Problem(("entry", "tls", "kind"), message, "secret or self_signed", (KIND,))
    if entry.gate:
        yield Problem(("entry", "gate"), "is not available with spark.backend.kind yarn-machines", "no gate, or backend yarn", (KIND,))
    for key, on in (("connect", stack.spark.connect), ("kueue", stack.spark.kueue)):
        if on:
            message = "is not available with spark.backend.kind yarn-machines"
            yield Problem(("spark", key), message, f"no {key}, or backend kubernetes", (KIND,))
    for index, profile in enumerate(stack.spark.profiles):
        if profile.gpu:
            message = "is not available with spark.backend.kind yarn-machines"
            yield Problem(("spark", "profiles", index, "gpu"), message, "no gpu, or backend kubernetes", (KIND,))
    people = len(stack.administrators())
    if people > MACHINE_PEOPLE:
        message = f"are {people} with the administrator and the test user, more than the user data of the gateway's machine has room for"
        yield Problem(("zeppelin", "people"), message, f"at most {MACHINE_PEOPLE}, or backend yarn", (KIND,))
    for index, dataset in enumerate(stack.datasets):
        if not isinstance(dataset.source, CreatedShare | AdoptedShare | BroughtShare):
            message = "is not mounted by machines, which mount CephFS alone"
            yield Problem(("datasets", index, "source", "kind"), message, "create, adopt or bring", (KIND,))
        own = [folder for folder in _OWN_FOLDERS if dataset.mount_path and _overlap(folder, dataset.mount_path)]
        if own:
            message = f"is where a machine has {own[0]} of its own"
            yield Problem(("datasets", index, "mount_path"), message, "another path, such as /data/gaia/GDR3", (KIND,))


def _overlap(one: str, other: str) -> bool:
    """Whether one of two absolute paths is the other, or below it."""
    a, b = PurePosixPath(one), PurePosixPath(other)
    return a.is_relative_to(b) or b.is_relative_to(a)


def _addresses(machines: MachineBackend, network: NetworkSettings) -> Iterator[Problem]:
    """Each machine's address is on the subnet, and nobody else's."""
    path, involved = (*BACKEND, "first_address"), (("cloud", "network"), (*BACKEND, "workers"))
    # As numbers: there is no address after 255.255.255.255.
    begin, first = int(network.subnet.network_address), int(machines.first_address)
    last, pool = int(network.subnet.broadcast_address) - 1 - machines.workers, network.allocation_pool
    if not begin < first <= last:
        message = f"leads to {1 + machines.workers} addresses, which are not all in subnet {network.subnet}"
        accepted = f"an address of the subnet up to {IPv4Address(last)}" if begin < last else "fewer workers, or a larger subnet"
        yield Problem(path, message, accepted, involved)
        return
    wanted = machines.addresses()
    taken = {network.gateway_address: "the router", network.ceph_router_address: "the Ceph router"}
    for address in wanted:
        if address in taken:
            message = f"gives {address} to a machine, which is the address of {taken[address]}"
            yield Problem(path, message, f"the first of {len(wanted)} free addresses outside the allocation pool", involved)
            return
    if pool is None:
        message = "is missing, so DHCP could give a machine's address to something else"
        accepted = f"start and end of a range without {wanted[0]} to {wanted[-1]}"
        yield Problem(("cloud", "network", "allocation_pool"), message, accepted, (path, *involved))
    elif wanted[0] <= pool.end and pool.start <= wanted[-1]:
        message = f"leads to the addresses {wanted[0]} to {wanted[-1]}, and the allocation pool {pool.start} to {pool.end} has some of them"
        yield Problem(path, message, f"the first of {len(wanted)} free addresses outside the allocation pool", involved)


def _sizes(stack: "StackSettings", machines: MachineBackend) -> Iterator[Problem]:
    """NodeManagers fit on their machines, executors in NodeManagers, and a driver beside Zeppelin."""
    yield from limits_kept(machines)
    free = {"cores": machines.worker.vcpus, "memory_gib": machines.worker.memory_gib - MACHINE_OWN_GIB}
    for key, room in free.items():
        if getattr(machines, key) > room:
            message = f"is more than the {max(room, 0)} that a worker of {machines.worker.flavor} has to hand out"
            yield Problem((*BACKEND, key), message, f"at most {max(room, 0)}, or a larger worker", ((*BACKEND, "worker"),))
    yield from executors_fit(stack, machines)
    driver = max(sizes.driver.total_memory_gib for sizes in stack.spark.sizes().values())
    needed = GATEWAY_OWN_GIB + stack.zeppelin.memory_gib + driver
    if machines.gateway.memory_gib < needed:
        message = f"is less than the {needed} that the system, Zeppelin and one driver need"
        involved = (("zeppelin", "memory_gib"), ("spark", "driver"), ("spark", "profiles"))
        yield Problem((*BACKEND, "gateway", "memory_gib"), message, f"{needed} or more", involved)
