"""How a stack file is refused: findings with key, value, message and what is accepted."""

import difflib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from settings.values.vocabulary import PROJECT, KeyPath

_SECRET_NAME = re.compile(r"(password|passwd|secret|token|(?<!public_)key|credential)s?$", re.IGNORECASE)


class StackFileError(Exception):
    """A stack file that is refused. Its text lists every finding: file, key path, value, what is wrong, what is accepted."""


@dataclass(frozen=True)
class Finding:
    """One error, as the message shows it.

    key: as `pulumi config set --path` accepts it. accepted, value: "" if there is nothing to show.
    meant: the key that was probably misspelt, or "".
    """

    key: str
    message: str
    accepted: str = ""
    value: str = ""
    meant: str = ""

    def __str__(self) -> str:
        lines = [f"  {self.key}" + (f": {self.value}" if self.value else ""), f"      {self.message}"]
        return "\n".join([*lines, f"      accepted: {self.accepted}"] if self.accepted else lines)


def refusal(file: str, findings: list[Finding]) -> StackFileError:
    """The error that lists everything that is wrong with one file, for the caller to raise."""
    # A misspelt key is not reported as missing, too.
    meant = {finding.meant for finding in findings if finding.meant}
    findings = [finding for finding in findings if not (finding.key in meant and finding.message == "is missing")]
    count = "1 error" if len(findings) == 1 else f"{len(findings)} errors"
    return StackFileError("\n\n".join([f"{file}: {count}; nothing was registered.", *map(str, findings)]))


def unknown_key(key: str, value: Any, known: Collection[str], inside: str = "") -> Finding:
    """A key that is not one of `known`, with the nearest of them. inside: path of the mapping that holds the key."""
    name = key.rsplit(".", 1)[-1]
    near = nearest(name, known)
    meant = (f"{inside}.{near}" if inside else near) if near else ""
    return Finding(key, "unknown key" + (f"; did you mean {meant}?" if meant else ""), ", ".join(known), shown(value, name), meant)


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that was probably meant, or None."""
    folded = {name.lower().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def key_text(path: KeyPath) -> str:
    """A key path in the form that `pulumi config set --path` accepts."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else f"{PROJECT}:{part}"
    return text or "config"


def shown(value: Any, key: int | str = "") -> str:
    """A value for a message: on one line, short, and masked if its key is that of a secret."""
    if value is None:
        return ""
    if _SECRET_NAME.search(str(key)) and not str(key).endswith("_secret"):
        return "[masked]"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = "".join(c if c.isprintable() else "?" for c in text.replace("\n", " "))
    return (text if len(text) <= 80 else text[:77] + "...") or '""'
