"""`gaia drift`: what in the cloud is no longer what the state says, and how many days certificates still have."""

import argparse
import contextlib
from dataclasses import asdict

from cli.exit import Exit
from cli.output import complain, errors, print_json, tabular
from operate import drift
from operate.engine import EngineError


def run(options: argparse.Namespace) -> Exit:
    """Look at one stack: FOUND where something differs, ends within 60 days or cannot be told, FAILED where the engine does not answer."""
    terminal = errors()
    try:
        with terminal.status(f"Asking the cloud of stack {options.stack} ...") if terminal.is_terminal else contextlib.nullcontext():
            found, deadlines = drift.look(options.stack, options.folder)
    except (EngineError, ValueError) as error:
        complain(error)
        return Exit.FAILED
    if options.json:
        plain = {"differences": list(map(asdict, found)), "deadlines": [asdict(each) | {"near": each.near} for each in deadlines]}
        print_json({"version": 1, "stack": options.stack} | plain)
    else:
        drift.show(found, deadlines, tabular())
    return Exit.FOUND if found or any(each.near for each in deadlines) else Exit.WELL
