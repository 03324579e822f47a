"""`make site` fails where a page cannot be found: its own command, on a copy of the pages with two that are wrong."""

import shutil
import subprocess

from tests.support.stack_files import ROOT


def test_a_page_that_cannot_be_found_is_an_error_and_nothing_else_is(tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "docs" / "lost.md").write_text("# Nobody finds this\n")
    (tmp_path / "docs" / "reference" / "scale.md").write_text("# Scale\n\n[gone](gone.md)\n")
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
    complaints = [line for line in built.stderr.split("\n") if line.startswith("WARNING")]
    assert built.returncode != 0
    assert 'not included in the "nav" configuration:\n  - lost.md\n' in built.stderr
    assert [("nav" in line, "contains a link 'gone.md'" in line) for line in complaints] == [(True, False), (False, True)], built.stderr
