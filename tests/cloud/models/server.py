"""A real MLflow server of the pinned release, started as its Pod starts it: the same commands, files and environment, on this machine."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from components.models.client import MODELS_HOST, model_client_environment
from components.names import MODELS_PORT, NAME, USER
from tests.cloud import tools
from tests.cloud.api import Api, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER, one
from tests.cloud.kube import die_with_parent
from tests.support.eventually import eventually
from tests.support.relay import relay
from tests.support.servers import free_ports

CLIENT = Path(__file__).with_name("client_program.py")


class RefusedError(Exception):
    """What a client of MLflow says of a call that failed."""


class Models:
    """The server of a recorded stack.

    items: the stack's objects. folder: where its volume and its files are. access: what says whose Pod an address is.
    """

    def __init__(self, items: list[Object], folder: Path, access: Mapping[str, str]) -> None:
        pod = one(items, "Deployment", "models")["spec"]["template"]["spec"]
        (self._prepare,), (self._server,) = pod["initContainers"], pod["containers"]
        self.folder, self.store, self.log = folder, folder / "models", folder / "mlflow.log"
        self.store.mkdir(exist_ok=True)
        (self.port,) = free_ports(1)
        self._program = folder / "program"
        files = one(items, "ConfigMap", "models-files")["data"]
        (volume,) = [each for each in pod["volumes"] if each["name"] == "files"]
        for item in volume["configMap"]["items"]:
            path = self._program / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._here(files[item["key"]]))
        recorded = {each["name"]: self._here(each["value"]) for each in self._server["env"]}
        path = f"{tools.mlflow().parent}:{os.environ['PATH']}"
        self.environment = recorded | {"PATH": path, "HOME": str(folder), **access}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def preparing(self) -> list[str]:
        """The command of the initContainer."""
        return [self._here(word) for word in self._prepare["command"]]

    def _here(self, words: str) -> str:
        """What the Pod reads, with the folders and the port of this test."""
        words = words.replace("/opt/models", str(self._program)).replace(f"--port={MODELS_PORT}", f"--port={self.port}")
        for before in (":///", "file://", '"'):
            words = words.replace(f"{before}/models", f"{before}{self.store}")
        return str(self.store) if words == "/models" else words

    def prepare(self) -> str:
        """What the initContainer does, and says."""
        done = subprocess.run(self.preparing, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        """As the kubelet starts the Pod, until it is ready."""
        self.prepare()
        command = [self._here(word) for word in (*self._server["command"], *self._server["args"])]
        with self.log.open("ab") as log:
            # A group of its own, which ends with one signal, as a container does.
            self._process = subprocess.Popen(
                command, env=self.environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent
            )
        eventually(self.alive, 120, pause=0.5)

    def alive(self) -> bool:
        """What the readiness probe asks."""
        assert self._process
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        path = self._server["readinessProbe"]["httpGet"]["path"]
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}{path}").status_code == 200
        return False

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End every process of it at once."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def client(address: str, port: int, folder: Path, python: Path | None = None) -> Iterator["Client"]:
    """A client of MLflow in a Pod of this address, with the environment that a driver has, but for the name of the server."""
    with relay(address, port) as way, contextlib.closing(Client(folder, python or tools.mlflow(), **resolving(folder, way))) as found:
        yield found


RESOLVER = """
import os, socket
_known = socket.getaddrinfo
def _here(host, port, *rest, **more):
    if host == os.environ["MODELS_HOST"]:
        host, port = "127.0.0.1", int(os.environ["MODELS_WAY"])
    return _known(host, port, *rest, **more)
socket.getaddrinfo = _here
"""


def resolving(folder: Path, port: int, host: str = MODELS_HOST) -> dict[str, str]:
    """The environment in which a Python finds the server of models, by its name in a cluster or another host's, at a port of 127.0.0.1."""
    place = folder / "resolver"
    place.mkdir(exist_ok=True)
    # Another client may be reading it just now.
    written = place / "written"
    written.write_text(RESOLVER)
    written.replace(place / "sitecustomize.py")
    return {"PYTHONPATH": str(place), "MODELS_HOST": host.split(":", maxsplit=1)[0], "MODELS_WAY": str(port)}


class Client:
    """A client of MLflow, with the environment that drivers and executors have: one Python, as a notebook is. variables: more of it."""

    def __init__(self, folder: Path, python: Path, **variables: str) -> None:
        clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": tempfile.gettempdir(), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
        self._log = folder / "client.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(python), str(CLIENT)],
                env=clean | model_client_environment() | variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=die_with_parent,
            )

    def __call__(self, *expressions: str) -> list[Any]:
        """What the expressions of client_program.py are. Raises RefusedError where one fails."""
        assert self._process.stdin
        assert self._process.stdout
        # Whoever is not answered ends, and so does what is read from it.
        limit = threading.Timer(180, self._process.kill)
        limit.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                print(json.dumps(expressions), file=self._process.stdin, flush=True)
            for line in self._process.stdout:
                # MLflow itself prints where to see a run.
                if line.startswith(('{"answers"', '{"error"')):
                    return answers(line)
        finally:
            limit.cancel()
        raise AssertionError(self._log.read_text()[-3000:])

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def answers(printed: str) -> list[Any]:
    """What client_program.py has found, by what it printed. Raises RefusedError."""
    found = json.loads(printed.splitlines()[-1])
    if "error" in found:
        raise RefusedError(found["error"])
    return found["answers"]


def pod(api: Api, title: str, address: str, namespace: str = NOTEBOOKS, **labels: str) -> None:
    """A Pod that runs at an address of the loopback, as the API server knows it."""
    keys = {"name": NAME, "user": USER, "component": "app.kubernetes.io/component"}
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    path = f"/api/v1/namespaces/{namespace}/pods"
    spec = {
        # Nobody places it on a node, and so nobody says where it is but this test.
        "schedulerName": "nobody",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 185, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "x", "image": "registry.example.org/x:1", "securityContext": security}],
    }
    metadata = {"name": title, "namespace": namespace, "labels": {keys[key]: value for key, value in labels.items()}}
    api.call("POST", path, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    api.patch_status(f"{path}/{title}", {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]})


def access(api: Api, folder: Path) -> dict[str, str]:
    """The environment by which the server asks an API server, with the token of its own account."""
    (folder / "token").write_text(api.token(SERVER, "models"))
    return {"API": api.access.url, "CA_FILE": api.access.ca, "TOKEN_FILE": str(folder / "token")}
