"""Exit codes of `gaia`, the same for every sub-command."""

from enum import IntEnum


class Exit(IntEnum):
    """What the program says to whoever called it."""

    WELL = 0
    """All is as it should be."""

    FOUND = 1
    """It looked, and something is refused, wrong, different or near its end."""

    USAGE = 2
    """The command line is wrong; nothing was done."""

    FAILED = 3
    """It could not be done, or could not be told: no Pulumi, no answer, a revision that nobody has, time is up."""

    INTERRUPTED = 130
    """Ctrl-C, as shells count it."""
