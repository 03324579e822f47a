"""One resource that does not stay as it is, and what that means to whoever runs the platform."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from recording import RecordedResource

Operation = Literal["create", "delete", "replace", "update", "same", "read", "forget"]
"""As the engine calls them; `forget`: it leaves the state and stays in the cloud."""

OPTION = "(option) "
"""Stands before the name of an option among the fields: it changes the state alone."""


class Effect(Enum):
    """What an operation means, the gravest first. value: in words."""

    REFUSED = "refused"
    REPLACED_AND_KEPT = "replacement, the old one is kept in the cloud"
    REPLACED = "replacement"
    PERHAPS_REPLACED = "replacement, unless the cloud has chosen the same by itself"
    DELETED = "delete"
    LEAVES = "leaves the stack, stays in the cloud"
    UPGRADE = "upgrade: Magnum moves the cluster to another template, node by node"
    RESTART = "restart"
    RUN_AGAIN = "runs again"
    PERHAPS_RUN_AGAIN = "runs again, unless the cloud has chosen the same by itself"
    IN_PLACE = "in place"
    CREATED = "create"
    READ = "read"
    RENAMED = "renamed, nothing is touched"
    OVERLOOKED = "nothing: the program overlooks it"
    SAFEGUARDS = "nothing but its safeguards in the state"

    @property
    def rank(self) -> int:
        """Its place in the order of gravity, 0 for the gravest."""
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
    """One resource that does not stay as it is.

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
        """Whether it is of a resource of some provider; a component is nothing but a name for others."""
        resource = self.after or self.before
        return bool(resource and resource.custom)

    @property
    def refused(self) -> str:
        """Why the engine would stop, and do nothing else of the update; "" where it would not."""
        protected = bool(self.before and self.before.options.get("protect") and "read" not in self.before.options)
        if self.operation in {"delete", "forget", "replace"} and protected:
            return "protected: the engine refuses, and nothing else of this update happens"
        if self.type.endswith(":Share") and any(each.path == "size" and _smaller(each.before, each.after) for each in self.fields):
            return "a share that shrinks loses what does not fit: a hook of the program refuses it"
        return ""

    @property
    def effect(self) -> Effect:
        """What the operation means to whoever runs the platform."""
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
