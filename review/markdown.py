"""The report as one comment on all stacks, in GitHub's Markdown and within its limit. No text from a stack file can become markup."""

from collections.abc import Mapping, Sequence

from recording import UNITS, short_type
from review.change import Change
from review.report import REFUSALS, Report, grouped
from review.risks import TITLES, Category
from review.texts import clean, pair, shown, text_diff

MARKER = "<!-- gaia-dmp: review of stacks -->"
"""The first line of our comment, by which it is found."""

LIMIT = 65_000
"""Characters; GitHub accepts 65,536 in a comment."""

RISKS, CHANGES, FIELDS, NODES = 25, 40, 6, 60
"""Most lines of a category, changes of a group, inputs of a change, nodes of a graph. The rest is counted."""

EDGES = 400
"""Most edges of a graph; GitHub's Mermaid draws no graph with more than 500."""

_ICONS: Mapping[Category, str] = {
    "data": "🛑",
    "cluster": "🛑",
    "rights": "🔑",
    "network": "🌐",
    "pods": "🛡️",
    "image": "📦",
    "policy": "📋",
    "capacity": "📈",
}


def code(text: object, limit: int = 300) -> str:
    """A text as inline code, so that it cannot become markup, a mention or a link."""
    plain = clean(str(text).replace("\n", " "), limit).strip() or " "
    # More backticks than any run of them inside (CommonMark, code spans).
    ticks = "`" * (max((len(run) for run in "".join(c if c == "`" else " " for c in plain).split()), default=0) + 1)
    space = " " if plain[0] == "`" or plain[-1] == "`" else ""
    # A table cell ends at a pipe, even inside code (GitHub, tables).
    return f"{ticks}{space}{plain}{space}{ticks}".replace("|", "\\|")


def fenced(lines: Sequence[str], language: str = "") -> str:
    """Lines as a block of code that none of them can end."""
    runs = [len(line.strip()) - len(line.strip().lstrip("`")) for line in lines]
    fence = "`" * max(3, max(runs, default=0) + 1)
    return "\n".join([f"{fence}{language}", *lines, fence])


def comment(reports: Sequence[Report], link: str = "", warning: str = "") -> str:
    """The comment on all stacks. link: to the whole report, as Markdown, or "". warning: what must be read first.

    If it is too long, the least dangerous parts are left out, and the comment says so.
    """
    first = f"> [!CAUTION]\n> {code(warning, 1000)}" if warning else ""
    for detail in (2, 1, 0, -1):
        parts = [
            MARKER,
            "## What this changes",
            first,
            _table(reports),
            # A stack without changes has only its row in the table.
            *(_stack(report, detail) for report in reports if report.changes or report.refused or report.differs or len(reports) == 1),
            _foot(reports, link, detail),
        ]
        text = "\n\n".join(part for part in parts if part)
        if len(text) <= LIMIT:
            return text
    # Too many stacks for even a few lines each: the table alone, as far as it fits.
    rows = _table(reports).splitlines()
    parts = [MARKER, "## What this changes", first, "\n".join(rows[:400]), f"{max(len(rows) - 400, 0)} more. {link}"]
    return "\n\n".join(part for part in parts if part)


def _table(reports: Sequence[Report]) -> str:
    rows = ["| stack | create | update | replace | delete | worst |", "|---|---|---|---|---|---|"]
    for report in reports:
        counts = report.counts
        cells = [str(counts[key] + (counts["forget"] if key == "delete" else 0)) for key in ("create", "update", "replace", "delete")]
        rows.append(f"| {code(report.stack)} | {' | '.join(cells)} | {'⚠️ ' if report.risks or report.refused else '✅ '}{report.worst()} |")
    return "\n".join(rows)


def _stack(report: Report, detail: int) -> str:
    parts = [f"### Stack {code(report.stack)}"]
    for side, message in report.refused.items():
        words = clean(message, 3000 if detail >= 0 else 300)
        parts.append(f"{REFUSALS[side]}:\n\n{fenced(words.splitlines())}")
    for category, title in TITLES.items():
        # The table of sizes shows the others.
        found = [risk for risk in report.of(category) if category != "capacity" or risk.text.startswith("a month")]
        if found:
            most, length = (RISKS, 300) if detail >= 0 else (3, 100)
            lines = [f"- {code(risk.text, length)}" for risk in found[:most]]
            lines += [f"- ... and {len(found) - most} more"] if len(found) > most else []
            parts.append(f"**{_ICONS[category]} {title}**\n\n" + "\n".join(lines))
    if report.restarts and detail >= 0:
        lines = [f"- {code(line)}" for line in report.restarts[:RISKS]]
        lines += [f"- ... and {len(report.restarts) - RISKS} more"] if len(report.restarts) > RISKS else []
        parts.append("**🔄 Restarts**\n\n" + "\n".join(lines))
    if report.capacity.get("before") != report.capacity.get("after"):
        parts.append(_capacity(report))
    if detail and report.changes:
        parts.append(_folded("Graph of what changes", graph(report)))
    if report.changes and detail >= 0:
        parts += _groups(report, detail)
    if report.differs:
        parts.append("**Offline and engine differ**\n\n" + "\n".join(f"- {code(line)}" for line in report.differs[:RISKS]))
    if report.outputs and detail:
        parts.append(_folded("Outputs", "\n".join(f"- {code(line)}" for line in report.outputs[:RISKS])))
    if not report.changes and not report.refused:
        parts.append("Nothing changes.")
    return "\n\n".join(parts)


