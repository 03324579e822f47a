"""The report on a terminal, or as plain text in a pipe."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

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


_SHORT: Mapping[Effect, str] = {
    Effect.REPLACED_AND_KEPT: "replacement, old one kept",
    Effect.PERHAPS_REPLACED: "perhaps a replacement",
    Effect.PERHAPS_RUN_AGAIN: "perhaps runs again",
    Effect.LEAVES: "leaves the stack",
    Effect.UPGRADE: "upgrade",
    Effect.RENAMED: "renamed",
    Effect.OVERLOOKED: "no effect",
    Effect.SAFEGUARDS: "safeguards",
}
_OPERATIONS = (("create", "green"), ("update", "yellow"), ("replace", "red"), ("delete", "red"))


def print_reports(reports: Sequence[Report], console: Console, *, tree: bool) -> None:
    """Print the summary of all stacks, then of each that changes what matters, worst first.

    tree: every resource with its fields; otherwise one line per component.
    """
    _print_summary(reports, console)
    for report in reports:
        if report.changes or report.refused or report.differs:
            _print_report(report, console, tree=tree)
    notes = dict.fromkeys(note for report in reports for note in report.notes)
    for note in notes:
        console.print(Text(clean(note), style="dim"))


def _print_summary(reports: Sequence[Report], console: Console) -> None:
    """One line per stack: counts, restarts, and the worst of it."""
    width = max(len(clean(report.stack)) for report in reports)
    bases = " and ".join(dict.fromkeys(f"{clean(report.base)} -> {clean(report.head)}" for report in reports))
    console.print(Text(f"What changes, {bases}", style="bold"), end="\n\n")
    for report in reports:
        line = Text(f"  {clean(report.stack):<{width}}  ", style="bold")
        counts = report.counts
        for operation, style in _OPERATIONS:
            count = counts[operation] + (counts["forget"] if operation == "delete" else 0)
            line.append(f"{count:>3} {operation}  ", style=style if count else "dim")
        line.append(report.worst(), style="bold red" if report.risks or report.refused else "green")
        console.print(line)
    console.print()


def _print_report(report: Report, console: Console, *, tree: bool) -> None:
    """Print one stack's report, worst first."""
    console.print(Text(f"Stack {clean(report.stack)}", style="bold underline"), end="\n\n")
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
    if report.restarts:
        console.print(Text("Restarts", style="bold yellow"))
        for line in report.restarts:
            console.print(Text(f"  {clean(line)}"))
        console.print()
    (_print_changes if tree else _print_components)(report, console)
    if report.capacity.get("before") != report.capacity.get("after"):
        _print_capacity(report, console)
    for title, lines in (
        ("Outputs", report.outputs),
        ("Offline diff and engine disagree", report.differs),
        ("Unknown: what forces a replacement of", report.unknown),
    ):
        if lines:
            console.print(Text(title, style="bold"))
            for line in lines:
                console.print(Text(f"  {clean(line)}", style="dim"))
            console.print()


def _print_components(report: Report, console: Console) -> None:
    """One line per component that changes: how many resources, then their names and effects, the gravest first, as far as they fit."""
    rows: dict[str, list[Change]] = defaultdict(list)
    for change in sorted((each for each in report.changes if each.custom), key=lambda each: each.effect.rank):
        resource = change.after or change.before
        rows[resource.parent if resource else ""].append(change)
    if not rows:
        return
    console.print(Text("Components", style="bold"))
    titles = {urn: clean(urn.rsplit("::", 1)[-1]) or "(no component)" for urn in rows}
    shared = {title for title, count in Counter(titles.values()).items() if count > 1}
    titles = {urn: f"{title} {clean(urn.split('::')[2].rsplit(':', 1)[-1])}" if title in shared else title for urn, title in titles.items()}
    width = max(map(len, titles.values()))
    for urn, changes in rows.items():
        line = Text(f"  {titles[urn]:<{width}}  ", style="cyan")
        signs: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            signs[_SIGNS[change.operation].strip() or "="].append(change)
        for sign, found in signs.items():
            line.append(f"{sign}{len(found)} ", style=_STYLES.get(found[0].effect, ""))
        line.append(" ").append_text(_listed(changes, console.width - line.cell_len - 1))
        console.print(line)
    console.print()


def _listed(changes: Sequence[Change], room: int) -> Text:
    """Names and effects of changes in one line, at least the first one; what does not fit is counted."""
    found = Text()
    for index, change in enumerate(changes):
        words = f"{', ' if index else ''}{clean(change.name)} ({_SHORT.get(change.effect, change.effect.value)})"
        if index and found.cell_len + len(words) + len(f", {len(changes)} more") > room:
            return found.append(f", {len(changes) - index} more", style="dim")
        found.append(words, style=_STYLES.get(change.effect, ""))
    return found


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
    marks = (" forces replacement" if each.forces else "") + (" ignored" if each.ignored else "")
    marks += f" because {each.cause} changes" if each.cause else ""
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
