"""Stacks as earlier versions of the program recorded them, and what today's program would lose of them.

One file per version in tests/recorded/: each stack's configuration then, and the resources that held data or that everything stands on.
`python -m tests.support.replay VERSION` writes one from the tree as it is; every landing adds its own.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from preview.recording import UNKNOWN, RecordedResource, Recording
from tests.support.programs import record_data
from tests.support.stack_files import ROOT, STACKS, document

FOLDER = ROOT / "tests" / "recorded"

FORCES: Mapping[str, tuple[str, ...]] = {
    "openstack:sharedfilesystem/share:Share": ("availabilityZone", "region", "shareNetworkId", "shareProto", "shareType", "snapshotId"),
    "openstack:objectstorage/container:Container": ("name", "region", "storagePolicy"),
    "openstack:containerinfra/cluster:Cluster": (
        "fixedNetwork",
        "fixedSubnet",
        "flavor",
        "floatingIpEnabled",
        "masterCount",
        "masterFlavor",
        "mergeLabels",
        "name",
        "region",
    ),
    "openstack:networking/network:Network": ("external", "region", "tenantId"),
    "openstack:networking/subnet:Subnet": ("cidr", "ipVersion", "networkId", "region", "tenantId"),
    "openstack:networking/floatingIp:FloatingIp": ("pool", "region", "subnetId"),
    "kubernetes:core/v1:PersistentVolumeClaim": ("metadata", "spec.accessModes", "spec.storageClassName"),
    "kubernetes:core/v1:Namespace": ("metadata.name",),
}
"""What holds data, or what everything stands on, to the inputs whose change replaces it (ForceNew of terraform-provider-openstack 3.4; what
Kubernetes keeps immutable). Labels of a cluster are left out: the program ignores their changes."""


def kept(recording: Recording) -> list[RecordedResource]:
    """The resources of a recording that no upgrade may replace or drop."""
    return [resource for resource in recording.resources if resource.type in FORCES and resource.custom]


def former_urns(resource: RecordedResource, by_urn: Mapping[str, RecordedResource]) -> Iterator[str]:
    """The urns under which the engine looks for a resource: its own, its aliases', and those that follow from its parent's.

    A child whose name begins with its parent's follows it to the parent's former name, as the engine does it
    (pulumi: sdk/python, inherited_child_alias).
    """
    yield resource.urn
    head, _, name = resource.urn.rpartition("::")
    for alias in resource.options.get("aliases", []):
        yield f"{head}::{alias.split('::')[-1]}"
    parent = by_urn.get(resource.parent)
    for urn in former_urns(parent, by_urn) if parent else ():
        former = urn.split("::")[-1]
        if parent and former != parent.name and name.startswith(parent.name):
            yield f"{head}::{former}{name.removeprefix(parent.name)}"


def lost(old: list[dict[str, Any]], new: Recording) -> list[str]:
    """What today's program would drop, replace or leave unprotected of what an earlier one made. old: resources of a file here."""
    by_urn = {resource.urn: resource for resource in new.resources}
    found = {urn: resource for resource in kept(new) for urn in former_urns(resource, by_urn)}
    findings = []
    for before in old:
        name, after = before["name"], found.get(before["urn"])
        if after is None:
            findings.append(f"{name} would be deleted: nothing has its urn {before['urn']}, nor an alias of it")
            continue
        for path in FORCES[before["type"]]:
            was, is_ = _at(before["inputs"], path), _at(after.inputs, path)
            if was != is_ and UNKNOWN not in (was, is_):
                findings.append(f"{name} would be replaced: {path} was {was}, is {is_}")
        options = [each for each in ("protect", "retainOnDelete") if before["options"].get(each) and not after.options.get(each)]
        findings += [f"{name} would no longer have {option}" for option in options]
    return findings


def _at(inputs: Mapping[str, Any], path: str) -> Any:
    value: Any = inputs
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


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
