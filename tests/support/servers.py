"""Small HTTP servers of a test's own, and ports that are free."""

import contextlib
import http.server
import random
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

_HOST = "127.0.0.1"
_PORTS = range(23_000, 30_000)
"""Above the ports of Spark's drivers and of Ceph. Linux gives none of these to whoever takes any port: it begins at 32768."""
_LOT = random.SystemRandom()
"""The module's own functions begin anew at each test, in each worker with the same numbers."""


class Quiet(http.server.BaseHTTPRequestHandler):
    """A handler that does not write a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(handler: type[Quiet], port: int = 0, pair: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Address (host:port) of a server with this handler, for the time of a `with`.

    port: 0 for any that is free. pair: certificate and key, where it speaks TLS.
    """
    with http.server.ThreadingHTTPServer((_HOST, port), handler) as server:
        if pair:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*pair)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"{_HOST}:{server.server_port}"
        finally:
            server.shutdown()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on. Hardly anybody takes one before its server does, however late that starts."""
    found: list[int] = []
    while len(found) < count:
        port = _LOT.choice(_PORTS)
        with socket.socket() as each, contextlib.suppress(OSError):
            each.bind((_HOST, port))
            if port not in found:
                found.append(port)
    return found


def listens(port: int) -> bool:
    """Whether somebody takes connections at a port of this machine."""
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection((_HOST, port)):
        return True
    return False
