"""`make site` fails where a page cannot be found: its own command, on a copy of the pages to which one is added."""

import shutil
import subprocess

import pytest

from tests.support.stack_files import ROOT


@pytest.mark.parametrize(
    ("page", "text", "complaint"),
    [
        ("lost.md", "# Nobody finds this\n", 'not included in the "nav" configuration:\n  - lost.md\n'),
        ("reference/scale.md", "# Scale\n\n[gone](gone.md)\n", "contains a link 'gone.md'"),
        ("reference/scale.md", "# Scale\n", ""),
    ],
    ids=["outside the navigation", "a link to nothing", "as it is"],
)
def test_a_page_that_cannot_be_found_is_an_error(tmp_path, page, text, complaint):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "docs" / page).write_text(text)
    lines = [
        f"INHERIT: {ROOT}/mkdocs.yaml",
        "docs_dir: docs",
        f"site_dir: {tmp_path}/site",
        f"hooks: [{ROOT}/tests/support/documentation.py]",
    ]
    (tmp_path / "mkdocs.yaml").write_text("\n".join(lines))
    recipe = subprocess.run(["make", "--dry-run", "site"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (command,) = [line for line in recipe.splitlines() if " mkdocs build " in line]
    built = subprocess.run(
        ["sh", "-c", f"{command} --config-file {tmp_path}/mkdocs.yaml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (built.returncode == 0, complaint in built.stderr) == (not complaint, True), built.stderr
