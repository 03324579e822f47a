"""What the diff says of typical changes of the program itself, each recorded in a tree of its own."""

import pytest

from recording import Recording
from tests.stacks.test_review import check
from tests.support.changes import CASES, base
from tests.support.programs import record_for_review
from tests.support.review import report


@pytest.fixture(scope="module")
def before() -> Recording:
    return record_for_review(base())


@pytest.mark.parametrize("case", [case for case in CASES if case.patch], ids=lambda case: case.name)
def test_the_verdict(case, before, tmp_path):
    check(case, report(case, tmp_path / "tree", before))
