"""Every object that alerts, dashboards, runbooks and how-tos name is one that a stack has.

The alert of an overdue backup once watched a CronJob that nobody makes, and the test of the alert had invented the same name.
"""

import json
import re
from pathlib import Path

import pytest

from components.observability import dashboards
from recording import Recording
from settings.values.dataset import is_reserved
from tests.support.programs import named, record_data
from tests.support.stack_files import ROOT, document, with_models

KINDS = {
    "cronjob": "CronJob", "job": "Job", "deploy": "Deployment", "deployment": "Deployment", "daemonset": "DaemonSet", "service": "Service",
    "resourcequota": "ResourceQuota", "namespace": "Namespace",
}  # fmt: skip
"""How a command or a label of a metric says a kind."""

OF_CHARTS = {("Service", "prometheus-server"), ("Deployment", "cluster-autoscaler"), ("Namespace", "kube-system"), ("Namespace", "default")}
"""What charts and clusters bring, which no program of ours registers."""

IN_COMMAND = re.compile(r"\b(cronjob|job|deploy|deployment|daemonset|service)/([a-z0-9][a-z0-9-]*[a-z0-9])")
IN_NAMESPACE = re.compile(r"(?:-n|--namespace)[ =]([a-z0-9][a-z0-9-]*)(?![\w.])")  # containerd's namespaces have a dot
IN_QUERY = re.compile(r'\b(namespace|cronjob|resourcequota)="([^"]+)"')
TEXTS = [*sorted((ROOT / "docs/runbooks").glob("*.md")), *sorted((ROOT / "docs/how-to").glob("*.md")), ROOT / "README.md"]


def named_in(text: str) -> set[tuple[str, str]]:
    """Kind and name of every object that a text names."""
    found = {(KINDS[kind], name) for kind, name in [*IN_COMMAND.findall(text), *IN_QUERY.findall(text)]}
    return found | {("Namespace", name) for name in IN_NAMESPACE.findall(text)}


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Prod, where everything that watches is on, with models."""
    return record_data(with_models(document("prod")), "update", "prod")


@pytest.fixture(scope="module")
def there(recording) -> set[tuple[str, str]]:
    objects = [each.inputs for each in recording.resources if each.inputs.get("kind") in KINDS.values()]
    return OF_CHARTS | {(each["kind"], each["metadata"]["name"]) for each in objects}


@pytest.fixture(scope="module")
def rules(recording) -> str:
    release = next(each for each in recording.of_type("kubernetes:helm.sh/v3:Release") if each.inputs["name"] == "prometheus")
    groups = release.inputs["values"]["serverFiles"]["rules.yml"]["groups"]
    return "\n".join(rule["expr"] for group in groups for rule in group["rules"])


def test_rules_name_what_there_is(rules, there):
    assert ("CronJob", "backup-notebooks") in named_in(rules)
    assert named_in(rules) - there == set()


def test_promtools_tests_name_what_there_is(there):
    found = named_in((ROOT / "tests/cloud/alerts_test.yaml").read_text())
    assert ("CronJob", "interpreter-cleaner") in found
    assert found - there == set()


def test_dashboards_name_what_there_is(recording, there):
    panels = [panel for _, of in dashboards.DASHBOARDS.values() for panel in of]
    found = named_in("\n".join(query for panel in panels for query in panel.queries))
    assert found == {("Namespace", "gaia-spark"), ("ResourceQuota", "notebooks")}
    assert found <= there
    mine = dashboards.MY_QUOTAS.replace("${__user.login}", "alice")
    quotas = {name for kind, name in there if kind == "ResourceQuota" and re.fullmatch(mine, name)}
    assert quotas == {"driver-alice", "executor-alice"}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_texts_name_what_there_is(path: Path, there):
    # A placeholder in angle brackets is whatever the reader has, and so is what a shell puts in.
    assert named_in(re.sub(r"<[^>]*>", "<>", path.read_text())) - there == set()


def test_a_wrong_name_is_found(there):
    for text in ("create job --from=cronjob/notebook-backup now", 'x{cronjob="notebook-backup"}', "kubectl -n gaia-sparc get pods"):
        assert named_in(text) - there, text


def test_a_stack_that_stands_by_still_watches_its_backups():
    data = document("prod")
    data["gaia-dmp:zeppelin"]["standby"] = True
    recording = record_data(data, "update", "prod")
    releases = [each.inputs for each in recording.of_type("kubernetes:helm.sh/v3:Release")]
    values = next(each["values"] for each in releases if each["name"] == "prometheus")
    groups = {group["name"]: json.dumps(group) for group in values["serverFiles"]["rules.yml"]["groups"]}
    assert "service" not in groups
    assert "BackupOverdue" in groups["data"]
    assert named(recording, "notebook-backup-backup-notebooks").inputs["spec"]["suspend"] is False


def test_whatever_is_written_has_a_name_that_no_dataset_may_have(recording):
    """A dataset of such a name would be bound to a volume that may be written."""
    writable = [
        each.name.removesuffix("-volume")
        for each in recording.of_type("kubernetes:core/v1:PersistentVolume")
        if not each.inputs["spec"].get("csi", {}).get("readOnly") and not each.name.startswith("data-")
    ]
    assert {"notebooks", "notebooks-prepare", "backup", "history", "user-alice"} <= set(writable)
    assert [name for name in writable if not is_reserved(name)] == []
