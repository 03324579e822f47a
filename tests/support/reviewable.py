"""A recorded stack in the form in which people review its snapshot.

Three things are shorter, and nothing of them is lost. Outputs that repeat inputs are left out: the recorder answers so. A resource that
names another says its type and name, not the types of all its parents. Texts of files that are mounted into Pods stand elsewhere: a file of
components/ is named, because its own diff shows a change; a generated text is a snapshot of its own, and the stack's snapshot keeps its
digest.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from components.files import COMPONENTS
from recording import Recording
from tests.support.stack_files import ROOT

URN = re.compile(r"urn:pulumi:[^:\"]+::[^:\"]+::(?:[^$\"]*\$)*([^$\"]+)")
LONG = 500
"""Characters from which on a text of a ConfigMap is a file for itself."""


class TextFile(SingleFileSnapshotExtension):
    """A snapshot that is a text file."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


def files() -> dict[str, str]:
    """Text of every file that components mount as it is, to its path."""
    return {path.read_text(): str(path.relative_to(ROOT)) for path in sorted(COMPONENTS.glob("*/files/*")) if path.is_file()}


def generated(recordings: Mapping[str, Recording]) -> dict[str, str]:
    """Name of a generated text to the text: each once, with the names of its stacks where they differ. recordings: by stack."""
    stacks: dict[tuple[str, str], dict[str, list[str]]] = {}
    known = files()
    for stack, recording in recordings.items():
        for place, text in _long_texts(recording):
            if text not in known:
                stacks.setdefault(place, {}).setdefault(text, []).append(stack)
    return {
        " ".join([*place, *(["-".join(of)] if len(texts) > 1 else [])]): text
        for place, texts in stacks.items()
        for text, of in texts.items()
    }


def readable(text: str) -> str:
    """A generated text as lines: JSON in one line is spread out."""
    return text if "\n" in text else json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


def reviewable(recording: Recording) -> dict[str, Any]:
    """The recording as plain data, without what its files and its inputs tell already."""
    urns = [resource.urn for resource in recording.resources]
    assert len({_short(urn) for urn in urns}) == len(urns)
    data, known = json.loads(_short(recording.to_json())), files()
    for resource, urn in zip(data["resources"], urns, strict=True):
        resource["urn"] = urn
        inputs, outputs = resource["inputs"], resource["outputs"]
        if resource["custom"]:
            assert inputs.keys() <= outputs.keys(), urn
            resource["outputs"] = {key: value for key, value in outputs.items() if key not in inputs or value != inputs[key]}
        if inputs.get("kind") == "ConfigMap":
            inputs["data"] = {key: _reference(text, known) if _is_long(text) else text for key, text in inputs["data"].items()}
    return data


def _short(text: str) -> str:
    """The text with the last type and the name in place of each urn."""
    return URN.sub(r"\1", text)


def _reference(text: str, known: Mapping[str, str]) -> str:
    return known.get(text) or f"{len(text)} characters, SHA-256 {hashlib.sha256(text.encode()).hexdigest()}"


def _long_texts(recording: Recording) -> Iterator[tuple[tuple[str, str], str]]:
    for resource in recording.resources:
        if resource.inputs.get("kind") == "ConfigMap":
            yield from (((resource.name, key), text) for key, text in resource.inputs["data"].items() if _is_long(text))


def _is_long(text: Any) -> bool:
    return isinstance(text, str) and len(text) >= LONG
