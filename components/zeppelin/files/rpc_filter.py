"""Stands between interpreters and Zeppelin's RPC, and lets each do what its own notebook needs.

Zeppelin asks nobody who they are and believes what a call says (zeppelin: interpreter/RemoteInterpreterEventServer.java, 0.12.1), so any
notebook could run, read and write any other. Here the address of a connection says which Pod calls, the Kubernetes API says which
interpreter group that Pod is, and rpc_calls.py says which calls that group may make.

While an interpreter closes itself, paragraphs of its person wait (closing.py).

A call passes as the very bytes that were judged, what Zeppelin answers passes unread. Of one Pod one call is held at a time.

Runs beside the server, in the Zeppelin image (Python 3.7). Arguments: port to listen on, port of Zeppelin's RPC. Environment: NAMESPACE
of the interpreters; API, TOKEN_FILE, CA_FILE, LOST, MOMENT only where it does not run in a Pod.
"""

import asyncio
import collections
import hashlib
import os
import signal
import sys
import time

import closing
from interpreter_pods import FAULTS, InterpreterPods, group_of, is_there, made, setting_of
from rpc_calls import CALLS, EMPTY, OUTPUT, Call, Caller, RefusedError, empty, fits, note_of, refusal, told

CONNECTIONS = 128  # of one Pod; an interpreter keeps at most 100 (zeppelin.interpreter.connection.poolsize)
SECONDS = 30  # a call has them to arrive, and a new Pod until the API knows it as Running
REMEMBERED = 2  # seconds that an address is believed to be the same Pod's, for connections that are opened one after the other
UNREAD = 65536  # bytes of answers that are not fetched
LOST = os.environ.get("LOST", "/lost")
"""A folder with a file for each interpreter group whose interpreter was lost: why, in a sentence."""
CLOSES = "unRegisterInterpreterProcess"
OF_THE_GROUP = {CLOSES, "registerInterpreterProcess"}
"""Calls that Zeppelin takes for the group's present interpreter, whoever calls."""
ANOTHER = ("Not run: another notebook", "A notebook runs its own paragraphs. To run another one, open it.")
BEGIN_AGAIN = "This is a new interpreter. Run the notebook again from its top."


def log(text):
    print(text, file=sys.stderr, flush=True)


class Pods:
    """Whose Pod has an address, by the Kubernetes API."""

    def __init__(self, environment):
        self._pods, self._known = InterpreterPods(environment["NAMESPACE"], environment), {}

    def ask(self, address):
        """The interpreter that runs there, or None. Two that seem to are none."""
        running = [pod for pod in self._pods.list(fieldSelector=f"status.podIP={address}") if pod["status"].get("phase") == "Running"]
        if len(running) != 1:
            return None
        group = group_of(running[0])
        return Caller(address, group, note_of(group), setting_of(running[0])) if note_of(group) else None

    def ask_for_newer(self, caller):
        """Whether a newer Pod of a caller's group runs, or starts."""
        mine = [pod for pod in self._pods.list() if group_of(pod) == caller.group and is_there(pod)]
        own = [made(pod) for pod in mine if pod["status"].get("podIP") == caller.address]
        return bool(own) and max(map(made, mine)) > max(own)

    async def replaced(self, caller):
        """The same; where nobody says so, it is not."""
        try:
            return await asyncio.get_event_loop().run_in_executor(None, self.ask_for_newer, caller)
        except FAULTS as problem:
            log(f"the Kubernetes API does not say whether {caller.note} has a newer interpreter: {problem}")
            return False

    async def caller(self, address):
        end = time.monotonic() + SECONDS
        while True:
            self._known = {each: known for each, known in self._known.items() if known[0] > time.monotonic()}
            if address in self._known:
                return self._known[address][1]
            try:
                found = await asyncio.get_event_loop().run_in_executor(None, self.ask, address)
            except FAULTS as problem:
                log(f"the Kubernetes API does not say who {address} is: {problem}")
                raise RefusedError("nobody can say whose interpreter this is") from problem
            if found:
                self._known[address] = (time.monotonic() + REMEMBERED, found)
                return found
            if time.monotonic() > end:
                raise RefusedError("no interpreter runs at this address")
            await asyncio.sleep(0.5)


