"""`python -m tests.support.gallery`: docs/gallery.md, twelve typical changes and the comment that each gives, and two pictures.

tests/stacks/test_review.py keeps the page as the program makes it.
"""

import io
import re
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

from review import markdown, page
from review.report import Report
from tests.cloud.tools import chromium
from tests.support.changes import CASES, Case, base
from tests.support.programs import record_for_review
from tests.support.review import report
from tests.support.stack_files import ROOT
from tests.support.terminal import on_a_terminal

FILE = ROOT / "docs" / "gallery.md"
PICTURE = ROOT / "docs" / "images" / "review.png"
TERMINAL = ROOT / "docs" / "images" / "preview.svg"
SHOWN = (
    "share-grows",
    "share-shrinks",
    "dataset-new",
    "dataset-gone",
    "dataset-renamed",
    "person-new",
    "kubernetes",
    "control-plane",
    "egress-port",
    "rights",
    "admission",
    "pod-security",
)
HEAD = """# Twelve changes, and the comment that each gives

`make docs` writes this page. The stack is dev with one person, a dataset that is kept and a second pool. `tests/support/changes.py`
describes each change, and `tests/engine/test_verdicts.py` asks a real engine about it. `make diff OUT=out` writes the same as a page to
look at, `out/report.html`:

![The page: the graph of what changes on the left, one resource's inputs and differences on the right](images/review.png)
"""


def cases() -> list[Case]:
    """The changes of the gallery, in its order."""
    return [next(case for case in CASES if case.name == name) for name in SHOWN]


def reports() -> list[tuple[Case, Report]]:
    """The changes with their reports."""
    before = record_for_review(base())
    return [(case, report(case, before)) for case in cases()]


def gallery(found: list[tuple[Case, Report]]) -> str:
    """The page of Markdown: each comment as it is, its headings two levels lower."""
    parts = [HEAD]
    for number, (case, each) in enumerate(found, start=1):
        body = re.sub(r"^(#{2,3}) ", r"#\1 ", markdown.comment([each]).removeprefix(markdown.MARKER).strip(), flags=re.MULTILINE)
        parts.append(f"## {number}. {case.title}\n\n{body}")
    return "\n\n".join(parts) + "\n"


def picture(found: list[tuple[Case, Report]], folder: Path) -> None:
    """The picture of the page, where a Chromium is at hand."""
    file = folder / "report.html"
    file.write_text(page.page([each for case, each in found if case.name == "dataset-new"]), encoding="utf-8")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"]) as browser:
        shown = browser.new_page(viewport={"width": 1400, "height": 820})
        shown.goto(f"file://{file}")
        shown.get_by_role("button", name="dataset-check-nodes").first.click()
        shown.screenshot(path=PICTURE)


def terminal() -> None:
    """The picture of a terminal in which a preview has run, as SVG."""
    columns = 118
    said = on_a_terminal(columns, "preview", "dev", errors=False)
    console = Console(record=True, width=columns, file=io.StringIO())
    console.print(Text.from_ansi(said.replace("\r\n", "\n").rstrip()))
    drawn = console.export_svg(title="make preview", unique_id="preview")
    # No fonts from elsewhere.
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL).replace("Fira Code, monospace", "monospace")
    TERMINAL.write_text("\n".join(line.rstrip() for line in drawn.splitlines() if line.strip()) + "\n", encoding="utf-8")


def main() -> None:
    """Write the page and the pictures."""
    terminal()
    found = reports()
    FILE.write_text(gallery(found), encoding="utf-8")
    if chromium():
        with tempfile.TemporaryDirectory() as place:
            picture(found, Path(place))
    else:
        print("No chromium on PATH: the picture stays as it is.")


if __name__ == "__main__":
    main()
