"""Thrift's binary protocol as a client and a server speak it, and the one call of the Kubernetes API that the filter of the RPC makes."""

import contextlib
import json
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from components.files import COMPONENTS
from tests.support.certificates import self_signed
from tests.support.eventually import eventually
from tests.support.servers import Quiet, free_ports, listens, serving

CALL, REPLY, EXCEPTION = 1, 2, 3
Fields = Mapping[int, Any]


class Empty(list[Any]):
    """A list of nothing. kind: Thrift's number for what would be in it."""

    def __init__(self, kind: int) -> None:
        super().__init__()
        self.kind = kind


NO_TEXTS, NO_NUMBERS, NO_STRUCTS = Empty(11), Empty(8), Empty(12)


def _kind(value: object) -> int:
    return {int: 8, str: 11, bytes: 11, dict: 12, list: 15, Empty: 15}[type(value)]


def _value(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"".join(struct.pack(">Bh", _kind(each), number) + _value(each) for number, each in value.items()) + b"\0"
    if isinstance(value, list):
        return struct.pack(">Bi", value.kind if isinstance(value, Empty) else _kind(value[0]), len(value)) + b"".join(map(_value, value))
    if isinstance(value, int):
        return struct.pack(">i", value)
    said = value.encode() if isinstance(value, str) else value
    return struct.pack(">i", len(said)) + said


def message(name: str, fields: Fields, number: int = 7, kind: int = CALL) -> bytes:
    """A message of the strict protocol. fields: by number; a text, a number of 32 bits, a list, a struct as a dictionary."""
    return struct.pack(">Ii", 0x80010000 | kind, len(name)) + name.encode() + struct.pack(">i", number) + _value(dict(fields))


class Stream:
    """Messages as they come, and their bytes."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read, self.raw = read, b""

    def _take(self, size: int) -> bytes:
        said = self._read(size)
        if len(said) < size:
            raise EOFError
        self.raw += said
        return said

    def _number(self, code: str) -> int:
        return struct.unpack(code, self._take(struct.calcsize(code)))[0]

    def _any(self, kind: int) -> Any:
        if kind == 12:
            found = {}
            while each := self._number(">B"):
                number = self._number(">h")
                found[number] = self._any(each)
            return found
        if kind == 15:
            inner, size = self._number(">B"), self._number(">i")
            return [self._any(inner) for _ in range(size)]
        if kind == 11:
            return self._take(self._number(">i")).decode()
        return self._number({2: ">B", 8: ">i", 10: ">q"}[kind])

    def message(self) -> tuple[int, str, dict[int, Any]]:
        """Kind, name and fields of the next one. Raises EOFError at the end."""
        self.raw = b""
        kind = self._number(">I") & 0xFF
        name = self._take(self._number(">i")).decode()
        self._number(">i")
        return kind, name, self._any(12)


class Pod:
    """A Pod that calls: connections come from its address."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self._port = address, port

    @contextlib.contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self._port), timeout=60, source_address=(self.address, 0)) as connection:
            yield connection

    def says(self, said: bytes) -> list[tuple[int, str, dict[int, Any]]]:
        """What is answered to these bytes and to the end behind them."""
        answers = []
        with self.connected() as connection, contextlib.suppress(EOFError, OSError):
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            stream = Stream(connection.makefile("rb").read)
            while True:
                answers.append(stream.message())
        return answers

    def calls(self, name: str, fields: Fields) -> tuple[int, dict[int, Any]]:
        """Kind and fields of the one answer to a call."""
        ((kind, _, answer),) = self.says(message(name, fields))
        return kind, answer


@dataclass(frozen=True)
class Recorder:
    """A server in Zeppelin's place that answers every call with nothing."""

    port: int
    got: list[bytes]
    """Each message that came."""

    answers: threading.Event
    """Set while it answers; otherwise who asked waits."""


@contextlib.contextmanager
def recorder() -> Iterator[Recorder]:
    got: list[bytes] = []
    answers = threading.Event()
    answers.set()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            stream = Stream(self.rfile.read)
            with contextlib.suppress(EOFError):
                while True:
                    _, name, _ = stream.message()
                    got.append(stream.raw)
                    answers.wait(60)
                    self.wfile.write(message(name, {}, kind=REPLY))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield Recorder(server.server_address[1], got, answers)
        server.shutdown()


