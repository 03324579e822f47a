"""Files, and headings of pages, that the documentation names are there.

mkdocs checks the links of the site (`make site`); here are those of the pages that GitHub shows, README first.
"""

import re

import pytest

from tests.support.stack_files import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "images").glob("*.md")])
PATH = re.compile(
    r"(?<![\w/.])((?:components|layers|settings|recording|preview|review|policy|doctor|operate|switch|cli|images|tests|benchmarks|docs)"
    r"/[\w./-]+\.(?:py|sh|conf|js|yaml|ini|md|jinja|json))"
)
LINK = re.compile(r"\]\((?!https?://)([^)\s#]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The anchors of a page, as GitHub makes them of its headings."""
    plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", title).lower()).replace(" ", "-") for title in HEADING.findall(plain)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_file_that_a_page_names_is_there(page):
    named = set(PATH.findall(page.read_text()))
    assert {path for path in named if not (ROOT / path).exists() and not (page.parent / path).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file_and_a_heading(page):
    text = page.read_text()
    lost = []
    for path, anchor in LINK.findall(text):
        target = page.parent / path if path else page
        if not target.is_file() or (anchor and anchor not in anchors(target.read_text())):
            lost.append(f"{path}#{anchor}" if anchor else path)
    assert lost == []


def test_what_leads_nowhere_is_found():
    assert anchors("# What is `this`?\n## 2. A [link](x.md)\n```sh\n# no heading\n```\n") == {"what-is-this", "2-a-link"}


@pytest.mark.parametrize("folder", ["decisions", "runbooks"])
def test_an_index_lists_every_page(folder):
    index = ROOT / "docs" / folder / "index.md"
    listed = {path for path, _ in LINK.findall(index.read_text())}
    assert {page.name for page in index.parent.glob("*.md")} - {"index.md"} <= listed


@pytest.mark.parametrize("page", sorted((ROOT / "docs/decisions").glob("0*.md")), ids=lambda page: page.stem)
def test_a_decision_has_its_number_and_its_day(page):
    number = int(page.name[:4])
    assert re.match(rf"# {number}\. .+\n\nDecided on 20\d\d-\d\d-\d\d\.", page.read_text())


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
