"""The gallery is what the program makes: `make docs` writes it."""

import difflib

from tests.support.gallery import FILE, gallery, reports


def test_the_gallery_is_up_to_date(tmp_path):
    made = gallery(reports(tmp_path))
    differences = list(difflib.unified_diff(FILE.read_text().splitlines(), made.splitlines(), lineterm="", n=0))
    assert differences[:20] == []
