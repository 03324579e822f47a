"""The Kubernetes objects of a recording: written as files, and checked strictly against the schema of the cluster's version."""

import functools
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from recording import SECRET, UNKNOWN, Recording

CUSTOM_SCHEMAS = Path(__file__).resolve().parent.parent / "schema" / "custom-resources"
"""JSON Schemas of the custom resources that we make, `<group>_<version>_<kind>.json`."""

_DEFINITIONS = "urn:kubernetes:definitions"


def of(recording: Recording) -> list[dict[str, Any]]:
    """The objects of a recording, as one would apply them; secrets masked, unknown values marked."""
    return [
        {"apiVersion": resource.inputs["apiVersion"], "kind": resource.inputs["kind"]} | resource.inputs
        for resource in recording.resources
        # What a chart holds is not known before Helm renders it.
        if resource.custom and resource.type.startswith("kubernetes:") and "apiVersion" in resource.inputs
    ]


def write(objects: list[dict[str, Any]], folder: Path) -> None:
    """One file per object, `<namespace>/<kind>-<name>.yaml`; `cluster` for objects of the whole cluster."""
    for item in objects:
        metadata = item["metadata"]
        path = folder / metadata.get("namespace", "cluster") / f"{item['kind'].lower()}-{metadata['name']}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(_masked(item), sort_keys=False, allow_unicode=True), encoding="utf-8")


def _masked(item: dict[str, Any]) -> dict[str, Any]:
    """A Secret with all of its data masked: what is not marked secret there is nobody's business either."""
    if item["kind"] != "Secret":
        return item
    return item | {key: dict.fromkeys(item[key], SECRET) for key in ("data", "stringData") if isinstance(item.get(key), dict)}


def check(objects: list[dict[str, Any]], version: str) -> list[str]:
    """Every field that the schema of Kubernetes `version` (such as 1.35) does not have or does not take so, with its path.

    Values that only the cloud can tell, and masked ones, pass. An object without a schema is a finding.
    """
    findings = []
    for item in objects:
        name = f"{item['kind']} {item['metadata'].get('namespace', 'cluster')}/{item['metadata']['name']}"
        validator = _validator(item["apiVersion"], item["kind"], _minor(version))
        if validator is None:
            findings.append(f"{name}: no schema for {item['apiVersion']} {item['kind']}")
            continue
        for error in validator.iter_errors(item):
            if error.instance not in (UNKNOWN, SECRET):
                path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path).lstrip(".")
                findings.append(f"{name}: {path or 'object'}: {error.message}")
    return findings


def _minor(version: str) -> int:
    found = re.match(r"1\.(\d+)", version)
    if not found:
        raise ValueError(f"Kubernetes version {version!r}: accepted: 1.<minor>")
    return int(found[1])


@functools.cache
def _validator(api_version: str, kind: str, minor: int) -> Any:
    """A validator for one kind, or None where no schema is known."""
    custom = CUSTOM_SCHEMAS / f"{api_version.replace('/', '_')}_{kind}.json"
    if custom.exists():
        return jsonschema_rs.validator_for(json.loads(custom.read_text(encoding="utf-8")))
    registry, names = _definitions(minor)
    group, _, api = api_version.rpartition("/")
    name = names.get((group, api, kind))
    return jsonschema_rs.validator_for({"$ref": f"{_DEFINITIONS}#/$defs/{name}"}, registry=registry) if name else None


@functools.cache
def _definitions(minor: int) -> tuple[jsonschema_rs.Registry, dict[tuple[str, str, str], str]]:
    """The strict definitions of the newest bundled version up to 1.`minor`, and their names by (group, version, kind).

    They are the data of the package kubernetes-validate. Its own validator reads them anew for each object; this one keeps them, in a
    registry, so that no kind's validator goes through all of them.
    """
    package = importlib.util.find_spec("kubernetes_validate")
    if package is None or package.origin is None:
        raise RuntimeError("the package kubernetes-validate is not installed")
    folder = Path(package.origin).parent / "kubernetes-json-schema"
    bundled = [int(found[1]) for path in folder.iterdir() if (found := re.fullmatch(r"v1\.(\d+)\.\d+-local-strict", path.name))]
    newest = max((known for known in bundled if known <= minor), default=min(bundled))
    text = (folder / f"v1.{newest}.0-local-strict" / "_definitions.json").read_text(encoding="utf-8")
    definitions = json.loads(text)["$defs"]
    names = {
        (kind["group"], kind["version"], kind["kind"]): name
        for name, definition in definitions.items()
        for kind in definition.get("x-kubernetes-group-version-kind", [])
    }
    return jsonschema_rs.Registry([(_DEFINITIONS, {"$defs": definitions})]), names
