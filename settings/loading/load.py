"""The settings of a stack, from its file or from the configuration that the engine hands over."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settings.loading.refusal import Finding, nearest, refusal, shown, unknown_key
from settings.loading.stack_name import bucket_findings, name_findings, of_file, share_findings
from settings.loading.validation import validate
from settings.loading.yaml_file import read
from settings.stack import StackSettings
from settings.values.vocabulary import PROJECT


@dataclass(frozen=True)
class StackFile:
    """A stack file that was accepted.

    name: of the file, for messages. config: as the engine would hand it over; secrets are empty text.
    secret_keys: the config keys that hold secrets: encrypted in the file, or named by a setting and perhaps not there yet.
    """

    name: str
    settings: StackSettings
    config: Mapping[str, str]
    secret_keys: frozenset[str]


def load_file(folder: Path, stack: str) -> StackFile:
    """`Pulumi.<stack>.yaml` of a folder. Secrets that its settings name need not be there: nobody but the engine reads them.

    Raises StackFileError with every finding, and where there is no such file.
    """
    path = folder / f"Pulumi.{stack}.yaml"
    wrong = list(name_findings(stack))
    if wrong:
        raise refusal(path.name, wrong)
    config, encrypted = read(path)
    settings = load(config, encrypted, path.name, need_secrets=False)
    named = {f"{PROJECT}:{key}" for key in settings.secret_keys()}
    return StackFile(path.name, settings, config, frozenset(encrypted | named))


def load(config: Mapping[str, str], secret_keys: Collection[str], file: str, *, need_secrets: bool = True) -> StackSettings:
    """The settings in a stack's configuration.

    config: what `read` or `pulumi.runtime.get_config_env()` returns.
    secret_keys: the keys of it that are encrypted in the stack file.
    file: name of the stack file, for messages.
    need_secrets: whether a secret that a setting names must be there; the offline preview does without.

    Raises StackFileError with every finding.
    """
    stack = of_file(file)
    findings = list(name_findings(stack))
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
                Finding(
                    key,
                    "holds a secret inside a mapping or list, which the engine would pass on in plain text",
                    f"a separate top-level key, named by a *_secret setting: pulumi config set --secret {PROJECT}:<name>",
                )
            )
        else:
            data[name] = _from_engine(text)
    settings, field_findings = validate(data)
    findings += field_findings
    findings += [*bucket_findings(stack, settings), *share_findings(stack, settings)] if settings else ()
    named = settings.secret_keys() if settings else {}
    findings += _secret_findings(named, others, config, secret_keys, known=settings is not None, need_secrets=need_secrets)
    if findings or settings is None:
        raise refusal(file, findings)
    return settings


def _from_engine(text: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return value if isinstance(value, dict | list) else text


def _wrong_namespace(key: str, config: Mapping[str, str]) -> Finding:
    namespace, _, name = key.rpartition(":")
    if name in StackSettings.model_fields and (not namespace or nearest(namespace, [PROJECT])):
        meant = f"{PROJECT}:{name}"
        return Finding(key, f"unknown key; did you mean {meant}?", f"keys of the form {PROJECT}:<name>", shown(config[key], name), meant)
    return Finding(
        key,
        f"has no effect: every provider gets its settings from {PROJECT}:cloud" if namespace else "is not a key of a stack file",
        f"keys of the form {PROJECT}:<name>: {', '.join(StackSettings.model_fields)}",
        shown(config[key], name),
    )


def _secret_findings(
    named: Mapping[str, str], others: list[str], config: Mapping[str, str], secret_keys: Collection[str], *, known: bool, need_secrets: bool
) -> Iterator[Finding]:
    for name in others:
        key = f"{PROJECT}:{name}"
        if name in named:
            if key not in secret_keys:
                yield Finding(key, f"is a secret (named by {named[name]}) in plain text", f"pulumi config set --secret {key}", "[masked]")
        elif known or key not in secret_keys:
            # As long as the settings are wrong, it is unknown which secrets they name.
            yield unknown_key(key, config[key], [f"{PROJECT}:{field}" for field in [*StackSettings.model_fields, *named]])
    for name, setting in named.items() if need_secrets else ():
        if f"{PROJECT}:{name}" not in config:
            yield Finding(
                f"{PROJECT}:{name}", f"is missing: {setting} refers to this secret", f"pulumi config set --secret {PROJECT}:{name}"
            )
