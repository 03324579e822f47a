"""As much of Designate's API v2 as a switch calls: zones by name, and recordsets. Played: Designate itself does not run in these tests.

Source: openstack/designate, api-ref (zones, recordsets).
"""

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from openstack.connection import Connection

from tests.support.servers import Quiet, serving

ZONE = {
    "id": str(uuid.uuid4()),
    "name": "gaia-dmp.example.org.",
    "type": "PRIMARY",
    "status": "ACTIVE",
    "email": "a@example.org",
    "ttl": 60,
}


class Designate:
    """The records of one zone. history: every list of addresses that the name has had, in order."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.history: list[list[str]] = []

    def handler(self) -> type[Quiet]:
        mine = self

        class Handler(Quiet):
            def answer(self, body: object, code: int = 200) -> None:
                text = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def body(self) -> dict[str, Any]:
                return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

            def found(self) -> dict[str, Any] | None:
                match = re.search(r"/recordsets/([^/?]+)", self.path)
                return mine.records.get(match[1]) if match else None

            def do_GET(self) -> None:
                record = self.found()
                if record:
                    self.answer(record)
                elif "/recordsets" in self.path:
                    self.answer({"code": 404}, 404)
                elif re.search(r"/zones(\?|$)", self.path):
                    self.answer({"zones": [ZONE], "links": {}})
                elif "/zones/" in self.path:
                    self.answer(ZONE)
                else:
                    self.answer({"versions": {"values": [{"id": "v2", "status": "CURRENT", "links": []}]}})

            def do_POST(self) -> None:
                record = self.body() | {"id": str(uuid.uuid4()), "zone_id": ZONE["id"], "zone_name": ZONE["name"], "status": "ACTIVE"}
                mine.records[record["id"]] = record
                mine.history.append(record["records"])
                self.answer(record, 202)

            def do_PUT(self) -> None:
                record = self.found()
                assert record
                record |= self.body()
                mine.history.append(record["records"])
                self.answer(record, 202)

            do_PATCH = do_PUT

            def do_DELETE(self) -> None:
                record = self.found()
                if record:
                    del mine.records[record["id"]]
                self.answer(record or {}, 202 if record else 404)

        return Handler


@contextmanager
def running(admin: Connection) -> Iterator[Designate]:
    """A Designate in the catalogue of a cloud, until the end of the `with`."""
    designate, identity = Designate(), cast("Any", admin.identity)
    with serving(designate.handler()) as address:
        service = identity.create_service(type="dns", name="designate")
        region = next(iter(identity.regions())).id
        endpoint = identity.create_endpoint(service_id=service.id, interface="public", url=f"http://{address}", region_id=region)
        try:
            yield designate
        finally:
            identity.delete_endpoint(endpoint.id)
            identity.delete_service(service.id)
