"""Reports of typical changes."""

import datetime as dt
import sys
from pathlib import Path

from policy import rules
from recording import Recording
from review.report import Report, build
from review.revisions import TreePreview
from tests.support.changes import Case, base, copied
from tests.support.programs import record_for_review
from tests.support.stack_files import write

TODAY = dt.date(2026, 11, 23)


def recorded(case: Case, folder: Path) -> Recording:
    """The stack after a change; a change of the program is recorded in a tree of its own, in `folder`."""
    if not case.patch:
        return record_for_review(case.data())
    write(copied(folder, case.patch), "dev", case.data())
    recording = TreePreview(folder, "dev", Path(sys.executable)).result()
    assert recording is not None
    return recording


def report(case: Case, folder: Path, before: Recording | None = None) -> Report:
    """What the diff says of a change."""
    before = before or record_for_review(base())
    return build("dev", before, recorded(case, folder), base="main", head="this change", today=TODAY, waivers=rules.waivers())
