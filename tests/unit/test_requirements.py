"""What is imported is required: directly, by the program's, the policy pack's or the tests' own list, and not by way of somebody else."""

import ast
import functools
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

from tests.support.stack_files import PROGRAM, ROOT

ELSEWHERE = ("files", "drivers", ".venv", "driver_program.py", "connect_client.py", "client_program.py")
"""What runs in a Pod, in another service, inside Spark or in an environment of its own."""
OURS = {path.name for path in ROOT.iterdir() if path.is_dir()} | {"__main__"}
PROVIDED = {"pulumi_policy"}
"""By the policy pack's own environment."""


def modules(*names: str) -> list[Path]:
    roots = [ROOT / name for name in names]
    found = [root for root in roots if root.is_file()] + [path for root in roots for path in sorted(root.rglob("*.py"))]
    return [path for path in found if not {*ELSEWHERE} & {*path.relative_to(ROOT).parts}]


def imported(paths: list[Path]) -> dict[str, str]:
    """Third-party modules, full names, each with a file that imports it."""
    found: dict[str, str] = {}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in names:
                if name.split(".")[0] not in OURS | sys.stdlib_module_names | PROVIDED:
                    found.setdefault(name, str(path.relative_to(ROOT)))
    return found


def required(*files: str) -> set[str]:
    """Names of distributions in requirements' sources, as PyPI normalises them."""
    text = "\n".join((ROOT / file).read_text() for file in files)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"^([A-Za-z][\w.-]*)", text, re.MULTILINE)}


# Both read the metadata of every package that is installed.
distributions = functools.cache(importlib.metadata.packages_distributions)


@functools.cache
def files_of(distribution: str) -> frozenset[str]:
    """The files of an installed distribution."""
    return frozenset(str(file) for file in importlib.metadata.files(distribution) or ())


def distribution(module: str) -> set[str]:
    """The distributions that bring a module: those that have its file, where several share a namespace."""
    candidates = distributions().get(module.split(".", maxsplit=1)[0], [])
    if len(candidates) > 1:
        path = module.replace(".", "/")
        candidates = [each for each in candidates if files_of(each) & {f"{path}.py", f"{path}/__init__.py"}] or candidates
    return {re.sub(r"[-_.]+", "-", name).lower() for name in candidates}


@pytest.mark.parametrize(
    ("folders", "files"),
    [
        (("__main__.py", *PROGRAM), ("requirements.in",)),
        (("tests", "benchmarks"), ("requirements.in", "requirements-dev.in")),
        (("recording/model.py", "policy"), ("policy/requirements.in",)),
    ],
    ids=["program", "tests", "policy-pack"],
)
def test_what_is_imported_is_required(folders, files):
    have = required(*files)
    missing = {name: file for name, file in imported(modules(*folders)).items() if not distribution(name) & have}
    assert missing == {}


def test_what_the_program_requires_is_used():
    used = set().union(*(distribution(name) for name in imported(modules("__main__.py", *PROGRAM))))
    # Read as data, and found by its name alone.
    assert required("requirements.in") - used == {"kubernetes-validate"}
