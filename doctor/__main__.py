"""`python -m doctor STACK`: is this cloud what the stack file says, before anything is made on it?"""

import argparse
import contextlib
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from doctor.checks import examine
from doctor.visit import Finding, Visit
from settings import StackFileError, load_file
from settings.values.cloud import OpenStackCloud

ROOT = Path(__file__).resolve().parent.parent
MARKS = {"ok": ("✓", "green"), "bad": ("✗", "bold red"), "unknown": ("?", "yellow")}


@contextlib.contextmanager
def _status(console: Console) -> Iterator[Callable[[str], None]]:
    """A line that says what is being asked; nothing where nobody watches."""
    if not console.is_terminal:
        yield lambda _title: None
        return
    with console.status("Asking the cloud ...") as status:
        yield lambda title: status.update(f"Asking the cloud: {title} ...")


def show(findings: list[Finding], console: Console) -> None:
    """A table of findings, each bad or doubtful one with its fix, and the sum."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for finding in findings:
        mark, style = MARKS[finding.verdict]
        table.add_row(Text(mark, style), Text(finding.subject, "bold" if finding.fix else ""), Text(finding.says))
        if finding.fix:
            table.add_row("", "", Text(f"fix: {finding.fix}", "cyan"))
    console.print(table)
    counts = Counter(finding.verdict for finding in findings)
    console.print(f"\n{counts['ok']} well, {counts['bad']} wrong, {counts['unknown']} that cannot be told or want a thought")


def main(arguments: list[str] | None = None) -> int:
    """Examine one stack's cloud. Returns 0, or 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="doctor", description="Read-only checks of the cloud that a stack file names.")
    parser.add_argument("stack", nargs="?", default="dev", help="name of the stack: Pulumi.<stack>.yaml")
    parser.add_argument("--folder", type=Path, default=ROOT, help="where the stack file is")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 240)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        settings = load_file(options.folder, options.stack).settings
    except StackFileError as error:
        errors.print(str(error), style="red", markup=False)
        return 1
    if not isinstance(settings.cloud, OpenStackCloud):
        console.print(f"Stack {options.stack} starts from a cluster that exists; the doctor looks at OpenStack clouds alone.")
        return 0
    visit = Visit(settings, settings.cloud, f"gaia-dmp-{options.stack}")
    with warnings.catch_warnings(), _status(errors) as status:
        warnings.simplefilter("ignore")  # of what openstacksdk will drop one day, and uses itself
        findings = list(examine(visit, status))
    show(findings, console)
    return int(any(finding.verdict == "bad" for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
