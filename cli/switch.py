"""`gaia switch`: point the public name to the live stack."""

import argparse

from cli.exit import Exit
from cli.main import ROOT
from cli.output import complain
from operate.engine import EngineError, attend
from settings import StackFileError, read


def run(options: argparse.Namespace) -> int:
    """Deploy the switch: FOUND if there is no stack file, FAILED if it does not work."""
    folder = ROOT / "switch"
    try:
        read(folder / f"Pulumi.{options.stack}.yaml")
        code = attend(options.stack, "up", *(["--yes"] if options.yes else []), folder=folder)
    except StackFileError as error:
        complain(error)
        return Exit.FOUND
    except EngineError as error:
        complain(error)
        return Exit.FAILED
    return Exit.FAILED if code else Exit.WELL
