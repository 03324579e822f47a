"""A name server of a test's own."""

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping

_NO_SUCH_NAME = 3


@contextlib.contextmanager
def names(addresses: Mapping[str, str]) -> Iterator[str]:
    """Address (host:port) of a server of these names, for the time of a `with`. addresses: name to IPv4 address; it may change."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            question, replies = self.request
            replies.sendto(_answer(question, addresses), self.client_address)

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield "127.0.0.1:" + str(server.server_address[1])
        finally:
            server.shutdown()


def _answer(question: bytes, addresses: Mapping[str, str]) -> bytes:
    """The answer to one question (RFC 1035, 4.1)."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    asked = question[12 : at + 5]
    address = addresses.get(".".join(labels))
    head = struct.pack(">2sHHHHH", question[:2], 0x8180 | (0 if address else _NO_SUCH_NAME), 1, 1 if address else 0, 0, 0)
    # The name is that of the question, 12 bytes from the beginning; kind A, class IN, one second.
    return head + asked + (struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(address) if address else b"")
