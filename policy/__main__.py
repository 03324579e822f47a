"""The rules as a Pulumi policy pack: `pulumi preview --policy-pack policy`, after `make policy`. What the engine tells of a stack
becomes a recording.
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


_SEEN: dict[str, RecordedResource] = {}
"""By urn, what the program registers in this update. What the engine tells of the stack as a whole are outputs; a Kubernetes object for a
cluster that does not stand yet has none (seen: pulumi 3.260, first preview)."""


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
    """What the program registered, as a recording; without Kubernetes objects as long as no cluster can tell their namespaces.

    Those of a stack's first preview are the offline preview's to judge; the update that makes them is judged here.
    """
    prefix, project, *_ = args.resources[0].urn.split("::")
    waits = any(each.resource_type == "kubernetes:core/v1:Namespace" and not plain(each.props) for each in args.resources)
    known = [each for each in _SEEN.values() if not (waits and each.type.startswith("kubernetes:"))]
    return Recording(project=project, stack=prefix.removeprefix("urn:pulumi:"), mode="update", resources=known)


def validation(rule: rules.Rule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    """A rule as the pack's protocol has it; waived breaks are not reported."""

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
        ResourceValidationPolicy(name="collect", description="Keeps what the rules are asked about; finds nothing.", validate=collect),
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
