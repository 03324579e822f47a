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


def started(folder: Path, interpreter: str, **more: str) -> subprocess.Popen[str]:
    """The script with an interpreter of the test's own."""
    program = folder / "interpreter.sh"
    program.write_text(f"#!/bin/bash\n{interpreter}\n")
    program.chmod(0o755)
    environment = os.environ | {"INTERPRETER": str(program), "SECONDS_BETWEEN": "0.1", "PATIENCE": "25"} | more
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


def test_a_driver_that_serves_spark_connect_has_a_token_that_is_nowhere_else(tmp_path: Path):
    made = []
    for _ in range(2):
        process = started(tmp_path, f'echo -n "$SPARK_CONNECT_AUTHENTICATE_TOKEN" > {tmp_path}/seen', CONNECT_ADDRESS="sc://x/")
        assert process.communicate(timeout=60)[0] == ""
        made.append((tmp_path / "seen").read_text())
    assert [len(token) for token in made] == [64, 64]
    assert made[0] != made[1]
    started(tmp_path, f'echo -n "${{SPARK_CONNECT_AUTHENTICATE_TOKEN-unset}}" > {tmp_path}/seen').communicate(timeout=60)
    assert (tmp_path / "seen").read_text() == "unset"


def test_without_a_token_no_driver_starts(tmp_path: Path):
    """A driver whose token is empty might let everybody in."""
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    process = started(tmp_path, f"touch {tmp_path}/started", CONNECT_ADDRESS="sc://x/", PATH=path)
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert not (tmp_path / "started").exists()
