"""From a stack file to `StackSettings`, or to one message that lists everything that is wrong with it.

The engine hands a stack's configuration to the program as a flat mapping of text (PULUMI_CONFIG): a scalar as it stands, a
mapping or list as JSON. `read` makes the same mapping from a file, so that the offline preview and `pulumi up` go one way.
"""

import difflib
import functools
import ipaddress
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from settings.stack import StackSettings
from settings.values.vocabulary import KeyPath, Problem, Settings

PROJECT = "gaia-dmp"
_FILE_KEYS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")
_SECRET_NAME = re.compile(r"(password|passwd|secret|token|(?<!public_)key|credential)s?$", re.IGNORECASE)


class StackFileError(Exception):
    """A stack file that is refused. Its text lists every finding: file, key path, value, what is wrong, what is accepted."""


@dataclass(frozen=True)
class _Finding:
    key: str
    message: str
    accepted: str = ""
    value: str = ""
    meant: str = ""

    def __str__(self) -> str:
        lines = [f"  {self.key}" + (f": {self.value}" if self.value else ""), f"      {self.message}"]
        return "\n".join([*lines, f"      accepted: {self.accepted}"] if self.accepted else lines)


def _refusal(file: str, findings: list[_Finding]) -> StackFileError:
    # A key that is only misspelt is not missing as well.
    meant = {finding.meant for finding in findings if finding.meant}
    findings = [finding for finding in findings if not (finding.key in meant and finding.message == "is missing")]
    count = "1 error" if len(findings) == 1 else f"{len(findings)} errors"
    return StackFileError("\n\n".join([f"{file}: {count}; nothing was registered.", *map(str, findings)]))


class _Yaml(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML as Pulumi's own reader takes it (go-yaml 3): `on` and `off` are text, dates are text, a key stands once."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:  # noqa: FBT001, FBT002 - signature of PyYAML
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} stands twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def read(path: Path) -> tuple[dict[str, str], set[str]]:
    """The configuration in a stack file, as the engine would hand it over, and the names of its secret keys.

    A secret's value stays encrypted and is given as empty text. Raises StackFileError where the file is missing, is no YAML
    mapping, or holds keys that Pulumi does not know.
    """
    file = path.name
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Yaml)  # noqa: S506 - a subclass of the safe loader
        _count(document)
        json.dumps(document, default=str, allow_nan=False)
    except FileNotFoundError:
        others = ", ".join(sorted(found.name.removeprefix("Pulumi.").removesuffix(".yaml") for found in path.parent.glob("Pulumi.*.yaml")))
        raise _refusal(file, [_Finding("file", f"there is no {file} in {path.parent}", f"a stack that has a file: {others}")]) from None
    except (UnicodeDecodeError, OSError) as error:
        raise _refusal(file, [_Finding("file", f"cannot be read: {error}", "a text file in UTF-8")]) from None
    except RecursionError:
        raise _refusal(file, [_Finding("file", "is nested too deeply", "at most a few levels")]) from None
    except yaml.YAMLError as error:
        raise _refusal(
            file, [_Finding("file", f"is no YAML that Pulumi reads: {' '.join(str(error).split())}", "YAML, indented by spaces")]
        ) from None
    except (TypeError, ValueError) as error:
        raise _refusal(
            file, [_Finding("file", f"holds a value that no setting can have: {error}", "text, whole numbers, lists, mappings")]
        ) from None
    if not isinstance(document, dict):
        raise _refusal(file, [_Finding("file", "is no mapping", "a mapping with the key config", _shown(document))])
    findings = [_unknown(str(key), document[key], _FILE_KEYS) for key in document if key not in _FILE_KEYS]
    config = document.get("config")
    if not isinstance(config, dict):
        findings.append(
            _Finding(
                "config",
                "is missing" if config is None else "is no mapping",
                f"a mapping with keys such as {PROJECT}:cloud",
                _shown(config),
            )
        )
    if findings or not isinstance(config, dict):
        raise _refusal(file, findings)
    secret = {str(key) for key, value in config.items() if isinstance(value, dict) and set(value) == {"secure"}}
    return {str(key): "" if str(key) in secret else _as_engine(value) for key, value in config.items()}, secret


MAX_VALUES = 200_000
"""Values in a stack file; a catalogue's entry has ten. A few anchors that name each other unfold into any number."""


