"""Tells MLflow who asks, by the address of a connection; a caller's own word is worth nothing.

The gateway has asked Zeppelin who somebody is, and says it in a header. A driver or executor is its person's, as the label of its Pod says,
which admission keeps true. The Kubernetes API says whose Pod has an address. So there is no password that a notebook could lose.

Runs inside MLflow 3.17, which finds `create_app` by its entry point and `who` by rights.ini. Environment: GAIA_PEOPLE, JSON of people
(login name to name) and administrators; GAIA_STORE, the folder of models; NOTEBOOKS and GATEWAY, the namespaces of Pods; API, TOKEN_FILE
and CA_FILE only where it does not run in a Pod.
"""

import asyncio
import collections
import json
import os
import secrets
import ssl
import sys
import threading
import time
import urllib.parse
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
NOTEBOOKS = "app.kubernetes.io/name in (zeppelin-interpreter,spark-executor)"
GATEWAY = "app.kubernetes.io/component=gateway"
USER = "gaia-dmp/user"
HEADER = "x-gaia-person"
SECONDS = 10  # that a new Pod has until the API knows it as Running
REMEMBERED = 2  # seconds that an address is believed to be the same Pod's
LARGEST = 2**20  # bytes of a request that is read whole
REFUSED = 2**30  # bytes that are read of an upload that is refused
PEOPLE = json.loads(os.environ.get("GAIA_PEOPLE", '{"people": {}, "administrators": []}'))
NOBODY = "Only people whom the stack file lists have models here.\n"


