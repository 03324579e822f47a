"""The report as one self-contained HTML page: the platform's graph, and each resource's inputs and differences on click."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recording import RecordedResource, short_type
from review.change import Change, Field
from review.report import REFUSALS, Report
from review.risks import TITLES
from review.texts import clean, shown, text_diff

_HERE = Path(__file__).resolve().parent
INPUTS = 20_000
"""Most characters of a resource's inputs that are shown."""


def page(reports: Sequence[Report]) -> str:
    """The page for all stacks. It runs only its own script (by hash) and loads nothing."""
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Inside a script element, only `<` could end it.
    data = json.dumps([_stack(report) for report in reports], ensure_ascii=True).replace("<", "\\u003c")
    text = (_HERE / "page.html").read_text(encoding="utf-8")
    for key, value in (("script_hash", f"sha256-{digest}"), ("script", script), ("data", data)):
        text = text.replace("{{" + key + "}}", value, 1)
    return text


def _stack(report: Report) -> dict[str, Any]:
    changes = {change.urn: change for change in report.changes}
    standing = report.after or report.before
    resources: dict[str, RecordedResource] = {resource.urn: resource for resource in standing.resources} if standing else {}
    resources |= {change.urn: change.before for change in report.changes if change.after is None and change.before}
    custom = {urn: resource for urn, resource in resources.items() if resource.custom}
    boxes = {urn: resource.parent.rsplit("::", 1)[-1] if resource.parent else "providers" for urn, resource in custom.items()}
    edges = sorted(
        {(boxes[need], boxes[urn]) for urn, each in custom.items() for need in _needs(each) if need in boxes and boxes[need] != boxes[urn]}
    )
    # Two boxes that need each other get one line.
    edges = [(a, b) for a, b in edges if a < b or (b, a) not in edges]
    risks = {change.urn: report.touches(change) for change in report.changes}
    return {
        "stack": clean(report.stack),
        "base": clean(report.base),
        "head": clean(report.head),
        "worst": report.worst(),
        "counts": sorted(report.counts.items()),
        "titles": list(TITLES.items()),
        "risks": [{"category": each.category, "text": clean(each.text), "urn": each.urn} for each in report.risks],
        "refused": [(REFUSALS[side], clean(message, 5000)) for side, message in report.refused.items()],
        "notes": [clean(each) for each in report.notes],
        "outputs": [clean(each) for each in report.outputs],
        "differs": [clean(each) for each in report.differs],
        "columns": _columns(sorted(set(boxes.values())), edges),
        "edges": edges,
        "resources": [_resource(each, changes.get(urn), boxes[urn], risks.get(urn, [])) for urn, each in custom.items()],
    }


def _needs(resource: RecordedResource) -> set[str]:
    return {*resource.made_of, *resource.options.get("dependencies", [])}


def _columns(boxes: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """The boxes in columns, each to the right of what it needs; a cycle ends where it began."""
    before: Mapping[str, list[str]] = {box: [a for a, b in edges if b == box] for box in boxes}
    depth: dict[str, int] = {}

    def of(box: str, above: frozenset[str]) -> int:
        if box not in depth:
            needs = [of(need, above | {box}) for need in before[box] if need not in above]
            if above & set(before[box]):
                return max(needs, default=-1) + 1
            depth[box] = max(needs, default=-1) + 1
        return depth[box]

    levels = {box: of(box, frozenset({box})) for box in boxes}
    return [[box for box in boxes if levels[box] == level] for level in range(max(levels.values(), default=-1) + 1)]


def _resource(resource: RecordedResource, change: Change | None, box: str, risks: Sequence[str]) -> dict[str, Any]:
    return {
        "urn": resource.urn,
        "name": clean(resource.name),
        "type": clean(resource.type),
        "kind": clean(short_type(resource.type).rsplit(":", 1)[-1]),
        "box": box,
        "operation": change.operation if change else "same",
        "effect": change.effect.value if change else "",
        "refused": change.refused if change else "",
        "forced_by": [clean(each) for each in change.forced_by] if change else [],
        "fields": [_field(each) for each in change.fields[:200]] if change else [],
        "inputs": clean(json.dumps(resource.inputs, indent=1, ensure_ascii=False), INPUTS),
        "risks": list(risks),
    }


def _field(each: Field) -> dict[str, Any]:
    diff = text_diff(each.before, each.after, limit=400)
    if diff:
        lines = [(line[0], line[1:]) if line[:1] in {"+", "-"} else (" ", line) for line in diff]
    else:
        lines = [("-", shown(each.before, 4000)), ("+", shown(each.after, 4000))]
    return {"path": clean(each.path), "forces": each.forces, "ignored": each.ignored, "cause": clean(each.cause), "lines": lines}
