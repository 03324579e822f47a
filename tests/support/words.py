"""`python -m tests.support.words`: Vale over the pages, and over comments and docstrings of the program, by the styles of .vale/.

Vale is built from Go's module proxy. Where there is no Go, this says so and passes, so that the other linters still run; in CI it fails.
"""

import os
import shutil
import subprocess
import sys

from tests.cloud import tools
from tests.support.stack_files import PROGRAM, ROOT

PAGES = ("docs", "images/README.md", *(path.name for path in sorted(ROOT.glob("*.md"))))


def modules() -> list[str]:
    """Every module of the program and of what makes its images and figures, as paths from its root.

    Without the scripts of Pods (`files/`): a changed comment would restart what runs them.
    """
    found = (path.relative_to(ROOT) for folder in ("benchmarks", "images", *PROGRAM) for path in sorted((ROOT / folder).rglob("*.py")))
    return ["__main__.py", *(str(path) for path in found if not {"files", ".venv"} & set(path.parts))]


def main() -> int:
    """Exit code: 1 where a text has a word or a sentence that the styles refuse."""
    if shutil.which("go") is None:
        print("Words were not checked: Vale needs Go 1.26, and go is not on PATH.", file=sys.stderr)
        return int(os.environ.get("CI") == "true")
    try:
        vale = tools.program("vale")
    except tools.ToolError as error:
        print(f"Words were not checked: {error}", file=sys.stderr)
        return 1
    return subprocess.run([vale, "--no-global", "--no-wrap", *PAGES, *modules()], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
