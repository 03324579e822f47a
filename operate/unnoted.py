"""What the cloud has of a stack and the state knows nothing of: an answer was lost on its way, and the engine noted a failure, not an id.

The program says, offline, what it wants. What the state lacks of that is looked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from operate.engine import ROOT
from preview.answers import identifier
from preview.run import record, stack_config
from recording import RecordedResource

State = Mapping[str, Any]
"""A resource as the engine writes it."""

SHARED = ("openstack:dns/recordSet:RecordSet",)
"""Types of which another stack, or a person, may have made one of the same name."""


class Unnoted:
    """What a program wants and a state does not have.

    resources: of the state. noted: urns that are looked for already.

    Raises settings.StackFileError, and what the program refuses with.
    """

    def __init__(self, stack: str, folder: Path, resources: Sequence[State], noted: Sequence[str]) -> None:
        config, secret_keys = stack_config(folder, stack)
        recording = record(ROOT, stack, mode="update", config=config, secret_keys=secret_keys)
        self._known = {each["urn"]: each for each in resources if not each.get("delete")}
        self._ids = {identifier(urn): each["id"] for urn, each in self._known.items() if each.get("id")}
        self._left = [each for each in recording.resources if each.custom and each.urn not in {*self._known, *noted}]

    def sought(self, types: set[str]) -> Iterator[dict[str, Any]]:
        """What may stand, one after another, as a state would have it but for its id: `took` says that it was there."""
        self._left = [each for each in self._left if each.type in types - {*SHARED}]
        while ready := [each for each in self._left if self._can_be_told(each)]:
            self._left = [each for each in self._left if each not in ready]
            for each in ready:
                yield self._as_state(each)

    def took(self, resource: State) -> None:
        """Note the id of what was there, for those that need it."""
        self._known[resource["urn"]] = resource
        self._ids[identifier(resource["urn"])] = resource["id"]

    def _can_be_told(self, each: RecordedResource) -> bool:
        """Whether everything that it hangs on is in the state."""
        needed = {each.provider, each.parent, *(urn for urns in each.property_dependencies.values() for urn in urns)}
        return needed - {""} <= self._known.keys()

    def _as_state(self, each: RecordedResource) -> dict[str, Any]:
        stack = next(urn for urn in self._known if urn.split("::")[2] == "pulumi:pulumi:Stack")
        inputs = self._with_ids(each.inputs)
        return {
            "urn": each.urn, "custom": True, "type": each.type, "inputs": inputs, "outputs": inputs, "parent": each.parent or stack,
            "provider": f"{each.provider}::{self._known[each.provider]['id']}",
        }  # fmt: skip

    def _with_ids(self, value: Any) -> Any:
        """Recorded inputs with the ids of the cloud in place of the recorder's."""
        match value:
            case dict():
                return {key: self._with_ids(item) for key, item in value.items()}
            case list():
                return [self._with_ids(item) for item in value]
            case str():
                return self._ids.get(value, value)
        return value
