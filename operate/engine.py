"""The Pulumi on PATH, asked about one stack of this project."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class EngineError(Exception):
    """Pulumi could not do it; the message holds its words."""


def _found() -> None:
    if shutil.which("pulumi") is None:
        raise EngineError("pulumi is not on PATH; install it as https://www.pulumi.com/docs/install says")


def run(stack: str, *words: str, folder: Path = ROOT) -> str:
    """What `pulumi <words> --stack <stack>` prints. Raises EngineError where it is not there or ends with an error."""
    _found()
    command = ["pulumi", *words, "--stack", stack, "--non-interactive", "--color", "never"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - names of stacks are arguments
    if done.returncode:
        raise EngineError(f"pulumi {' '.join(words)} of stack {stack}:\n{(done.stderr.strip() or done.stdout.strip())[-4000:]}")
    return done.stdout


def attend(stack: str, *words: str, folder: Path = ROOT) -> int:
    """Run `pulumi <words> --stack <stack>` on this terminal, where it may ask back; its exit code. Raises EngineError without Pulumi."""
    _found()
    return subprocess.run(["pulumi", *words, "--stack", stack], cwd=folder, check=False).returncode  # noqa: S603, S607


def outputs(stack: str, folder: Path = ROOT) -> dict[str, Any]:
    """The stack's outputs, secrets in clear: whoever calls this hands none of them on to where they are seen. Raises EngineError."""
    return json.loads(run(stack, "stack", "output", "--json", "--show-secrets", folder=folder) or "{}")


def resources(stack: str, folder: Path = ROOT, *, secrets: bool = False) -> list[dict[str, Any]]:
    """The resources of the stack's state. secrets: in clear, and then for nobody's eyes. Raises EngineError."""
    shown = ("--show-secrets",) if secrets else ()
    deployment = json.loads(run(stack, "stack", "export", *shown, folder=folder)).get("deployment") or {}
    return deployment.get("resources") or []
