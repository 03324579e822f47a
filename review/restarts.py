"""What a change restarts: which Pods stop and start though no object is replaced, which servers are made anew, and why."""

from collections.abc import Iterator, Sequence
from typing import Any

from components.names import YARN_MANAGER
from recording import RecordedResource
from review.change import OPTION, Change, Effect

_SERVER = "openstack:compute/instance:Instance"
_AT_ONCE = frozenset({"NetworkPolicy", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Service", "Ingress"})
_FOR_NEW_PODS = frozenset({"ResourceQuota", "LimitRange", "Namespace", "PriorityClass", "ValidatingAdmissionPolicy"})


def restarts(changes: Sequence[Change]) -> list[str]:
    """One line per workload that a change restarts or runs again, interruptions first; then what takes effect without a restart."""
    found = sorted((not down, line) for change in changes for down, line in _restart(change))
    lines = [line for _, line in found]
    nightly = [change.name for change in changes if _kind(change) == "CronJob" and change.effect is Effect.IN_PLACE]
    if nightly:
        lines.append(f"Takes effect with the next run: {', '.join(nightly)}")
    kinds = {_kind(change) for change in changes if change.custom and change.effect is Effect.IN_PLACE}
    if kinds & _AT_ONCE:
        lines.append(f"Takes effect at once, without a restart: {', '.join(sorted(kinds & _AT_ONCE))}")
    if kinds & _FOR_NEW_PODS:
        lines.append(f"Holds for Pods that start from now on: {', '.join(sorted(kinds & _FOR_NEW_PODS))}")
    return lines


def _restart(change: Change) -> Iterator[tuple[bool, str]]:
    """Whether it interrupts something, and the line that says so."""
    if change.after is None or change.before is None:
        return
    kind, why = _kind(change), _because(change)
    match change.effect:
        case Effect.RESTART:
            down, how = _rollout(kind, change.after)
            yield down, f"{change.name}: {how}{why}"
        case Effect.RUN_AGAIN | Effect.PERHAPS_RUN_AGAIN:
            yield False, f"{change.name}: the Job runs again{why}"
        case Effect.IN_PLACE if kind == "Release":
            yield True, f"{change.name}: Helm upgrades the chart, whose Pods may restart{why}"
        case Effect.UPGRADE:
            yield True, f"{change.name}: Magnum replaces the nodes one by one, and every Pod moves{why}"
        case Effect.REPLACED if change.type == _SERVER:
            ends = "its containers end" if "-worker-" in change.name else "everybody's sessions end"
            yield True, f"{change.name}: a new server takes its place, and {ends}{why}"


def _rollout(kind: str, after: RecordedResource) -> tuple[bool, str]:
    """How Kubernetes replaces the Pods of a workload whose template changes, and whether none of them runs in between."""
    spec: dict[str, Any] = after.inputs.get("spec") or {}
    strategy = (spec.get("updateStrategy" if kind in {"DaemonSet", "StatefulSet"} else "strategy") or {}).get("type")
    if kind == "DaemonSet":
        if strategy == "OnDelete":
            return False, "each Pod keeps running as it is until somebody deletes it"
        return False, "the Pod on each node restarts, node by node"
    if kind == "StatefulSet" and after.inputs.get("metadata", {}).get("name") == YARN_MANAGER:
        return True, "Yarn's manager restarts, which ends every running application"
    if kind == "StatefulSet":
        return False, "the Pods restart one by one"
    if strategy == "Recreate":
        return True, "the Pod stops before the new one starts, so it is down in between"
    count = spec.get("replicas", 1)
    return False, "the new Pod starts before the old one stops" if count == 1 else f"the {count} Pods are replaced one after another"


def _because(change: Change) -> str:
    """What causes it: the resource whose new name the Pods carry, or the fields of the template that differ."""
    fields = [each for each in change.fields if not each.ignored and not each.path.startswith(OPTION)]
    causes = list(dict.fromkeys(each.cause for each in fields if each.cause))
    paths = list(dict.fromkeys(each.path.removeprefix("spec.template.") for each in fields if not each.cause))
    parts = [f"{cause} is replaced" for cause in causes[:3]]
    # What follows from a replacement explains the paths, too.
    if paths and not causes:
        parts.append(f"{', '.join(paths[:3])}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''} changed")
    return f" ({'; '.join(parts)})" if parts else ""


def _kind(change: Change) -> str:
    return change.type.rsplit(":", 1)[-1]
