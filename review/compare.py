"""Compares two recordings of a stack: what the engine would create, update, replace and delete, and which input forces it.

It cannot see what is not in a recording: the deployed stack may differ from the base, and neither recording holds real secrets.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from recording import SECRET, UNKNOWN, RecordedResource, Recording
from review.change import OPTION, Change, Field, Operation
from review.fields import differences, leaves, plain
from review.pairing import auto_name, former_urns, keep_names
from review.replacements import forcing, is_computed

HIDDEN = (SECRET, UNKNOWN)
SAFEGUARDS = ("protect", "retainOnDelete")


def compare(base: Recording | None, head: Recording | None) -> list[Change]:
    """Every resource that would change. None: the stack does not exist before, or afterwards."""
    old = {resource.urn: resource for resource in base.resources} if base else {}
    new = {resource.urn: resource for resource in head.resources} if head else {}
    pairs: dict[str, RecordedResource | None] = {}
    for urn, resource in new.items():
        pairs[urn] = next((old[former] for former in former_urns(resource, new) if former in old), None)
    keep_names(pairs, new)
    taken = {before.urn for before in pairs.values() if before}
    moved = {urn for urn, before in pairs.items() if before and before.urn != urn}
    changes: dict[str, Change] = {}
    for urn in _in_order(new):
        change = _change(new[urn], pairs[urn], moved)
        _propagate(change, changes)
        changes[urn] = change
    gone = [_change_of_gone(resource) for urn, resource in old.items() if urn not in taken]
    return [change for change in [*changes.values(), *gone] if change.operation != "same" or change.former or change.fields]


def _in_order(resources: Mapping[str, RecordedResource]) -> list[str]:
    """Urns, each after those that it depends on."""
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
    return [*resource.options.get("dependencies", []), *resource.made_of, resource.provider, resource.options.get("deletedWith", "")]


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
    """Set the operation that follows from the fields."""
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
    """Whether the old one is deleted first: by an option, or because a Kubernetes object keeps its name (pulumi-kubernetes: Diff)."""
    return bool(after.options.get("deleteBeforeReplace")) or (after.type.startswith("kubernetes:") and not auto_name(after))


def _propagate(change: Change, done: Mapping[str, Change]) -> None:
    """What replacements and creations of other resources mean for an existing one.

    The engine (pulumi 3.260, deploy/step_generator.go) treats outputs of a replaced resource as unknown. If that is deleted first, every
    input that depends on it is unknown as a whole. All resources of a replaced provider, or deleted with a replaced one, are replaced.
    """
    after = change.after
    if after is None or change.before is None or not after.custom or "read" in after.options:
        return
    for urn, why in ((after.provider, "its provider {}"), (after.options.get("deletedWith", ""), "{}, with which it is deleted")):
        owner = done.get(urn)
        if owner and owner.operation == "replace":
            change.forced_by = [why.format(owner.name)]
            _decide(change)
            change.doubtful = owner.doubtful
            return
    present = {each.path for each in change.fields}
    for name, urns in sorted(after.property_dependencies.items()):
        for cause in [done[urn] for urn in urns if urn in done and done[urn].operation in {"replace", "create"}]:
            made_up = auto_name(cause.after) if cause.operation == "replace" and cause.after else ""
            for path, value in leaves(after.inputs.get(name), name):
                if path not in present and (value in HIDDEN or (made_up and made_up in str(value))):
                    present.add(path)
                    change.fields.append(_judged(Field(path, value, UNKNOWN, cause=cause.name, doubtful=cause.doubtful), after))
            whole = cause.operation == "replace" and cause.deleted_first and forcing(after.type, name)
            if whole:
                change.forced_by.append(f"{whole}, which is unknown while {cause.name} is replaced")
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
        # An invented id is derived from a urn and changes with it. The real id does not change.
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
