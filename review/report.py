"""What a change means for a stack, worst first. Every kind of output uses this model."""

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from policy import rules
from policy.pods import WORKLOADS
from recording import Recording
from review.change import OPTION, Change, Effect
from review.compare import compare
from review.fields import differences
from review.replacements import is_known, known
from review.restarts import restarts
from review.risks import TITLES, Category, Risk, capacity, risks_of

VERSION = 1
"""Version of the JSON report's format."""

REFUSALS: Mapping[str, str] = {
    "base": "The program of the base refuses its stack file",
    "head": "The program of the change refuses its stack file",
    "engine": "The engine stops and changes nothing",
}
"""Who refuses a stack, in words."""

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
"""The kinds of resources behind the risks that are reported for a stack as a whole."""


@dataclass
class Report:
    """What becomes of one stack.

    base, head: what is compared, as people call it. refused: one of REFUSALS to the words with which it refuses the stack file.
    changes: in the order of the recording. risks: worst first. restarts: which Pods stop and start, and why. capacity: `before` and
    `after`, each `idle` and `full` as the stack's output. outputs: stack outputs that differ. unknown: types of which no table says what
    replaces them. notes: what this report cannot know. differs: where an engine's plan and the offline diff say different things. before,
    after: the recordings, or the plan's two sides; whole: whether they hold what stays as it is, too.
    """

    stack: str
    base: str
    head: str
    source: Literal["offline", "engine"] = "offline"
    refused: dict[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    risks: list[Risk] = field(default_factory=list)
    restarts: list[str] = field(default_factory=list)
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
        """Operation to number of resources, without components and unchanged resources."""
        return Counter(change.operation for change in self.changes if _counted(change))

    def of(self, category: Category) -> list[Risk]:
        """The risks of one category."""
        return [risk for risk in self.risks if risk.category == category]

    def touches(self, change: Change) -> list[str]:
        """The categories of risk that a change is part of: those that name it, and those of its kind."""
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
        return "only names and safeguards" if noted else "nothing changes"

    def to_json(self) -> str:
        """The report as JSON. Secrets are masked in its recordings already."""
        plain = {
            "version": VERSION,
            **{
                key: getattr(self, key)
                for key in ("stack", "base", "head", "source", "refused", "restarts", "capacity", "outputs", "unknown", "notes", "differs")
            },
            "worst": self.worst(),
            "counts": dict(self.counts),
            "risks": [asdict(risk) for risk in self.risks],
            "changes": [
                {
                    **{key: getattr(change, key) for key in ("urn", "type", "name", "operation", "former", "forced_by", "refused")},
                    "effect": change.effect.value,
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
    # An engine lists unchanged resources only on request.
    listed = changes is None or not after or len(after.resources) > len(found)
    # An engine knows neither names nor namespaces of objects in a cluster that it will replace.
    rebuilt = changes is not None and any(each.type == "pulumi:providers:kubernetes" and each.operation == "replace" for each in found)
    whole = listed and not rebuilt and not stopped
    source = "offline" if changes is None else "engine"
    report = Report(stack, base, head, source, changes=found, before=before, after=after, whole=whole)
    if stopped:
        report.refused["engine"] = stopped
    report.capacity = {side: capacity(recording) for side, recording in (("before", before), ("after", after))}
    anew = _broken_anew(before, after, waivers, today) if whole else []
    report.risks = risks_of(
        found, before, after, whole=whole, offline=changes is None, broken=[each for each in anew if each.level == "mandatory"]
    )
    report.restarts = restarts(found)
    report.outputs = [
        f"{each.path}: {_short(each.before)} -> {_short(each.after)}"
        for each in differences(before.outputs if before else {}, after.outputs if after else {})
        if not each.path.startswith("capacity")
    ]
    report.unknown = sorted({each.type for each in found if _counted(each) and each.operation == "update" and not is_known(each.type)})
    if changes is None:
        report.notes = [
            "The base is what its revision would create, not what is deployed. Neither side holds real secrets.",
            "What forces a replacement is known from "
            + "; ".join(f"{name} {each['version']}" for name, each in sorted(known().items()) if name != "pulumi"),
        ]
    else:
        if not listed:
            report.notes.append(
                "The plan lists only changes, so rights, network, Pods and images were not compared. `--show-sames` lists everything."
            )
        if rebuilt:
            report.notes.append(
                "The cluster is replaced, so the engine does not know the objects in it. Without a plan, the diff compares them."
            )
    report.notes += [f"Advice: {each.text}" for each in anew if each.level == "advisory"]
    return report


def _broken_anew(before: Recording | None, after: Recording | None, waivers: Sequence[rules.Waiver], today: dt.date) -> list[rules.Finding]:
    """New violations of rules, without a waiver."""
    then = {(each.rule, each.name, each.message) for each in rules.check(before, waivers, today)} if before else set()
    found = rules.check(after, waivers, today) if after else []
    return [each for each in found if not each.waived and (each.rule, each.name, each.message) not in then]


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def grouped(changes: Sequence[Change]) -> dict[Effect, list[Change]]:
    """Changes by what they mean, the gravest first, without components."""
    found: dict[Effect, list[Change]] = defaultdict(list)
    for change in changes:
        if change.custom:
            found[change.effect].append(change)
    return dict(sorted(found.items(), key=lambda item: item[0].rank))