def _count(document: Any) -> None:
    """Raises ValueError where a document unfolds into more than MAX_VALUES values."""
    left, waiting = MAX_VALUES, [document]
    while waiting:
        value = waiting.pop()
        items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        left -= len(items)
        if left < 0:
            raise ValueError(f"anchors that unfold into more than {MAX_VALUES} values")
        waiting.extend(items)


def _as_engine(value: Any) -> str:
    """One configuration value as the text that the engine makes of it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str)


def load(config: Mapping[str, str], secret_keys: Collection[str], file: str, *, need_secrets: bool = True) -> StackSettings:
    """The settings in a stack's configuration.

    config: what `read` or `pulumi.runtime.get_config_env()` returns.
    secret_keys: the keys of it that are encrypted in the stack file.
    file: name of the stack file, for messages.
    need_secrets: whether a secret that a setting names must be there; the offline preview does without.

    Raises StackFileError with every finding.
    """
    findings: list[_Finding] = []
    data: dict[str, Any] = {}
    others: list[str] = []
    for key, text in config.items():
        namespace, _, name = key.partition(":")
        if namespace == "pulumi":
            continue
        if namespace != PROJECT or not name:
            findings.append(_wrong_namespace(key, config))
        elif name not in StackSettings.model_fields:
            others.append(name)
        elif key in secret_keys or '"secure":' in text:
            findings.append(
                _Finding(
                    key,
                    "holds a secret inside a structure, which the engine would hand over in clear",
                    f"a top-level key of its own, named by a *_secret setting: pulumi config set --secret {PROJECT}:<name>",
                )
            )
        else:
            data[name] = _from_engine(text)
    settings, field_findings = _validate(data)
    findings += field_findings
    named = settings.secret_keys() if settings else {}
    findings += _secret_findings(named, others, config, secret_keys, known=settings is not None, need_secrets=need_secrets)
    if findings or settings is None:
        raise _refusal(file, findings)
    return settings


def _from_engine(text: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return value if isinstance(value, dict | list) else text


def _wrong_namespace(key: str, config: Mapping[str, str]) -> _Finding:
    namespace, _, name = key.rpartition(":")
    if name in StackSettings.model_fields and (not namespace or _nearest(namespace, [PROJECT])):
        meant = f"{PROJECT}:{name}"
        return _Finding(key, f"unknown key; did you mean {meant}?", f"keys of the form {PROJECT}:<name>", _shown(config[key], name), meant)
    return _Finding(
        key,
        f"has no effect: every provider gets its settings from {PROJECT}:cloud" if namespace else "is no key of a stack file",
        f"keys of the form {PROJECT}:<name>: {', '.join(StackSettings.model_fields)}",
        _shown(config[key], name),
    )


def _secret_findings(
    named: Mapping[str, str], others: list[str], config: Mapping[str, str], secret_keys: Collection[str], *, known: bool, need_secrets: bool
) -> Iterator[_Finding]:
    for name in others:
        key = f"{PROJECT}:{name}"
        if name in named:
            if key not in secret_keys:
                yield _Finding(
                    key, f"is a secret ({named[name]} names it) that stands in clear", f"pulumi config set --secret {key}", "[masked]"
                )
        elif known or key not in secret_keys:
            # While the settings are wrong, nobody knows which secrets they name.
            yield _unknown(key, config[key], [f"{PROJECT}:{field}" for field in [*StackSettings.model_fields, *named]])
    for name, setting in named.items() if need_secrets else ():
        if f"{PROJECT}:{name}" not in config:
            yield _Finding(f"{PROJECT}:{name}", f"is missing: {setting} names this secret", f"pulumi config set --secret {PROJECT}:{name}")


def _validate(data: dict[str, Any]) -> tuple[StackSettings | None, list[_Finding]]:
    """Settings and findings: errors of single keys first, then what is wrong between keys that are right by themselves."""
    try:
        settings = StackSettings.model_validate_json(json.dumps(data))
    except ValidationError as error:
        errors = error.errors(include_url=False)
    else:
        return settings, [_between(settings, path, problem) for path, problem in _problems(settings, ())]
    findings = [_of_field(found) for found in errors]
    faulty = [_locate(found["loc"])[0] for found in errors]
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


def _between(settings: StackSettings, path: KeyPath, problem: Problem) -> _Finding:
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
    return _Finding(_key(full), problem.message, problem.accepted, _shown(None if value is None else str(value), full[-1]))


def _mended(data: dict[str, Any], errors: list[Any]) -> StackSettings | None:
    """`data` with each faulty key renamed, dropped or given its example, so that the rest can be checked; None where that fails.

    Nothing is built from it. Problems that touch a mended key are not reported, because the value there is not the engineer's.
    """
    copy = json.loads(json.dumps(data))
    for error in errors:
        path, schema = _locate(error["loc"])
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
            near = _nearest(key, _siblings(error["loc"]))
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


@functools.cache
def _schema() -> dict[str, Any]:
    return StackSettings.model_json_schema()


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A schema node with its reference followed, and of alternatives the one that has structure."""
    while True:
        if "$ref" in node:
            node = {**_schema()["$defs"][node["$ref"].rsplit("/", 1)[-1]], **{k: v for k, v in node.items() if k != "$ref"}}
        elif "anyOf" in node and (best := [o for o in node["anyOf"] if o.get("type") != "null"]):
            structured = [o for o in best if "$ref" in o or "discriminator" in o or o.get("type") == "array"]
            node = {**(structured or best)[0], **{k: v for k, v in node.items() if k != "anyOf"}}
        else:
            return node


