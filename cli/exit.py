"""Exit codes of `gaia`, the same for every sub-command."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit code of a command."""

    WELL = 0
    """Everything is fine."""

    FOUND = 1
    """The command found something that is refused, wrong, different or about to expire."""

    USAGE = 2
    """The command line is wrong; nothing was done."""

    FAILED = 3
    """The command could not finish: Pulumi is missing, a service does not answer, a revision does not exist, or time ran out."""

    INTERRUPTED = 130
    """Ctrl-C, with the code that shells use."""
