"""What a stranger's stack file may say harms nobody: every output shows it as text, bounded in size, and recordings are read as data."""

import html.parser
import json
import re

import pytest
from markdown_it import MarkdownIt

from recording import RecordedResource, Recording
from review import markdown, page
from review.compare import compare
from review.report import Report, build
from review.revisions import MAX_BYTES, RevisionError, read
from review.risks import Risk
from review.texts import clean, shown, text_diff
from tests.support.review import TODAY

HOSTILE = [
    "<script>alert(1)</script>",
    "</details></details><h1>approved</h1>",
    "<!-- gaia-dmp: review of stacks -->",
    "![x](https://evil.example/pixel.png)",
    "[click](javascript:alert(1))",
    "@everyone please #1 GH-1 https://evil.example",
    "`` ` ``` ```` `",
    "```\n</details>\n```mermaid\nflowchart",
    "| a | b |\n|---|---|",
    "# heading\n\n- item\n\n***",
    '"]:::x\n  click n0 href "javascript:alert(1)"',
    "%%{init: {'securityLevel': 'loose'}}%%",
    "</script><img src=x onerror=alert(1)>",
    "\x1b[2J\x1b]0;title\x07\x00",
    "\u202egnp.exe",
    "\u2028\u2029",
    "{{data}} {{script}}",
    "a" * 100_000,
    "\n" * 50_000,
]