def _locate(loc: tuple[int | str, ...]) -> tuple[KeyPath, dict[str, Any]]:
    """The key path of a pydantic location (without its union tags) and the schema of that key."""
    path: list[int | str] = []
    node = _resolved(_schema())
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


def _siblings(loc: tuple[int | str, ...]) -> list[str]:
    """The keys accepted where the last part of a pydantic location stands."""
    return list(_locate(loc[:-1])[1].get("properties", {}))


def _of_field(error: Any) -> _Finding:
    path, schema = _locate(error["loc"])
    kind, value = error["type"], error.get("input")
    if kind == "extra_forbidden":
        return _unknown(_key(path), value, _siblings(error["loc"]), _key(path[:-1]))
    if kind == "missing":
        return _Finding(_key(path), "is missing", _accepted(schema))
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        tag = value.get("kind") if isinstance(value, dict) else value
        tags = ", ".join(schema.get("discriminator", {}).get("mapping", {}))
        if not isinstance(value, dict):
            return _Finding(_key(path), "is no mapping", f"a mapping whose kind is one of {tags}", _shown(value))
        near = _nearest(str(tag), tags.split(", "))
        hint = f"is no kind of {_key(path)}" + (f"; did you mean {near}?" if near else "")
        return _Finding(_key((*path, "kind")), "is missing" if tag is None else hint, tags, _shown(tag))
    return _Finding(_key(path), _sentence(error), _accepted(schema), _shown(value, path[-1] if path else ""))


_SENTENCES = {
    "int_type": "is no whole number",
    "int_parsing": "is no whole number",
    "string_type": "is no text",
    "bool_type": "is neither true nor false",
    "model_type": "is no mapping",
    "model_attributes_type": "is no mapping",
    "dict_type": "is no mapping",
    "tuple_type": "is no list",
    "literal_error": "is none of the accepted values",
    "string_pattern_mismatch": "has not the form that is wanted",
}


def _sentence(error: Any) -> str:
    if error["type"] in _SENTENCES:
        return _SENTENCES[error["type"]]
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    value = error.get("input")
    if error["type"] == "ip_v4_network" and isinstance(value, str):
        try:
            return f"has bits set outside its prefix; did you mean {ipaddress.IPv4Network(value, strict=False)}?"
        except ValueError:
            pass
    return message if message != error["msg"] else message[:1].lower() + message[1:]


def _unknown(key: str, value: Any, known: Collection[str], inside: str = "") -> _Finding:
    name = key.rsplit(".", 1)[-1]
    near = _nearest(name, known)
    meant = (f"{inside}.{near}" if inside else near) if near else ""
    return _Finding(key, "unknown key" + (f"; did you mean {meant}?" if meant else ""), ", ".join(known), _shown(value, name), meant)


def _nearest(word: str, known: Collection[str]) -> str | None:
    folded = {name.lower().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def _accepted(schema: dict[str, Any]) -> str:
    """What a key accepts: its form and bounds, then its description."""
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


def _key(path: KeyPath) -> str:
    """A key path in the form that `pulumi config set --path` takes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else f"{PROJECT}:{part}"
    return text or "config"


def _shown(value: Any, key: int | str = "") -> str:
    """A value for a message: on one line, short, and masked where its key is that of a secret."""
    if value is None:
        return ""
    if _SECRET_NAME.search(str(key)) and not str(key).endswith("_secret"):
        return "[masked]"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = "".join(c if c.isprintable() else "?" for c in text.replace("\n", " "))
    return (text if len(text) <= 80 else text[:77] + "...") or '""'
