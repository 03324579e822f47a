"""The rules as a Pulumi policy pack: `pulumi preview --policy-pack policy`, after `make policy`. What the engine tells of a stack
becomes a recording.
"""

import datetime as dt
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pulumi_policy import EnforcementLevel, PolicyPack, ReportViolation, StackValidationArgs, StackValidationPolicy
from pulumi_policy.proxy import UnknownValueError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policy import rules
from preview.recording import UNKNOWN, RecordedResource, Recording

CLEAR = "no-secret-in-clear"
"""The one rule that is the offline preview's alone: the engine hands secrets over in clear."""


def plain(value: Any) -> Any:
    """A value as plain data; what is not known before the update, marked."""
    if isinstance(value, Mapping):
        return {str(key): _known(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_known(value, index) for index in range(len(value))]
    return value


def _known(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def recording(args: StackValidationArgs) -> Recording:
    """What the engine tells of a stack, as a recording in update mode."""
    prefix, project, *_ = args.resources[0].urn.split("::")
    stack = prefix.removeprefix("urn:pulumi:")
    result = Recording(project=project, stack=stack, mode="update")
    for each in args.resources:
        parent = each.parent.urn if each.parent else ""
        result.resources.append(
            RecordedResource(
                urn=each.urn,
                type=each.resource_type,
                name=each.name,
                parent="" if "pulumi:pulumi:Stack" in parent else parent,
                provider=each.provider.urn if each.provider else "",
                custom=not each.resource_type.startswith(f"{project}:"),
                inputs=plain(each.props),
                secret_paths=[],
                outputs={},
                options={"protect": True} if each.opts.protect else {},
            )
        )
    return result


def validation(rule: rules.Rule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    """A rule as the pack's protocol has it; waived breaks are not reported."""

    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        today = dt.datetime.now(dt.UTC).date()
        for finding in rules.broken(rules.check(recording(args), rules.waivers(), today, [rule])):
            report_violation(f"{finding.name}: {finding.message}; {finding.fix}", finding.urn or None)

    return validate


PolicyPack(
    name="gaia-dmp",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        StackValidationPolicy(name=rule.id, description=f"{rule.holds}: {rule.reason}.", validate=validation(rule))
        for rule in rules.RULES
        if rule.id != CLEAR
    ],
)
