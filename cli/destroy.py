"""`gaia destroy`: take a stack down, and say what is kept."""

import argparse

from cli.exit import Exit
from cli.output import complain, errors, tabular
from operate import destroy
from operate.engine import EngineError
from settings import StackFileError


def run(options: argparse.Namespace) -> Exit:
    """Take a stack down: FOUND where it is refused, with nothing touched; FAILED where it did not come to its end."""
    try:
        found = destroy.destroy(options.stack, options.confirm, options.folder, errors().print)
    except (destroy.RefusedError, StackFileError) as error:
        complain(error)
        return Exit.FOUND
    except EngineError as error:
        complain(error)
        return Exit.FAILED
    destroy.show(found, options.stack, tabular())
    return Exit.WELL
