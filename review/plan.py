"""Reads an engine's plan into the same model: `pulumi preview --json`, or the event log of `pulumi preview --event-log FILE`.

Format: pulumi 3.260, sdk/go/common/apitype (PreviewStep in preview.go of pkg/backend/display, EngineEvent in events.go).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from recording import SECRET, SIGNATURE, STACK_TYPE, UNKNOWN, RecordedResource, Recording
from review.change import Change, Field, Operation
from review.fields import differences
from review.revisions import MAX_BYTES, RevisionError

_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

_OPERATIONS: Mapping[str, Operation] = {
    "same": "same",
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "read": "read",
    "read-replacement": "read",
    "refresh": "same",
    "discard": "forget",
    "discard-replaced": "forget",
    "import": "create",
    "import-replacement": "replace",
    "remove-pending-replace": "same",
}


def read_file(file: Path) -> str:
    """The text of a plan. Raises RevisionError if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RevisionError(f"the plan {file} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


def read_plan(text: str, stack: str) -> tuple[Recording, Recording, list[Change]]:
    """The deployed stack, the planned one, and the changes between them. Raises RevisionError if the text has neither format."""
    if len(text) > 4 * MAX_BYTES:
        raise RevisionError(f"the plan of {stack} has {len(text)} characters; accepted: at most {4 * MAX_BYTES}")
    sides = {"old": Recording("", stack, "preview"), "new": Recording("", stack, "preview")}
    changes: dict[str, Change] = {}
    for step in steps(text, stack):
        urn, operation = str(step["urn"]), _OPERATIONS.get(str(step["op"]))
        if operation is None:
            raise RevisionError(f"the plan of {stack} has an unknown operation {str(step['op'])[:40]!r}")
        old, new = (step.get(f"{side}State") or step.get(side) for side in ("old", "new"))
        for side, state in (("old", old), ("new", new)):
            sides[side].project = urn.split("::")[1]
            if state and urn.split("::")[2] == STACK_TYPE:
                sides[side].outputs = _plain(state.get("outputs") or {})
        if urn.split("::")[2] == STACK_TYPE:
            continue
        before, after = _resource(old), _resource(new)
        earlier = changes.get(urn)
        if earlier and earlier.operation == "replace":
            # A replacement has three steps, some of which know only one side.
            earlier.before, earlier.after = earlier.before or before, earlier.after or after
            if not earlier.forced_by:
                earlier.fields, earlier.forced_by = _fields(earlier, step)
            continue
        change = Change(
            urn=urn,
            type=urn.split("::")[2].rsplit("$", maxsplit=1)[-1],
            name=urn.rsplit("::", maxsplit=1)[-1],
            operation=operation,
            before=before,
            after=after,
        )
        if operation == "delete" and before and before.options.get("retainOnDelete"):
            change.operation = "forget"
        changes[urn] = change
        change.fields, change.forced_by = _fields(change, step)
    for change in changes.values():
        sides["old"].resources += [change.before] if change.before else []
        sides["new"].resources += [change.after] if change.after and change.operation not in {"delete", "forget"} else []
        if change.operation in {"delete", "forget"}:
            change.after = None
    return sides["old"], sides["new"], [change for change in changes.values() if change.operation != "same"]


def errors(text: str) -> list[str]:
    """The engine's errors in a plan that `read_plan` accepts; [] if it has none."""
    found = []
    try:
        events = [json.loads(text)]
    except json.JSONDecodeError:
        events = [json.loads(line) for line in text.splitlines() if line.strip()]
    for event in events:
        for each in event.get("diagnostics") or [event.get("diagnosticEvent") or {}]:
            found += [str(each.get("message", "")).strip()] if each.get("severity") == "error" else []
    return found


def steps(text: str, stack: str) -> Iterator[Mapping[str, Any]]:
    """Every step of a plan as the engine writes it. Raises RevisionError if the text is not a plan."""
    if not text.strip():
        raise RevisionError(f"the plan of {stack} is empty, so the preview that should have written it failed")
    try:
        try:
            whole = json.loads(text)
            found = whole["steps"] if isinstance(whole, dict) and "steps" in whole else [whole]
        except json.JSONDecodeError:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        for each in found:
            event = each.get("resourcePreEvent", {}).get("metadata") if "urn" not in each else each
            if event:
                yield {"op": event["op"], "urn": event["urn"], **event}
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise RevisionError(
            f"the plan of {stack} cannot be read ({error}); accepted: the output of `pulumi preview --json`, or an event log"
        ) from None


def _resource(state: Any) -> RecordedResource | None:
    if not isinstance(state, dict):
        return None
    parent = str(state.get("parent") or "")
    options = {key: state[key] for key in ("protect", "retainOnDelete", "dependencies", "aliases", "deletedWith") if state.get(key)}
    return RecordedResource(
        urn=str(state["urn"]),
        type=str(state["type"]),
        name=str(state["urn"]).split("::")[-1],
        parent="" if STACK_TYPE in parent.split("::") else parent,
        provider=str(state.get("provider") or "").rsplit("::", 1)[0],
        custom=bool(state.get("custom")),
        inputs=_plain(state.get("inputs") or {}),
        secret_paths=[],
        outputs={},
        options=options,
        property_dependencies={key: list(urns) for key, urns in (state.get("propertyDependencies") or {}).items() if urns},
    )


def _plain(value: Any) -> Any:
    """A value of a state with secrets masked and unknown values marked, without what providers add for their own use."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            return SECRET
        return {key: _plain(item) for key, item in value.items() if key != "__defaults"}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return UNKNOWN if value == _UNKNOWN else value


def _fields(change: Change, step: Mapping[str, Any]) -> tuple[list[Field], list[str]]:
    """The inputs that differ, and those that force a replacement according to the engine."""
    detailed = {_path(path): kind for path, kind in (step.get("detailedDiff") or {}).items()}
    reasons = [_path(str(each)) for each in step.get("replaceReasons") or step.get("keys") or ()]
    forcing = {path for path, kind in detailed.items() if "replace" in str((kind or {}).get("kind") or (kind or {}).get("diffKind"))}
    if not (change.before and change.after):
        return [], [*dict.fromkeys([*sorted(forcing), *reasons])]
    # Of secrets and unknown values the engine only reports that they change.
    found = {each.path: each for each in differences(change.before.inputs, change.after.inputs)}
    for path in detailed:
        if not any(path == known or path.startswith(known) or known.startswith(path) for known in found):
            found[path] = Field(path, UNKNOWN, UNKNOWN)
    fields = [
        Field(path, each.before, each.after, forces=any(path.startswith(other) or other.startswith(path) for other in [*forcing, *reasons]))
        for path, each in found.items()
    ]
    return fields if change.operation in {"update", "replace"} else [], [*dict.fromkeys([*sorted(forcing), *reasons])]


def _path(path: str) -> str:
    """`data.config.json` for the engine's `data["config.json"]`."""
    return re.sub(r'\["([^"]+)"\]', r".\1", path)


def disagreements(offline: Sequence[Change], engine: Sequence[Change]) -> list[str]:
    """Where the diff of two revisions and the plan against the deployed stack disagree, as lines."""
    said, planned = ({each.urn: each for each in side if each.operation not in {"same", "read"}} for side in (offline, engine))
    lines = []
    for urn in sorted({*said, *planned}):
        ours, theirs = (side[urn].operation if urn in side else "nothing" for side in (said, planned))
        if ours != theirs:
            lines.append(f"{urn.split('::')[-1]}: offline {ours}, engine {theirs}")
    return lines
