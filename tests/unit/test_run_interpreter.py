"""An interpreter ends with its Python, and by itself or by a signal as it did without what watches it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from components.files import COMPONENTS
from tests.support.eventually import eventually

SCRIPT = COMPONENTS / "spark/files/run-interpreter.sh"
LOST = "Python has ended, so its interpreter stops, too. Variables are lost; the next paragraph starts a new interpreter.\n"


def started(folder: Path, interpreter: str) -> subprocess.Popen[str]:
    """The script with an interpreter of the test's own."""
    program = folder / "interpreter.sh"
    program.write_text(f"#!/bin/bash\n{interpreter}\n")
    program.chmod(0o755)
    environment = os.environ | {"INTERPRETER": str(program), "SECONDS_BETWEEN": "0.1", "PATIENCE": "25"}
    return subprocess.Popen(["bash", str(SCRIPT), "-d", "x"], env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def python(tmp_path: Path) -> str:
    """Starts what looks like Zeppelin's Python, for one second."""
    script = tmp_path / "zeppelin_python.py"
    script.write_text("import time; time.sleep(1)")
    return f"python3 {script} 127.0.0.1 & sleep 1000 & trap 'kill %2; exit 143' TERM; touch {tmp_path}/ready; wait %2"


def test_an_interpreter_ends_with_its_python(tmp_path: Path, python: str):
    process = started(tmp_path, python)
    assert process.communicate(timeout=60)[0] == LOST
    assert process.returncode == 143


def test_an_interpreter_that_closes_in_order_is_left_to_it(tmp_path: Path):
    """Its Python goes first, and Spark takes a second to write its event log to the end."""
    script = tmp_path / "zeppelin_python.py"
    script.write_text("import time; time.sleep(0.5)")
    process = started(tmp_path, f"trap 'exit 143' TERM; python3 {script} 127.0.0.1; sleep 1; exit 0")
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == 0


@pytest.mark.parametrize("code", [0, 137])
def test_an_interpreter_that_ends_by_itself_says_how(tmp_path: Path, code: int):
    process = started(tmp_path, f"exit {code}")
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == code


def test_a_signal_reaches_the_interpreter(tmp_path: Path):
    process = started(tmp_path, f"sleep 1000 & trap 'kill %1; exit 7' TERM; touch {tmp_path}/ready; wait %1")
    eventually((tmp_path / "ready").exists)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 7
