"""`gaia doctor`: whether the cloud is what the stack file says, before anything is created on it."""

import argparse
import warnings
from dataclasses import asdict

from cli.exit import Exit
from cli.output import complain, errors, print_json, progress, tabular
from doctor.checks import examine
from doctor.table import show
from doctor.visit import Visit
from settings import PROJECT, StackFileError, load_file
from settings.values.cloud import OpenStackCloud


def run(options: argparse.Namespace) -> Exit:
    """Examine one stack's cloud: FOUND where something is wrong, its file among it."""
    try:
        settings = load_file(options.folder, options.stack).settings
    except StackFileError as error:
        complain(error)
        return Exit.FOUND
    if not isinstance(settings.cloud, OpenStackCloud):
        errors().print(f"Stack {options.stack} uses an existing cluster. The doctor checks only OpenStack clouds.")
        if options.json:
            print_json({"version": 1, "stack": options.stack, "findings": []})
        return Exit.WELL
    visit = Visit(settings, settings.cloud, f"{PROJECT}-{options.stack}")
    with warnings.catch_warnings(), progress("Asking the cloud") as status:
        warnings.simplefilter("ignore")  # about functions that openstacksdk will remove one day, and uses itself
        findings = list(examine(visit, lambda title: status(f"Asking the cloud: {title}")))
    if options.json:
        print_json({"version": 1, "stack": options.stack, "findings": list(map(asdict, findings))})
    else:
        show(findings, tabular(240))
    return Exit.FOUND if any(finding.verdict == "bad" for finding in findings) else Exit.WELL
