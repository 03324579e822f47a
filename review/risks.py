"""What to look at first in a change: data, cluster, rights, network, Pods, images, policy, capacity."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from policy.admission import admission_weakened
from policy.breaks import BUCKET, CLUSTER, SHARE
from policy.openings import opened
from policy.pods import weakened, workloads
from policy.rights import gained, grants
from policy.rules import Finding
from recording import UNITS, UNKNOWN, RecordedResource, Recording
from review.change import OPTION, Change

Category = Literal["data", "cluster", "rights", "network", "pods", "image", "policy", "capacity"]
TITLES: Mapping[Category, str] = {
    "data": "Data at risk",
    "cluster": "Cluster replaced, upgraded or resized",
    "rights": "Wider rights or weaker admission",
    "network": "Wider network access",
    "pods": "Weaker Pod Security",
    "image": "Images moved or unpinned",
    "policy": "Policy",
    "capacity": "Capacity and cost",
}
"""Worst first."""

ACCESS = "openstack:sharedfilesystem/shareAccess:ShareAccess"
POOL = "openstack:containerinfra/nodeGroup:NodeGroup"
HOURS = 730
"""Hours of a month. Costs are in vCPU hours and GiB hours, the units of allocations. What they cost in money, the site knows."""


@dataclass(frozen=True)
class Risk:
    """One thing to look at. urn: of its resource, or ""."""

    category: Category
    text: str
    urn: str = ""


def risks_of(
    changes: Sequence[Change], before: Recording | None, after: Recording | None, *, whole: bool, offline: bool, broken: Sequence[Finding]
) -> list[Risk]:
    """What to look at, worst first.

    whole: whether the recordings hold what stays as it is, too. offline: whether both were recorded, and not planned by an engine. broken:
    of mandatory rules, what the change breaks anew.
    """
    found = list(_risks(changes, before, after, whole=whole, offline=offline))
    found += [Risk("policy", finding.text, finding.urn) for finding in broken]
    if before and after:
        found += [Risk("capacity", line) for line in capacity_lines(capacity(before), capacity(after))]
    order = list(TITLES)
    return sorted(found, key=lambda risk: order.index(risk.category))


def _risks(changes: Sequence[Change], before: Recording | None, after: Recording | None, *, whole: bool, offline: bool) -> Iterator[Risk]:
    for change in changes:
        yield from _of_data(change)
        yield from _of_cluster(change)
        yield from _of_openstack_network(change)
    # For a new or removed stack this would list everything, which the preview shows better.
    if before and after and whole:
        found = [
            *(Risk("rights", line) for line in _gains(before, after)),
            *(Risk("rights", f"admission {line}") for line in admission_weakened(before, after)),
            *(Risk("network", line) for line in opened(before, after)),
        ]
        # An engine does not know names of objects that it has yet to create; offline every object has one.
        yield from (risk for risk in found if offline or UNKNOWN not in risk.text)
        yield from (Risk("pods", line) for line in weakened(before, after))
        yield from _of_images(before, after)


def _of_data(change: Change) -> Iterator[Risk]:
    before, after, name = change.before, change.after, change.name
    holds = change.type in {SHARE, BUCKET} or (change.type == "kubernetes:core/v1:PersistentVolumeClaim" and _dynamic(before))
    if holds and before and "read" not in before.options:
        if change.refused:
            what = "deleted" if change.operation == "delete" else "replaced" if change.operation == "replace" else "made smaller"
            yield Risk("data", f"{name} would be {what}: {change.refused}", change.urn)
        elif change.operation == "delete":
            yield Risk("data", f"{name} is deleted with all its data", change.urn)
        elif change.operation == "replace":
            kept = (
                "; the old one stays in the cloud, outside the stack" if before.options.get("retainOnDelete") else "; its data is deleted"
            )
            unless = "; not if the cloud already chose this value" if change.doubtful else ""
            yield Risk("data", f"{name} is replaced by an empty one, forced by {', '.join(change.forced_by)}{kept}{unless}", change.urn)
        elif change.operation == "forget":
            yield Risk("data", f"{name} leaves the stack and stays in the cloud", change.urn)
    if change.type.startswith("random:") and change.operation in {"replace", "delete"} and before and after:
        yield Risk("data", f"{name} gets a new value: what was encrypted with the old one can no longer be read", change.urn)
    for each in change.fields:
        if each.path.startswith(OPTION) and each.before and not each.after:
            yield Risk("data", f"{name} loses {each.path.removeprefix(OPTION)}", change.urn)
        if change.type == ACCESS and each.path == "accessLevel" and each.after == "rw":
            yield Risk("data", f"{name} gets write access", change.urn)
        if change.type == "kubernetes:core/v1:PersistentVolume":
            if each.path.endswith(".readOnly") and each.before is True:
                yield Risk("data", f"{name} becomes writable", change.urn)
            if each.path == "spec.persistentVolumeReclaimPolicy" and each.after != "Retain":
                yield Risk("data", f"{name}: its data will be deleted with its claim ({each.after})", change.urn)
    if change.type == ACCESS and change.operation in {"delete", "replace"} and after:
        yield Risk(
            "data",
            f"{name} is created again with a new key: every mount with the old key is lost until it is mounted again",
            change.urn,
        )


def _dynamic(claim: RecordedResource | None) -> bool:
    return bool(claim) and not (claim.inputs.get("spec") or {}).get("volumeName")


def _of_cluster(change: Change) -> Iterator[Risk]:
    reason = f": {', '.join(change.forced_by)}" if change.forced_by else ""
    if change.type == CLUSTER:
        if change.refused:
            yield Risk("cluster", f"{change.name} would be {change.operation}d{reason}; {change.refused}", change.urn)
        elif change.operation in {"replace", "delete"}:
            yield Risk("cluster", f"{change.name} is {change.operation}d with everything that runs in it{reason}", change.urn)
        elif change.operation == "update":
            yield Risk("cluster", f"{change.name}: {change.effect.value}", change.urn)
    elif change.type == POOL and change.before and change.operation in {"replace", "delete", "update"}:
        words = {
            "replace": "is replaced with everything that runs on its nodes",
            "delete": "is deleted with its nodes",
            "update": "is resized",
        }
        yield Risk("cluster", f"{change.name} {words[change.operation]}{reason}", change.urn)


def _of_openstack_network(change: Change) -> Iterator[Risk]:
    if change.type == "openstack:networking/floatingIp:FloatingIp" and change.operation == "create":
        yield Risk("network", f"{change.name}: a new public address", change.urn)
    if change.type.endswith(":CiliumNetworkPolicy") and change.operation in {"create", "update", "replace"}:
        yield Risk("network", f"{change.name}: a CiliumNetworkPolicy, which this report cannot compare; read what it opens", change.urn)
    for each in change.fields if change.type == CLUSTER else ():
        if each.path == "floatingIpEnabled" and each.after:
            yield Risk("network", f"{change.name}: the Kubernetes API gets a public address", change.urn)
        if "master_lb_allowed_cidrs" in each.path and each.before:
            overlooked = "; the existing cluster keeps the old ones, because `rebuild` is off" if each.ignored else ""
            yield Risk(
                "network",
                f"{change.name}: who can reach the Kubernetes API: {each.before} -> {each.after or 'everybody'}{overlooked}",
                change.urn,
            )


def _gains(before: Recording, after: Recording) -> Iterator[str]:
    verbs: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for grant in gained(grants(before), grants(after)):
        verbs[grant.account, grant.namespace, grant.resource, grant.names].append(grant.verb)
    for (account, namespace, resource, names), gains in verbs.items():
        where = "everywhere" if namespace == "*" else f"in {namespace}"
        only = f" called {', '.join(names)}" if names else ""
        yield f"{account} gains {', '.join(gains)} on {resource}{only} {where}"


def _of_images(before: Recording, after: Recording) -> Iterator[Risk]:
    old = {
        (each.resource.name, container.get("name")): container.get("image") for each in workloads(before) for container in each.containers
    }
    moved: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in workloads(after):
        for container in each.containers:
            image, then = str(container.get("image")), old.get((each.resource.name, container.get("name")))
            if then is not None and then != image:
                moved[str(then), image].append(f"{each.resource.name}/{container.get('name')}")
    for (then, image), places in moved.items():
        pinned = ", no longer by digest" if "@sha256:" in then and "@sha256:" not in image else ""
        yield Risk("image", f"{then} -> {image}{pinned} ({', '.join(places)})")


def capacity(recording: Recording | None) -> dict[str, dict[str, int]]:
    """The stack's output `capacity`, whole numbers only, because a recording may come from anywhere."""
    found = recording.outputs.get("capacity") if recording else None
    sides = found if isinstance(found, dict) else {}
    return {
        state: {key: value for key, _ in UNITS if isinstance(value := size.get(key), int)}
        for state in ("idle", "full")
        if isinstance(size := sides.get(state), dict)
    }


def capacity_lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Sizes that differ, and what a month takes of an allocation."""
    for state in ("idle", "full"):
        old, new = before.get(state) or {}, after.get(state) or {}
        parts = [f"{old.get(key, 0)} -> {new.get(key, 0)} {unit}" for key, unit in UNITS if old.get(key, 0) != new.get(key, 0)]
        if parts:
            yield f"{state}: {', '.join(parts)}"
    cost = [_hours(side.get("idle") or {}) for side in (before, after)]
    if cost[0] != cost[1]:
        yield f"a month idle: {cost[0][0]} -> {cost[1][0]} vCPU hours, {cost[0][1]} -> {cost[1][1]} GiB hours of memory"


def _hours(size: Mapping[str, Any]) -> tuple[int, int]:
    return size.get("vcpus", 0) * HOURS, size.get("memory_gib", 0) * HOURS
