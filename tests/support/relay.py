"""A Pod's way to a server: whoever comes by it comes from that Pod's address."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def relay(address: str, port: int) -> Iterator[int]:
    """A port of 127.0.0.1 that leads to another one of it. address: of the loopback, where connections seem to come from."""

    def pour(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := source.recv(65536):
                target.sendall(said)
            target.shutdown(socket.SHUT_WR)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), source_address=(address, 0)) as server:
                back = threading.Thread(target=pour, args=(server, self.request), daemon=True)
                back.start()
                pour(self.request, server)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True).start()
        yield listening.server_address[1]
        listening.shutdown()
