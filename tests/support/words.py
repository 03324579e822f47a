"""`python -m tests.support.words`: Vale over the pages that people read, by the styles of .vale/.

Vale is built from Go's module proxy. Where there is no Go, this says so and passes, so that the other linters still run; in CI it fails.
"""

import os
import shutil
import subprocess
import sys

from tests.cloud import tools
from tests.support.stack_files import ROOT

READ = ("docs", "images/README.md", *(path.name for path in sorted(ROOT.glob("*.md"))))


def main() -> int:
    """Exit code: 1 where a page has a word or a sentence that the styles refuse."""
    if shutil.which("go") is None:
        print("Words were not checked: Vale needs Go 1.26, and go is not on PATH.", file=sys.stderr)
        return int(os.environ.get("CI") == "true")
    return subprocess.run([tools.program("vale"), "--no-global", "--no-wrap", *READ], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
