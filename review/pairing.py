"""Which resource of the base a resource of the change is: by its urn, by an alias, by a name that the provider keeps."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping

from recording import RecordedResource


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


def auto_name(resource: RecordedResource) -> str:
    """The name that the recorder made up for a Kubernetes object without one, or ""."""
    name = str(resource.inputs.get("metadata", {}).get("name", "")) if resource.type.startswith("kubernetes:") and resource.custom else ""
    return name if re.fullmatch(rf"{re.escape(resource.name)}-[0-9a-f]{{8}}", name) else ""


def keep_names(pairs: dict[str, RecordedResource | None], new: Mapping[str, RecordedResource]) -> None:
    """Give what was renamed the made-up name that it has now, here and wherever it is named: the provider keeps the one that stands."""
    kept = {
        auto_name(before): auto_name(new[urn])
        for urn, before in pairs.items()
        if before and before.urn != urn and auto_name(before) and auto_name(new[urn])
    }
    for urn, before in pairs.items():
        if before and kept:
            text = json.dumps(before.inputs)
            for old, now in kept.items():
                text = text.replace(old, now)
            pairs[urn] = dataclasses.replace(before, inputs=json.loads(text))
