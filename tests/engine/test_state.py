"""A state that is locked by an engine that is gone, and one that is half written: the ways out that docs/runbooks/state-locked.md tells."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.stack_files import ROOT

PROGRAM = """
import time
import pulumi, pulumi_random as random
first = random.RandomPassword("first", length=24)
if pulumi.Config().get("slow"):
    time.sleep(60)
pulumi.export("first", first.result)
"""
Pulumi = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pulumi(tmp_path: Path) -> Pulumi:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: small\nruntime:\n  name: python\n  options: {toolchain: pip, virtualenv: .venv}\n")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    state = tmp_path / "state"
    state.mkdir()
    environment = os.environ | {
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "p",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }

    def run(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", *words, "--non-interactive", "--color", "never"]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    run.folder, run.environment, run.state = folder, environment, state  # type: ignore[attr-defined]
    run("stack", "init", "dev")
    run("up", "--yes", "--stack", "dev")
    return run


def password(pulumi: Pulumi) -> str:
    return pulumi("stack", "output", "first", "--show-secrets", "--stack", "dev").stdout.strip()


def test_a_lock_of_an_engine_that_was_killed_is_taken_away(pulumi) -> None:
    before = password(pulumi)
    pulumi("config", "set", "slow", "yes", "--stack", "dev")
    locks = pulumi.state / ".pulumi" / "locks"
    with subprocess.Popen(
        ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "dev"],
        cwd=pulumi.folder, env=pulumi.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        eventually(lambda: any(path.is_file() for path in locks.rglob("*")))
        os.killpg(process.pid, signal.SIGKILL)
    pulumi("config", "rm", "slow", "--stack", "dev")
    refused = pulumi("up", "--yes", "--stack", "dev", check=False)
    assert refused.returncode != 0
    assert "the stack is currently locked by 1 lock(s)" in refused.stdout + refused.stderr
    pulumi("cancel", "--yes", "--stack", "dev")
    pulumi("up", "--yes", "--stack", "dev")
    assert password(pulumi) == before


def test_a_state_that_is_cut_in_half_comes_back_from_its_history(pulumi) -> None:
    before = password(pulumi)
    checkpoint = pulumi.state / ".pulumi" / "stacks" / "small" / "dev.json"
    checkpoint.write_text(checkpoint.read_text()[:200])
    broken = pulumi("up", "--yes", "--stack", "dev", check=False)
    assert broken.returncode != 0
    history = sorted((pulumi.state / ".pulumi" / "history" / "small" / "dev").glob("*.checkpoint.json"))
    shutil.copy(checkpoint, checkpoint.with_suffix(".broken"))
    shutil.copy(history[-1], checkpoint)
    pulumi("refresh", "--yes", "--stack", "dev")
    assert password(pulumi) == before
    assert "unchanged" in pulumi("up", "--yes", "--stack", "dev").stdout
