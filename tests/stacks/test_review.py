"""What the diff says of typical changes. tests/engine/test_verdicts.py asks a real engine the same, where there is one.

The gallery shows twelve of them: it is here because their recordings are.
"""

import difflib

import pytest

from recording import Recording
from tests.support.changes import CASES, base
from tests.support.gallery import FILE, gallery, reports
from tests.support.programs import record_for_review
from tests.support.review import report


@pytest.fixture(scope="module")
def before() -> Recording:
    return record_for_review(base())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict(case, before):
    found = report(case, before)
    operations = {each.name: each.operation for each in found.changes if each.custom}
    assert case.operations.items() <= operations.items()
    assert [part for part in case.risks if not any(part in risk.text for risk in found.risks)] == []
    if case.worst:
        assert found.worst() == case.worst
    assert bool([each for each in found.changes if each.refused]) == case.refused


def test_the_gallery_is_up_to_date():
    """`make docs` writes it."""
    made = gallery(reports())
    differences = list(difflib.unified_diff(FILE.read_text().splitlines(), made.splitlines(), lineterm="", n=0))
    assert differences[:20] == []
