"""Two recordings of a stack, resource by resource: what the engine would create, change, replace and delete, and which input forces it.

What is not in a recording stays open: what is deployed may differ from the base, and real secrets are in neither of the two.
"""

import dataclasses
import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from preview.recording import SECRET, UNKNOWN, RecordedResource, Recording
from review.replacements import forcing, is_computed

Operation = Literal["create", "delete", "replace", "update", "same", "read", "forget"]
"""As the engine calls them; `forget`: it leaves the state and stays in the cloud."""

HIDDEN = (SECRET, UNKNOWN)
SAFEGUARDS = ("protect", "retainOnDelete")
ALIGNED = 500
"""Items of a list up to which moved ones are found: the time that it takes grows with the square."""

OPTION = "(option) "
"""Stands before the name of an option among the fields: it changes the state alone."""


@dataclass(frozen=True)
class Field:
    """One input that differs.

    path: `spec.template.spec.containers[server].image`. before, after: values, None where there is none; both `[secret]` or `[unknown]`
    where
    only fingerprints tell them apart. forces: it replaces the resource. ignored: the program tells the engine to overlook it.
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
    doubtful: nothing happens where the cloud chose by itself what is given now. effect: what the operation means to whoever runs the
    platform. refused: why the engine would stop, or "".
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
    effect: str = ""
    refused: str = ""

    @property
    def custom(self) -> bool:
        """Whether it is of a resource of some provider; a component is nothing but a name for others."""
        resource = self.after or self.before
        return bool(resource and resource.custom)


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


def compare(base: Recording | None, head: Recording | None) -> list[Change]:
    """Every resource that would not stay as it is. None: the stack does not stand before, or not afterwards."""
    old = {resource.urn: resource for resource in base.resources} if base else {}
    new = {resource.urn: resource for resource in head.resources} if head else {}
    pairs: dict[str, RecordedResource | None] = {}
    for urn, resource in new.items():
        pairs[urn] = next((old[former] for former in former_urns(resource, new) if former in old), None)
    _keep_names(pairs, new)
    taken = {before.urn for before in pairs.values() if before}
    moved = {urn for urn, before in pairs.items() if before and before.urn != urn}
    changes: dict[str, Change] = {}
    for urn in _in_order(new):
        change = _change(new[urn], pairs[urn], moved)
        _propagate(change, changes)
        changes[urn] = change
    gone = [_change_of_gone(resource) for urn, resource in old.items() if urn not in taken]
    found = [*changes.values(), *gone]
    for change in found:
        change.effect, change.refused = meaning(change)
    return [change for change in found if change.operation != "same" or change.former or change.fields]


def _auto_name(resource: RecordedResource) -> str:
    """The name that the recorder made up for a Kubernetes object without one, or ""."""
    name = str(resource.inputs.get("metadata", {}).get("name", "")) if resource.type.startswith("kubernetes:") and resource.custom else ""
    return name if re.fullmatch(rf"{re.escape(resource.name)}-[0-9a-f]{{8}}", name) else ""


def _keep_names(pairs: dict[str, RecordedResource | None], new: Mapping[str, RecordedResource]) -> None:
    """Give what was renamed the made-up name that it has now, here and wherever it is named: the provider keeps the one that stands."""
    kept = {
        _auto_name(before): _auto_name(new[urn])
        for urn, before in pairs.items()
        if before and before.urn != urn and _auto_name(before) and _auto_name(new[urn])
    }
    for urn, before in pairs.items():
        if before and kept:
            text = json.dumps(before.inputs)
            for old, now in kept.items():
                text = text.replace(old, now)
            pairs[urn] = dataclasses.replace(before, inputs=json.loads(text))


def _in_order(resources: Mapping[str, RecordedResource]) -> list[str]:
    """Urns, what others are made of before them."""
    done: dict[str, None] = {}

    def visit(urn: str, above: frozenset[str]) -> None:
        if urn in done or urn not in resources or urn in above:
            return
        for needed in _needs(resources[urn]):
            visit(needed, above | {urn})
        done[urn] = None

    for urn in resources:
        visit(urn, frozenset())
    return list(done)


def _needs(resource: RecordedResource) -> list[str]:
    return [*resource.options.get("dependencies", []), *resource.made_of, resource.provider]


def _change(after: RecordedResource, before: RecordedResource | None, moved: set[str]) -> Change:
    change = Change(urn=after.urn, type=after.type, name=after.name, operation="same", before=before, after=after)
    if before is None:
        change.operation = "read" if "read" in after.options else "create"
        return change
    if before.urn != after.urn:
        change.former = before.urn
    if after.custom:
        change.fields = [_judged(each, after) for each in _differences(before, after, moved)]
        _decide(change)
    change.fields += [
        Field(f"{OPTION}{option}", before.options.get(option, False), after.options.get(option, False))
        for option in SAFEGUARDS
        if before.options.get(option, False) != after.options.get(option, False)
    ]
    return change


def _change_of_gone(before: RecordedResource) -> Change:
    keeps = before.options.get("retainOnDelete") or "read" in before.options
    operation: Operation = "forget" if keeps else "delete"
    return Change(urn=before.urn, type=before.type, name=before.name, operation=operation, before=before, after=None)


def plain(path: str) -> str:
    """A path without its indices, as the providers' tables have it."""
    return re.sub(r"\[[^]]*\]", "", path)


