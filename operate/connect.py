"""Drivers of one's own for Spark Connect, started, listed and stopped through Zeppelin, with the sizes and limits of a notebook."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

PATIENCE = 1800
"""Seconds that one request may take: a node of an autoscaled pool takes minutes to come."""

ADDRESS = re.compile(r"sc://[^\s\"']+;x-driver=([a-z0-9-]+);token=[0-9a-f]+")
"""What `connect_url()` prints for a driver (components/spark/files/connect_url.py)."""


class ConnectError(Exception):
    """No driver was started or found; the message says why."""


@dataclass(frozen=True)
class Driver:
    """A driver that was started here and not stopped since."""

    size: str
    """Interpreter setting, `spark` or `spark-<profile>`."""

    note: str
    """Id of the notebook that it belongs to."""

    pod: str
    """Name of its Pod, "" if it has not started."""


class Platform:
    """A platform, as one person who is logged in. Raises ConnectError, in all methods, where it does not answer."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._http, self._folder = httpx.Client(base_url=url.rstrip("/"), timeout=PATIENCE), f"/connect-{user}/"
        try:
            answer = self._http.post("/api/login", data={"userName": user, "password": password})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ConnectError(f"{url} does not answer: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise ConnectError(f"{url} does not let {user} in: {answer.status_code} {answer.reason_phrase}")

    def drivers(self) -> list[Driver]:
        """Drivers that were started here and not stopped, by size."""
        notes = [note for note in self._ask("GET", "/notebook") or [] if (note.get("path") or "").startswith(self._folder)]
        return sorted((self._driver(note) for note in notes), key=lambda driver: driver.size)

    def start(self, size: str, say: Callable[[str], None]) -> str:
        """Address of the driver of this size, with its token. It is started if it does not run. say: is called with what goes on."""
        known = next((driver for driver in self.drivers() if driver.size == size), None)
        note = known.note if known else self._new(size)
        (paragraph,) = self._ask("GET", f"/notebook/{note}")["paragraphs"]
        say(f"{size}: a driver starts, which takes up to some minutes" if not known else f"{size}: asked for its address")
        result = self._ask("POST", f"/notebook/run/{note}/{paragraph['id']}", {}) or {}
        said = "\n".join(str(each.get("data")) for each in result.get("msg") or [])
        # The token is not to stay in the notebook.
        self._ask("PUT", f"/notebook/{note}/clear")
        found = ADDRESS.search(said)
        if not found:
            raise ConnectError(f"{size} gave no address: {said.strip()[-500:] or result.get('code', 'no result')}")
        self._ask("PUT", f"/notebook/{note}/paragraph/{paragraph['id']}", {"title": found[1], "text": paragraph["text"]})
        return found[0]

    def runs(self, driver: Driver) -> bool:
        """Whether a driver answers."""
        if not driver.pod:
            return False
        try:
            return self._http.get(f"/spark-ui/{driver.pod}/api/v1/applications").status_code == httpx.codes.OK
        except httpx.HTTPError as error:
            raise ConnectError(f"{driver.pod}: {error}") from error

    def stop(self, driver: Driver) -> None:
        """End a driver."""
        # Zeppelin ends the interpreters of a notebook that is removed.
        self._ask("DELETE", f"/notebook/{driver.note}")

    def _driver(self, note: dict[str, Any]) -> Driver:
        (paragraph,) = self._ask("GET", f"/notebook/{note['id']}")["paragraphs"]
        return Driver(size=note["path"].removeprefix(self._folder), note=note["id"], pod=paragraph.get("title") or "")

    def _new(self, size: str) -> str:
        """A notebook that starts a driver of this size."""
        note = self._ask(
            "POST", "/notebook", {"notePath": self._folder + size, "addingEmptyParagraph": False, "defaultInterpreterGroup": size}
        )
        self._ask("POST", f"/notebook/{note}/paragraph", {"title": "", "text": f"%{size}.pyspark\nconnect_url()"})
        return note

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """The `body` of an answer of Zeppelin's REST API."""
        try:
            answer = self._http.request(method, f"/api{path}", json=body)
            answer.raise_for_status()
            return answer.json().get("body")
        except (httpx.HTTPError, ValueError) as error:
            raise ConnectError(f"{method} {path}: {error}") from error
