"""Values as people read them: short, of one line, without signs that a terminal, a browser or a comment would obey."""

import difflib
import json
import unicodedata
from typing import Any

LONG = 120


def clean(text: Any, limit: int = 2000) -> str:
    """A text without control signs and signs that turn the direction of writing, cut where it is long; newlines stay."""
    whole = str(text)
    kept = "".join(sign if sign == "\n" or unicodedata.category(sign)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for sign in whole[:limit])
    return kept if len(whole) <= limit else f"{kept} ... ({len(whole)} characters)"


def shown(value: Any, limit: int = LONG) -> str:
    """A value in one line."""
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return clean(text.replace("\n", " "), limit)


def text_diff(before: Any, after: Any, limit: int) -> list[str]:
    """The lines by which two long texts differ, each with its sign and some around it; [] where one of them is short."""
    if not (isinstance(before, str) and isinstance(after, str)) or max(before.count("\n"), after.count("\n")) == 0:
        return []
    # Cut first: the time that a diff takes grows with the square of its lines.
    old, new = ([clean(line, 300) for line in text[:200_000].splitlines()[:3000]] for text in (before, after))
    lines = [line for line in difflib.unified_diff(old, new, lineterm="", n=1) if not line.startswith(("---", "+++"))]
    return [*lines[:limit], f"... and {len(lines) - limit} further lines"] if len(lines) > limit else lines