def _judged(each: Field, after: RecordedResource) -> Field:
    path = plain(each.path)
    ignored = any(path == other or path.startswith(f"{other}.") for other in map(plain, after.options.get("ignoreChanges", [])))
    on_change = after.options.get("replaceOnChanges", [])
    forces = bool(forcing(after.type, path)) or any(
        other in ("*", path) or path.startswith(f"{other}.") or other.startswith(f"{path}.") for other in map(plain, on_change)
    )
    doubtful = each.doubtful or (each.before is None and is_computed(after.type, path))
    return dataclasses.replace(each, forces=forces and not ignored, ignored=ignored, doubtful=doubtful)


def _decide(change: Change) -> None:
    """The operation that the fields ask for."""
    active = [each for each in change.fields if not each.ignored and not each.path.startswith(OPTION)]
    forced = [each.path for each in active if each.forces]
    if forced or change.forced_by:
        change.operation = "replace"
        change.forced_by = list(dict.fromkeys([*change.forced_by, *forced]))
        change.deleted_first = _deleted_first(change.after) if change.after else False
    elif active:
        change.operation = "update"
    change.doubtful = bool(active) and all(each.doubtful for each in active)


def _deleted_first(after: RecordedResource) -> bool:
    """Whether the old one goes before the new one comes: told so, or a Kubernetes object that keeps its name (pulumi-kubernetes: Diff)."""
    return bool(after.options.get("deleteBeforeReplace")) or (after.type.startswith("kubernetes:") and not _auto_name(after))


def _propagate(change: Change, done: Mapping[str, Change]) -> None:
    """What replacements and creations of others do to a resource that stands.

    The engine (pulumi 3.260, deploy/step_generator.go) takes outputs of what is replaced for unknown; where that is deleted first, every
    input that depends on it is unknown as a whole; and what a replaced provider serves is replaced.
    """
    after = change.after
    if after is None or change.before is None or not after.custom or "read" in after.options:
        return
    provider = done.get(after.provider)
    if provider and provider.operation == "replace":
        change.forced_by = [f"its provider {provider.name}"]
        _decide(change)
        change.doubtful = provider.doubtful
        return
    present = {each.path for each in change.fields}
    for name, urns in sorted(after.property_dependencies.items()):
        for cause in [done[urn] for urn in urns if urn in done and done[urn].operation in {"replace", "create"}]:
            auto_name = _auto_name(cause.after) if cause.operation == "replace" and cause.after else ""
            for path, value in _leaves(after.inputs.get(name), name):
                if path not in present and (value in HIDDEN or (auto_name and auto_name in str(value))):
                    present.add(path)
                    change.fields.append(_judged(Field(path, value, UNKNOWN, cause=cause.name, doubtful=cause.doubtful), after))
            whole = cause.operation == "replace" and cause.deleted_first and forcing(after.type, name)
            if whole:
                change.forced_by.append(f"{whole}, unknown while {cause.name} is replaced")
    _decide(change)


