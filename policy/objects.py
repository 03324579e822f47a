"""The Kubernetes objects of a recording."""

from collections.abc import Iterator, Mapping
from typing import Any

from recording import RecordedResource, Recording


def objects(recording: Recording | None, *kinds: str) -> Iterator[RecordedResource]:
    """The Kubernetes objects of some kinds."""
    for resource in recording.resources if recording else []:
        if resource.custom and resource.inputs.get("kind") in kinds and resource.type.startswith("kubernetes:"):
            yield resource


def metadata(resource: RecordedResource) -> Mapping[str, Any]:
    """The metadata of an object; {} where it has none."""
    return resource.inputs.get("metadata") or {}
