"""The report on a terminal: colours where it is one, plain text where it is piped."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from recording import UNITS, short_type
from review.change import Change, Effect, Field
from review.report import REFUSALS, Report, grouped
from review.risks import TITLES
from review.texts import clean, pair, text_diff

_STYLES = {
    Effect.REFUSED: "bold red",
    Effect.REPLACED_AND_KEPT: "red",
    Effect.REPLACED: "red",
    Effect.PERHAPS_REPLACED: "red",
    Effect.DELETED: "red",
    Effect.LEAVES: "yellow",
    Effect.UPGRADE: "yellow",
    Effect.RESTART: "yellow",
    Effect.RUN_AGAIN: "yellow",
    Effect.PERHAPS_RUN_AGAIN: "yellow",
    Effect.CREATED: "green",
}
_SIGNS = {"create": "+", "delete": "-", "replace": "+-", "update": "~", "same": " ", "read": ">", "forget": "<"}


def print_report(report: Report, console: Console) -> None:
    """Print one stack's report, worst first."""
    dangerous = report.risks or report.refused
    console.print(Text(f"Stack {report.stack}: {report.base} -> {report.head}", style="bold"))
    console.print(Text(f"  {report.worst()}", style="red" if dangerous else "green"), end="\n\n")
    for side, message in report.refused.items():
        console.print(Text(f"{REFUSALS[side]}:", style="red"))
        console.print(Text(clean(message)), end="\n\n")
    for category, title in TITLES.items():
        found = report.of(category)
        if found:
            console.print(Text(title, style="bold red" if category in {"data", "cluster"} else "bold yellow"))
            for risk in found:
                console.print(Text(f"  {clean(risk.text)}"))
            console.print()
    _print_changes(report, console)
    if report.capacity.get("before") != report.capacity.get("after"):
        _print_capacity(report, console)
    for title, lines in (
        ("Outputs", report.outputs),
        ("Offline and engine differ", report.differs),
        ("Not known: what replaces", report.unknown),
        ("Notes", report.notes),
    ):
        if lines:
            console.print(Text(title, style="bold"))
            for line in lines:
                console.print(Text(f"  {clean(line)}", style="dim"))
            console.print()


def _print_changes(report: Report, console: Console) -> None:
    for effect, changes in grouped(report.changes).items():
        style = _STYLES.get(effect, "")
        console.print(Text(f"{effect.value} ({len(changes)})", style=style or "bold"))
        for change in changes:
            console.print(
                Text(f"  {_SIGNS[change.operation]:<3}{short_type(change.type)}  {clean(change.name)}{_forced(change)}", style=style)
            )
            for each in change.fields[:12] if change.operation != "create" else []:
                _print_field(each, console)
            if len(change.fields) > 12:
                console.print(Text(f"       ... and {len(change.fields) - 12} further inputs", style="dim"))
        console.print()


def _forced(change: Change) -> str:
    return f"  (forced by {clean(', '.join(change.forced_by))})" if change.forced_by else ""


def _print_field(each: Field, console: Console) -> None:
    marks = (" forces replacement" if each.forces else "") + (" overlooked" if each.ignored else "")
    marks += f" as {each.cause} changes" if each.cause else ""
    lines = text_diff(each.before, each.after, limit=20)
    if lines:
        console.print(Text(f"       {clean(each.path)}:{marks}", style="dim"))
        for line in lines:
            style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
            console.print(Text(f"         {line}", style=style))
    else:
        console.print(Text(f"       {clean(each.path)}: {' -> '.join(pair(each.before, each.after))}{marks}", style="dim"))


def _print_capacity(report: Report, console: Console) -> None:
    table = Table("capacity", *(escape(unit) for _, unit in UNITS), box=None)
    for side, sizes in report.capacity.items():
        for state in ("idle", "full"):
            size = sizes.get(state) or {}
            table.add_row(f"{side} {state}", *(str(size.get(key, 0)) for key, _ in UNITS))
    console.print(table, end="\n\n")
