"""Clients of Spark Connect count as use of an interpreter, and nothing else does."""

import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.spark.files import connect_url
from tests.support.eventually import eventually
from tests.support.rpc import Stream, message, recorder
from tests.support.servers import free_ports

HOME = os.environ.get("ZEPPELIN_HOME", "")
USE = message("getStatus", {1: "", 2: ""}, number=1)
REMOTE = "org.apache.zeppelin.interpreter"
DEFAULT_PORT = 29914
"""Where an interpreter listens that no server has started (zeppelin: interpreter/Constants.java, 0.12.1)."""


class Enough(BaseException):
    """Ends a loop that has no end, and that no error ends."""


class Service:
    """Spark's, as Py4J shows it. looks: what each look finds, None for a query that runs, else when the last one ended."""

    def __init__(self, *looks: Any) -> None:
        self._looks = list(looks)

    def listActiveExecutions(self) -> Any:  # noqa: N802 - Spark's name
        if not self._looks:
            raise Enough
        look = self._looks.pop(0)
        return SimpleNamespace(isRight=lambda: look is None, left=lambda: SimpleNamespace(get=lambda: look))


def watched(port: int, *looks: int | None) -> None:
    with pytest.raises(Enough):
        connect_url.watch(Service(*looks), port, lambda: None)


@pytest.mark.parametrize(
    ("looks", "uses"),
    [
        pytest.param((7, 7, 7), 0, id="a driver that nobody asks"),
        pytest.param((7, None, None, None), 3, id="a query that goes on"),
        pytest.param((7, None, 9, 9, 9), 2, id="a query that ends, and no more"),
        pytest.param((7, 8, 9, 9), 2, id="queries between two looks"),
    ],
)
def test_what_counts_as_use(looks, uses):
    with recorder() as interpreter:
        watched(interpreter.port, *looks)
        assert interpreter.got == [USE] * uses


def test_a_use_that_could_not_be_told_is_told_at_the_next_look(capsys):
    (closed,) = free_ports(1)
    watched(closed, 7, 9, 9)
    assert capsys.readouterr().err.count("the interpreter may take itself for idle") == 2


def test_a_look_that_fails_is_not_the_last(capsys):
    class Flaky(Service):
        def listActiveExecutions(self) -> Any:  # noqa: N802 - Spark's name
            found = super().listActiveExecutions()
            if found.left().get() == "error":
                raise RuntimeError("Py4J")
            return found

    with recorder() as interpreter, pytest.raises(Enough):
        connect_url.watch(Flaky(7, "error", 9), interpreter.port, lambda: None)
    assert interpreter.got == [USE]
    assert "may take itself for idle: Py4J" in capsys.readouterr().err


def _init(properties: Mapping[str, str]) -> bytes:
    """The call by which Zeppelin's server tells an interpreter its settings: a map of texts."""
    pairs = b"".join(struct.pack(">I", len(word)) + word.encode() for pair in properties.items() for word in pair)
    fields = struct.pack(">BhBBi", 13, 1, 11, 11, len(properties)) + pairs + b"\0"
    return message("init", {}, number=1)[:-1] + fields


@pytest.fixture
def interpreter(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Zeppelin's own, with the life cycle manager of the stack and a patience of four seconds."""
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["java", "-Xmx128m", "-cp", f"{HOME}/interpreter/md/*:{HOME}/interpreter/*", f"{REMOTE}.remote.RemoteInterpreterServer"],
            stdout=log,
            stderr=log,
        )
    manager = "zeppelin.interpreter.lifecyclemanager"
    properties = {
        f"{manager}.class": f"{REMOTE}.lifecycle.TimeoutLifecycleManager",
        f"{manager}.timeout.checkinterval": "500",
        f"{manager}.timeout.threshold": "4000",
    }

    def told() -> bool:
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            with socket.create_connection(("127.0.0.1", DEFAULT_PORT), timeout=30) as connection:
                connection.sendall(_init(properties))
                return Stream(connection.makefile("rb").read).message()[1:] == ("init", {})
        except OSError:
            return False

    try:
        eventually(told)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(not HOME, reason="ZEPPELIN_HOME names no built Zeppelin 0.12: it is in no package registry")
def test_an_interpreter_stays_while_it_is_used_and_ends_when_it_is_not(interpreter: subprocess.Popen[bytes]):
    for _ in range(10):
        connect_url.touch(DEFAULT_PORT)
        time.sleep(1)
    assert interpreter.poll() is None
    interpreter.wait(60)
