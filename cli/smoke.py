"""`gaia smoke`: the test notebook, once and from here."""

import argparse

from cli.exit import Exit
from cli.output import complain, errors
from operate.engine import EngineError
from operate.smoke import NoPasswordError, smoke
from settings import StackFileError


def run(options: argparse.Namespace) -> int:
    """Run it. Returns the notebook's own code, 0 if it passed; FOUND if there is no stack file, FAILED if it could not start."""

    def say(line: str) -> None:
        errors().print(line, style="dim", markup=False)

    try:
        return smoke(options.stack, options.folder, user=options.user, url=options.url, say=say)
    except StackFileError as error:
        complain(error)
        return Exit.FOUND
    except (NoPasswordError, EngineError) as error:
        complain(error)
        return Exit.FAILED
