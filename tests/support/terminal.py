"""What `gaia` shows on a terminal, which a pseudo-terminal plays."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

from tests.support.stack_files import ROOT


def on_a_terminal(columns: int, *words: str, errors: bool = True, **variables: str) -> str:
    """All that `gaia` shows on a terminal of so many columns, with its control sequences.

    errors: whether standard error is the terminal, too. variables: of the environment. Raises AssertionError where `gaia` fails.
    """
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES", "NO_COLOR"}} | {
        "TERM": "xterm-256color"
    }
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words],
        cwd=ROOT,
        env=environment | variables,
        stdin=follower,
        stdout=follower,
        stderr=follower if errors else subprocess.DEVNULL,
    ) as process:
        os.close(follower)
        shown = b""
        # Linux ends a terminal that nobody writes to any more by an error.
        with contextlib.suppress(OSError):
            while data := os.read(leader, 65536):
                shown += data
    os.close(leader)
    assert process.returncode == 0, shown
    return shown.decode()
