"""Which calls of Zeppelin's RPC an interpreter may make, and how a call is read. rpc_filter.py asks here.

CALLS says of each call what it must look like and what of it must be the caller's own. What is not named there does not pass. A call is
read by that shape, byte by byte: a field that the shape does not have ends it. Runs in the Zeppelin image (Python 3.7).
"""

import collections
import json
import re
import struct

# Thrift's binary protocol (thrift: doc/specs/thrift-binary-protocol.md): kinds of messages, the strict protocol's mark, types of fields.
CALL, REPLY, EXCEPTION, STRICT = 1, 2, 3, 0x80010000
STOP, I32, STRING, STRUCT, LIST = 0, 8, 11, 12, 15
UNKNOWN_METHOD = 1

LONGEST = 16 << 20  # bytes of a call; a picture in a paragraph has some hundred thousand
LONGEST_JSON = 1 << 20  # bytes of an object of JSON
MANY = 10_000  # elements of a list, objects and lists in one of JSON

Caller = collections.namedtuple("Caller", "address group note setting")  # noqa: PYI024 - Python 3.7
Leaf = collections.namedtuple("Leaf", "kind may")  # noqa: PYI024 - Python 3.7


class RefusedError(Exception):
    """Why a call does not pass, in a sentence."""


def note_of(group):
    """The notebook of an interpreter group: `<setting>-<person>-<note>`, or while a whole notebook runs by itself
    `<setting>-isolated-<note>-<time>` (zeppelin: InterpreterSetting.getInterpreterGroupId, Note.runAll, 0.12.1)."""
    alone = re.search(r"-isolated-([0-9A-Z]+)-\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$", group)
    return alone.group(1) if alone else group.rpartition("-")[2]


def once(pairs):
    """An object of JSON. A name that stands twice could mean another thing to Zeppelin's parser."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice")
    return result


def belongs(said, note):
    """Whether an object of JSON says that it is of a notebook. What is of none is shown in every notebook that is open (zeppelin:
    socket/NotebookServer.java, onUpdateAngularObject)."""
    said = said or b""
    # What is parsed takes a hundred times the memory of its text, and all interpreters wait for it.
    if len(said) > LONGEST_JSON or said.count(b"{") + said.count(b"[") > MANY:
        return False
    try:
        found = json.loads(said.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("noteId") == note


TEXT = Leaf(STRING, lambda *_: True)
NUMBER = Leaf(I32, lambda *_: True)
NOTE = Leaf(STRING, lambda caller, said: said == caller.note.encode())
GROUP = Leaf(STRING, lambda caller, said: said == caller.group.encode())
ADDRESS = Leaf(STRING, lambda caller, said: said == caller.address.encode())
ANGULAR = Leaf(STRING, lambda caller, said: belongs(said, caller.note))
INFORMATION = Leaf(STRING, lambda caller, said: belongs(said, caller.note))

# A call to its fields by number: a struct is a dictionary, a list a list (zeppelin: RemoteInterpreterEventService.thrift, 0.12.1).
CALLS = {
    "registerInterpreterProcess": {1: {1: ADDRESS, 2: NUMBER, 3: GROUP}},
    "unRegisterInterpreterProcess": {1: GROUP},
    "appendOutput": {1: {1: NOTE, 2: TEXT, 3: NUMBER, 4: TEXT}},
    "updateOutput": {1: {1: NOTE, 2: TEXT, 3: NUMBER, 4: TEXT, 5: TEXT}},
    "updateAllOutput": {1: {1: NOTE, 2: TEXT, 3: [{1: TEXT, 2: TEXT}]}},
    "checkpointOutput": {1: NOTE, 2: TEXT},
    "runParagraphs": {1: {1: NOTE, 2: [TEXT], 3: [NUMBER], 4: TEXT}},
    "addAngularObject": {1: GROUP, 2: ANGULAR},
    "updateAngularObject": {1: GROUP, 2: ANGULAR},
    "removeAngularObject": {1: GROUP, 2: NOTE, 3: TEXT, 4: TEXT},
    "sendWebUrl": {1: {1: GROUP, 2: TEXT}},
    "sendParagraphInfo": {1: GROUP, 2: INFORMATION},
    "getAllResources": {1: TEXT},
    "getAllLibraryMetadatas": {1: TEXT},
}
# What a paragraph prints; it is named in field 2 of the call's struct.
OUTPUT = {"appendOutput", "updateOutput", "updateAllOutput"}
# Answered by an empty list of this kind, and not by Zeppelin: others' resources are not shown, libraries come with the images.
EMPTY = {"getAllResources": STRING, "getAllLibraryMetadatas": STRUCT}
# Named so that none is forgotten.
CLOSED = {
    # Zeppelin unpacks what the interpreter at the other end answers by Java's own serialization, by which an answer can be a program.
    "getResource",
    "invokeMethod",
    # Any file of the server.
    "getLibrary",
    # No interpreter of ours calls them.
    "getParagraphList",
    "updateParagraphConfig",
    "appendAppOutput",
    "updateAppOutput",
    "updateAppStatus",
}


def kind_of(shape):
    return {dict: STRUCT, list: LIST}.get(type(shape)) or shape.kind


def fits(caller, shape, said):
    """Whether all that must be the caller's own is. said: None where it is missing."""
    if isinstance(shape, dict):
        return all(fits(caller, each, (said or {}).get(number)) for number, each in shape.items())
    if isinstance(shape, list):
        return all(fits(caller, shape[0], each) for each in said or ())
    return shape.may(caller, said)


