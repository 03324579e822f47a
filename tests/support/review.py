"""Reports of typical changes."""

import datetime as dt
import functools
import pickle
import sys
import tempfile
from pathlib import Path

from policy import rules
from recording import Recording
from review.report import Report, build
from review.revisions import TreePreview
from tests.support.changes import CASES, Case, base, copied
from tests.support.programs import record_for_review
from tests.support.stack_files import write

TODAY = dt.date(2026, 11, 23)


def recorded(case: Case) -> Recording:
    """The stack after a change; a change of the program is recorded in a tree of its own."""
    return pickle.loads(_of_tree(case.name)) if case.patch else record_for_review(case.data())


@functools.cache
def _of_tree(name: str) -> bytes:
    """A pickled recording of a change of the program, made once in each process: a verdict and the gallery both look at it."""
    (case,) = (each for each in CASES if each.name == name)
    with tempfile.TemporaryDirectory() as place:
        folder = copied(Path(place) / "tree", case.patch)
        write(folder, "dev", case.data())
        recording = TreePreview(folder, "dev", Path(sys.executable)).result()
    assert recording is not None
    return pickle.dumps(recording)


def report(case: Case, before: Recording | None = None) -> Report:
    """What the diff says of a change."""
    before = before or record_for_review(base())
    return build("dev", before, recorded(case), base="main", head="this change", today=TODAY, waivers=rules.waivers())
