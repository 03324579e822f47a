"""The scripts of Pods: each runs on the Python of its image, which is older than ours, and ends when its Pod is told to end."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from components.files import COMPONENTS
from tests.support.certificates import self_signed
from tests.support.eventually import eventually
from tests.support.servers import free_ports, listens

SCRIPTS = sorted(path for path in COMPONENTS.glob("*/files/*.py") if path.name != "__init__.py")
OLDEST = "3.8"
"""The Python that the scripts promise: Apache's Spark images have 3.8 or 3.10."""


def needs(path: Path) -> subprocess.CompletedProcess[str]:
    """What vermin says of a script that is to run on OLDEST."""
    command = [Path(sys.executable).with_name("vermin"), "--quiet", "--no-tips", "--violations", f"--target={OLDEST}-", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_needs_no_newer_python_than_its_image_has(path: Path):
    answer = needs(path)
    assert answer.returncode == 0, answer.stdout


def test_what_a_newer_python_brought_is_found(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text("import datetime\nprint(datetime.datetime.now(datetime.UTC))\n")
    answer = needs(script)
    assert answer.returncode == 1
    assert "'datetime.UTC' member requires !2, 3.11" in answer.stdout


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A script as a process, which is gone in the end."""
    process = subprocess.Popen(
        [sys.executable, "-B", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | (environment or {})
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and complaints of a process after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def answers(port: int) -> bool:
    """Whether the metrics of a script are served."""
    ask = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{port}/healthz')"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, check=False).returncode == 0


METRICS = {"PYTHONPATH": str(COMPONENTS / "observability/files")}


def test_the_gatherer_of_event_logs_ends_when_it_is_told_to(tmp_path: Path):
    for name in ("logs", "gathered"):
        (tmp_path / name).mkdir()
    config = {"logs": str(tmp_path / "logs"), "gathered": str(tmp_path / "gathered"), "people": {"alice": "alice"}, "settings": ["spark"]}
    (tmp_path / "config.json").write_text(json.dumps(config | {"keep_days": 1, "bytes": 1000, "every": 3600}))
    with running([str(COMPONENTS / "spark/files/gather_event_logs.py"), str(tmp_path / "config.json")]) as process:
        eventually((tmp_path / "logs/alice").exists)
        assert ended(process) == (0, "")


def test_the_check_of_datasets_ends_when_it_is_told_to(tmp_path: Path):
    """Also while a listing is under way."""
    (tmp_path / "data").mkdir()
    dataset = {"name": "gdr3", "path": str(tmp_path / "data"), "files": None, "digest": None}
    (tmp_path / "datasets.json").write_text(json.dumps({"datasets": [dataset], "seconds": 20, "every": 60, "listing": 60}))
    (port,) = free_ports(1)
    command = [str(COMPONENTS / "spark/files/check_datasets.py"), "serve", str(tmp_path / "datasets.json"), str(port)]
    with running(command, METRICS) as process:
        eventually(lambda: answers(port))
        assert ended(process) == (0, "")


def test_the_runner_of_the_test_notebook_ends_when_it_is_told_to(tmp_path: Path):
    (port, closed) = free_ports(2)
    (tmp_path / "config.json").write_text(json.dumps({"every": 3600, "slow": 60, "port": port, "certificate": None}))
    command = [str(COMPONENTS / "observability/files/smoke_test.py"), "serve", f"http://127.0.0.1:{closed}", str(tmp_path / "config.json")]
    login = {"SMOKE_USER": "smoke", "SMOKE_PASSWORD": "made up"}
    with running(command, METRICS | login) as process:
        eventually(lambda: answers(port))
        assert ended(process) == (0, "")


@pytest.mark.parametrize("name", ["websocket_guard.py", "rpc_filter.py"])
def test_what_stands_before_the_server_ends_when_it_is_told_to(name: str, tmp_path: Path):
    """Also while somebody is connected. A server is replaced only once its old Pod has gone."""
    listen, closed = free_ports(2)
    environment = {"NAMESPACE": "gaia-spark", "CA_FILE": str(self_signed(tmp_path)[0]), "LOST": str(tmp_path)}
    command = [str(COMPONENTS / "zeppelin/files" / name), str(listen), str(closed), str(tmp_path)]
    with running(command, environment) as process:
        eventually(lambda: listens(listen))
        with socket.create_connection(("127.0.0.1", listen)):
            assert ended(process) == (0, "")
