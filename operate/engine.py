"""Runs the Pulumi on PATH for one stack of this project."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class EngineError(Exception):
    """Pulumi failed; the message contains its output."""


def _found() -> None:
    if shutil.which("pulumi") is None:
        raise EngineError("pulumi is not on PATH; https://www.pulumi.com/docs/install describes how to install it")


def run(stack: str, *words: str, folder: Path = ROOT) -> str:
    """What `pulumi <words> --stack <stack>` prints. Raises EngineError if Pulumi is missing or fails."""
    _found()
    command = ["pulumi", *words, "--stack", stack, "--non-interactive", "--color", "never"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - names of stacks are arguments
    if done.returncode:
        raise EngineError(f"pulumi {' '.join(words)} of stack {stack}:\n{(done.stderr.strip() or done.stdout.strip())[-4000:]}")
    return done.stdout


def attend(stack: str, *words: str, folder: Path = ROOT) -> int:
    """Run `pulumi <words> --stack <stack>` on this terminal, where it may ask questions. Returns its exit code. Raises EngineError."""
    _found()
    return subprocess.run(["pulumi", *words, "--stack", stack], cwd=folder, check=False).returncode  # noqa: S603, S607


def outputs(stack: str, folder: Path = ROOT) -> dict[str, Any]:
    """The stack's outputs, with secrets in plain text. Callers must not print them. Raises EngineError."""
    return json.loads(run(stack, "stack", "output", "--json", "--show-secrets", folder=folder) or "{}")


def resources(stack: str, folder: Path = ROOT, *, secrets: bool = False) -> list[dict[str, Any]]:
    """The resources of the stack's state. secrets: whether to include them in plain text; then do not print them. Raises EngineError."""
    shown = ("--show-secrets",) if secrets else ()
    deployment = json.loads(run(stack, "stack", "export", *shown, folder=folder)).get("deployment") or {}
    return deployment.get("resources") or []