class RefusedError(Exception):
    """Why nobody is let in; the status."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


class Pods:
    """Whose Pod has an address, by the Kubernetes API."""

    def __init__(self, environment):
        self._environment, self._known = environment, {}
        self._context = ssl.create_default_context(cafile=environment.get("CA_FILE", ACCOUNT + "/ca.crt"))

    def _running(self, namespace, labels, address):
        query = urllib.parse.urlencode({"fieldSelector": "status.podIP=" + address, "labelSelector": labels})
        server = self._environment.get("API", "https://kubernetes.default.svc")
        # The token is a new one every hour.
        with open(self._environment.get("TOKEN_FILE", ACCOUNT + "/token")) as file:
            authorization = {"Authorization": "Bearer " + file.read().strip()}
        request = urllib.request.Request(f"{server}/api/v1/namespaces/{namespace}/pods?{query}", headers=authorization)
        with urllib.request.urlopen(request, context=self._context, timeout=SECONDS) as answer:
            return [pod for pod in json.load(answer)["items"] if pod["status"].get("phase") == "Running"]

    def ask(self, address):
        """("gateway", ""), or (what a notebook's Pod is, whose it is); None for any other. Two that seem to be there are none."""
        pods = self._running(self._environment["NOTEBOOKS"], NOTEBOOKS, address)
        gateways = self._running(self._environment["GATEWAY"], GATEWAY, address)
        if len(pods) + len(gateways) != 1:
            return None
        labels = (pods + gateways)[0]["metadata"]["labels"]
        return ("gateway", "") if gateways else (labels["app.kubernetes.io/name"], labels.get(USER, ""))

    async def caller(self, address):
        end = time.monotonic() + SECONDS
        while True:
            known = self._known.get(address)
            if known and known[0] > time.monotonic():
                return known[1]
            try:
                found = await asyncio.get_event_loop().run_in_executor(None, self.ask, address)
            except (OSError, ValueError, KeyError) as problem:
                print(f"the Kubernetes API does not say who {address} is: {problem}", file=sys.stderr, flush=True)
                raise RefusedError(503, "Nobody can say at the moment whose notebook this is.\n") from problem
            if found:
                self._known = {each: seen for each, seen in self._known.items() if seen[0] > time.monotonic()}
                self._known[address] = (time.monotonic() + REMEMBERED, found)
                return found
            if time.monotonic() > end:
                raise RefusedError(401, "No notebook runs at this address.\n")
            await asyncio.sleep(0.5)


class Numbers:
    """What Prometheus reads."""

    def __init__(self, store):
        self._store, self._requests, self._seconds, self._lock = store, collections.Counter(), collections.Counter(), threading.Lock()

    def note(self, caller, status, seconds):
        with self._lock:
            self._requests[caller, status // 100] += 1
            self._seconds[caller] += seconds

    def text(self):
        space = os.statvfs(self._store)
        with self._lock:
            requests = {f'{{caller="{caller}",status="{status}xx"}}': count for (caller, status), count in sorted(self._requests.items())}
            seconds = {f'{{caller="{caller}"}}': spent for caller, spent in sorted(self._seconds.items())}
        found = (
            ("requests_total", "counter", "Requests, by what asked and how it was answered.", requests),
            ("request_seconds_total", "counter", "Seconds that requests took, by what asked.", seconds),
            ("space_bytes", "gauge", "Size of the volume of models.", {"": space.f_blocks * space.f_frsize}),
            ("free_bytes", "gauge", "What is free of it.", {"": space.f_bavail * space.f_frsize}),
            ("database_bytes", "gauge", "Size of the database.", {"": os.stat(os.path.join(self._store, "mlflow.db")).st_size}),
        )
        lines = []
        for name, kind, words, values in found:
            lines += [f"# HELP gaia_dmp_models_{name} {words}", f"# TYPE gaia_dmp_models_{name} {kind}"]
            lines += [f"gaia_dmp_models_{name}{labels} {value}" for labels, value in values.items()]
        return "\n".join(lines) + "\n"


class Named:
    """MLflow behind the question who asks."""

    def __init__(self, app, environment):
        self._app, self._pods, self._store = app, Pods(environment), environment["GAIA_STORE"]
        self._numbers = Numbers(self._store)

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _http(self, scope, receive, send):
        if scope["path"] in ("/alive", "/metrics"):
            # A share that is lost holds whoever looks at it: in a thread, so that only this look waits.
            look = self._numbers.text if scope["path"] == "/metrics" else lambda: str(os.stat(self._store).st_mtime)
            await answer(send, 200, await asyncio.get_event_loop().run_in_executor(None, look))
            return
        begin, seen, unread = time.monotonic(), {"caller": "nobody", "status": 500}, True

        async def read():
            nonlocal unread
            message = await receive()
            unread = message.get("more_body", False)
            return message

        async def noted(message):
            if message["type"] == "http.response.start":
                seen["status"], left = message["status"], REFUSED
                # A refusal before the end of an upload would close the connection, and nginx, which still sends, would answer 502.
                while unread and message["status"] >= 400 and left > 0:
                    left -= len((await read()).get("body", b""))
            await send(message)

        try:
            seen["caller"], person = await self._person(scope)
            # WSGI writes `-` and `_` of a header alike, so both are the caller's own word.
            theirs = [(key, value) for key, value in scope["headers"] if key.lower().replace(b"_", b"-") != HEADER.encode()]
            named = dict(scope, headers=[*theirs, (HEADER.encode(), person.encode())])
            refuse_keys(scope["path"])
            body = read
            if scope["method"] == "POST" and scope["path"].endswith("/mlflow/experiments/create"):
                body, named["headers"] = await without_place(read, named["headers"])
            await self._app(named, body, noted)
        except RefusedError as why:
            await answer(noted, why.status, str(why))
        finally:
            self._numbers.note(seen["caller"], seen["status"], time.monotonic() - begin)

    async def _person(self, scope):
        """What asks, and the name of its person."""
        kind, person = await self._pods.caller(scope["client"][0])
        if kind == "gateway":
            said = [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == HEADER.encode()]
            person = PEOPLE["people"].get(said[0], "") if len(said) == 1 else ""
        if person not in PEOPLE["people"].values():
            raise RefusedError(403, NOBODY)
        return kind, person


def refuse_keys(path):
    """MLflow's AI gateway would keep people's keys of other services under a passphrase that everybody knows (utils/crypto.py, 3.17.2)."""
    if path.startswith("/gateway/") or "/mlflow/gateway/" in path:
        raise RefusedError(404, "This platform has no AI gateway.\n")


async def without_place(receive, headers):
    """A request that makes an experiment, which may not say where its files lie: the server itself would read there."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > LARGEST:
            raise RefusedError(413, "This is too long for an experiment.\n")
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise RefusedError(400, "An experiment is asked for as an object of JSON.\n")
    if asked.get("artifact_location") or asked.get("artifactLocation"):
        raise RefusedError(400, "Files of experiments lie where this server keeps them: leave artifact_location out.\n")
    # What was understood, not what was sent.
    understood, given = json.dumps(asked).encode(), []

    async def again():
        if given:
            return await receive()
        given.append(True)
        return {"type": "http.request", "body": understood, "more_body": False}

    kept = [(key, value) for key, value in headers if key.lower() not in (b"content-length", b"content-type", b"transfer-encoding")]
    return again, [*kept, (b"content-length", str(len(understood)).encode()), (b"content-type", b"application/json")]


async def answer(send, status, text):
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
    await send({"type": "http.response.body", "body": text.encode()})


def enrol(store, person):
    """Make a person known to MLflow, so that others may give them rights. Nobody has the password: nobody is asked for one."""
    administrator = person in PEOPLE["administrators"]
    if not store.has_user(person):
        store.create_user(person, secrets.token_hex(32), is_admin=administrator)
    elif store.get_user(person).is_admin != administrator:
        store.update_user(person, is_admin=administrator)


def who():
    """The person whom `Named` has found, for MLflow's own rights."""
    # Only what makes an app has MLflow: the rest is read without, too.
    from flask import Response, request  # noqa: PLC0415
    from werkzeug.datastructures import Authorization  # noqa: PLC0415

    person = request.headers.get(HEADER, "")
    if person not in PEOPLE["people"].values():
        return Response(NOBODY, status=403)
    return Authorization("basic", {"username": person, "password": ""})


def create_app():
    """MLflow with its own rights, behind the question who asks."""
    from mlflow.server import auth  # noqa: PLC0415

    app = auth.create_app()
    for person in PEOPLE["people"].values():
        enrol(auth.store, person)
    return Named(app, os.environ)
