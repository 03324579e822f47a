"""Drivers of one's own for Spark Connect, started, listed and stopped through Zeppelin, with the sizes and limits of a notebook."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

PATIENCE, EVERY = 1800, 1.0
"""Seconds that a driver may take to start, as a node of an autoscaled pool takes minutes to come; and between two looks."""

ADDRESS = re.compile(r"sc://[^\s\"']+;x-driver=([a-z0-9-]+);token=[0-9a-f]+")
"""What `connect_url()` prints for a driver (components/spark/files/connect_url.py)."""

# Of a Pod or a size. A size becomes the first word of a paragraph, and somebody else may make a notebook with any name and give it away.
_NAME = re.compile(r"[a-z0-9-]{1,63}")
_HERE = ("localhost", "127.0.0.1", "::1")
_ROLES = ("owners", "readers", "writers", "runners")


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


def _printed(paragraph: Mapping[str, Any]) -> str:
    return "\n".join(str(each.get("data")) for each in (paragraph.get("results") or {}).get("msg") or [])


class Platform:
    """A platform, as one person who is logged in. Raises ConnectError, in all methods, where it does not answer."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._http, self._user, self._folder = httpx.Client(base_url=url.rstrip("/"), timeout=120), user, f"/connect-{user}/"
        if self._http.base_url.scheme != "https" and self._http.base_url.host not in _HERE:
            raise ConnectError(f"{url} would send the password in clear; accepted: https://<host>, or localhost behind a port-forward")
        try:
            answer = self._http.post("/api/login", data={"userName": user, "password": password})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ConnectError(f"{url} does not answer: {error}") from error
        if answer.is_redirect:
            raise ConnectError(f"{url} leads to {answer.headers.get('location')}: another login stands before it, which this cannot pass")
        if answer.status_code != httpx.codes.OK:
            raise ConnectError(f"{url} does not let {user} in: {answer.status_code} {answer.reason_phrase}")

    @property
    def token(self) -> str:
        """What MLflow's client shows to the gateway: the id of this session of Zeppelin's, for as long as that lives."""
        return self._http.cookies["JSESSIONID"]

    def drivers(self) -> list[Driver]:
        """Drivers that were started here and not stopped, by size."""
        own = {size: note for size, note in self._notes().items() if self._private(note)}
        for note in own.values():
            self._tidy(note)
        return sorted((self._driver(size, note) for size, note in own.items()), key=lambda driver: driver.size)

    def start(self, size: str, say: Callable[[str], None]) -> str:
        """Address of the driver of this size, with its token. It is started if it does not run. say: is called with what goes on."""
        known = self._notes().get(size)
        note = known or self._new(size)
        if not self._private(note):
            # Somebody who may change it could have their own code run in this person's driver.
            raise ConnectError(f"notebook {self._folder}{size} ({note}) is open to others, too: remove it in Zeppelin, and try again")
        runs = self.runs(self._driver(size, note))
        say(f"{size}: asked for its address" if runs else f"{size}: a driver starts, which takes up to some minutes")
        for old in self._paragraphs(note):
            self._ask("DELETE", f"/notebook/{note}/paragraph/{old['id']}")
        text = f"%{size}.pyspark\nconnect_url()"
        paragraph = self._ask("POST", f"/notebook/{note}/paragraph", {"title": "", "text": text})
        try:
            said = self._run(note, paragraph)
        except BaseException:
            # A paragraph that waits for its driver is not to be cancelled: without it, what it prints later stays nowhere.
            self._ask("DELETE", f"/notebook/{note}/paragraph/{paragraph}")
            raise
        # The token is not to stay in the notebook.
        self._ask("PUT", f"/notebook/{note}/clear")
        found = ADDRESS.search(said)
        if not found:
            if not known:
                self._ask("DELETE", f"/notebook/{note}")
            raise ConnectError(f"{size} gave no address: {said.strip()[-500:] or 'no result'}")
        self._ask("PUT", f"/notebook/{note}/paragraph/{paragraph}", {"title": found[1], "text": text})
        return found[0]

    def runs(self, driver: Driver) -> bool:
        """Whether a driver answers."""
        if not driver.pod:
            return False
        try:
            return self._http.get(f"/spark-ui/{driver.pod}/api/v1/applications").status_code == httpx.codes.OK
        except httpx.HTTPError as error:
            raise ConnectError(f"{driver.pod}: {error}") from error

    def stop(self, size: str) -> None:
        """End the driver of this size."""
        note = self._notes().get(size)
        if not note:
            raise ConnectError(f"{size}: no driver was started; `gaia connect --list` shows those that were")
        # With a notebook, Zeppelin ends the interpreters that its paragraphs have used, and a start that was given up has left none.
        try:
            self._ask("PUT", f"/interpreter/setting/restart/{size}", {"noteId": note})
        except ConnectError as error:
            # A size that the platform has no longer runs nowhere, and Zeppelin answers 500 (InterpreterSettingManager.restart, 0.12.1).
            # After anything else a driver may still run, and its notebook is what it is known by.
            cause = error.__cause__
            if not isinstance(cause, httpx.HTTPStatusError) or cause.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
                raise
        self._ask("DELETE", f"/notebook/{note}")

    def _notes(self) -> dict[str, str]:
        """Id of each notebook that starts a driver, by the driver's size."""
        notes = [note for note in self._ask("GET", "/notebook") or [] if (note.get("path") or "").startswith(self._folder)]
        sizes = {note["path"].removeprefix(self._folder): note["id"] for note in notes}
        return {size: note for size, note in sizes.items() if _NAME.fullmatch(size)}

    def _private(self, note: str) -> bool:
        """Whether nobody else may read, change or run a notebook."""
        people = self._ask("GET", f"/notebook/{note}/permissions") or {}
        return all(people.get(role) == [self._user] for role in _ROLES)

    def _paragraphs(self, note: str) -> list[dict[str, Any]]:
        return self._ask("GET", f"/notebook/{note}")["paragraphs"]

    def _tidy(self, note: str) -> None:
        """Take away the addresses in a notebook, which a program or a page has left that was killed as it asked for one.

        It keeps the paragraphs: with the notebook, Zeppelin ends the interpreters that these have used. A program that still waits sees
        the title, and runs its paragraph again.
        """
        for each in self._paragraphs(note):
            if left := ADDRESS.search(_printed(each)):
                self._ask("PUT", f"/notebook/{note}/paragraph/{each['id']}", {"title": left[1], "text": each["text"]})
                self._ask("PUT", f"/notebook/{note}/clear")

    def _driver(self, size: str, note: str) -> Driver:
        titles = [each.get("title") or "" for each in self._paragraphs(note)]
        return Driver(size=size, note=note, pod=next((title for title in titles if _NAME.fullmatch(title)), ""))

    def _new(self, size: str) -> str:
        """A notebook that starts a driver of this size, and is this person's alone."""
        note = self._ask(
            "POST", "/notebook", {"notePath": self._folder + size, "addingEmptyParagraph": False, "defaultInterpreterGroup": size}
        )
        self._ask("PUT", f"/notebook/{note}/permissions", {role: [self._user] for role in _ROLES})
        return note

    def _run(self, note: str, paragraph: str) -> str:
        """What a paragraph prints. The gateway ends a request that takes minutes, so this asks again and again."""
        self._ask("POST", f"/notebook/job/{note}/{paragraph}", {})
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = next((each for each in self._paragraphs(note) if each["id"] == paragraph), None)
            if found is None:
                raise ConnectError("the page /connect or another terminal has asked meanwhile: try again")
            if found["status"] in {"FINISHED", "ERROR", "ABORT"} and not found.get("title"):
                return _printed(found)
            # Who has given it a title clears what it has printed right after that.
            time.sleep(EVERY)
            if found.get("title"):
                # A list has taken the address for one that was left (`_tidy`). The driver runs, and says it again.
                self._ask("PUT", f"/notebook/{note}/paragraph/{paragraph}", {"title": "", "text": found["text"]})
                self._ask("POST", f"/notebook/job/{note}/{paragraph}", {})
        raise ConnectError(f"no driver came in {PATIENCE // 60} minutes")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """The `body` of an answer of Zeppelin's REST API."""
        try:
            answer = self._http.request(method, f"/api{path}", json=body)
            answer.raise_for_status()
            return answer.json().get("body")
        except (httpx.HTTPError, ValueError) as error:
            raise ConnectError(f"{method} {path}: {error}") from error
