"""`python -m preview STACK --recording FOLDER`: record one stack, and nothing else.

`gaia diff` runs it in the trees of two revisions, each with its own code, so this command line must stay the same. People call
`gaia preview`.
"""

import argparse
import sys
from pathlib import Path

import pulumi

from preview.recorder import ProgramError
from preview.run import record_with_fingerprints, stack_config
from settings import StackFileError

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Record one stack. Returns 0, or 1 where the stack file or the program refuses."""
    parser = argparse.ArgumentParser(prog="preview", description="Record what a stack registers, offline.")
    parser.add_argument("stack", help="name of the stack: Pulumi.<stack>.yaml")
    parser.add_argument("--recording", type=Path, required=True, help="folder for recording.json")
    options = parser.parse_args(arguments)
    try:
        config, secret_keys = stack_config(ROOT, options.stack)
        record_with_fingerprints(ROOT, options.stack, config=config, secret_keys=secret_keys).write(options.recording)
    except (StackFileError, pulumi.RunError, ProgramError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
