"""What a change of a stack means, worst first: one model, which every output is made of."""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from policy import rules
from policy.rights import WORKLOADS, admission_weakened, gained, grants, opened, weakened, workloads
from preview.recording import UNKNOWN, RecordedResource, Recording
from preview.tree import UNITS
from review.compare import OPTION, Change, compare, differences
from review.replacements import is_known, known

VERSION = 1
"""Version of the JSON report's form."""

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

SHARE, BUCKET = rules.SHARE, rules.BUCKET
ACCESS = "openstack:sharedfilesystem/shareAccess:ShareAccess"
CLUSTER, POOL = rules.CLUSTER, "openstack:containerinfra/nodeGroup:NodeGroup"
REFUSALS: Mapping[str, str] = {
    "base": "The program of the base refuses its stack file",
    "head": "The program of the change refuses its stack file",
    "engine": "The engine stops, and changes nothing",
}
"""Who may refuse a stack, in words."""

_KINDS: Mapping[Category, Sequence[str]] = {
    "rights": (
        "Role",
        "ClusterRole",
        "RoleBinding",
        "ClusterRoleBinding",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ),
    "network": ("NetworkPolicy", "Service", "Ingress"),
    "pods": ("Namespace", *WORKLOADS),
    "image": WORKLOADS,
}
"""Of what kind the resources are that such a risk, told of the stack as a whole, comes from."""

HOURS = 730
"""Of a month: cost is told in what allocations are counted in, vCPU hours and GiB hours; what they cost in money, a site knows."""


@dataclass(frozen=True)
class Risk:
    """One thing to look at. urn: of the resource it is about, or ""."""

    category: Category
    text: str
    urn: str = ""


