"""Runs the test notebook once, from here, through the public name as a person would."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from components import names
from operate.engine import ROOT, outputs
from settings import read

SCRIPT = ROOT / "components" / "observability" / "files" / "smoke_test.py"


class NoPasswordError(Exception):
    """There is no password to log in with; the message says how to give one."""


def smoke(stack: str, folder: Path, *, user: str = "", url: str = "", say: Callable[[str], None]) -> int:
    """Run it. Returns the script's own code: 0 if it passed.

    user: login name; "" for the stack's test user, or its administrator. url: "" for the stack's own address. say: called with user and
    address. Raises NoPasswordError, StackFileError if there is no stack file, operate.engine.EngineError.
    """
    read(folder / f"Pulumi.{stack}.yaml")
    known = outputs(stack, folder)
    passwords = known.get("passwords") or {}
    user = user or known.get("test_user") or next(iter(passwords), "")
    password = os.environ.get("SMOKE_PASSWORD") or passwords.get(user)
    if not password:
        raise NoPasswordError(f"stack {stack} has no password for {user or 'anybody'}; set SMOKE_PASSWORD and --user")
    url = url or known.get("zeppelin_url") or ""
    say(f"{user} at {url}")
    if url.startswith("http://localhost"):
        port = url.rsplit(":", 1)[-1]
        say(f"behind: kubectl -n {names.ZEPPELIN_NAMESPACE} port-forward service/{names.GATEWAY} {port}:{names.GATEWAY_HTTP_PORT}")
    environment = os.environ | {"SMOKE_USER": user, "SMOKE_PASSWORD": password}
    return subprocess.run([sys.executable, str(SCRIPT), "once", url], env=environment, check=False).returncode  # noqa: S603
