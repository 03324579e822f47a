"""`gaia drift`: where the cloud differs from the state, and how many days certificates are still valid."""

import argparse
from dataclasses import asdict

from cli.exit import Exit
from cli.output import complain, print_json, progress, tabular
from doctor.visit import ASKING_FAILS
from operate import drift
from operate.engine import EngineError
from settings import StackFileError


def run(options: argparse.Namespace) -> Exit:
    """Look at one stack: FOUND where something differs, ends within 60 days, or the stack file is wrong; FAILED where nobody answers."""
    try:
        with progress(f"Asking the cloud and the cluster of stack {options.stack}"):
            found = drift.look(options.stack, options.folder, mend=options.mend)
    except StackFileError as error:
        complain(error)
        return Exit.FOUND
    except (EngineError, ValueError, *ASKING_FAILS) as error:
        complain(error)
        return Exit.FAILED
    if options.json:
        plain = asdict(found) | {"deadlines": [asdict(each) | {"near": each.near} for each in found.deadlines]}
        print_json({"version": 1, "stack": options.stack} | plain)
    else:
        drift.show(found, options.stack, tabular())
    if found.unseen:
        complain(f"The objects of the cluster were not compared: {found.unseen}")
        return Exit.FAILED
    return Exit.FOUND if found.found else Exit.WELL
