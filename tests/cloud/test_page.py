"""The report's page in a real browser, and the comment's graphs drawn by the real Mermaid. They skip where there is no Chromium."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from review.markdown import graph
from review.page import page as html
from review.report import Report
from tests.cloud.tools import chromium, mermaid
from tests.support.changes import CASES, base
from tests.support.programs import record_for_review
from tests.support.review import report
from tests.unit.test_review_hostile import HOSTILE, hostile_report

expect.set_options(timeout=60_000)
pytestmark = pytest.mark.skipif(not chromium(), reason="chromium is not on PATH: Debian has it as `chromium`")


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    before = record_for_review(base())
    chosen = [case for case in CASES if case.name in ("share-moved", "person-new", "control-plane")]
    found = [report(case, before) for case in chosen]
    for case, each in zip(chosen, found, strict=True):
        each.stack = case.name
    return found


@pytest.fixture(scope="module")
def browser(reports: list[Report]) -> Iterator[Browser]:
    # The recorder wants an event loop of its own, so everything is recorded before the browser has one.
    with sync_playwright() as playwright:
        # The container of CI has no user namespaces; pages here are our own.
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def shown(browser: Browser, reports: list[Report], tmp_path: Path) -> Iterator[Page]:
    """The page; whatever it says of errors, and whatever it asks the network for, fails the test."""
    file = tmp_path / "report.html"
    file.write_text(html(reports))
    page = browser.new_page(viewport={"width": 1400, "height": 850})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(f"file://{file}")
    yield page
    assert complaints == []
    page.close()


def test_it_shows_what_changes_worst_first(shown):
    expect(shown.locator("#worst")).to_have_text("data at risk")
    expect(shown.locator("#detail")).to_contain_text("data-sample-share is replaced by an empty one")
    names = shown.locator(".chip").all_inner_texts()
    assert "data-sample-share" in names
    assert "cluster-cluster" not in names
    assert shown.locator("#edges path").count() > 0


def test_a_click_shows_inputs_and_differences(shown):
    shown.get_by_role("button", name=re.compile(r"^data-sample-share")).click()
    detail = shown.locator("#detail")
    expect(detail).to_contain_text("availabilityZone (forces the replacement)")
    expect(detail.locator("del")).to_have_text("- (none)")
    expect(detail.locator("ins")).to_have_text("+ another")
    expect(detail).to_contain_text('"shareProto": "CEPHFS"')
    assert shown.locator("#edges path.on").count() > 0


def test_it_is_filtered_by_risk_and_searched(shown):
    before = shown.locator(".chip").count()
    shown.get_by_role("button", name=re.compile("Data at risk")).click()
    assert 0 < shown.locator(".chip").count() < before
    shown.get_by_role("button", name=re.compile("Data at risk")).click()
    shown.locator("#search").fill("ceph-key")
    assert shown.locator(".chip").all_inner_texts() == ["data-sample-ceph-key"]


def test_a_risk_of_the_whole_leads_to_what_it_comes_from(shown):
    shown.get_by_role("tab", name="person-new").click()
    shown.get_by_role("button", name=re.compile("Wider rights")).click()
    names = set(shown.locator(".chip").all_inner_texts())
    assert names == {"spark-admission-driver", "spark-admission-server", "spark-rbac-spark-driver-binding"}


def test_what_stays_is_shown_on_demand(shown):
    shown.get_by_role("button", name="Show what stays").click()
    assert shown.locator(".chip").count() > 90
    expect(shown.get_by_role("button", name=re.compile(r"^cluster-cluster, Cluster, stays as it is"))).to_be_visible()


def test_every_stack_has_a_tab(shown, reports):
    (report,) = [each for each in reports if each.stack == "control-plane"]
    replaced = sum(change.operation == "replace" for change in report.changes)
    assert replaced >= 80
    shown.get_by_role("tab", name="control-plane").click()
    expect(shown.locator("#worst")).to_have_text("cluster replaced, upgraded or resized")
    expect(shown.locator("#counts")).to_contain_text(f"{replaced} to replace")


def test_the_keyboard_is_enough(shown):
    for _ in range(40):
        shown.keyboard.press("Tab")
        if shown.evaluate("document.activeElement.classList.contains('chip')"):
            break
    first = shown.evaluate("document.activeElement.textContent")
    shown.keyboard.press("ArrowDown")
    second = shown.evaluate("document.activeElement.textContent")
    assert first != second
    shown.keyboard.press("Enter")
    expect(shown.locator("#detail h2").first).to_have_text(second)
    shown.keyboard.press("Escape")
    expect(shown.locator("#detail")).to_contain_text("Data at risk")
    shown.keyboard.press("/")
    assert shown.evaluate("document.activeElement.id") == "search"


def contrast(page: Page, selector: str) -> float:
    """The ratio of text and ground that WCAG 2.2 defines."""
    colours = page.locator(selector).first.evaluate("e => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]")

    def luminance(text: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", text)[:3]]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted(luminance(each) for each in colours)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_read_in_light_and_in_the_dark(shown, scheme, tmp_path):
    shown.emulate_media(color_scheme=scheme)
    ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    for selector in ("#worst", ".faint", ".chip", "#detail li"):
        assert contrast(shown, selector) >= 4.5, selector
    assert shown.screenshot(path=tmp_path / f"{scheme}.png").startswith(b"\x89PNG")


def test_nothing_that_a_stack_file_says_is_run(browser, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(html([hostile_report(text) for text in HOSTILE]))
    page = browser.new_page()
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url) if not request.url.startswith("file:") else None)
    page.goto(f"file://{file}")
    for index in range(len(HOSTILE)):
        page.get_by_role("tab").nth(index).click()
        chip = page.locator(".chip").first
        chip.click()
        expect(page.locator("#detail h2").first).to_be_visible()
    assert page.locator("img, iframe, a, h1:nth-of-type(2)").count() == 0
    assert asked == []
    page.close()


@pytest.mark.skipif(not shutil.which("npm"), reason="npm, which fetches Mermaid, is not on PATH")
def test_mermaid_draws_every_graph(browser, reports):
    page = browser.new_page()
    page.set_content("<html><body></body></html>")
    page.add_script_tag(path=mermaid())
    page.evaluate("mermaid.initialize({ startOnLoad: false, securityLevel: 'strict' })")
    graphs = [graph(each) for each in reports] + [graph(hostile_report(text)) for text in HOSTILE]
    for index, each in enumerate(graphs):
        drawn = page.evaluate(
            "async ([id, text]) => (await mermaid.render(id, text)).svg", [f"g{index}", "\n".join(each.split("```")[1].splitlines()[1:])]
        )
        assert len(re.findall(r'class="node ', drawn)) == len(re.findall(r"^    n\d+\[", each, re.MULTILINE)), each
        assert "<script" not in drawn
        assert "javascript:" not in re.sub(r">[^<]*<", "><", drawn)
    page.close()
