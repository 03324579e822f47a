"""How sub-commands print: results to standard output, everything else to standard error."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class _Printer(Console):
    """A console whose reader may go (`gaia preview --tree | head`): cli/main.py knows what that means, rich would end with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def wide() -> Console:
    """Standard output for trees and lists, never wrapped where it is piped; a terminal wraps by itself."""
    return _Printer(highlight=False, soft_wrap=True)


def tabular(columns: int = 200) -> Console:
    """Standard output for tables. columns: its width where it is piped."""
    return _Printer(highlight=False, width=None if sys.stdout.isatty() else columns)


def summary(columns: int = 160) -> Console:
    """Standard output for lines that fit a terminal. columns: the width that summaries are cut to where it is piped; text stays whole."""
    terminal = sys.stdout.isatty()
    return _Printer(highlight=False, soft_wrap=not terminal, width=None if terminal else columns)


@contextlib.contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """Show on standard error what runs, and for how long; nothing where it is not a terminal. Yields what changes the title."""
    terminal = errors()
    if not terminal.is_terminal:
        yield lambda _title: None
        return
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=terminal, transient=True) as shown:
        task = shown.add_task(title, total=None)
        yield lambda title: shown.update(task, description=title)


def errors() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def complain(error: object) -> None:
    """Print on standard error why something is refused or failed."""
    errors().print(str(error), style="red", markup=False)


def print_json(value: Any) -> None:
    """Print plain data as JSON."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")
