"""`python -m operate.smoke STACK`: the test notebook, once and from here, as a person would come: by the public name."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from operate.engine import ROOT, EngineError, outputs

SCRIPT = ROOT / "components" / "observability" / "files" / "smoke_test.py"


def main(arguments: list[str] | None = None) -> int:
    """Run it. Returns the script's own code: 0 where it passed."""
    parser = argparse.ArgumentParser(prog="smoke", description="Count, cross-match and plot in a notebook of a stack that stands.")
    parser.add_argument("stack", nargs="?", default="dev", help="name of the stack")
    parser.add_argument("--user", help="login name; by default the stack's own test user, or else its administrator")
    parser.add_argument("--url", help="address, where it is not the stack's: http://localhost:8080 behind a port-forward")
    parser.add_argument("--folder", type=Path, default=ROOT, help="where the program is")
    options = parser.parse_args(arguments)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        known = outputs(options.stack, options.folder)
    except EngineError as error:
        errors.print(str(error), style="red", markup=False)
        return 1
    passwords = known.get("passwords") or {}
    user = options.user or known.get("test_user") or next(iter(passwords), "")
    password = os.environ.get("SMOKE_PASSWORD") or passwords.get(user)
    if not password:
        errors.print(f"stack {options.stack} has no password of {user or 'anybody'}; give one by SMOKE_PASSWORD and --user", style="red")
        return 1
    url = options.url or known.get("zeppelin_url") or ""
    errors.print(f"{user} at {url}", style="dim")
    if url.startswith("http://localhost"):
        errors.print(f"behind: kubectl -n gaia-zeppelin port-forward service/gateway {url.rsplit(':', 1)[-1]}:8080", style="dim")
    environment = os.environ | {"SMOKE_USER": user, "SMOKE_PASSWORD": password}
    return subprocess.run([sys.executable, str(SCRIPT), "once", url], env=environment, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
