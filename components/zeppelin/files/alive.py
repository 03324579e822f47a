"""Whether the server, the filter before it, or an interpreter answers. The server's thread for interpreters can die alone, and `/ping`
still says pong.

What speaks Thrift is asked by a call that no version knows: an answer, that there is no such call, is written by the same thread as every
other, and nothing to the log. Runs as a probe in the Zeppelin image (Python 3.7). Arguments: browsers=<port>, interpreters=<port>.
"""

import socket
import struct
import sys
import urllib.request

CALL, EXCEPTION = 1, 3
STRICT = 0x80010000
SECONDS = 4


def answers_browsers(port):
    """Raises OSError where it does not."""
    urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=SECONDS).close()


def answers_interpreters(port, host="127.0.0.1"):
    """Raises OSError where it does not. A message of Thrift: version and kind, name, number, and the end of its arguments."""
    name = b"alive"
    with socket.create_connection((host, port), timeout=SECONDS) as connection:
        connection.sendall(struct.pack(">II", STRICT | CALL, len(name)) + name + struct.pack(">IB", 1, 0))
        head = connection.recv(4, socket.MSG_WAITALL)
        # Whoever leaves with something unread resets the connection, and Zeppelin logs thirty lines of it.
        connection.recv(65536)
    if head != struct.pack(">I", STRICT | EXCEPTION):
        raise OSError(f"port {port} answered {head!r}")


ASK = {"browsers": answers_browsers, "interpreters": answers_interpreters}


def main(arguments):
    try:
        for argument in arguments:
            who, port = argument.split("=")
            ASK[who](int(port))
    except OSError as problem:
        return f"the server does not answer: {problem}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
