"""`gaia connect` where a platform answers what a real one seldom does: tests/cloud/zeppelin/test_connect_command.py has Zeppelin itself."""

import contextlib
import json
from typing import ClassVar

import pytest

from operate.connect import ConnectError, Platform
from tests.support.servers import Quiet, serving

RESTART, NOTE = "/api/interpreter/setting/restart/spark", "/api/notebook/2ABCDEFGH"


class Zeppelin(Quiet):
    """It has one notebook, which starts a driver of bob's."""

    restart: ClassVar[int]
    """Status of its answer to a restart; with 0 it hangs up."""

    asked: ClassVar[list[str]]
    """What changes something, as it came."""

    def do_POST(self) -> None:
        self._answer(200)

    def do_GET(self) -> None:
        self._answer(200, [{"path": "/connect-bob/spark", "id": "2ABCDEFGH"}])

    def do_PUT(self) -> None:
        self.asked.append(f"PUT {self.path}")
        if self.restart:
            self._answer(self.restart)

    def do_DELETE(self) -> None:
        self.asked.append(f"DELETE {self.path}")
        self._answer(200)

    def _answer(self, status: int, body: object = None) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps({"body": body}).encode())


@pytest.mark.parametrize(
    ("restart", "ends"),
    [
        (200, True),
        # What Zeppelin 0.12.1 says of a size that it does not know.
        (500, True),
        (502, False),
        (504, False),
        (403, False),
        (0, False),
    ],
)
def test_a_notebook_stays_until_its_driver_is_known_to_have_ended(restart, ends):
    Zeppelin.restart, Zeppelin.asked = restart, []
    with serving(Zeppelin) as address:
        bob = Platform(f"http://{address}", "bob", "bob-secret")
        with contextlib.nullcontext() if ends else pytest.raises(ConnectError, match="restart/spark"):
            bob.stop("spark")
    assert Zeppelin.asked == [f"PUT {RESTART}", *([f"DELETE {NOTE}"] if ends else [])]
