"""A stack file as text: YAML read as Pulumi reads it, and its configuration as the engine would hand it over."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from settings.loading.refusal import Finding, refusal, shown, unknown_key
from settings.values.vocabulary import PROJECT

_FILE_KEYS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")

MAX_VALUES = 200_000
"""Most values in a stack file; a catalogue's entry has ten. A few anchors that refer to each other could expand to any number."""


class _Yaml(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML as Pulumi's own reader (go-yaml 3) reads it: `on`, `off` and dates are text, and a key may appear once."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:  # noqa: FBT001, FBT002 - signature of PyYAML
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} appears twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def read(path: Path) -> tuple[dict[str, str], set[str]]:
    """The configuration in a stack file, as the engine would hand it over, and the names of its secret keys.

    A secret's value stays encrypted and is given as empty text. Raises StackFileError where the file is missing, is not a YAML
    mapping, or holds keys that Pulumi does not know.
    """
    file = path.name
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Yaml)  # noqa: S506 - a subclass of the safe loader
        _count(document)
        json.dumps(document, default=str, allow_nan=False)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise refusal(file, [Finding("folder", f"there is no folder {path.parent}", "the folder of the stack files")]) from None
        others = ", ".join(sorted(found.name.removeprefix("Pulumi.").removesuffix(".yaml") for found in path.parent.glob("Pulumi.*.yaml")))
        raise refusal(file, [Finding("file", f"there is no {file} in {path.parent}", f"a stack that has a file: {others}")]) from None
    except (UnicodeDecodeError, OSError) as error:
        raise refusal(file, [Finding("file", f"cannot be read: {error}", "a text file in UTF-8")]) from None
    except RecursionError:
        raise refusal(file, [Finding("file", "is nested too deeply", "at most a few levels")]) from None
    except yaml.YAMLError as error:
        raise refusal(
            file, [Finding("file", f"is not YAML that Pulumi can read: {' '.join(str(error).split())}", "YAML, indented by spaces")]
        ) from None
    except (TypeError, ValueError) as error:
        raise refusal(
            file, [Finding("file", f"holds a value that no setting can have: {error}", "text, whole numbers, lists, mappings")]
        ) from None
    if not isinstance(document, dict):
        raise refusal(file, [Finding("file", "must be a mapping", "a mapping with the key config", shown(document))])
    findings = [unknown_key(str(key), document[key], _FILE_KEYS) for key in document if key not in _FILE_KEYS]
    config = document.get("config")
    if not isinstance(config, dict):
        findings.append(
            Finding(
                "config",
                "is missing" if config is None else "must be a mapping",
                f"a mapping with keys such as {PROJECT}:cloud",
                shown(config),
            )
        )
    if findings or not isinstance(config, dict):
        raise refusal(file, findings)
    secret = {str(key) for key, value in config.items() if isinstance(value, dict) and set(value) == {"secure"}}
    return {str(key): "" if str(key) in secret else _as_engine(value) for key, value in config.items()}, secret


def _count(document: Any) -> None:
    """Raises ValueError if a document expands to more than MAX_VALUES values."""
    left, waiting = MAX_VALUES, [document]
    while waiting:
        value = waiting.pop()
        items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        left -= len(items)
        if left < 0:
            raise ValueError(f"anchors that expand to more than {MAX_VALUES} values")
        waiting.extend(items)


def _as_engine(value: Any) -> str:
    """One configuration value as the text that the engine makes of it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str)
