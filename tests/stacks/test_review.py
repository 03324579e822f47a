"""What the diff says of typical changes. tests/engine/test_verdicts.py asks a real engine the same, where there is one."""

import pytest

from recording import Recording
from tests.support.changes import CASES, base
from tests.support.programs import record_for_review
from tests.support.review import report


@pytest.fixture(scope="module")
def before() -> Recording:
    return record_for_review(base())


@pytest.mark.parametrize("case", [case for case in CASES if not case.patch], ids=lambda case: case.name)
def test_the_verdict(case, before, tmp_path):
    check(case, report(case, tmp_path / "tree", before))


def check(case, found):
    operations = {each.name: each.operation for each in found.changes if each.custom}
    assert case.operations.items() <= operations.items()
    assert [part for part in case.risks if not any(part in risk.text for risk in found.risks)] == []
    if case.worst:
        assert found.worst() == case.worst
    assert bool([each for each in found.changes if each.refused]) == case.refused
