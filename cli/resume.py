"""`gaia resume`: take up a stack whose engine was killed."""

import argparse

import pulumi

from cli.exit import Exit
from cli.output import complain, progress, tabular
from doctor.visit import ASKING_FAILS
from operate import resume
from operate.engine import EngineError
from preview.recorder import ProgramError
from settings import StackFileError


def run(options: argparse.Namespace) -> Exit:
    """Take up one stack: FOUND where its file is wrong or a name stands twice or unmarked, FAILED where nobody answers."""
    try:
        with progress(f"Looking for what stack {options.stack} was making"):
            done = resume.resume(options.stack, options.folder, unmarked=options.unmarked)
    except (StackFileError, ProgramError, pulumi.RunError, ValueError) as error:
        complain(error)
        return Exit.FOUND
    except (EngineError, *ASKING_FAILS) as error:
        complain(error)
        return Exit.FAILED
    resume.show(done, options.stack, tabular())
    return Exit.WELL
