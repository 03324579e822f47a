"""Carries connections to ports of a node's loopback to the same ports of this machine's: so a node reaches what a test runs here.

`python -m tests.cloud.node.inward <pid> <first port> <ports>`: the process is the node's first. It says "ready" once it listens.
"""

import asyncio
import ctypes
import os
import socket
import sys
from pathlib import Path

from tests.cloud.node.relay import serve

HOST = "127.0.0.1"
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


def _enter(network: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(network, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")


async def main(pid: int, first: int, count: int) -> None:
    own, theirs = (os.open(Path(f"/proc/{process}/ns/net"), os.O_RDONLY) for process in ("self", pid))
    _enter(theirs)
    sockets = {port: socket.create_server((HOST, port)) for port in range(first, first + count)}
    # A socket stays in the network that it was made in.
    _enter(own)
    print("ready", flush=True)
    await asyncio.gather(*(serve(listening, HOST, port) for port, listening in sockets.items()))


if __name__ == "__main__":
    asyncio.run(main(*(int(each) for each in sys.argv[1:4])))
