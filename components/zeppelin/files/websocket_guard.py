"""A proxy for Zeppelin's websocket that passes only messages that the sender is allowed to send.

For some messages Zeppelin does not check whether the sender may use the notebook (zeppelin: socket/NotebookServer.java and
service/NotebookService.java, 0.12.1): with `CONVERT_NOTE_NBFORMAT` anybody can read any notebook, with `MOVE_FOLDER_TO_TRASH` and
`EMPTY_TRASH` anybody can delete everybody's. This proxy checks these, through Zeppelin's REST API and the sender's cookie. A message that
is not listed below does not pass.

A paragraph waits while an interpreter of its person is being closed (closing.py).

Runs beside the server, in the Zeppelin image (Python 3.7). Arguments: port to listen on, port of Zeppelin, folder where
closing.py says what is closed.
"""

import asyncio
import json
import os
import signal
import struct
import sys
import time
import urllib.error
import urllib.request

import closing

# Zeppelin asks itself, or nothing of anybody else's is touched.
FREE = set(
    """
    PING LIST_NOTES GET_HOME_NOTE GET_NOTE RELOAD_NOTE NEW_NOTE DEL_NOTE MOVE_NOTE_TO_TRASH RESTORE_NOTE CLONE_NOTE IMPORT_NOTE
    COMMIT_PARAGRAPH PATCH_PARAGRAPH RUN_PARAGRAPH PARAGRAPH_EXECUTED_BY_SPELL RUN_ALL_PARAGRAPHS CANCEL_PARAGRAPH MOVE_PARAGRAPH
    INSERT_PARAGRAPH COPY_PARAGRAPH PARAGRAPH_REMOVE PARAGRAPH_CLEAR_OUTPUT PARAGRAPH_CLEAR_ALL_OUTPUT NOTE_UPDATE NOTE_RENAME
    UPDATE_PERSONALIZED_MODE COMPLETION LIST_CONFIGURATIONS CHECKPOINT_NOTE SET_NOTE_REVISION NOTE_REVISION NOTE_REVISION_FOR_COMPARE
    LIST_NOTE_JOBS UNSUBSCRIBE_UPDATE_NOTE_JOBS EDITOR_SETTING GET_INTERPRETER_SETTINGS SAVE_NOTE_FORMS REMOVE_NOTE_FORMS
    """.split()  # noqa: SIM905 - one name on each line would fill a page
)
RUN = {"RUN_PARAGRAPH", "RUN_ALL_PARAGRAPHS"}
# Of a notebook, `data.noteId`: the lists of people, in one of which whoever asks must be.
NOTEBOOK = {
    "CONVERT_NOTE_NBFORMAT": ("owners", "writers", "runners", "readers"),
    "LIST_REVISION_HISTORY": ("owners", "writers", "runners", "readers"),
    "GET_INTERPRETER_BINDINGS": ("owners", "writers", "runners", "readers"),
    "SAVE_INTERPRETER_BINDINGS": ("owners", "writers"),
    "ANGULAR_OBJECT_UPDATED": ("owners", "writers", "runners"),
    "ANGULAR_OBJECT_CLIENT_BIND": ("owners", "writers", "runners"),
    "ANGULAR_OBJECT_CLIENT_UNBIND": ("owners", "writers", "runners"),
}
# Of folders and of the trash, in which notebooks of many people lie.
ADMINISTRATORS = {
    "REMOVE_FOLDER",
    "MOVE_FOLDER_TO_TRASH",
    "FOLDER_RENAME",
    "RESTORE_FOLDER",
    "RESTORE_ALL",
    "EMPTY_TRASH",
    "RELOAD_NOTES_FROM_REPO",
}
LONGEST = 10240000  # bytes of a message (ZEPPELIN_WEBSOCKET_MAX_TEXT_MESSAGE_SIZE's default)
FRAMES = 1000  # of a message; browsers send each in one
MANY = 100000  # objects and lists of a message; brackets in its texts count as well
HEAD = 65536
SECONDS = 30
PATIENCE = 60  # seconds that a paragraph waits at most
CONTINUED, TEXT, CLOSE = 0, 1, 8