class Call:
    """One call as it arrives, and all its bytes."""

    def __init__(self, reader):
        self._reader, self._size, self.raw, self.name, self.number = reader, 0, [], "", 0

    async def _take(self, size):
        self._size += size
        if size < 0 or self._size > LONGEST:
            raise RefusedError(f"a call has at most {LONGEST} bytes")
        self.raw.append(await self._reader.readexactly(size))
        return self.raw[-1]

    async def _number(self, code):
        return struct.unpack(code, await self._take(struct.calcsize(code)))[0]

    async def begin(self):
        """Read as far as its name and number. Anything but a call of the strict protocol ends here."""
        if await self._number(">I") != STRICT | CALL:
            raise RefusedError("this is no call of Thrift's strict binary protocol")
        size = await self._number(">i")
        if not 0 < size <= 64:
            raise RefusedError("a call has a name")
        self.name = (await self._take(size)).decode("ascii", "replace")
        self.number = await self._number(">i")

    async def value(self, shape):
        """Read what must have this shape."""
        if isinstance(shape, list):
            kind, size = await self._number(">B"), await self._number(">i")
            if kind != kind_of(shape[0]) or not 0 <= size <= MANY:
                raise RefusedError("a list is not what the call has")
            return [await self.value(shape[0]) for _ in range(size)]
        if not isinstance(shape, dict):
            return await self._number(">i") if shape.kind == I32 else await self._take(await self._number(">i"))
        found = {}
        while True:
            kind = await self._number(">B")
            if kind == STOP:
                return found
            number = await self._number(">h")
            # Zeppelin would skip what it does not expect, and of a field that stands twice take the second.
            if number not in shape or number in found or kind != kind_of(shape[number]):
                raise RefusedError("a field is not what the call has")
            found[number] = await self.value(shape[number])


def _head(kind, name, number):
    return struct.pack(">II", STRICT | kind, len(name)) + name.encode() + struct.pack(">i", number)


def _field(number, said):
    """A text as a field."""
    return struct.pack(">BhI", STRING, number, len(said.encode())) + said.encode()


def empty(call):
    """The answer of an empty list."""
    return _head(REPLY, call.name, call.number) + struct.pack(">BhBiB", LIST, 0, EMPTY[call.name], 0, STOP)


def refusal(call, why):
    """What a client of Thrift takes for a refusal: of a call that has one, its own exception, which is not tried again."""
    if call.name in CALLS and call.name not in EMPTY:
        return _head(REPLY, call.name, call.number) + struct.pack(">Bh", STRUCT, 1) + _field(1, why) + bytes([STOP, STOP])
    return _head(EXCEPTION, call.name, call.number) + _field(1, why) + struct.pack(">BhiB", I32, 2, UNKNOWN_METHOD, STOP)


def told(caller, number, paragraph, label, more):
    """A call that puts a sentence at the head of a paragraph, for what no interpreter shows by itself: a refusal of `z.run`, a
    predecessor that was lost (zeppelin: RemoteInterpreterEventServer.sendParagraphInfo, 0.12.1). more: what stands behind it."""
    said = {
        "noteId": caller.note,
        # Its id has some thirty letters, and JSON makes six bytes of what is no letter.
        "paraId": paragraph[:200].decode("utf-8", "replace"),
        "label": label,
        "tooltip": more,
        "jobUrl": "#",
    }
    return _head(CALL, "sendParagraphInfo", number) + _field(1, caller.group) + _field(2, json.dumps(said)) + bytes([STOP])
