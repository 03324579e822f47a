"""Two sets of inputs, leaf by leaf: which of them differ."""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from review.change import Field

ALIGNED = 500
"""Items of a list up to which moved ones are found: the time that it takes grows with the square."""


def plain(path: str) -> str:
    """A path without its indices, as the providers' tables have it."""
    return re.sub(r"\[[^]]*\]", "", path)


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every leaf of a value with its path below `path`."""
    if isinstance(value, dict):
        # In an order of its own: that of a message of the SDK's protocol is not the same in every process.
        for key in sorted(value):
            yield from leaves(value[key], f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def differences(before: Any, after: Any, path: str = "") -> Iterator[Field]:
    """Every leaf that differs. Items of a list are matched by their `name` where all have one, else in their order."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}, key=str):
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list):
        if (old := _by_name(before)) is not None and (new := _by_name(after)) is not None:
            for name in dict.fromkeys([*old, *new]):
                yield from differences(old.get(name), new.get(name), f"{path}[{name}]")
        else:
            yield from _aligned(before, after, path)
    else:
        yield Field(path, before, after)


def _by_name(items: Sequence[Any]) -> dict[str, Any] | None:
    if not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in items):
        return None
    named = {item["name"]: item for item in items}
    return named if len(named) == len(items) else None


def _aligned(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[Field]:
    if max(len(before), len(after)) > ALIGNED:
        for index in range(max(len(before), len(after))):
            old, new = (side[index] if index < len(side) else None for side in (before, after))
            yield from differences(old, new, f"{path}[{index}]")
        return
    texts = [[json.dumps(item, sort_keys=True) for item in items] for items in (before, after)]
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for offset in range(max(i2 - i1, j2 - j1)):
            old = before[i1 + offset] if i1 + offset < i2 else None
            new = after[j1 + offset] if j1 + offset < j2 else None
            yield from differences(old, new, f"{path}[{j1 + offset if new is not None else i1 + offset}]")
