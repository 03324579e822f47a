"""What the real server starts in a Pod's place: an interpreter as a process of this machine, with an address of its own.

Zeppelin calls it with the arguments of its bin/interpreter.sh. The Pod is shown to the fake of the Kubernetes API by a file, and what the
interpreter says to the server goes by a relay that has the Pod's address, to the filter. Environment: PODS, that folder; FILTER, a port;
ZEPPELIN_HOME.
"""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from components.files import COMPONENTS
from tests.support.rpc import PodsApi, pod

RUN = COMPONENTS / "spark/files/run-interpreter.sh"


def _pour(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while said := source.recv(65536):
            target.sendall(said)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _relay(listening: socket.socket, address: str, port: int) -> None:
    while True:
        inner, _ = listening.accept()
        outer = socket.create_connection(("127.0.0.1", port), source_address=(address, 0))
        for each in ((inner, outer), (outer, inner)):
            threading.Thread(target=_pour, args=each, daemon=True).start()


def _address(pods: Path) -> str:
    """One that no Pod has."""
    for number in itertools.count(1):
        with contextlib.suppress(FileExistsError):
            (pods / f"127.0.1.{number}").mkdir()
            return f"127.0.1.{number}"
    raise AssertionError


def main(arguments: list[str]) -> int:
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    api = PodsApi({}, Path(os.environ["PODS"]))
    address, group = _address(api.folder), given["-i"]
    api.show(address, pod(address, group))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_relay, args=(listening, address, int(os.environ["FILTER"])), daemon=True).start()
        given |= {"-c": "127.0.0.1", "-p": str(listening.getsockname()[1])}
        script = f"{os.environ['ZEPPELIN_HOME']}/bin/interpreter.sh"
        # A driver that serves Spark Connect gets its token where Pods get it.
        started = ["bash", str(RUN)] if "CONNECT_ADDRESS" in os.environ else [script]
        command = [*started, *itertools.chain.from_iterable(given.items())]
        process = subprocess.Popen(command, env=os.environ | {"ZEPPELIN_LOCAL_IP": address, "INTERPRETER": script})
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        code = process.wait()
    api.show(address, pod(address, group, "Succeeded"))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
