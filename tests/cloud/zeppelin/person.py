"""Somebody who is logged in at a real Zeppelin: its REST API, and its websocket as a browser speaks it."""

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import httpx

from tests.cloud.zeppelin.server import PEOPLE


class Person:
    """A session of one person. address: host:port of Zeppelin or of what stands before it. origin: as their browser says."""

    def __init__(self, name: str, address: str, origin: str = "") -> None:
        self.name, self.origin = name, origin or f"http://{address}"
        self.http = httpx.Client(base_url=f"http://{address}", timeout=120)
        answer = self.http.post("/api/login", data={"userName": name, "password": PEOPLE[name]})
        self.ticket = answer.json()["body"]["ticket"]

    @property
    def cookie(self) -> str:
        """What their browser sends along."""
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    def call(self, method: str, path: str, body: str | None = None) -> httpx.Response:
        """One request. body: JSON."""
        return self.http.request(method, path, content=body, headers={"Content-Type": "application/json"})

    def notebook(self, path: str, text: str) -> str:
        """The id of a new notebook of one paragraph."""
        # An import is written at once; a new notebook is, with its paragraphs, at its first change.
        body = {"name": path, "paragraphs": [{"title": "only", "text": text}]}
        return self.http.post("/api/notebook/import", params={"notePath": path}, json=body).json()["body"]

    def paragraph(self, note: str) -> dict[str, Any]:
        """The first paragraph of a notebook."""
        return self.http.get(f"/api/notebook/{note}").json()["body"]["paragraphs"][0]


class Socket:
    """A websocket of a person's browser."""

    def __init__(self, person: Person, address: str, *, cookie: str | None = None) -> None:
        self.person = person
        host, port = address.split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        lines = [
            "GET /ws HTTP/1.1",
            f"Host: {address}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Extensions: permessage-deflate",
            f"Origin: {person.origin}",
            f"Cookie: {person.cookie if cookie is None else cookie}",
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n") and (more := self._socket.recv(1)):
            head += more
        self.status = int(head.split()[1])

    def close(self) -> None:
        self._socket.close()

    def send(self, text: str, kind: int = 0x81) -> None:
        """One frame. kind: its first byte."""
        said, key = text.encode(), os.urandom(4)
        size = len(said)
        length = bytes([0x80 | size]) if size < 126 else struct.pack(">BH", 0xFE, size) if size < 65536 else struct.pack(">BQ", 0xFF, size)
        masked = bytes(byte ^ key[index % 4] for index, byte in enumerate(said))
        self._socket.sendall(bytes([kind]) + length + key + masked)

    def message(self, op: str, data: dict[str, Any], **more: str) -> str:
        """A message of this person."""
        return json.dumps({"op": op, "data": data, "principal": self.person.name, "ticket": self.person.ticket, "roles": "[]"} | more)

    def ask(self, op: str, data: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """All messages that came until the answer to a question behind this one, which is the last of them."""
        self.send(self.message(op, data or {}))
        self.send(self.message("LIST_CONFIGURATIONS", {}))
        answers = []
        for answer in self.messages():
            if answer["op"] == "CONFIGURATIONS_INFO":
                return answers
            answers.append(answer)
        raise ConnectionError(answers)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Messages as they come, until the other side closes."""
        text = b""
        while True:
            head = self._exactly(2)
            if head is None or head[0] & 15 == 8:
                return
            size = head[1] & 127
            if size >= 126:
                size = int.from_bytes(self._exactly(2 if size == 126 else 8) or b"", "big")
            said = self._exactly(size) or b""
            # A long message comes in many frames, and a pong between them.
            text += said if head[0] & 15 < 2 else b""
            if head[0] & 0x8F in (0x80, 0x81):
                yield json.loads(text)
                text = b""

    def _exactly(self, size: int) -> bytes | None:
        result = b""
        while len(result) < size:
            more = self._socket.recv(size - len(result))
            if not more:
                return None
            result += more
        return result
