"""The local stack with a real Zeppelin on a real node, and the way of its people: by the gateway's Service, from the machine room."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from components.names import GATEWAY, GATEWAY_HTTP_PORT, ZEPPELIN_LABELS
from components.zeppelin.shiro import shiro_hash, shiro_ini
from operate.smoke import SCRIPT
from tests.cloud.api import ApiError
from tests.cloud.deployed import SERVER
from tests.cloud.kube import die_with_parent
from tests.cloud.node import config, platform
from tests.cloud.node.machine import enter
from tests.cloud.node.platform import REAL_ZEPPELIN, Platform
from tests.cloud.node.pods import ready
from tests.cloud.tools import ROOT
from tests.cloud.zeppelin.person import Person, Socket
from tests.cloud.zeppelin.server import PEOPLE
from tests.support.eventually import eventually

_SMOKE_TEST = ("smoke-test", "made up")
PICTURES = ROOT / "out" / "pictures"
ORIGIN = "http://localhost:8080"
"""Address that browsers come by, as the stack says it: behind `kubectl port-forward`."""


def stack() -> dict[str, Any]:
    """The local stack with two people, the test notebook, and executors that do not idle for long."""
    data = platform.local()
    data["gaia-dmp:images"] = {"zeppelin": f"{REAL_ZEPPELIN}:0.12.1"}
    data["gaia-dmp:zeppelin"] |= {"people": [{"name": "alice"}, {"name": "bob"}]}
    data["gaia-dmp:spark"] |= {"executor_idle_seconds": 20, "cached_idle_seconds": 20}
    data["gaia-dmp:monitoring"] = {}
    return data


def secrets() -> dict[str, dict[str, str]]:
    """What is in Secrets of that stack: everybody's password."""
    hashes = {name: shiro_hash(password, name.encode().ljust(16)[:16]) for name, password in (*PEOPLE.items(), _SMOKE_TEST)}
    name, password = _SMOKE_TEST
    return {
        "zeppelin-login": {"shiro.ini": shiro_ini(hashes, ["root"], "", secure=False), "credentials-key": "sixteen letters."},
        "smoke-test-login": {"user": name, "password": password},
    }


def serves(deployment: Platform) -> bool:
    """Whether server and gateway are ready."""
    with contextlib.suppress(ApiError, httpx.TransportError):
        pods = [pod for pod in deployment.pods(SERVER, ZEPPELIN_LABELS) if "deletionTimestamp" not in pod["metadata"]]
        gateways = deployment.api.get(f"/apis/apps/v1/namespaces/{SERVER}/deployments/{GATEWAY}")
        return [ready(pod) for pod in pods] == [True] and gateways["status"].get("readyReplicas") == 2
    return False


def answers(address: str) -> bool:
    """Whether the server answers behind the gateway: a firewall takes a moment to heed that it is ready. address: host:port."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://{address}/api/version").status_code == 200
    return False


@contextlib.contextmanager
def entrance(deployment: Platform, service_port: int = GATEWAY_HTTP_PORT) -> Iterator[str]:
    """host:port of this machine that leads to a port of the gateway's Service, for the time of a `with`."""
    service = deployment.api.get(f"/api/v1/namespaces/{SERVER}/services/{GATEWAY}")
    cluster = deployment.cluster
    cluster.room("ip", "route", "replace", config.SERVICES, "via", deployment.node.address)
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        relay = (sys.executable, "-m", "tests.cloud.node.relay", str(door.fileno()), service["spec"]["clusterIP"], str(service_port))
        command = (*enter(cluster.room_pid, "net"), *relay)
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[door.fileno()], preexec_fn=die_with_parent)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def browser(program: str, gateway: str) -> Iterator[Page]:
    """A page of a Chromium that finds the gateway at ORIGIN. program: its path. gateway: host:port."""
    rules = f"MAP {ORIGIN.removeprefix('http://')} {gateway}"
    arguments = ["--no-sandbox", f"--host-resolver-rules={rules}", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=arguments)
        page = chromium.new_page(viewport={"width": 1400, "height": 850})
        page.set_default_timeout(300_000)
        yield page
        chromium.close()


class Notebook:
    """A notebook of one person. note: its id, where it is there already. path: of a new one."""

    def __init__(self, person: Person, path: str = "", *, note: str = "") -> None:
        self.person = person
        body = {"name": path, "paragraphs": []}
        self.note = note or person.http.post("/api/notebook/import", params={"notePath": path}, json=body).json()["body"]

    def run(self, text: str) -> tuple[str, str]:
        """Run a new paragraph; its status, and all that it said."""
        return self._ended(self.start(text))

    def start(self, text: str) -> str:
        """The id of a new paragraph, which runs."""
        paragraph = self.add(text)
        self.person.call("POST", f"/api/notebook/job/{self.note}/{paragraph}", "{}")
        return paragraph

    def press(self, text: str) -> tuple[str, str]:
        """The same by the button of a browser."""
        paragraph = self.add(text)
        url = self.person.http.base_url
        browser = Socket(self.person, f"{url.host}:{url.port}")
        browser.ask("GET_NOTE", {"id": self.note})
        browser.send(browser.message("RUN_PARAGRAPH", {"id": paragraph, "title": "", "paragraph": text, "config": {}, "params": {}}))
        ended = self._ended(paragraph)
        browser.close()
        return ended

    def _ended(self, paragraph: str) -> tuple[str, str]:
        """How a paragraph has ended, and what it said."""
        eventually(lambda: self._paragraph(paragraph)["status"] in ("FINISHED", "ERROR", "ABORT"), 900, pause=0.2)
        return self._paragraph(paragraph)["status"], self._said(paragraph)

    def _said(self, paragraph: str) -> str:
        """What a paragraph that has ended said. Once in 77 kills it was FINISHED and still empty, so it is read again."""
        end = time.monotonic() + 5
        while not (said := self._output(paragraph)) and time.monotonic() < end:
            time.sleep(0.2)
        return said

    def _output(self, paragraph: str) -> str:
        return "".join(each["data"] for each in self._paragraph(paragraph).get("results", {}).get("msg", []))

    def add(self, text: str) -> str:
        """The id of a new paragraph, which has not run."""
        words = {"title": "", "text": text}
        return self.person.http.post(f"/api/notebook/{self.note}/paragraph", json=words).json()["body"]

    def status(self, paragraph: str) -> str:
        """READY, PENDING, RUNNING, FINISHED, ERROR or ABORT."""
        return self._paragraph(paragraph)["status"]

    def heads(self) -> list[str]:
        """What stands at the head of each paragraph that has run. A browser's button adds an empty one."""
        paragraphs = self.person.http.get(f"/api/notebook/{self.note}").json()["body"]["paragraphs"]
        return [each.get("runtimeInfos", {}).get("jobUrl", {}).get("label", "") for each in paragraphs if each.get("results")]

    def _paragraph(self, paragraph: str) -> dict[str, Any]:
        return self.person.http.get(f"/api/notebook/{self.note}/paragraph/{paragraph}").json()["body"]


def smoke(address: str) -> list[str]:
    """Run the test notebook from here as `gaia smoke` does; the first word of each line that it says. address: of the gateway."""
    user, password = _SMOKE_TEST
    environment = os.environ | {"SMOKE_USER": user, "SMOKE_PASSWORD": password}
    command = (sys.executable, str(SCRIPT), "once", f"http://{address}")
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    print(said.stdout + said.stderr)
    return [line.split()[0] for line in (said.stdout + said.stderr).splitlines()]