def pod(
    address: str, group: str, phase: str = "Running", *, setting: str = "", made: int = 0, labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """An interpreter as the API shows it, as far as the server's Pod looks. setting: or the first word of the group. made: second of its
    creation. labels: beside its own, or in their place."""
    return {
        "metadata": {
            "creationTimestamp": f"2026-11-30T12:00:{made:02}Z",
            "labels": {"app.kubernetes.io/name": "zeppelin-interpreter", "app.kubernetes.io/managed-by": "zeppelin"} | dict(labels or {}),
            "annotations": {"gaia-dmp/interpreter-group": group},
        },
        "spec": {"containers": [{"args": ["-r", "12321:12321", "-g", setting or group.partition("-")[0]]}]},
        "status": {"phase": phase, "podIP": address},
    }


@dataclass(frozen=True)
class PodsApi:
    """A server in the Kubernetes API's place, which lists and deletes Pods, and knows one token."""

    environment: dict[str, str]
    """What the filter needs to ask it."""

    folder: Path
    """Each file in it that ends with `.json` is a Pod."""

    def show(self, name: str, shown: Mapping[str, Any]) -> None:
        """A Pod from now on."""
        (self.folder / f"{name}.new").write_text(json.dumps(shown))
        (self.folder / f"{name}.new").rename(self.folder / f"{name}.json")

    def hide(self, name: str) -> None:
        """It is gone from now on."""
        (self.folder / f"{name}.json").unlink()


@contextlib.contextmanager
def pods_api(folder: Path) -> Iterator[PodsApi]:
    """In a folder that is empty."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            self._say(*self._answer())

        def do_DELETE(self) -> None:
            folder, _, name = self.path.rpartition("/")
            path = shown / f"{name}.json"
            status = self._refusal(folder) or (200 if path.exists() else 404)
            if status == 200:
                path.unlink()
            self._say(status, {})

        def _refusal(self, path: str) -> int | None:
            """The status of a request that may not be made, or None."""
            if self.headers["Authorization"] != "Bearer right":
                return 401
            return None if path == "/api/v1/namespaces/gaia-spark/pods" else 403

        def _say(self, status: int, body: dict[str, Any]) -> None:
            said = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def _answer(self) -> tuple[int, dict[str, Any]]:
            asked = urlsplit(self.path)
            refusal = self._refusal(asked.path)
            if refusal:
                return refusal, {}
            query = parse_qs(asked.query, strict_parsing=True)
            field, _, address = query.pop("fieldSelector", ["status.podIP="])[0].partition("=")
            labels = dict(each.split("=") for each in query.pop("labelSelector")[0].split(","))
            if field != "status.podIP" or query:
                return 400, {}
            found = [json.loads(path.read_text()) for path in sorted(shown.glob("*.json"))]
            found = [
                each
                for each in found
                if address in ("", each["status"].get("podIP", "")) and labels.items() <= each["metadata"]["labels"].items()
            ]
            return 200, {"items": found}

    shown = folder / "pods"
    shown.mkdir(parents=True)
    pair = self_signed(folder)
    (folder / "token").write_text("right\n")
    with serving(Handler, pair=pair) as address:
        api = {"NAMESPACE": "gaia-spark", "API": f"https://{address}", "TOKEN_FILE": str(folder / "token"), "CA_FILE": str(pair[0])}
        yield PodsApi(api, shown)


@contextlib.contextmanager
def rpc_filter(port: int, environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """The port of a filter as a process. port: of what it stands before. log: what it writes."""
    (listen,) = free_ports(1)
    command = [sys.executable, "-B", str(COMPONENTS / "zeppelin/files/rpc_filter.py"), str(listen), str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=dict(environment), stdout=out, stderr=out)

        try:
            eventually(lambda: listens(listen))
            yield listen
        finally:
            process.terminate()
            process.wait(60)
