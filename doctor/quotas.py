"""Whether quotas have room for the stack when it is idle and at full size."""

from collections.abc import Iterator, Mapping

from doctor.visit import Finding, Visit
from settings.values.backend import MACHINE_RULES
from settings.values.dataset import CreatedShare
from settings.values.entry import LoadBalancerEntry
from settings.values.own_share import OwnShare
from settings.values.sites import CephRouter
from settings.values.zeppelin import PersonShares


def quotas(visit: Visit) -> Iterator[Finding]:
    """Room for the stack when it is idle, and at full size."""
    capacity = visit.settings.capacity()
    compute = visit.compute
    limits = compute.compute.get("/limits").json()["limits"]["absolute"]
    idle, full = capacity["idle"], capacity["full"]
    for kind, key, most, used, unit in (
        ("instances", "nodes", "maxTotalInstances", "totalInstancesUsed", 1),
        ("cores", "vcpus", "maxTotalCores", "totalCoresUsed", 1),
        ("memory (GiB)", "memory_gib", "maxTotalRAMSize", "totalRAMUsed", 1024),
    ):
        yield room(f"quota of {kind}", limits[most] // unit if limits[most] >= 0 else -1, limits[used] // unit, idle[key], full[key])
    wanted = {
        "networks": 1,
        "subnets": 1,
        "routers": 2 if isinstance(visit.cloud.site.ceph, CephRouter) else 1,
        "floating_ips": idle["floating_ips"],
    }
    if visit.settings.machines:
        # Beside machines, each router has a port on the subnet, and so has what hands out addresses there.
        wanted |= {"ports": idle["nodes"] + wanted["routers"] + 1, "security_groups": 2, "security_group_rules": _rules(visit)}
        yield from _server_group(limits, idle["nodes"])
    quota = compute.network.get_quota(compute.current_project_id, details=True)
    for name, count in wanted.items():
        found = getattr(quota, name)
        if count and isinstance(found, dict):
            yield room(f"quota of {name.replace('_', ' ')}", found["limit"], found["used"] + found.get("reserved", 0), count, count)
    if visit.settings.machines is None:
        yield _clusters(visit)
        balancers = 1 + isinstance(visit.settings.entry, LoadBalancerEntry)
        limit = compute.load_balancer.get(f"/lbaas/quotas/{compute.current_project_id}").json()["quota"]["load_balancer"]
        used = len(compute.load_balancer.get("/lbaas/loadbalancers").json()["loadbalancers"])
        yield room("quota of load balancers", -1 if limit is None else limit, used, balancers, balancers)
    makes = sum(isinstance(data.source, CreatedShare) and data.source.project == "compute" for data in visit.settings.datasets)
    spaces = len(visit.settings.spaces_gib()) - len(visit.settings.adopted_spaces())
    makes += sum(spaces if isinstance(home, PersonShares) else 1 for home in own_homes(visit))
    if makes:
        absolute = compute.shared_file_system.get("/limits").json()["limits"]["absolute"]
        yield room("quota of shares", absolute["maxTotalShares"], absolute["totalSharesUsed"], makes, makes)
        size = idle["share_gib"]
        yield room("quota of share space (GiB)", absolute["maxTotalShareGigabytes"], absolute["totalShareGigabytesUsed"], size, size)


def _server_group(limits: Mapping[str, int], machines: int) -> Iterator[Finding]:
    """Nova counts the members of each group by themselves."""
    yield room("quota of server groups", limits["maxServerGroups"], limits["totalServerGroupsUsed"], 1, 1)
    yield room("quota of members of a server group", limits["maxServerGroupMembers"], 0, machines, machines)


def _rules(visit: Visit) -> int:
    """Rules of both security groups of machines: the gateway has two for each network that may come."""
    entry = visit.settings.entry
    return MACHINE_RULES + 2 * max(1, len(entry.allowed_cidrs) if isinstance(entry, LoadBalancerEntry) else 0)


def _clusters(visit: Visit) -> Finding:
    """Magnum's quota. It answers 404 for a project that has the site's default."""
    magnum = visit.compute.container_infrastructure_management
    answer = magnum.get(f"/quotas/{visit.compute.current_project_id}/Cluster", raise_exc=False)
    used = len(magnum.get("/clusters").json()["clusters"])
    if answer.status_code != 200:
        return Finding(
            "quota of clusters", "unknown" if used else "ok", f"is the site's default; {used} in use", "ask the site" if used else ""
        )
    return room("quota of clusters", answer.json()["hard_limit"], used, 1, 1)


def room(subject: str, limit: int, used: int, idle: int, full: int) -> Finding:
    """limit: -1 for none. idle, full: what the stack needs when nothing runs, and at full size."""
    if limit < 0:
        return Finding(subject, "ok", f"has no limit; the stack needs {full}")
    free = limit - used
    wanted = f"the stack needs {idle}" if idle == full else f"the stack needs {idle} when idle, {full} at full size"
    says = f"{free} free of {limit}, {wanted}"
    if free < idle:
        return Finding(subject, "bad", says, f"ask the site for {used + full}, or make the stack smaller")
    if free < full:
        return Finding(
            subject, "unknown", f"{says}: pools cannot grow to their maximum", f"ask the site for {used + full}, or make the pools smaller"
        )
    return Finding(subject, "ok", says)


def own_homes(visit: Visit) -> list[OwnShare]:
    """The platform's own shares in the compute project: notebooks, spaces (one entry for all), backups, event logs, models."""
    zeppelin = visit.settings.zeppelin
    models = visit.settings.models and visit.settings.models.store
    homes = (zeppelin.notebooks, zeppelin.user_space, zeppelin.backup and zeppelin.backup.target, visit.settings.spark.history, models)
    return [home for home in homes if isinstance(home, OwnShare)]
