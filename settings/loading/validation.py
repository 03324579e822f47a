"""Settings from plain data: errors of single keys, then broken rules between keys that are valid by themselves."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from settings.loading.field_errors import of_field
from settings.loading.refusal import Finding, key_text, nearest, shown
from settings.loading.schema import locate, siblings
from settings.stack import StackSettings
from settings.values.vocabulary import KeyPath, Problem, Settings


def validate(data: dict[str, Any]) -> tuple[StackSettings | None, list[Finding]]:
    """Settings and findings: errors of single keys first, then broken rules between keys that are valid by themselves."""
    try:
        settings = StackSettings.model_validate_json(json.dumps(data))
    except ValidationError as error:
        errors = error.errors(include_url=False)
    else:
        return settings, [_between(settings, path, problem) for path, problem in _problems(settings, ())]
    findings = [of_field(found) for found in errors]
    faulty = [locate(found["loc"])[0] for found in errors]
    mended = _mended(data, errors)
    if mended is not None:
        for path, problem in _problems(mended, ()):
            involved = [(*path, *problem.path), *((*path, *other) for other in problem.involves)]
            if not any(_touch(one, other) for one in involved for other in faulty):
                findings.append(_between(mended, path, problem))
    return None, findings


def _problems(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Problem]]:
    """Every problem of every model below `value`, with the path of the model that found it."""
    if isinstance(value, Settings):
        for problem in value.problems():
            yield path, problem
        for field in type(value).model_fields:
            yield from _problems(getattr(value, field), (*path, field))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _problems(item, (*path, index))


def _touch(one: KeyPath, other: KeyPath) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _between(settings: StackSettings, path: KeyPath, problem: Problem) -> Finding:
    full = (*path, *problem.path)
    value: Any = settings
    for part in full:
        value = (
            value.get(part)
            if isinstance(value, dict)
            else value[int(part)]
            if isinstance(value, tuple)
            else getattr(value, str(part), None)
        )
        if value is None:
            break
    if isinstance(value, Settings | tuple):
        value = None
    return Finding(
        key_text(full),
        problem.message,
        problem.accepted,
        shown(value if value is None or isinstance(value, bool) else str(value), full[-1]),
    )


def _mended(data: dict[str, Any], errors: list[Any]) -> StackSettings | None:
    """`data` with each faulty key renamed, dropped or set to its example, so that the rest can be checked; None if that fails.

    Nothing is created from it. Problems that involve such a key are not reported, because its value is not the engineer's.
    """
    copy = json.loads(json.dumps(data))
    for error in errors:
        path, schema = locate(error["loc"])
        if not path:
            return None
        parent = _parent(copy, path)
        if isinstance(parent, list):
            return None
        if not isinstance(parent, dict):
            continue
        key = str(path[-1])
        if error["type"] == "extra_forbidden":
            value = parent.pop(key, None)
            near = nearest(key, siblings(error["loc"]))
            if near:
                parent.setdefault(near, value)
        elif schema.get("examples"):
            parent[key] = schema["examples"][0]
        else:
            parent.pop(key, None)
    try:
        return StackSettings.model_validate_json(json.dumps(copy))
    except ValidationError:
        return None


def _parent(data: Any, path: KeyPath) -> Any:
    for part in path[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data