class Connection:
    """From one interpreter to Zeppelin."""

    def __init__(self, client, answers, pods, port):
        self._client, self._answers, self._pods, self._port = client, answers, pods, port
        self.address = answers.get_extra_info("peername")[0]
        self._caller = self._server = self._pour = self._closing = None

    async def _pass(self, parts):
        if self._server is None:
            zeppelin, self._server = await asyncio.open_connection("127.0.0.1", self._port)
            self._pour = asyncio.ensure_future(self._poured(zeppelin))
        self._server.writelines(parts)
        await self._server.drain()

    async def _poured(self, zeppelin):
        try:
            while not zeppelin.at_eof():
                said = await zeppelin.read(UNREAD)
                self._closed()
                self._answers.write(said)
                await self._answers.drain()
        except OSError:
            pass
        finally:
            self._answers.close()

    async def _judge(self, call):
        """Passes a call on, or answers it."""
        if call.name not in CALLS:
            raise RefusedError("this call is closed on this platform")
        self._caller = self._caller or await self._pods.caller(self.address)
        said = await asyncio.wait_for(call.value(CALLS[call.name]), SECONDS)
        if call.name in EMPTY:
            if self._answers.transport.get_write_buffer_size() > UNREAD:
                raise RefusedError("answers are not fetched")
            self._answers.write(empty(call))
        elif fits(self._caller, CALLS[call.name], said):
            if call.name == CLOSES:
                self._closed()
                self._closing = closing.begin(LOST, self._caller.group, self._caller.setting)
                await asyncio.sleep(closing.MOMENT)
            if call.name in OF_THE_GROUP and await self._pods.replaced(self._caller):
                self._closed()
                raise RefusedError("a newer interpreter of this group is there")
            await self._pass(call.raw)
            if call.name in OUTPUT:
                await self._tell_of_loss((said.get(1) or {}).get(2, b""))
        elif call.name == "runParagraphs":
            self._refused(call, "another notebook")
            paragraph = (said.get(1) or {}).get(4, b"")
            await self._pass([told(self._caller, call.number, paragraph, *ANOTHER)])
        else:
            raise RefusedError("this is not the interpreter's own notebook, group or address")

    def _closed(self):
        if self._closing:
            closing.end(self._closing)
            self._closing = None

    async def _tell_of_loss(self, paragraph):
        """Puts at the head of the first paragraph that prints again why its variables are gone. close_lost.py has written it down."""
        path = os.path.join(LOST, hashlib.sha256(self._caller.group.encode()).hexdigest())
        if not os.path.exists(path):
            return
        server = None
        try:
            with open(path) as file:
                why = file.read()
            os.unlink(path)
            # By a connection of its own: the interpreter would take the answer for one to its own call.
            zeppelin, server = await asyncio.open_connection("127.0.0.1", self._port)
            server.write(told(self._caller, 1, paragraph, why, BEGIN_AGAIN))
            await asyncio.wait_for(zeppelin.read(4), SECONDS)
        except (OSError, asyncio.TimeoutError) as problem:
            # What the interpreter printed has passed; its connection stays.
            log(f"{self._caller.note} is not told: {problem!r}")
        finally:
            if server:
                server.close()

    def _refused(self, call, why):
        # Whoever calls from the Pod itself is its probe.
        if self.address != "127.0.0.1":
            log(f"refused {call.name!a} from {self.address}, {self._caller.note if self._caller else 'not asked who'}: {why}")

    async def serve(self, lock):
        """lock: of the Pod, so that of each Pod one call is held."""
        try:
            while True:
                call = Call(self._client)
                await call.begin()
                async with lock:
                    await self._judge(call)
        except RefusedError as why:
            self._refused(call, why)
            self._answers.write(refusal(call, str(why)))
        except asyncio.IncompleteReadError:
            # Whoever has said all may still wait for answers.
            if self._pour:
                self._server.write_eof()
                await self._pour
        finally:
            if self._closing and self._pour:
                # Zeppelin goes on, though the interpreter that asked for it may be dead by now.
                await asyncio.wait([self._pour], timeout=closing.LONGEST)
            self._closed()
            if self._pour:
                self._pour.cancel()
                self._server.close()


class Filter:
    """All connections: their number and their lock, by address."""

    def __init__(self, pods, port):
        self._pods, self._port, self._open, self._locks = pods, port, collections.Counter(), {}

    async def __call__(self, client, answers):
        connection = Connection(client, answers, self._pods, self._port)
        address = connection.address
        self._open[address] += 1
        try:
            if self._open[address] <= CONNECTIONS:
                await connection.serve(self._locks.setdefault(address, asyncio.Lock()))
        except (OSError, asyncio.TimeoutError):
            # One of the two has gone, or a call did not come whole.
            pass
        finally:
            answers.close()
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address], self._locks[address]


async def main(arguments, environment):
    server = await asyncio.start_server(Filter(Pods(environment), int(arguments[1])), "", int(arguments[0]))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    # The first process of a container has no default action for signals: without this a restart of the server takes a minute longer.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    asyncio.run(main(sys.argv[1:], os.environ))