def _differences(before: RecordedResource, after: RecordedResource, moved: set[str]) -> Iterator[Field]:
    for each in differences(before.inputs, after.inputs):
        if each.before in HIDDEN or each.after in HIDDEN:
            known = _fingerprint(before, each.path, each.before), _fingerprint(after, each.path, each.after)
            if known[0] == known[1] or _made_of(after, each.path) & moved:
                continue
        yield each
    for path, now in sorted(after.fingerprints.items()):
        then = before.fingerprints.get(path)
        # An id that is invented from a urn changes with the urn; the real one does not.
        if then and then != now and not _made_of(after, path) & moved:
            value = (
                SECRET if any(path == secret or path.startswith((f"{secret}.", f"{secret}[")) for secret in after.secret_paths) else UNKNOWN
            )
            yield Field(path, value, value)


def _fingerprint(resource: RecordedResource, path: str, value: Any) -> str:
    if value in HIDDEN:
        return resource.fingerprints.get(path, f"unknown in {resource.urn}")
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _made_of(resource: RecordedResource, path: str) -> set[str]:
    return set(resource.property_dependencies.get(re.split(r"[.[]", path)[0], []))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        # In an order of its own: that of a message of the SDK's protocol is not the same in every process.
        for key in sorted(value):
            yield from _leaves(value[key], f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def differences(before: Any, after: Any, path: str = "") -> Iterator[Field]:
    """Every leaf that differs. Items of a list are matched by their `name` where all have one, else in their order."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}, key=str):
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list):
        if (old := _by_name(before)) is not None and (new := _by_name(after)) is not None:
            for name in dict.fromkeys([*old, *new]):
                yield from differences(old.get(name), new.get(name), f"{path}[{name}]")
        else:
            yield from _aligned(before, after, path)
    else:
        yield Field(path, before, after)


def _by_name(items: Sequence[Any]) -> dict[str, Any] | None:
    if not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in items):
        return None
    named = {item["name"]: item for item in items}
    return named if len(named) == len(items) else None


def _aligned(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[Field]:
    if max(len(before), len(after)) > ALIGNED:
        for index in range(max(len(before), len(after))):
            old, new = (side[index] if index < len(side) else None for side in (before, after))
            yield from differences(old, new, f"{path}[{index}]")
        return
    texts = [[json.dumps(item, sort_keys=True) for item in items] for items in (before, after)]
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for offset in range(max(i2 - i1, j2 - j1)):
            old = before[i1 + offset] if i1 + offset < i2 else None
            new = after[j1 + offset] if j1 + offset < j2 else None
            yield from differences(old, new, f"{path}[{j1 + offset if new is not None else i1 + offset}]")


_TEMPLATES = {"apps/v1:Deployment", "apps/v1:DaemonSet", "apps/v1:StatefulSet"}


def meaning(change: Change) -> tuple[str, str]:
    """What an operation means, and why the engine would refuse it."""
    protected = bool(change.before and change.before.options.get("protect"))
    if change.operation in {"delete", "forget", "replace"} and protected and not (change.before and "read" in change.before.options):
        return "refused", "protected: the engine refuses, and nothing else of this update happens"
    shrunk = [each for each in change.fields if each.path == "size" and _smaller(each.before, each.after)]
    if shrunk and change.type.endswith(":Share"):
        return "refused", "a share that shrinks loses what does not fit: a hook of the program refuses it"
    match change.operation:
        case "replace" if change.before and change.before.options.get("retainOnDelete"):
            return "replacement, the old one is kept in the cloud", ""
        case "replace":
            words = "runs again" if change.type == "kubernetes:batch/v1:Job" else "replacement"
            return words + (", unless the cloud has chosen the same by itself" if change.doubtful else ""), ""
        case "update":
            return _meaning_in_place(change), ""
        case "forget":
            return "leaves the stack, stays in the cloud", ""
        case "same" if change.former:
            return "renamed, nothing is touched", ""
        case "same" if any(not each.path.startswith(OPTION) for each in change.fields):
            return "nothing: the program overlooks it", ""
        case "same":
            return "nothing but its safeguards in the state", ""
    return change.operation, ""


def _meaning_in_place(change: Change) -> str:
    paths = [each.path for each in change.fields if not each.ignored]
    if change.type == "openstack:containerinfra/cluster:Cluster" and "clusterTemplateId" in paths:
        return "upgrade: Magnum moves the cluster to another template, node by node"
    if change.type.removeprefix("kubernetes:") in _TEMPLATES and any(path.startswith("spec.template") for path in paths):
        return "restart"
    return "in place"


def _smaller(before: Any, after: Any) -> bool:
    return isinstance(before, int) and isinstance(after, int) and after < before