class RefusedError(Exception):
    """Why a connection ends."""


def once(pairs):
    """An object of JSON. A name that stands twice could mean another thing to Zeppelin's parser."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice")
    return result


def parsed(payload):
    # What is parsed takes many times the memory of its text, and everybody's browser waits for it.
    if payload.count(b"{") + payload.count(b"[") > MANY:
        raise RefusedError("a message of too many parts")
    try:
        message = json.loads(payload.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError) as problem:
        raise RefusedError(f"no message of Zeppelin's: {problem}") from problem
    if not isinstance(message, dict) or not isinstance(message.get("op"), str) or not isinstance(message.get("data") or {}, dict):
        raise RefusedError("no message of Zeppelin's")
    return message


class Asker:
    """Whoever opened a websocket, by their cookie."""

    def __init__(self, port, cookie):
        self._root = f"http://127.0.0.1:{port}/api/"
        self._cookie = cookie
        body = self._get("security/ticket")
        if not body or body["principal"] == "anonymous":
            raise RefusedError("nobody is logged in")
        self.name = body["principal"]
        self._entities = {self.name} | set(json.loads(body["roles"]))

    def _get(self, path):
        request = urllib.request.Request(self._root + path, headers={"Cookie": self._cookie})
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return json.load(answer)["body"]
        except (OSError, ValueError, KeyError):
            return None

    def objection(self, message):
        """Why this message may not pass, or None."""
        op = message["op"]
        if op in FREE or (op in ADMINISTRATORS and "admin" in self._entities):
            return None
        if op in ADMINISTRATORS:
            return "Folders and the trash hold notebooks of several people. Move or delete notebooks one by one, or ask an administrator."
        if op not in NOTEBOOK:
            return f"{op} is not allowed on this platform."
        note = (message.get("data") or {}).get("noteId")
        if isinstance(note, str) and note.isascii() and note.isalnum():
            known = self._get(f"notebook/{note}/permissions") or {}
            # As Zeppelin has it (AuthorizationService.isMember): a list that is empty is everybody's.
            if any(known.get(right) == [] or self._entities & set(known.get(right) or ()) for right in NOTEBOOK[op]):
                return None
        return "This notebook belongs to another person."


async def begun(reader):
    """The beginning of a frame: whether it is a message's last, its kind, whether it is masked, how long its rest is, and its bytes.
    Source: RFC 6455, section 5.2."""
    raw = await reader.readexactly(2)
    last, reserved, kind, masked, size = raw[0] & 0x80, raw[0] & 0x70, raw[0] & 0x0F, raw[1] & 0x80, raw[1] & 0x7F
    if reserved:
        raise RefusedError("extensions were not agreed upon")
    if size >= 126:
        wide = await reader.readexactly(2 if size == 126 else 8)
        raw, size = raw + wide, int.from_bytes(wide, "big")
    return bool(last), kind, bool(masked), size, raw


async def frame(reader):
    """One frame of a browser's: whether it is a message's last, its kind, all its bytes, and what it says."""
    last, kind, masked, size, raw = await begun(reader)
    if not masked:
        raise RefusedError("a browser masks what it sends")
    if size > LONGEST:
        raise RefusedError(f"a message is longer than {LONGEST} bytes")
    key = await reader.readexactly(4)
    sent = await reader.readexactly(size)
    said = sent
    if size:
        pad = (key * (size // 4 + 1))[:size]
        said = (int.from_bytes(sent, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")
    return last, kind, raw + key + sent, said


def told(text):
    """A frame from the server's side, which Zeppelin's page shows as an error."""
    said = json.dumps({"op": "ERROR_INFO", "data": {"info": text}}).encode()
    return struct.pack(">BBH", 0x80 | TEXT, 126, len(said)) + said


async def open_again(folder, person):
    """Wait until no interpreter of a person is being closed, and not for ever: one can be closed again and again."""
    end = time.monotonic() + PATIENCE
    while closing.of(folder, person) and time.monotonic() < end:
        await asyncio.sleep(0.1)


async def to_server(client, server, asker, tell, folder):
    loop, raw, said, size = asyncio.get_event_loop(), [], [], 0
    while True:
        last, kind, more, text = await frame(client)
        if kind > TEXT and kind < CLOSE:
            raise RefusedError("only text is a message of Zeppelin's")
        if kind >= CLOSE:
            server.write(more)
            await server.drain()
            continue
        if (kind == CONTINUED) != bool(raw):
            raise RefusedError("frames that do not follow each other")
        if kind == CONTINUED and not text and not last:
            raise RefusedError("a frame of nothing")
        raw.append(more)
        said.append(text)
        size += len(text)
        if size > LONGEST or len(said) > FRAMES:
            raise RefusedError(f"a message is longer than {LONGEST} bytes, or in more than {FRAMES} frames")
        if not last:
            continue
        message = parsed(b"".join(said))
        # Zeppelin believes the name that goes with the ticket; it must be the name that goes with the cookie as well.
        if message.get("principal") != asker.name:
            raise RefusedError("a message in another's name")
        objection = await loop.run_in_executor(None, asker.objection, message)
        if objection:
            await tell(objection)
        else:
            if message["op"] in RUN:
                await open_again(folder, asker.name)
            server.writelines(raw)
            await server.drain()
        raw, said, size = [], [], 0


async def to_client(server, client, whole):
    """whole: held from the first frame of a message to its last, so that nothing of ours gets in between."""
    held = False
    while True:
        last, kind, masked, size, raw = await begun(server)
        if masked:
            raise RefusedError("a server masks nothing")
        if kind < CLOSE and not held:
            held = await whole.acquire()
        client.write(raw)
        # In pieces: nothing is judged here, and a notebook may be large.
        while size:
            piece = await server.read(min(size, HEAD))
            if not piece:
                raise EOFError
            client.write(piece)
            await client.drain()
            size -= len(piece)
        if kind < CLOSE and last:
            whole.release()
            held = False
        await client.drain()


def opening(head):
    """The cookie of a request to open the websocket, and the request without what would change how frames are written."""
    request, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = [(line.partition(":")[0].strip().lower(), line.partition(":")[2].strip(), line) for line in lines]
    known = {name: value for name, value, _ in headers}
    if request != "GET /ws HTTP/1.1" or known.get("upgrade", "").lower() != "websocket" or "content-length" in known:
        raise RefusedError("no request for the websocket")
    kept = [line for name, _, line in headers if name not in ("sec-websocket-extensions", "transfer-encoding")]
    return "; ".join(value for name, value, _ in headers if name == "cookie"), "\r\n".join([request, *kept, "", ""]).encode("latin-1")


async def guarded(client, browser, port, folder):
    server = None
    tasks = []
    try:
        cookie, head = opening(await asyncio.wait_for(client.readuntil(b"\r\n\r\n"), SECONDS))
        asker = await asyncio.get_event_loop().run_in_executor(None, Asker, port, cookie)
        zeppelin, server = await asyncio.open_connection("127.0.0.1", port, limit=HEAD)
        server.write(head)
        answer = await zeppelin.readuntil(b"\r\n\r\n")
        browser.write(answer)
        if not answer.startswith(b"HTTP/1.1 101"):
            return
        whole = asyncio.Lock()

        async def tell(text):
            async with whole:
                browser.write(told(text))
                await browser.drain()

        ways = (to_server(client, server, asker, tell, folder), to_client(zeppelin, browser, whole))
        tasks = [asyncio.ensure_future(each) for each in ways]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except RefusedError as why:
        if server is None:
            browser.write(f"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n{why}\n".encode())
        print(f"refused: {why}", file=sys.stderr, flush=True)
    except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.TimeoutError):
        # One of the two has gone.
        pass
    finally:
        for task in tasks:
            task.cancel()
        for writer in (browser, server):
            if writer is not None:
                writer.close()


async def main(arguments):
    listen, port, folder = int(arguments[0]), int(arguments[1]), arguments[2]
    server = await asyncio.start_server(lambda reader, writer: guarded(reader, writer, port, folder), "", listen, limit=HEAD)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    # The first process of a container has no default action for signals: without this a restart of the server takes a minute longer.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    asyncio.run(main(sys.argv[1:]))
