"""The rules as a Pulumi policy pack: `pulumi preview --policy-pack policy`, after `make policy`. It turns what the engine reports about a
stack into a recording.
"""

import datetime as dt
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policy import rules
from recording import UNKNOWN, RecordedResource, Recording

CLEAR = "no-secret-in-clear"
"""The one rule that only the offline preview checks: the engine passes secrets to the pack in plain text."""


def plain(value: Any) -> Any:
    """A value as plain data, with what is unknown before the update marked."""
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


_SEEN: dict[str, RecordedResource] = {}
"""By urn, what the program registers in this update. For the stack as a whole the engine reports only outputs, and a Kubernetes object has
none before its cluster exists (seen: pulumi 3.260, first preview)."""


def collect(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:  # noqa: ARG001
    """Keep one resource's inputs for the rules."""
    _SEEN[args.urn] = RecordedResource(
        urn=args.urn,
        type=args.resource_type,
        name=args.name,
        parent="",
        provider=args.provider.urn if args.provider else "",
        custom=not args.resource_type.startswith(f"{args.urn.split('::')[1]}:"),
        inputs=plain(args.props),
        secret_paths=[],
        outputs={},
        options={"protect": True} if args.opts.protect else {},
    )


def recording(args: StackValidationArgs) -> Recording:
    """What the program registered, as a recording; without Kubernetes objects as long as there is no cluster that knows their namespaces.

    The offline preview checks those of a stack's first preview. The update that creates them is checked here.
    """
    prefix, project, *_ = args.resources[0].urn.split("::")
    waits = any(each.resource_type == "kubernetes:core/v1:Namespace" and not plain(each.props) for each in args.resources)
    known = [each for each in _SEEN.values() if not (waits and each.type.startswith("kubernetes:"))]
    return Recording(project=project, stack=prefix.removeprefix("urn:pulumi:"), mode="update", resources=known)


def validation(rule: rules.Rule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    """A rule in the form of the pack's protocol. Waived violations are not reported."""

    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        today = dt.datetime.now(dt.UTC).date()
        found = rules.check(recording(args), rules.waivers(), today, [rule])
        for finding in [*rules.broken(found), *rules.advised(found)]:
            report_violation(finding.text, finding.urn or None)

    return validate


PolicyPack(
    name="gaia-dmp",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            name="collect", description="Collects resources for the other rules; finds nothing itself.", validate=collect
        ),
        *(
            StackValidationPolicy(
                name=rule.id,
                description=f"{rule.holds}: {rule.reason}.",
                validate=validation(rule),
                enforcement_level=EnforcementLevel(rule.level),
            )
            for rule in rules.RULES
            if rule.id != CLEAR
        ),
    ],
)
