"""Arrows point one way: __main__ -> components -> pulumi; settings and components do not know each other."""

import ast
from pathlib import Path

import pytest

from tests.support.stack_files import ROOT

ALLOWED = {
    # folder: what it may import of ours
    "settings": {"settings"},
    "components": {"components"},
    "policy": {"policy", "preview"},
    "preview": {"policy", "preview", "settings"},
    "review": {"policy", "preview", "review"},
    "doctor": {"doctor", "settings"},
    "restore": {"operate", "restore"},
    "operate": {"doctor", "operate", "preview", "review", "settings"},
    "switch": {"components", "settings"},
}
OURS = {*ALLOWED, "tests", "benchmarks"}
MODULES = [path for folder in ALLOWED for path in sorted((ROOT / folder).glob("*.py"))]


def imported(path: Path) -> set[str]:
    """The first names of everything that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_arrows_point_one_way(path):
    assert imported(path) & OURS <= ALLOWED[path.parent.name]


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "settings"], ids=lambda path: path.name)
def test_settings_make_no_resource(path):
    assert not [name for name in imported(path) if name.startswith("pulumi")]


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name == "components"], ids=lambda path: path.name)
def test_only_the_program_exports(path):
    assert "pulumi.export" not in path.read_text()


def test_the_preview_and_whoever_reads_it_know_no_component_by_name():
    text = "".join(path.read_text() for path in MODULES if path.parent.name in ("preview", "policy", "review"))
    assert "gaia-dmp:openstack:" not in text
    assert "gaia-dmp:kubernetes:" not in text