def _groups(report: Report, detail: int) -> list[str]:
    parts = []
    for effect, changes in grouped(report.changes).items():
        lines = [line for change in changes[:CHANGES] for line in _change(change, detail)]
        if len(changes) > CHANGES:
            lines.append(f"- ... and {len(changes) - CHANGES} more, of {_kinds(changes[CHANGES:])}")
        if detail == 0:
            lines = [f"- {len(changes)}: {_kinds(changes)}"]
        parts.append(_folded(f"{effect.value} ({len(changes)})", "\n".join(lines)))
    return parts


def _kinds(changes: Sequence[Change]) -> str:
    kinds = sorted({short_type(change.type) for change in changes})
    return ", ".join(code(kind) for kind in kinds[:12]) + (f" and {len(kinds) - 12} other types" if len(kinds) > 12 else "")


def _change(change: Change, detail: int) -> list[str]:
    forced = f", forced by {code(', '.join(change.forced_by))}" if change.forced_by else ""
    lines = [f"- {code(change.name)} {code(short_type(change.type))}{forced}"]
    if detail < 2 or change.operation == "create":
        return lines
    for each in change.fields[:FIELDS]:
        diff = text_diff(each.before, each.after, limit=12)
        marks = " **forces the replacement**" if each.forces else " (ignored)" if each.ignored else ""
        if diff:
            block = "\n".join(f"    {line}" for line in fenced(diff, "diff").splitlines())
            lines.append(f"  - {code(each.path)}{marks}\n\n{block}\n")
        else:
            because = f", as {code(each.cause)} changes" if each.cause else ""
            values = " → ".join(code(value) for value in pair(each.before, each.after))
            lines.append(f"  - {code(each.path)}: {values}{because}{marks}")
    if len(change.fields) > FIELDS:
        lines.append(f"  - ... and {len(change.fields) - FIELDS} further inputs")
    return lines


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _capacity(report: Report) -> str:
    rows = [f"| | {' | '.join(unit for _, unit in UNITS)} |", "|---" * (len(UNITS) + 1) + "|"]
    for state in ("idle", "full"):
        sides = [report.capacity[side].get(state) or {} for side in ("before", "after")]
        cells = [_moved(sides[0].get(key, 0), sides[1].get(key, 0)) for key, _ in UNITS]
        rows.append(f"| {state} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _moved(before: object, after: object) -> str:
    return shown(after) if before == after else f"**{shown(before)} → {shown(after)}**"


def graph(report: Report) -> str:
    """A Mermaid graph of what changes: components as boxes, resources in them, dependencies as arrows."""
    changes = [each for each in report.changes if _drawn(each)]
    risky = {risk.urn for risk in report.risks if risk.urn}
    changes.sort(key=lambda each: (each.urn not in risky, {"replace": 0, "delete": 0, "forget": 1}.get(each.operation, 2)))
    drawn, left = changes[:NODES], len(changes) - NODES
    # Names appear only in labels. Our ids cannot collide with Mermaid's keywords.
    ids = {each.urn: f"n{index}" for index, each in enumerate(drawn)}
    boxes: dict[str, list[Change]] = {}
    for each in drawn:
        resource = each.after or each.before
        boxes.setdefault(resource.parent.rsplit("::", 1)[-1] if resource else "", []).append(each)
    lines = ["flowchart LR"]
    for index, (box, members) in enumerate(sorted(boxes.items())):
        lines.append(f'  subgraph b{index}["{label(box) or "stack"}"]')
        lines += [f'    {ids[each.urn]}["{label(each.name)}"]:::{each.operation}' for each in members]
        lines.append("  end")
    edges = []
    for each in drawn:
        needs = sorted(set(each.after.made_of)) if each.after else []
        edges += [f"  {ids[urn]} --> {ids[each.urn]}" for urn in needs if urn in ids and urn != each.urn]
    lines += edges[:EDGES]
    lines += [
        "  classDef create fill:#dafbe1,stroke:#1a7f37,color:#0b3d1a",
        "  classDef update fill:#fff8c5,stroke:#9a6700,color:#3d2b00",
        "  classDef replace fill:#ffebe9,stroke:#cf222e,color:#5c0a10",
        "  classDef delete fill:#ffebe9,stroke:#cf222e,color:#5c0a10,stroke-dasharray:4",
        "  classDef forget fill:#ffebe9,stroke:#9a6700,color:#5c0a10,stroke-dasharray:4",
        "  classDef same fill:#f6f8fa,stroke:#8c959f,color:#24292f",
        "  classDef read fill:#f6f8fa,stroke:#8c959f,color:#24292f",
    ]
    more = f"\n\n... and {left} further resources." if left > 0 else ""
    return fenced(lines, "mermaid") + more


def _drawn(change: Change) -> bool:
    return change.custom and (change.operation != "same" or bool(change.former))


def label(text: str) -> str:
    """A text that Mermaid shows literally: letters, digits and a few signs; other characters as their numbers."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in " -_./") else f"#{ord(sign)};" for sign in clean(text, 60))


def _foot(reports: Sequence[Report], link: str, detail: int) -> str:
    notes = dict.fromkeys(note for report in reports for note in report.notes)
    unknown = sorted({type_ for report in reports for type_ in report.unknown})
    lines = [f"- {note}" for note in notes]
    if unknown:
        lines.append(f"- It is unknown what forces a replacement of {', '.join(code(each) for each in unknown[:10])}.")
    if detail < 2:
        lines.append("- Details are left out, because they do not fit into a comment.")
    if link:
        lines.append(f"- {link}")
    return _folded("What this cannot know", "\n".join(lines)) if lines else ""
