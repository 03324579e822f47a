"""The reference pages are what the program makes: `make docs` writes them."""

import difflib
import json
import re

import pytest

from tests.support.pages import FOLDER, OUTPUTS, pages
from tests.support.programs import record_data
from tests.support.stack_files import ROOT, document


@pytest.fixture(scope="module")
def made():
    return pages()


@pytest.mark.parametrize("name", ["command-line.md", "outputs.md", "metrics.md", "alerts.md", "faults.md", "speed.md"])
def test_a_page_is_up_to_date(name, made):
    differences = list(difflib.unified_diff((FOLDER / name).read_text().splitlines(), made[name].splitlines(), lineterm="", n=0))
    assert differences[:20] == [], "run: make docs"


def test_the_recorded_moments_cost_nothing_and_each_has_a_message(made):
    groups = [json.loads(file.read_text()) for file in sorted((ROOT / "tests/recorded/faults").glob("*.json"))]
    moments = [each for group in groups for each in group["moments"]]
    assert [each for each in moments if each["lost"] or each["twice"] or not each["told"]] == []
    assert f"Tests saw {len(moments)} moments." in made["faults.md"]
    assert len(re.findall(r"^\| `\w+`, ", made["faults.md"], flags=re.MULTILINE)) == len(moments)


def test_every_output_has_a_meaning():
    assert set(record_data(document("prod"), "update", "prod").outputs) == set(OUTPUTS)


def test_what_a_stranger_looks_for_is_there(made):
    assert "| `--confirm STACK` |" in made["command-line.md"]
    assert "| 3 | " in made["command-line.md"]
    assert "## passwords" in made["outputs.md"]
    assert made["outputs.md"].count("This output is secret.") == 2
    assert "| `gaia_dmp_dataset_up` | `dataset`, `node` | Whether the dataset answers on this node. |" in made["metrics.md"]
    assert "| [DatasetLost](#datasetlost) | critical | 3m | [mount-lost](../runbooks/mount-lost.md) |" in made["alerts.md"]