@dataclass
class Report:
    """What becomes of one stack.

    base, head: what is compared, as people call it. refused: one of REFUSALS to the words with which it refuses the stack file.
    changes: in the order of the recording. risks: worst first. capacity: `before` and `after`, each `idle` and `full` as the stack's
    output. outputs: stack outputs that differ. unknown: types of which no table says what replaces them. notes: what this report cannot
    know. differs: where an engine's plan and the offline diff say different things. before, after: the recordings, or the plan's two
    sides; whole: whether they hold what stays as it is, too.
    """

    stack: str
    base: str
    head: str
    source: Literal["offline", "engine"] = "offline"
    refused: dict[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    risks: list[Risk] = field(default_factory=list)
    capacity: dict[str, Any] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    before: Recording | None = None
    after: Recording | None = None
    whole: bool = True

    @property
    def counts(self) -> Counter[str]:
        """Operation to number of resources; components are not counted, nor what stays."""
        return Counter(change.operation for change in self.changes if _counted(change))

    def of(self, category: Category) -> list[Risk]:
        """The risks of one category."""
        return [risk for risk in self.risks if risk.category == category]

    def touches(self, change: Change) -> list[str]:
        """The categories of risk that a change has to do with: those that name it, and those of its kind."""
        found = {risk.category for risk in self.risks if risk.urn == change.urn}
        kind = change.type.rsplit(":", 1)[-1]
        for category, kinds in _KINDS.items():
            if kind in kinds and change.operation != "same" and self.of(category):
                found.add(category)
        return sorted(found)

    def worst(self) -> str:
        """One line: the worst that the change does."""
        if self.refused:
            return "; ".join(REFUSALS[side] for side in self.refused)
        stopped = sum(1 for change in self.changes if change.refused)
        if stopped:
            return f"the engine would refuse: {stopped} protected or shrinking"
        for category, title in TITLES.items():
            if self.of(category):
                return title.lower()
        if self.counts:
            return "nothing dangerous"
        noted = any(change.former or any(each.path.startswith(OPTION) for each in change.fields) for change in self.changes)
        return "nothing but names and safeguards" if noted else "nothing changes"

    def to_json(self) -> str:
        """The report as JSON; secrets are masked in the recordings it is made of."""
        plain = {
            "version": VERSION,
            **{
                key: getattr(self, key)
                for key in ("stack", "base", "head", "source", "refused", "capacity", "outputs", "unknown", "notes", "differs")
            },
            "worst": self.worst(),
            "counts": dict(self.counts),
            "risks": [asdict(risk) for risk in self.risks],
            "changes": [
                {
                    **{
                        key: getattr(change, key)
                        for key in ("urn", "type", "name", "operation", "former", "forced_by", "effect", "refused")
                    },
                    "fields": [asdict(each) for each in change.fields],
                }
                for change in self.changes
            ],
        }
        return json.dumps(plain, indent=2, sort_keys=True, default=str) + "\n"


def _counted(change: Change) -> bool:
    return change.custom and change.operation != "same"


def build(
    stack: str,
    before: Recording | None,
    after: Recording | None,
    *,
    base: str,
    head: str,
    today: dt.date,
    waivers: Sequence[rules.Waiver] = (),
    changes: Sequence[Change] | None = None,
    stopped: str = "",
) -> Report:
    """The report of one stack. changes: those of an engine's plan, where there is one; stopped: why it got no further. today: for
    waivers that end.
    """
    found = list(compare(before, after) if changes is None else changes)
    # An engine lists what stays only where it is asked to.
    listed = changes is None or not after or len(after.resources) > len(found)
    # Of what will stand in a cluster that it replaces, an engine knows neither names nor namespaces.
    rebuilt = changes is not None and any(each.type == "pulumi:providers:kubernetes" and each.operation == "replace" for each in found)
    whole = listed and not rebuilt and not stopped
    source = "offline" if changes is None else "engine"
    report = Report(stack, base, head, source, changes=found, before=before, after=after, whole=whole)
    if stopped:
        report.refused["engine"] = stopped
    report.capacity = {side: _capacity(recording) for side, recording in (("before", before), ("after", after))}
    report.risks = list(_risks(report, today, waivers))
    order = list(TITLES)
    report.risks.sort(key=lambda risk: order.index(risk.category))
    report.outputs = [
        f"{each.path}: {_short(each.before)} -> {_short(each.after)}"
        for each in differences(before.outputs if before else {}, after.outputs if after else {})
        if not each.path.startswith("capacity")
    ]
    report.unknown = sorted({each.type for each in found if _counted(each) and each.operation == "update" and not is_known(each.type)})
    if changes is None:
        report.notes = [
            "The base is what its revision would make, not what is deployed; real secrets are in neither side.",
            "What forces a replacement: "
            + "; ".join(f"{name} {each['version']}" for name, each in sorted(known().items()) if name != "pulumi"),
        ]
    else:
        if not listed:
            report.notes.append(
                "The plan lists changes alone: rights, network, Pods and images were not compared. `--show-sames` lists all."
            )
        if rebuilt:
            report.notes.append(
                "The cluster is replaced: what will stand in it is unknown to the engine. Without PLAN the diff compares it."
            )
    return report


def _capacity(recording: Recording | None) -> dict[str, dict[str, int]]:
    """What the stack puts out as its capacity, whole numbers alone: a recording may come from anywhere."""
    capacity = recording.outputs.get("capacity") if recording else None
    sides = capacity if isinstance(capacity, dict) else {}
    return {
        state: {key: value for key, _ in UNITS if isinstance(value := size.get(key), int)}
        for state in ("idle", "full")
        if isinstance(size := sides.get(state), dict)
    }


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _risks(report: Report, today: dt.date, waivers: Sequence[rules.Waiver]) -> Iterator[Risk]:
    before, after = report.before, report.after
    for change in report.changes:
        yield from _of_data(change)
        yield from _of_cluster(change)
        yield from _of_openstack_network(change)
    # Of a stack that is new or goes, everything would be listed: the tree of the preview shows that better.
    if before and after and report.whole:
        found = [
            *(Risk("rights", line) for line in _gains(before, after)),
            *(Risk("rights", f"admission {line}") for line in admission_weakened(before, after)),
            *(Risk("network", line) for line in opened(before, after)),
        ]
        # An engine knows no name of what it is about to make; offline everything has one.
        yield from (risk for risk in found if report.source == "offline" or UNKNOWN not in risk.text)
        yield from (Risk("pods", line) for line in weakened(before, after))
        yield from _of_images(before, after)
    if after and report.whole:
        then = {(each.rule, each.name, each.message) for each in rules.check(before, waivers, today)} if before else set()
        for finding in rules.broken(rules.check(after, waivers, today)):
            if (finding.rule, finding.name, finding.message) not in then:
                yield Risk("policy", f"{finding.rule}: {finding.name}: {finding.message}; {finding.fix}", finding.urn)
    if before and after:
        yield from (Risk("capacity", line) for line in capacity_lines(**report.capacity))


def _of_data(change: Change) -> Iterator[Risk]:
    before, after, name = change.before, change.after, change.name
    holds = change.type in {SHARE, BUCKET} or (change.type == "kubernetes:core/v1:PersistentVolumeClaim" and _dynamic(before))
    if holds and before and "read" not in before.options:
        if change.refused:
            what = "deleted" if change.operation == "delete" else "replaced" if change.operation == "replace" else "made smaller"
            yield Risk("data", f"{name} would be {what}: {change.refused}", change.urn)
        elif change.operation == "delete":
            yield Risk("data", f"{name} is deleted with all that is in it", change.urn)
        elif change.operation == "replace":
            kept = (
                " (the old one stays in the cloud, out of the stack)" if before.options.get("retainOnDelete") else " with all that is in it"
            )
            unless = "; not where the cloud has chosen the same by itself" if change.doubtful else ""
            yield Risk("data", f"{name} is replaced by an empty one{kept}: {', '.join(change.forced_by)}{unless}", change.urn)
        elif change.operation == "forget":
            yield Risk("data", f"{name} leaves the stack and stays in the cloud", change.urn)
    if change.type.startswith("random:") and change.operation in {"replace", "delete"} and before and after:
        yield Risk("data", f"{name} is made anew: what was locked with the old value stays locked", change.urn)
    for each in change.fields:
        if each.path.startswith(OPTION) and each.before and not each.after:
            yield Risk("data", f"{name} loses {each.path.removeprefix(OPTION)}", change.urn)
        if change.type == ACCESS and each.path == "accessLevel" and each.after == "rw":
            yield Risk("data", f"{name} may write now", change.urn)
        if change.type == "kubernetes:core/v1:PersistentVolume":
            if each.path.endswith(".readOnly") and each.before is True:
                yield Risk("data", f"{name} is writable now", change.urn)
            if each.path == "spec.persistentVolumeReclaimPolicy" and each.after != "Retain":
                yield Risk("data", f"{name}: its data go with its claim ({each.after})", change.urn)
    if change.type == ACCESS and change.operation in {"delete", "replace"} and after:
        yield Risk(
            "data",
            f"{name} is made anew: its key changes, and what is mounted with the old one hangs until it is mounted again",
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
            yield Risk("cluster", f"{change.name}: {change.effect}", change.urn)
    elif change.type == POOL and change.before and change.operation in {"replace", "delete", "update"}:
        words = {
            "replace": "is replaced with everything that runs on its nodes",
            "delete": "is deleted with its nodes",
            "update": "is resized",
        }
        yield Risk("cluster", f"{change.name} {words[change.operation]}{reason}", change.urn)


def _of_openstack_network(change: Change) -> Iterator[Risk]:
    if change.type == "openstack:networking/floatingIp:FloatingIp" and change.operation == "create":
        yield Risk("network", f"{change.name}: a public address", change.urn)
    if change.type.endswith(":CiliumNetworkPolicy") and change.operation in {"create", "update", "replace"}:
        yield Risk("network", f"{change.name}: a CiliumNetworkPolicy, which is not compared here; read what it opens", change.urn)
    for each in change.fields if change.type == CLUSTER else ():
        if each.path == "floatingIpEnabled" and each.after:
            yield Risk("network", f"{change.name}: the Kubernetes API gets a public address", change.urn)
        if "master_lb_allowed_cidrs" in each.path and each.before:
            overlooked = "; the cluster that stands keeps the old one, `rebuild` is off" if each.ignored else ""
            yield Risk(
                "network",
                f"{change.name}: who reaches the Kubernetes API: {each.before} -> {each.after or 'everybody'}{overlooked}",
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


def capacity_lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Sizes that differ, and what a month costs of an allocation."""
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


def grouped(changes: Sequence[Change]) -> dict[str, list[Change]]:
    """What is left beside the risks, by what it means; the gravest first, custom resources only."""
    order = (
        "refused",
        "replacement",
        "delete",
        "leaves",
        "upgrade",
        "restart",
        "runs again",
        "in place",
        "create",
        "read",
        "renamed",
        "nothing",
    )
    found: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        if change.custom:
            found[change.effect].append(change)
    return dict(sorted(found.items(), key=lambda item: next((i for i, word in enumerate(order) if item[0].startswith(word)), len(order))))
