"""Faults that a test orders and the services of its cloud commit: one file, read at every request.

Only the standard library: tests and services, which live in two environments, both import this.
"""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = "faults.json"
HAPPENED = "happened"
"""File of the ids of faults that a service has committed, one a line."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way in which a service fails.

    service: keystone, neutron, nova, glance, manila, magnum or octavia.
    request: pattern of `METHOD path` of API requests that fail, or "" for none.
    operation: an operation of the service's back end that fails, such as `create_cluster`, or "" for none.
    status: HTTP status of the answer; 0 lets the request through after `seconds`.
    message: what the service says. seconds: how long it takes over it. times: how often it happens; 0 for always.
    done: whether the service first does what the request asks, so that only its answer is lost.
    """

    service: str
    request: str = ""
    operation: str = ""
    status: int = 0
    message: str = ""
    seconds: float = 0
    times: int = 0
    done: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


def order(folder: Path, faults: Iterable[Fault]) -> None:
    """Replace the faults of the cloud in `folder`."""
    part = folder / f"{FILE}.part"
    part.write_text(json.dumps([asdict(fault) for fault in faults]))
    part.rename(folder / FILE)


def _done(application: Callable[..., Any], environ: dict[str, Any]) -> None:
    """Let the application do what is asked. Its answer goes nowhere."""
    answer = application(environ, lambda _status, _headers, _error=None: lambda _data: None)
    for _part in answer:
        pass
    if hasattr(answer, "close"):
        answer.close()


class Faults:
    """The faults of one service, counted as they happen."""

    def __init__(self, folder: Path, service: str) -> None:
        self._file, self._service = folder / FILE, service
        self._happened: dict[str, int] = {}

    def due(self, *, request: str = "", operation: str = "") -> Fault | None:
        """The fault that a request or an operation meets now, or None."""
        try:
            faults = [Fault(**each) for each in json.loads(self._file.read_text())]
        except FileNotFoundError:
            return None
        for fault in faults:
            here = fault.service == self._service and (
                bool(fault.request and request and re.search(fault.request, request)) or bool(operation and fault.operation == operation)
            )
            if here and (not fault.times or self._happened.get(fault.id, 0) < fault.times):
                self._happened[fault.id] = self._happened.get(fault.id, 0) + 1
                with self._file.with_name(HAPPENED).open("a") as happened:
                    happened.write(f"{fault.id}\n")
                return fault
        return None

    def middleware(self, application: Callable[..., Any]) -> Callable[..., Any]:
        """A WSGI application that answers as ordered, and otherwise as `application` does."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            fault = self.due(request=f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}")
            if fault:
                time.sleep(fault.seconds)
                if fault.status:
                    if fault.done:
                        _done(application, environ)
                    body = json.dumps({"error": {"code": fault.status, "message": fault.message}}).encode()
                    start_response(f"{fault.status} ordered", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
                    return [body]
            return application(environ, start_response)

        return answer
