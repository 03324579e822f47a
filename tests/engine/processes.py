"""Processes of this machine, as /proc tells of them (proc_pid_stat(5))."""

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path


def named(*words: str) -> list[int]:
    """Those whose command line has every word."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if all(word in line for word in words):
                found.append(int(path.name))
    return found


def below(top: int) -> set[int]:
    """A process, and all that it has started: plug-ins have process groups of their own."""
    family, parents = {top}, _parents()
    while found := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= found
    return family


def within(folder: Path) -> list[int]:
    """Those that work in a folder, whoever their parent is now."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (path / "cwd").readlink() == folder:
                found.append(int(path.name))
    return found


def kill(pids: Iterable[int]) -> None:
    """SIGKILL to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _parents() -> dict[int, int]:
    """Each process, and the one that started it."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    return found
