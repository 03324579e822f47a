"""The machine room's first process: it holds the network namespace, and carries connections from this machine to the API server.

`unshare --net python -m tests.cloud.node.relay <descriptor> <address> <port>`: the descriptor is of a socket that listens outside.
"""

import asyncio
import contextlib
import socket
import sys

_PIECE = 1 << 16


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(_PIECE):
            target.write(piece)
            await target.drain()
    with contextlib.suppress(OSError):
        target.write_eof()


async def serve(listening: socket.socket, address: str, port: int) -> None:
    """Carry every connection to a socket on to an address, for ever. Whoever is not there ends it."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(address, port)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
            back.close()
        writer.close()

    server = await asyncio.start_server(carry, sock=listening)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2], int(sys.argv[3])))
