"""Stacks as earlier versions of the program recorded them, and what today's program would lose of them.

One file per version in tests/recorded/: each stack's configuration then, and the resources that held data or that everything stands on.
`python -m tests.support.replay VERSION` writes one from the tree as it is; every landing adds its own.
"""

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recording import UNKNOWN, RecordedResource, Recording
from review.change import OPTION
from review.compare import compare
from tests.support.programs import record_data
from tests.support.stack_files import ROOT, STACKS, document

FOLDER = ROOT / "tests" / "recorded"

KEPT = (
    "openstack:sharedfilesystem/share:Share",
    "openstack:objectstorage/container:Container",
    "openstack:containerinfra/cluster:Cluster",
    "openstack:networking/network:Network",
    "openstack:networking/subnet:Subnet",
    "openstack:networking/floatingIp:FloatingIp",
    "kubernetes:core/v1:PersistentVolume",
    "kubernetes:core/v1:PersistentVolumeClaim",
    "kubernetes:core/v1:Namespace",
)
"""What holds data, or what everything stands on."""


def kept(recording: Recording) -> list[RecordedResource]:
    """The resources of a recording that no upgrade may replace or drop."""
    return [resource for resource in recording.resources if resource.type in KEPT and resource.custom]


def lost(old: list[dict[str, Any]], new: Recording) -> list[str]:
    """What today's program would drop, replace or leave unprotected of what an earlier one made. old: resources of a file here."""
    stood = {"parent": "", "provider": "", "custom": True, "secret_paths": [], "outputs": {}}
    before = dataclasses.replace(new, resources=[RecordedResource(**stood | resource) for resource in old])
    after = dataclasses.replace(new, resources=[each for each in new.resources if not each.custom or each.type in KEPT])
    findings = []
    for change in compare(before, after):
        if change.operation in {"delete", "forget"}:
            findings.append(f"{change.name} would be deleted: nothing has its urn {change.urn}, nor an alias of it")
        for each in change.fields:
            if each.forces and UNKNOWN not in (each.before, each.after):
                findings.append(f"{change.name} would be replaced: {each.path} was {each.before}, is {each.after}")
            elif each.path.startswith(OPTION) and each.before and not each.after:
                findings.append(f"{change.name} would no longer have {each.path.removeprefix(OPTION)}")
    return findings


def form(recording: Recording, data: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of one recorded stack."""
    resources = [
        {
            "urn": resource.urn,
            "type": resource.type,
            "name": resource.name,
            "inputs": resource.inputs,
            "options": {key: value for key, value in resource.options.items() if key in ("protect", "retainOnDelete")},
        }
        for resource in kept(recording)
    ]
    return {"config": data, "resources": resources}


def versions() -> list[Path]:
    """Every recorded version, oldest first."""
    return sorted(FOLDER.glob("*.json"))


if __name__ == "__main__":
    stacks = {stack: form(record_data(document(stack), stack=stack), document(stack)) for stack in STACKS}
    (FOLDER / f"{sys.argv[1]}.json").write_text(json.dumps(stacks, indent=1, sort_keys=True) + "\n", encoding="utf-8")
