"""One resource that changes, and what that means for the platform."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from recording import RecordedResource

Operation = Literal["create", "delete", "replace", "update", "same", "read", "forget"]
"""The engine's operations; `forget`: the resource leaves the state and stays in the cloud."""

OPTION = "(option) "
"""Prefix of an option among the fields: it only changes the state."""


class Effect(Enum):
    """What an operation means, in words, the gravest first."""

    REFUSED = "refused"
    REPLACED_AND_KEPT = "replacement, the old one is kept in the cloud"
    REPLACED = "replacement"
    PERHAPS_REPLACED = "replacement, unless the cloud already chose this value"
    DELETED = "delete"
    LEAVES = "leaves the stack, stays in the cloud"
    UPGRADE = "upgrade: Magnum moves the cluster to another template, node by node"
    RESTART = "restart"
    RUN_AGAIN = "runs again"
    PERHAPS_RUN_AGAIN = "runs again, unless the cloud already chose this value"
    IN_PLACE = "in place"
    CREATED = "create"
    READ = "read"
    RENAMED = "renamed, nothing else changes"
    OVERLOOKED = "no effect: the program ignores it"
    SAFEGUARDS = "only its safeguards in the state"

    @property
    def rank(self) -> int:
        """Its rank, 0 for the gravest."""
        return list(Effect).index(self)


@dataclass(frozen=True)
class Field:
    """One input that differs.

    path: `spec.template.spec.containers[server].image`. before, after: values, None where there is none; both `[secret]` or `[unknown]`
    where only fingerprints tell them apart. forces: it replaces the resource. ignored: the program tells the engine to overlook it.
    cause: name of the resource whose replacement changes the value, or "". doubtful: the cloud may have chosen just this before it was
    given.
    """

    path: str
    before: Any
    after: Any
    forces: bool = False
    ignored: bool = False
    cause: str = ""
    doubtful: bool = False


@dataclass
class Change:
    """One resource that changes.

    former: the urn in the base, where an alias leads there. forced_by: what makes it a replacement. deleted_first: before the new one
    stands.
    doubtful: nothing happens where the cloud chose by itself what is given now.
    """

    urn: str
    type: str
    name: str
    operation: Operation
    before: RecordedResource | None
    after: RecordedResource | None
    fields: list[Field] = field(default_factory=list)
    former: str = ""
    forced_by: list[str] = field(default_factory=list)
    deleted_first: bool = False
    doubtful: bool = False

    @property
    def custom(self) -> bool:
        """Whether it belongs to a provider. A component only groups other resources."""
        resource = self.after or self.before
        return bool(resource and resource.custom)

    @property
    def refused(self) -> str:
        """Why the engine would stop before it changes anything, or ""."""
        protected = bool(self.before and self.before.options.get("protect") and "read" not in self.before.options)
        if self.operation in {"delete", "forget", "replace"} and protected:
            return "it is protected, so the engine refuses the whole update"
        if self.type.endswith(":Share") and any(each.path == "size" and _smaller(each.before, each.after) for each in self.fields):
            return "a hook of the program refuses it, because data that does not fit would be lost"
        if self._in_its_own_way():
            return "a hook of the program refuses it, because the old one still stands under its name"
        return ""

    def _in_its_own_way(self) -> bool:
        """Whether the new one is made while the old one stands, in the same project, and the program looks before (decision 54)."""
        if self.operation != "replace" or self.deleted_first or not self.before or not self.after:
            return False
        looked_for = any(hook.endswith("-first-look") for hook in self.after.options.get("hooks", []))
        title = "description" if self.type.endswith(":FloatingIp") else "name"
        own = set(self.forced_by) <= {each.path for each in self.fields}
        return looked_for and own and not self.doubtful and self.before.inputs.get(title) == self.after.inputs.get(title)

    @property
    def effect(self) -> Effect:
        """What the operation means for the platform."""
        if self.refused:
            return Effect.REFUSED
        match self.operation:
            case "replace" if self.before and self.before.options.get("retainOnDelete"):
                return Effect.REPLACED_AND_KEPT
            case "replace" if self.type == "kubernetes:batch/v1:Job":
                return Effect.PERHAPS_RUN_AGAIN if self.doubtful else Effect.RUN_AGAIN
            case "replace":
                return Effect.PERHAPS_REPLACED if self.doubtful else Effect.REPLACED
            case "update":
                return self._in_place()
            case "same" if self.former:
                return Effect.RENAMED
            case "same" if any(not each.path.startswith(OPTION) for each in self.fields):
                return Effect.OVERLOOKED
        return _PLAIN[self.operation]

    def _in_place(self) -> Effect:
        paths = [each.path for each in self.fields if not each.ignored]
        if self.type == "openstack:containerinfra/cluster:Cluster" and "clusterTemplateId" in paths:
            return Effect.UPGRADE
        if self.type.removeprefix("kubernetes:") in _TEMPLATES and any(path.startswith("spec.template") for path in paths):
            return Effect.RESTART
        return Effect.IN_PLACE


_PLAIN: Mapping[Operation, Effect] = {
    "create": Effect.CREATED,
    "delete": Effect.DELETED,
    "read": Effect.READ,
    "forget": Effect.LEAVES,
    "same": Effect.SAFEGUARDS,
}
_TEMPLATES = {"apps/v1:Deployment", "apps/v1:DaemonSet", "apps/v1:StatefulSet"}


def _smaller(before: Any, after: Any) -> bool:
    return isinstance(before, int) and isinstance(after, int) and after < before
