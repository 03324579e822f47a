"""What the workflows may do: nothing for strangers, one thing each for the rest. zizmor (`make lint`) and actionlint (`make test-kube`) see
more."""

import re
from typing import Any

import pytest
import yaml

from tests.support.stack_files import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS: dict[str, tuple[str, dict[Any, Any]]] = {
    path.stem: (path.read_text(), yaml.safe_load(path.read_text())) for path in sorted(FOLDER.glob("*.yaml"))
}
RIGHTS = {
    "bench": {"contents": "write"},
    "comment": {"actions": "read", "contents": "read", "pull-requests": "write"},
    "docs": {"contents": "read"},
    "drift": {"contents": "read", "issues": "write"},
    "images": {"contents": "read", "packages": "write", "id-token": "write"},
    "preview": {"contents": "read"},
    "review": {"contents": "read"},
    "up": {"contents": "read"},
}


def test_these_are_all():
    assert WORKFLOWS.keys() == RIGHTS.keys()


@pytest.mark.parametrize("name", RIGHTS)
def test_rights_are_no_wider_than_the_job(name):
    _, workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {}
    given: dict[str, str] = {}
    for job in workflow["jobs"].values():
        given |= job["permissions"]
        assert job["timeout-minutes"] <= 120
    assert given == RIGHTS[name]


@pytest.mark.parametrize("name", RIGHTS)
def test_actions_are_pinned_and_leave_no_token(name):
    text, workflow = WORKFLOWS[name]
    uses = re.findall(r"uses: (\S+)", text)
    assert [each for each in uses if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", each)] == []
    checkouts = [step for job in workflow["jobs"].values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_what_runs_a_strangers_code_has_no_secret():
    text, workflow = WORKFLOWS["review"]
    assert list(workflow[True]) == ["pull_request"]  # YAML reads `on` as true
    assert "secrets" not in text
    assert "environment" not in text


def test_what_may_comment_runs_the_default_branch_alone():
    text, workflow = WORKFLOWS["comment"]
    assert list(workflow[True]) == ["workflow_run"]
    (checkout,) = [step for step in workflow["jobs"]["comment"]["steps"] if "checkout" in step.get("uses", "")]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    assert "download-artifact" not in text
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"GITHUB_TOKEN"}


def test_what_may_write_to_the_repository_runs_for_no_pull_request():
    _, workflow = WORKFLOWS["bench"]
    assert list(workflow[True]) == ["schedule", "workflow_dispatch"]
    assert [job["if"] for job in workflow["jobs"].values()] == ["github.ref == 'refs/heads/main'"]


def test_the_clouds_are_reached_from_protected_environments_alone():
    for name in ("preview", "up", "drift"):
        for job in WORKFLOWS[name][1]["jobs"].values():
            reaches = any("CLOUDS" in step.get("env", {}) for step in job["steps"])
            assert reaches == ("environment" in job), name
    assert "head.repo.full_name == github.repository" in WORKFLOWS["preview"][1]["jobs"]["preview"]["if"]


def test_dev_comes_before_prod_and_nothing_is_skipped():
    jobs = WORKFLOWS["up"][1]["jobs"]
    assert list(jobs) == ["dev", "prod"]
    assert jobs["prod"]["needs"] == "dev"
    for name, job in jobs.items():
        assert job["environment"] == name
        assert "--skip-preview" not in str(job)
        assert job["steps"][-1]["env"]["STACK"] == name


def test_every_text_of_an_event_comes_by_a_variable():
    for _, workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            assert [step["run"] for step in job["steps"] if "${{" in step.get("run", "")] == []
