"""`gaia doctor`: is this cloud what the stack file says, before anything is made on it?"""

import argparse
import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict

from rich.console import Console

from cli.exit import Exit
from cli.output import complain, errors, print_json, tabular
from doctor.checks import examine
from doctor.table import show
from doctor.visit import Visit
from settings import PROJECT, StackFileError, load_file
from settings.values.cloud import OpenStackCloud


def run(options: argparse.Namespace) -> Exit:
    """Examine one stack's cloud: FOUND where something is wrong, FAILED where its file cannot be read."""
    try:
        settings = load_file(options.folder, options.stack).settings
    except StackFileError as error:
        complain(error)
        return Exit.FAILED
    if not isinstance(settings.cloud, OpenStackCloud):
        errors().print(f"Stack {options.stack} starts from a cluster that exists; the doctor looks at OpenStack clouds alone.")
        if options.json:
            print_json({"version": 1, "stack": options.stack, "findings": []})
        return Exit.WELL
    visit = Visit(settings, settings.cloud, f"{PROJECT}-{options.stack}")
    with warnings.catch_warnings(), _status(errors()) as status:
        warnings.simplefilter("ignore")  # of what openstacksdk will drop one day, and uses itself
        findings = list(examine(visit, status))
    if options.json:
        print_json({"version": 1, "stack": options.stack, "findings": list(map(asdict, findings))})
    else:
        show(findings, tabular(240))
    return Exit.FOUND if any(finding.verdict == "bad" for finding in findings) else Exit.WELL


@contextlib.contextmanager
def _status(console: Console) -> Iterator[Callable[[str], None]]:
    """A line that says what is being asked; nothing where nobody watches."""
    if not console.is_terminal:
        yield lambda _title: None
        return
    with console.status("Asking the cloud ...") as status:
        yield lambda title: status.update(f"Asking the cloud: {title} ...")
