"""`gaia destroy`: destroy a stack, and list what is kept in the cloud."""

import argparse

from cli.exit import Exit
from cli.output import complain, errors, tabular
from operate import destroy
from operate.engine import EngineError
from settings import StackFileError


def run(options: argparse.Namespace) -> Exit:
    """Destroy a stack: FOUND if it is refused, with nothing changed; FAILED if it did not finish."""
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
