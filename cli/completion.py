"""`gaia completion`: the script with which a shell completes names of sub-commands, options and stacks."""

import argparse

from argcomplete.shell_integration import shellcode

from cli.exit import Exit


def run(options: argparse.Namespace) -> Exit:
    """Print it."""
    print(shellcode(["gaia"], shell=options.shell))
    return Exit.WELL
