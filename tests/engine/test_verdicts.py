"""What the offline diff says of typical changes is what a real engine plans, resource by resource."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from review.compare import compare
from tests.engine.platform import Platform
from tests.support.changes import CASES, Case, base, copied
from tests.support.programs import record_for_review
from tests.support.review import recorded


def test_the_verdict_is_what_the_engine_plans(platform: Callable[..., Platform], tmp_path: Path) -> None:
    dev = platform("dev", base())
    first = dev.up()
    assert not first.error, first.output[-3000:]
    before = record_for_review(base())
    wrong: dict[str, Any] = {}
    for case in CASES:
        differences = _differences(dev, case, before, tmp_path / case.name)
        if differences:
            wrong[case.name] = differences
    assert wrong == {}, json.dumps(wrong, indent=1)


def _differences(dev: Platform, case: Case, before: Any, folder: Path) -> dict[str, Any]:
    """Resources of which diff and engine say different things: (diff, engine)."""
    dev.data, dev.source = case.data(), copied(folder, case.patch) if case.patch else dev.original
    plan = dev.preview()
    if plan.error and "stands already in project" in plan.output:
        # The program replaces no share while one of its name stands (first_look.py). The diff says what would be lost.
        replaced = [name for name, operation in case.operations.items() if name.endswith("-share") and operation == "replace"]
        return {} if replaced else {"refused": (case.operations, plan.output[-1500:])}
    if plan.error or case.refused:
        return {} if plan.error and case.refused else {"refused": (case.refused, plan.output[-1500:])}
    # Whatever leaves the state and stays in the cloud is a deletion in the engine's words.
    changes = compare(before, recorded(case))
    said = {
        change.urn: "delete" if change.operation == "forget" else change.operation
        for change in changes
        # What the diff itself doubts is right either way.
        if change.operation not in {"same", "read"} and not (change.doubtful and change.urn not in plan.planned)
    }
    custom = {urn: operation for urn, operation in plan.planned.items() if "gaia-dmp:" not in urn.split("::")[2].split("$")[-1]}
    said = {urn: operation for urn, operation in said.items() if "gaia-dmp:" not in urn.split("::")[2].split("$")[-1]}
    return {urn.split("::")[-1]: (said.get(urn), custom.get(urn)) for urn in sorted({*said, *custom}) if said.get(urn) != custom.get(urn)}
