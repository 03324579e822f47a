"""Whatever stands in a stack file: it is accepted or refused with a message, never a traceback, and the message names the file."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from settings import StackFileError, load
from tests.support.stack_files import STACKS, as_config, document

JUNK: list[Any] = [
    None,
    "",
    "x",
    "x.y/z",
    "\n{{ x }}",
    "é" * 300,
    -1,
    0,
    1.5,
    10**12,
    True,
    [],
    {},
    [1],
    [None],
    [[]],
    {"a": 1},
    {"kind": 1},
    {"kind": "x"},
    "10.0.0.0/8",
]


def paths(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Every path below `value`, inner nodes too."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from paths(child, (*path, key))


def section(data: dict, path: tuple) -> tuple[dict, Any]:
    """A copy of the section that a path leads into, and of what holds the path's last part: the rest of the file stays as it is."""
    result = {path[0]: copy.deepcopy(data[path[0]])}
    parent: Any = result
    for part in path[:-1]:
        parent = parent[part]
    return result, parent


def junk_by_path(stack: str) -> dict[tuple, list[Any]]:
    """What stands in each place in turn: all of it, or a fifth of it where a stack before this one has had all of it in the same place."""
    before = {path for other in STACKS[: STACKS.index(stack)] for path in paths(document(other))}
    return {path: JUNK[index % 5 :: 5] if path in before else JUNK for index, path in enumerate(paths(document(stack)))}


@pytest.mark.parametrize("stack", STACKS)
def test_junk_anywhere(stack):
    data = document(stack)
    config = as_config(data)
    refused = set()
    for path, values in junk_by_path(stack).items():
        for junk in values:
            changed, parent = section(data, path)
            parent[path[-1]] = junk
            try:
                load(config | as_config(changed), set(), "Pulumi.junk.yaml", need_secrets=False)
            except StackFileError as error:
                refused.add(path)
                assert str(error).startswith("Pulumi.junk.yaml: ")
                assert "  gaia-dmp:" in str(error)
    # No place of ours takes everything.
    assert {path for path, values in junk_by_path(stack).items() if values == JUNK and path[0].startswith("gaia-dmp:")} <= refused


@pytest.mark.parametrize("stack", STACKS)
def test_a_key_missing_anywhere(stack):
    data = document(stack)
    config = as_config(data)
    for path in paths(data):
        changed, parent = section(data, path)
        del parent[path[-1]]
        rest = {key: value for key, value in config.items() if key != path[0]}
        try:
            load(rest | as_config(changed), set(), "Pulumi.junk.yaml", need_secrets=False)
        except StackFileError as error:
            assert "accepted: " in str(error)


@pytest.mark.parametrize("stack", STACKS)
def test_a_key_misspelt_anywhere_is_told_with_the_right_one(stack):
    data = document(stack)
    config = as_config(data)
    for path in paths(data):
        if isinstance(path[-1], str) and len(path) > 1 and len(path[-1]) > 4 and "labels" not in path and "label" not in path[-1]:
            changed, parent = section(data, path)
            wrong = path[-1][:-2] + path[-1][-1] + path[-1][-2] + "s"
            parent[wrong] = parent.pop(path[-1])
            with pytest.raises(StackFileError) as caught:
                load(config | as_config(changed), set(), "Pulumi.junk.yaml", need_secrets=False)
            assert wrong in str(caught.value)
            assert "did you mean" in str(caught.value), (path, str(caught.value))
