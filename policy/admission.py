"""What admission no longer checks, or checks differently."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from policy.objects import metadata, objects
from recording import UNKNOWN, Recording


def admission_weakened(before: Recording | None, after: Recording | None) -> list[str]:
    """What admission no longer checks, or checks differently, as lines."""
    lines = []
    new = {str(metadata(each).get("name")): each.inputs.get("spec") or {} for each in objects(after, "ValidatingAdmissionPolicy")}
    for policy in objects(before, "ValidatingAdmissionPolicy"):
        name, old = str(metadata(policy).get("name")), policy.inputs.get("spec") or {}
        if name not in new:
            lines.append(f"policy {name} is gone")
            continue
        lines += [f"policy {name}: {line}" for line in _of_policy(old, new[name])]
    bound = {str(metadata(each).get("name")): each.inputs.get("spec") or {} for each in objects(after, "ValidatingAdmissionPolicyBinding")}
    for binding in objects(before, "ValidatingAdmissionPolicyBinding"):
        name, old = str(metadata(binding).get("name")), binding.inputs.get("spec") or {}
        now = bound.get(name)
        if now is None:
            lines.append(f"binding {name} is gone: its policy checks nothing")
        elif "Deny" in (old.get("validationActions") or ()) and "Deny" not in (now.get("validationActions") or ()):
            lines.append(f"binding {name}: no longer denies, only {', '.join(map(str, now.get('validationActions') or ()))}")
        elif old.get("matchResources") != now.get("matchResources") and UNKNOWN not in str(now.get("matchResources")):
            lines.append(f"binding {name}: applies to other objects than before")
    return lines


def _of_policy(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old.get("failurePolicy", "Fail") == "Fail" and new.get("failurePolicy", "Fail") != "Fail":
        yield "allows everything if it fails"
    for key, words in (("matchConstraints", "applies to other objects"), ("matchConditions", "applies under other conditions")):
        if old.get(key) != new.get(key):
            yield words
    if old.get("variables") != new.get("variables"):
        yield "checks with other variables"
    kept = {each.get("expression") for each in new.get("validations") or ()}
    before = {each.get("expression") for each in old.get("validations") or ()}
    added = [_message(each) for each in new.get("validations") or () if each.get("expression") not in before][:100]
    for validation in old.get("validations") or ():
        if validation.get("expression") not in kept:
            message = _message(validation)
            # The message shows which check replaced it.
            similar = difflib.get_close_matches(message, added, n=1)
            if not similar:
                yield f"no longer checks: {message}"
            else:
                yield f"checks differently: {message}" + (f" -> {similar[0]}" if similar[0] != message else "")


def _message(validation: Mapping[str, Any]) -> str:
    # Limited, because the time to find similar ones grows with the square.
    return str(validation.get("message") or validation.get("expression"))[:500]
