"""Arrows point one way: __main__ -> layers -> components -> pulumi and settings.values; settings know nothing of components."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack_files import ROOT

ALLOWED = {
    # folder: what it may import of ours; `components.names` is what everybody may know of the platform's objects
    "settings": {"settings"},
    "components": {"components", "settings.values"},
    "layers": {"layers", "components", "settings"},
    "recording": {"recording"},
    "policy": {"policy", "recording"},
    "preview": {"preview", "recording", "settings"},
    "review": {"policy", "recording", "review"},
    "doctor": {"doctor", "settings"},
    "operate": {"doctor", "operate", "preview", "recording", "review", "settings"},
    "switch": {"components", "settings"},
    "cli": {"cli", "doctor", "operate", "policy", "preview", "recording", "review", "settings"},
}
OURS = {*ALLOWED, "tests", "benchmarks"}
MODULES = [path for folder in ALLOWED for path in sorted((ROOT / folder).rglob("*.py")) if ".venv" not in path.parts]
PROGRAM = ROOT / "__main__.py"
SHARED = "components.names"


def imported(path: Path) -> set[str]:
    """The full names of everything that a module imports: `components.names` of `from components import names`, too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = ROOT / node.module.replace(".", "/")
            found |= {f"{node.module}.{name.name}" if inside.is_dir() else node.module for name in node.names}
    return found


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def within(name: str, allowed: set[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in allowed)


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_arrows_point_one_way(path):
    ours = {name for name in imported(path) if name.split(".")[0] in OURS}
    assert {name for name in ours if not within(name, ALLOWED[room(path)] | {SHARED})} == set()


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) == "settings"], ids=label)
def test_settings_make_no_resource(path):
    assert not [name for name in imported(path) if name.startswith("pulumi")]


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) == "components"], ids=label)
def test_only_the_program_exports(path):
    assert "pulumi.export" not in path.read_text()


def test_the_preview_and_whoever_reads_it_know_no_component_by_name():
    text = "".join(path.read_text() for path in MODULES if room(path) in ("preview", "policy", "review"))
    assert "gaia-dmp:openstack:" not in text
    assert "gaia-dmp:kubernetes:" not in text


def test_the_program_is_layers_and_exports():
    names = {name.split(".")[0] for name in imported(PROGRAM)}
    assert names == {"layers", "pulumi"}
    statements = {type(node).__name__ for node in ast.walk(ast.parse(PROGRAM.read_text()))}
    assert not statements & {"FunctionDef", "If", "Match", "For", "While", "Try", "ClassDef", "IfExp"}
    assert len(PROGRAM.read_text().splitlines()) <= 80


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) in ("components", "layers")], ids=label)
def test_a_file_fits_a_head(path):
    assert len(path.read_text().splitlines()) <= 300


def test_a_preview_waits_for_no_other_commands_packages():
    """`gaia preview` imports its own rooms alone: OpenStack's and Kubernetes' clients would take longer than all of it."""
    code = "import sys; import cli.main, cli.preview, cli.diff; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split())
    assert loaded & {"argcomplete", "keystoneauth1", "lightkube", "openstack", "requests"} == set()
