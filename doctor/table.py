"""The findings on a terminal."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from doctor.visit import Finding

MARKS = {"ok": ("✓", "green"), "bad": ("✗", "bold red"), "unknown": ("?", "yellow")}


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print a table of findings, with fixes, and the totals."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for finding in findings:
        mark, style = MARKS[finding.verdict]
        table.add_row(Text(mark, style), Text(finding.subject, "bold" if finding.fix else ""), Text(finding.says))
        if finding.fix:
            table.add_row("", "", Text(f"fix: {finding.fix}", "cyan"))
    console.print(table)
    counts = Counter(finding.verdict for finding in findings)
    console.print(f"\n{counts['ok']} fine, {counts['bad']} wrong, {counts['unknown']} to check yourself")
