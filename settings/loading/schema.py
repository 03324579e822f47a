"""The schema of a stack file, the place of a key in it, and what that key accepts."""

import ast
import functools
import inspect
import itertools
import sys
from collections.abc import Iterator
from typing import Any

from settings.stack import StackSettings
from settings.values.vocabulary import KeyPath, Settings


@functools.cache
def stack_schema() -> dict[str, Any]:
    """The JSON Schema of what stands below `gaia-dmp:`. A setting's description is the text below its field."""
    made = StackSettings.model_json_schema()
    definitions = {StackSettings.__name__: made} | made["$defs"]
    for model in _models(Settings):
        if model.__name__ in definitions:
            properties = definitions[model.__name__]["properties"]
            for name, description in _descriptions(model):
                properties[name] = dict(sorted((properties[name] | {"description": description}).items()))
    return made


def _models(model: type[Settings]) -> Iterator[type[Settings]]:
    for each in model.__subclasses__():
        yield each
        yield from _models(each)


def _descriptions(model: type[Settings]) -> Iterator[tuple[str, str]]:
    """The text below each field of a model, and of those that it inherits from."""
    for each in reversed(model.__mro__):
        if issubclass(each, Settings):
            for field, text in itertools.pairwise(_classes(each.__module__)[each.__name__].body):
                match field, text:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(description))):
                        yield name, inspect.cleandoc(description)


@functools.cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module, as they are written."""
    return {node.name: node for node in ast.parse(inspect.getsource(sys.modules[module])).body if isinstance(node, ast.ClassDef)}


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A schema node with its reference resolved; of several alternatives, the one that has structure."""
    while True:
        if "$ref" in node:
            node = {**stack_schema()["$defs"][node["$ref"].rsplit("/", 1)[-1]], **{k: v for k, v in node.items() if k != "$ref"}}
        elif "anyOf" in node and (best := [o for o in node["anyOf"] if o.get("type") != "null"]):
            structured = [o for o in best if "$ref" in o or "discriminator" in o or o.get("type") == "array"]
            node = {**(structured or best)[0], **{k: v for k, v in node.items() if k != "anyOf"}}
        else:
            return node


def locate(loc: tuple[int | str, ...]) -> tuple[KeyPath, dict[str, Any]]:
    """The key path of a pydantic location (without its union tags) and the schema of that key."""
    path: list[int | str] = []
    node = _resolved(stack_schema())
    for part in loc:
        tags = node.get("discriminator", {}).get("mapping", {})
        if part in tags:
            node = _resolved({"$ref": tags[part]})
            continue
        path.append(part)
        child = (
            node.get("items", {})
            if isinstance(part, int)
            else node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
        )
        node = _resolved(child if isinstance(child, dict) else {})
    return tuple(path), node


def siblings(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that are accepted next to the last part of a pydantic location."""
    return list(locate(loc[:-1])[1].get("properties", {}))


def accepted_by(schema: dict[str, Any]) -> str:
    """What a key accepts: form and bounds, then its description."""
    description = " ".join(str(schema.get("description", "")).split())
    return "; ".join(part for part in (_form(schema), description) if part)


def _form(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "discriminator" in schema:
        return f"a mapping whose kind is one of {', '.join(schema['discriminator']['mapping'])}"
    match schema.get("type"):
        case "integer":
            low, high = schema.get("minimum"), schema.get("maximum")
            if low is not None and high is not None:
                return f"a whole number from {low} to {high}"
            return "a whole number" if low is None else f"a whole number from {low}"
        case "boolean":
            return "true or false"
        case "array":
            return "a list"
        case "object":
            return f"a mapping with keys {', '.join(schema['properties'])}" if "properties" in schema else "a mapping of text to text"
        case "string":
            return "text" + (f" such as {schema['examples'][0]}" if schema.get("examples") else "")
    return ""
