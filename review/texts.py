"""Values for display: short, on one line, without characters that a terminal, a browser or a comment would interpret."""

import difflib
import itertools
import json
import unicodedata
from typing import Any

LONG = 120


def clean(text: Any, limit: int = 2000) -> str:
    """A text without control characters and without characters that change the writing direction, cut if it is long. Newlines stay."""
    whole = str(text)
    kept = "".join(sign if sign == "\n" or unicodedata.category(sign)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for sign in whole[:limit])
    return kept if len(whole) <= limit else f"{kept} ... ({len(whole)} characters)"


def shown(value: Any, limit: int = LONG) -> str:
    """A value in one line."""
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return clean(text.replace("\n", " "), limit)


def pair(before: Any, after: Any) -> tuple[str, str]:
    """Two values on one line each; of long ones only the part that differs, with some context."""
    sides = [value if isinstance(value, str) else "" for value in (before, after)]
    if min(map(len, sides)) < LONG:
        return shown(before), shown(after)
    old, new = sides
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    first = max(0, start - LONG // 4)
    parts = [shown(side[first : len(side) - max(0, end - LONG // 4)]) for side in sides]
    before, after = (f"... {part}" if first else part for part in parts)
    return before, after


def _common(one: str, other: str) -> int:
    """The length of the common prefix of two texts."""
    return next((index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def text_diff(before: Any, after: Any, limit: int) -> list[str]:
    """The lines by which two long texts differ, each with its sign, and some context; [] if one of them is short."""
    if not (isinstance(before, str) and isinstance(after, str)) or max(before.count("\n"), after.count("\n")) == 0:
        return []
    # Cut first, because the time for a diff grows with the square of the number of lines.
    old, new = ([line[:5000] for line in text[:200_000].splitlines()[:3000]] for text in (before, after))
    lines = [line for line in difflib.unified_diff(old, new, lineterm="", n=1) if not line.startswith(("---", "+++"))]
    for index, (one, other) in enumerate(list(itertools.pairwise(lines))):
        if one.startswith("-") and other.startswith("+"):
            lines[index], lines[index + 1] = (sign + part for sign, part in zip("-+", pair(one[1:], other[1:]), strict=True))
    lines = [clean(line, 300) for line in lines]
    return [*lines[:limit], f"... and {len(lines) - limit} further lines"] if len(lines) > limit else lines
