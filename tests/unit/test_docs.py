"""Files that the documentation names are there."""

import re

import pytest

from tests.support.stack_files import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PATH = re.compile(
    r"(?<![\w/.])((?:components|layers|settings|recording|preview|review|policy|doctor|operate|switch|cli|images|tests|benchmarks|docs)"
    r"/[\w./-]+\.(?:py|sh|conf|js|yaml|ini|md|jinja|json))"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_file_that_a_page_names_is_there(page):
    named = set(PATH.findall(page.read_text()))
    assert {path for path in named if not (ROOT / path).exists() and not (page.parent / path).exists()} == set()
