"""User data of machines, as the program makes it."""

import base64
import functools
import io
import json
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from preview.recorder import Recorder
from preview.run import _program, _run, stack_config
from recording import Recording
from settings import PROJECT
from tests.support.programs import record_data
from tests.support.stack_files import ROOT, document, with_machines, write


def told(stack: str | dict[str, Any], machine: str) -> dict[str, Any]:
    """What cloud-init reads on one machine. stack: a real one, which then is on machines, or a configuration. machine: its resource."""
    return yaml.safe_load(user_data(stack, machine))


def user_data(stack: str | dict[str, Any], machine: str) -> str:
    """The same as the text that Nova gets."""
    data = with_machines(document(stack)) if isinstance(stack, str) else stack
    return _user_data(json.dumps(data))[machine]


def recorded(data: dict[str, Any], stack: str) -> Recording:
    """A stack on machines as Nova gets it. A recording has no user data, because that holds secrets."""
    recording = record_data(data, "update", stack)
    for each in recording.of_type("openstack:compute/instance:Instance"):
        each.inputs["userData"] = user_data(data, each.name)
    return recording


@functools.cache
def _user_data(data: str) -> Mapping[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), "x", json.loads(data))
        config, secret_keys = stack_config(Path(folder), "x")
    recorder = Recorder(PROJECT, "x", "update")
    _run(_program(ROOT), recorder, "x", config, secret_keys)
    inputs = {urn.rpartition("::")[2]: each for urn, each in recorder.revealed.items() if ":Instance::" in urn}
    return {name: each["userData"] for name, each in inputs.items()}


def files(data: Mapping[str, Any]) -> dict[str, str]:
    """Contents by path, of the files that a machine unpacks."""
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(data["write_files"][0]["content"]))) as archive:
        return {f"/{entry.name}": _text(archive, entry) for entry in archive}


def _text(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    file = archive.extractfile(entry)
    return file.read().decode() if file else ""
