"""The whole recording as a tree, as `pulumi preview` shows it, with counts, capacity and outputs."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from recording import SECRET, STACK_TYPE, UNITS, UNKNOWN, RecordedResource, Recording, short_type

_MARKS = (
    ("protect", "protected"),
    ("retainOnDelete", "kept on delete"),
    ("replaceOnChanges", "replaced on change"),
    ("ignoreChanges", "ignores {}"),
    ("deletedWith", "deleted with {}"),
)


def print_tree(recording: Recording, console: Console) -> None:
    """Print every resource, then counts, capacity and outputs."""
    console.print(Text(f"Previewing update ({recording.stack}), offline", style="bold"), end="\n\n")
    rows = list(_rows(recording))
    widths = [max(len(kind) for kind, *_ in rows), max(len(name) for _, name, *_ in rows)]
    header = Text(f"     {'Type':<{widths[0]}}  {'Name':<{widths[1]}}  Info", style="dim")
    console.print(header)
    for kind, name, info, component in rows:
        line = Text(" +   ", style="green")
        line.append(f"{kind:<{widths[0]}}  ", style="bold" if component else "")
        line.append(f"{name:<{widths[1]}}  ", style="cyan")
        line.append(info, style="yellow")
        line.rstrip()
        console.print(line)
    console.print()
    _print_counts(recording, console)
    print_capacity(recording.outputs.get("capacity"), console)
    print_outputs(recording.outputs, console)


def _rows(recording: Recording) -> Iterator[tuple[str, str, str, bool]]:
    """Type with its branches, name, remarks, and whether it is a component: one row per resource, a parent before its children."""
    below: dict[str, list[RecordedResource]] = defaultdict(list)
    for resource in recording.resources:
        below[resource.parent].append(resource)
    yield STACK_TYPE, f"{recording.project}-{recording.stack}", "", True
    yield from _branches(below, "", "")


def _branches(below: Mapping[str, list[RecordedResource]], parent: str, indent: str) -> Iterator[tuple[str, str, str, bool]]:
    children = below.get(parent, [])
    for index, resource in enumerate(children):
        last = index == len(children) - 1
        branch, further = ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield f"{indent}{branch}{short_type(resource.type)}", resource.name, _info(resource), not resource.custom
        yield from _branches(below, resource.urn, indent + further)


def _info(resource: RecordedResource) -> str:
    parts = []
    for option, words in _MARKS:
        value = resource.options.get(option)
        if value:
            shown = value.rsplit("::", 1)[-1] if isinstance(value, str) else ", ".join(value) if isinstance(value, list) else ""
            parts.append(words.format(shown))
    return "; ".join(parts)


def _print_counts(recording: Recording, console: Console) -> None:
    custom = [resource for resource in recording.resources if resource.custom]
    kinds = Counter(
        short_type(resource.type).rsplit(":", 1)[-1] if not resource.type.startswith("pulumi:providers:") else "provider"
        for resource in custom
    )
    console.print(Text("Resources:", style="bold"))
    console.print(Text(f"    + {len(recording.resources) + 1} to create", style="green"))
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])))
    console.print(Text(f"      {listed}"))
    console.print(
        Text(f"      {len(recording.resources) - len(custom)} components, 1 stack, {len(recording.invokes)} queries answered offline\n")
    )


def print_capacity(capacity: Any, console: Console) -> None:
    """Print the stack's output `capacity`: what the stack uses when idle and at its full size."""
    if not isinstance(capacity, dict):
        return
    console.print(Text("Capacity:", style="bold"))
    for name in ("idle", "full"):
        size = capacity[name]
        console.print(Text(f"    {name}" + "".join(f"{size[key]:>7} {unit}" for key, unit in UNITS)))
    console.print()


def print_outputs(outputs: Mapping[str, Any], console: Console) -> None:
    """Print the stack's outputs but for its capacity; secrets are masked already."""
    shown = {key: value for key, value in outputs.items() if key != "capacity"}
    if not shown:
        return
    console.print(Text("Outputs:", style="bold"))
    width = max(map(len, shown))
    for key, value in sorted(shown.items()):
        text = value if isinstance(value, str) else json.dumps(value)
        style = "magenta" if text == SECRET else "dim" if text == UNKNOWN else ""
        console.print(Text(f"    {key:<{width}}  ").append(text, style=style))
