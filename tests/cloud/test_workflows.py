"""The workflows, by actionlint itself; zizmor looks at them in `make lint`."""

import subprocess

from tests.cloud.tools import program
from tests.support.stack_files import ROOT


def test_actionlint_finds_nothing():
    workflows = sorted(str(path) for path in (ROOT / ".github" / "workflows").glob("*.yaml"))
    assert len(workflows) >= 6
    done = subprocess.run([program("actionlint"), "-shellcheck=", "-pyflakes=", *workflows], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_actionlint_would_find_something(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.nothing }}\n")
    done = subprocess.run([program("actionlint"), "-shellcheck=", "-pyflakes=", wrong], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert '"nothing"' in done.stdout
