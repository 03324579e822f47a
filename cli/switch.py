"""`gaia switch`: point the public name to the live stack."""

import argparse

from cli.exit import Exit
from cli.main import ROOT
from cli.output import complain
from operate.engine import EngineError, attend


def run(options: argparse.Namespace) -> int:
    """Deploy the switch: FAILED if that does not work."""
    try:
        code = attend(options.stack, "up", *(["--yes"] if options.yes else []), folder=ROOT / "switch")
    except EngineError as error:
        complain(error)
        return Exit.FAILED
    return Exit.FAILED if code else Exit.WELL
