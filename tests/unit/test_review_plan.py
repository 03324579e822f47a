"""A real engine's plan (pulumi 3.260, recorded on the local cloud, cut to a few steps) gives the same report as the diff."""

import json

import pytest

from review.change import Effect
from review.plan import disagreements, errors, read_plan
from review.report import build
from review.revisions import RevisionError
from tests.support.review import TODAY
from tests.support.stack_files import ROOT

PLANS = ROOT / "tests" / "recorded" / "plans"


@pytest.fixture(params=["dataset-kept.json", "dataset-kept.jsonl"])
def plan(request):
    return read_plan((PLANS / request.param).read_text(), "dev")


def test_what_the_engine_would_do(plan):
    before, after, changes = plan
    assert {each.name: (each.operation, each.effect) for each in changes} == {
        "ceph-csi-config": ("replace", Effect.REPLACED),
        "dataset-check-files": ("replace", Effect.REPLACED),
        "dataset-check-nodes": ("update", Effect.RESTART),
        "data-kept-ceph-key": ("delete", Effect.DELETED),
        "data-kept-share": ("forget", Effect.LEAVES),
    }
    assert len(before.resources) == len(after.resources) + 2


def test_the_engine_says_what_forces(plan):
    assert {each.name: each.forced_by for each in plan[2] if each.operation == "replace"} == {
        "ceph-csi-config": ["data.config.json"],
        "dataset-check-files": ["data.datasets.json"],
    }


def test_the_report_is_made_of_it(plan):
    before, after, changes = plan
    report = build("dev", before, after, base="what is deployed", head="plan", today=TODAY, changes=changes)
    assert (report.source, report.whole) == ("engine", True)
    assert [risk.text for risk in report.of("data")] == ["data-kept-share leaves the stack and stays in the cloud"]
    assert report.counts == {"replace": 2, "update": 1, "delete": 1, "forget": 1}


def test_no_secret_is_in_it(plan):
    text = json.dumps([[each.inputs for each in side.resources] for side in plan[:2]])
    assert "AQ" not in text
    assert "ciphertext" not in text


def test_where_both_differ(plan):
    changes = plan[2]
    assert disagreements(changes, changes) == []
    assert disagreements(changes[:-1], changes) == [f"{changes[-1].name}: offline nothing, engine {changes[-1].operation}"]


def test_why_the_engine_stopped():
    whole = json.loads((PLANS / "dataset-kept.json").read_text())
    message = "error: resource hook data-sample-shrink: size_gib 5 is less than 10\n"
    whole["diagnostics"] = [{"message": "warning: x", "severity": "warning"}, {"message": message, "severity": "error"}]
    assert errors(json.dumps(whole)) == [message.strip()]
    lines = (PLANS / "dataset-kept.jsonl").read_text()
    assert errors(lines) == []
    assert errors(lines + json.dumps({"diagnosticEvent": {"message": message, "severity": "error"}}) + "\n") == [message.strip()]


def test_a_plan_of_changes_alone_says_what_it_leaves_out(plan):
    before, after, changes = plan
    urns = {each.urn for each in changes}
    after.resources = [each for each in after.resources if each.urn in urns]
    report = build("dev", before, after, base="", head="", today=TODAY, changes=changes)
    assert not report.whole
    assert "--show-sames" in report.notes[0]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", '{"steps": 1}', '{"steps": [{"op": "dance", "urn": "a::b::c::d"}]}', "[" * 100_000]
)
def test_whatever_is_no_plan_is_refused(text):
    with pytest.raises(RevisionError, match="the plan of dev"):
        read_plan(text, "dev")
