"""The recording at a glance: one line per component, with how many resources it makes and what of them matters."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.text import Text

from preview.tree import print_capacity, print_outputs
from recording import RecordedResource, Recording, short_type

MANY = 10
"""So many components in a row that are made of the same become one line."""


@dataclass
class _Row:
    """One line. name, kind: of the component. made: the resources of a provider below it, at any depth."""

    name: str
    kind: str
    made: list[RecordedResource] = field(default_factory=list)


def print_summary(recording: Recording, console: Console) -> None:
    """Print one line per component, or one for many that are alike, then capacity and outputs.

    What does not fit the console's width is cut, remarks are not.
    """
    rows = _rows(recording)
    made, components = sum(len(row.made) for row in rows), sum(1 for row in rows if row.kind)
    console.print(Text(f"Stack {recording.stack}, offline: {_many(made, 'resource')} in {_many(components, 'component')}", style="bold"))
    console.print()
    rows = list(_folded(rows))
    widths = [max((len(each) for each in column), default=0) for column in ([row.name for row in rows], [row.kind for row in rows])]
    for row in rows:
        line = Text("  ").append(f"{row.name:<{widths[0]}}  ", style="cyan").append(f"{row.kind:<{widths[1]}}  ", style="bold")
        line.append(f"{len(row.made):>3}  ", style="green")
        remarks = list({str(each): each for each in _remarks(row.made)}.values())
        line.append_text(Text(", ").join(remarks)).append("  " if remarks else "")
        # What it is made of gets the rest of the line, not a second one.
        room = console.width - line.cell_len
        if room >= 12:
            kinds = Text(_kinds(row.made), style="dim")
            kinds.truncate(room, overflow="ellipsis")
            line.append_text(kinds)
        line.rstrip()
        console.print(line)
    console.print()
    print_capacity(recording.outputs.get("capacity"), console)
    print_outputs(recording.outputs, console)


def _rows(recording: Recording) -> list[_Row]:
    """The top-level components, those of the cloud first; resources outside of any component as a last row."""
    by_urn = {resource.urn: resource for resource in recording.resources}
    rows: dict[str, _Row] = {}
    loose = _Row("(no component)", "")
    for resource in recording.resources:
        top = resource
        while top.parent in by_urn:
            top = by_urn[top.parent]
        row = loose if top.custom else rows.setdefault(top.urn, _Row(top.name, short_type(top.type).rsplit(":", 1)[-1]))
        if resource.custom:
            row.made.append(resource)
    placed = sorted(rows.items(), key=lambda item: ("kubernetes" in by_urn[item[0]].type, item[0]))
    return [row for _, row in placed] + ([loose] if loose.made else [])


def _folded(rows: Sequence[_Row]) -> Iterator[_Row]:
    """The lines to print: many components of one family with the same contents are one, named after the first and the last.

    A family has the same word before the first hyphen: people's shares are one, and that of notebooks keeps its line.
    """
    for _, group in groupby(rows, lambda row: (row.name.split("-")[0], row.kind, _kinds(row.made), tuple(map(str, _remarks(row.made))))):
        alike = list(group)
        if len(alike) < MANY:
            yield from alike
        else:
            made = [resource for row in alike for resource in row.made]
            yield _Row(f"{len(alike)}: {alike[0].name} … {alike[-1].name}", alike[0].kind, made)


def _remarks(made: Sequence[RecordedResource]) -> Iterator[Text]:
    """What matters of a component."""
    for option, words in (("protect", "protected"), ("retainOnDelete", "kept on delete")):
        count = sum(1 for resource in made if resource.options.get(option))
        if count:
            yield Text(words if count == 1 else f"{count} {words}", style="yellow")
    for resource in made:
        if resource.type.endswith((":Share", ":Container")) and not resource.options.keys() & {"retainOnDelete", "read"}:
            yield Text("data deleted on destroy", style="red")
        reached = _public(resource)
        if reached:
            yield Text(f"public: {reached}", style="bold magenta")


def _public(resource: RecordedResource) -> str:
    """What of a resource can be reached from outside of the cloud, and by whom; or ""."""
    spec: Mapping[str, Any] = resource.inputs.get("spec") or {}
    match resource.type.rsplit(":", 1)[-1]:
        case "FloatingIp":
            return "floating IP"
        case "Cluster" if resource.inputs.get("floatingIpEnabled"):
            labels = resource.inputs.get("labels") or {}
            # Heat and Cluster API drivers have a label each.
            allowed = next((value for label, value in labels.items() if label.endswith("master_lb_allowed_cidrs")), "")
            return f"Kubernetes API, from {allowed or 'anywhere'}"
        case "Service" if spec.get("type") in {"LoadBalancer", "NodePort"}:
            ranges = spec.get("loadBalancerSourceRanges") or ["anywhere"]
            return f"{spec['type']}, from {', '.join(map(str, ranges))}"
        case "Ingress":
            return f"Ingress {', '.join(str(rule.get('host', '*')) for rule in spec.get('rules') or [{}])}"
    return ""


def _kinds(made: Sequence[RecordedResource]) -> str:
    kinds = sorted(Counter(map(_kind, made)).items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(kind if count == 1 else f"{count} {kind}" for kind, count in kinds)


def _kind(resource: RecordedResource) -> str:
    provider = resource.type.startswith("pulumi:providers:")
    return f"provider {resource.type.rsplit(':', 1)[-1]}" if provider else short_type(resource.type).rsplit(":", 1)[-1]


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