def hostile_report(text: str) -> Report:
    """A report in which everything that a stack file can say is `text`."""

    def resource(name: str, value: str) -> RecordedResource:
        kind = "openstack:sharedfilesystem/share:Share"
        inputs = {"name": value, "metadata": {value[:50]: value}, "shareProto": value, "lines": f"{value}\n{name}"}
        return RecordedResource(f"urn:pulumi:x::gaia-dmp::{kind}::{name}", kind, name, "", "", True, inputs, [], {}, {})

    sides = [
        Recording("gaia-dmp", "x", "preview", [resource(text, value)], [], {"capacity": {"idle": {"vcpus": value}}, "url": value})
        for value in (text, f"{text}!")
    ]
    report = build("x", *sides, base=text, head=text, today=TODAY)
    report.risks.append(Risk("rights", text))
    report.refused = {"head": text}
    report.differs = [text]
    return report


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_a_comment_shows_it_as_code(text):
    comment = markdown.comment([hostile_report(text)])
    assert len(comment) <= markdown.LIMIT
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", comment)
    tokens = [inner for token in MarkdownIt("commonmark").enable("table").parse(comment) for inner in [token, *(token.children or [])]]
    markup = "".join(token.content for token in tokens if token.type in ("html_block", "html_inline"))
    assert set(re.findall(r"<[^>]*>", markup)) <= {"<details>", "</details>", "<summary>", "</summary>", markdown.MARKER}
    assert markup.count("<details>") == markup.count("</details>")
    assert {token.type for token in tokens} & {"image", "link_open"} == set()
    words = "".join(token.content for token in tokens if token.type == "text")
    for part in ("evil.example", "@everyone", "approved", "javascript:", "item"):
        assert part not in words
    headings = [tokens[index + 1].content for index, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings == ["What this changes", "Stack `x`"]
    blocks = [token.content for token in tokens if token.type == "fence" and token.info == "mermaid"]
    assert [block.splitlines()[0] for block in blocks] in (["flowchart LR"], [])


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_a_graph_has_no_word_of_it(text):
    drawn = markdown.graph(hostile_report(text))
    for line in drawn.splitlines()[2:-1]:
        assert re.fullmatch(
            r"\s*(subgraph b\d+\[\"[^\"\[\]<>{}|`]*\"\]|n\d+\[\"[^\"\[\]<>{}|`]*\"\]:::\w+|end|n\d+ --> n\d+|classDef [\w :,#-]+)", line
        ), line
    assert len(drawn) < 50_000


class Tags(html.parser.HTMLParser):
    """Every element of a page, and the text of its data."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.data, self._in_data = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in_data = tag == "script" and ("id", "data") in attrs

    def handle_endtag(self, tag: str) -> None:
        self._in_data = False

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data += data


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_a_page_has_the_same_elements_whatever_it_says(text):
    found, harmless = Tags(), Tags()
    found.feed(page.page([hostile_report(text)]))
    harmless.feed(page.page([hostile_report("harmless")]))
    assert found.tags == harmless.tags
    assert json.loads(found.data)[0]["stack"] == "x"
    assert len(found.data) < 2_000_000


def test_a_page_runs_its_own_script_alone():
    text = page.page([])
    assert re.search(r"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[A-Za-z0-9+/=]{44}'", text)


class TestTexts:
    def test_control_signs_and_turned_writing_are_replaced(self):
        assert clean("a\x1b[2Jb\u202ec\nd") == "a\ufffd[2Jb\ufffdc\nd"

    def test_what_is_long_is_cut_and_says_so(self):
        assert shown("a" * 200, 10) == "a" * 10 + " ... (200 characters)"
        assert len(text_diff("a\n" * 10_000, "b\n" * 10_000, limit=20)) == 21


class TestRecordings:
    def test_of_another_form_are_refused(self):
        good = json.loads(Recording("gaia-dmp", "x", "preview").to_json())
        assert read(json.dumps(good).encode(), "x").stack == "x"
        for wrong in (
            b"",
            b"[]",
            b"\xff",
            b"[" * 100_000,
            json.dumps(good | {"version": 2}).encode(),
            json.dumps(good | {"resources": 1}).encode(),
        ):
            with pytest.raises(RevisionError):
                read(wrong, "x")

    def test_of_another_stack_are_refused(self):
        with pytest.raises(RevisionError, match="names another stack, y"):
            read(Recording("gaia-dmp", "y", "preview").to_json().encode(), "x")

    def test_that_are_huge_are_refused(self):
        with pytest.raises(RevisionError, match="at most"):
            read(b" " * (MAX_BYTES + 1), "x")


def test_a_graph_has_no_more_edges_than_are_drawn():
    kind = "kubernetes:core/v1:ConfigMap"
    urns = [f"urn:pulumi:x::gaia-dmp::{kind}::{number}" for number in range(60)]
    knot = [RecordedResource(urn, kind, urn[-2:], "", "", True, {"a": 1}, [], {}, {}, {"a": urns}) for urn in urns]
    drawn = markdown.graph(build("x", None, Recording("gaia-dmp", "x", "preview", knot), base="", head="", today=TODAY))
    assert drawn.count(" --> ") == markdown.EDGES


def test_a_circle_of_resources_ends():
    def resource(name: str, needs: str) -> RecordedResource:
        urn = "urn:pulumi:x::gaia-dmp::kubernetes:core/v1:ConfigMap::"
        return RecordedResource(
            urn + name, "kubernetes:core/v1:ConfigMap", name, "", "", True, {"a": name}, [], {}, {}, {"a": [urn + needs]}
        )

    both = Recording("gaia-dmp", "x", "preview", [resource("a", "b"), resource("b", "a")])
    assert [each.operation for each in compare(None, both)] == ["create", "create"]
    assert "a" in page.page([build("x", None, both, base="", head="", today=TODAY)])


@pytest.mark.parametrize(("stacks", "resources"), [(1, 3000), (5, 1000), (60, 50), (2000, 1)])
def test_a_change_of_everything_still_fits(stacks, resources):
    kind = "openstack:sharedfilesystem/share:Share"
    urn = f"urn:pulumi:x::gaia-dmp::{kind}::"

    def recording(name: str) -> Recording:
        return Recording(
            "gaia-dmp",
            "x",
            "preview",
            [
                RecordedResource(f"{urn}{i}", kind, f"{i}", "", "", True, {"shareProto": name, "name": name * 200}, [], {}, {})
                for i in range(resources)
            ],
        )

    report = build("x", recording("a"), recording("b"), base="a", head="b", today=TODAY)
    comment = markdown.comment([report] * stacks, "[all of it](https://github.example)")
    assert len(comment) <= markdown.LIMIT
    assert comment.count("<details>") == comment.count("</details>")
    assert "data at risk" in comment
    assert "https://github.example" in comment
