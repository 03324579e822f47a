"""Where sub-commands print: results to standard output, everything else to standard error."""

import json
import sys
from typing import Any

from rich.console import Console


def wide() -> Console:
    """Standard output for trees and lists, never wrapped where it is piped; a terminal wraps by itself."""
    return Console(highlight=False, soft_wrap=True)


def tabular(columns: int = 200) -> Console:
    """Standard output for tables. columns: its width where it is piped."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else columns)


def errors() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def complain(error: object) -> None:
    """Say on standard error why something is refused or failed."""
    errors().print(str(error), style="red", markup=False)


def print_json(value: Any) -> None:
    """Print plain data as JSON."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")
