"""A real Alertmanager with the configuration, arguments and environment that a stack gives it, and somebody who is told."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.cloud import releases, tools
from tests.cloud.api import Object
from tests.cloud.kube import die_with_parent
from tests.support.eventually import eventually
from tests.support.servers import Quiet, free_ports, serving


@dataclass(frozen=True)
class Told:
    """A chat's webhook, or a proxy before it. messages: path (a proxy sees the whole address) and JSON of what came, oldest first."""

    address: str
    messages: list[tuple[str, dict[str, Any]]]


@contextlib.contextmanager
def listening(pair: tuple[Path, Path] | None = None) -> Iterator[Told]:
    """Somebody who is told. pair: certificate and key, where they speak TLS."""
    messages: list[tuple[str, dict[str, Any]]] = []

    class Handler(Quiet):
        def do_POST(self) -> None:
            messages.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    with serving(Handler, pair=pair) as address:
        yield Told(address, messages)


@contextlib.contextmanager
def running(items: list[Object], folder: Path, url: str, ca_bundle: str | None = None) -> Iterator[str]:
    """Address of an Alertmanager that runs as the chart's Pod says, but for where its files are and how long it gathers alerts.

    items: chart prometheus, rendered. url: what the Secret holds, the address of who is told. ca_bundle: what it holds of certificates.
    """
    folder.mkdir()
    (folder / "url").write_text(url)
    if ca_bundle:
        (folder / "ca-bundle.pem").write_text(ca_bundle)
    (container,) = [
        each for each in releases.pods(items)["prometheus-alertmanager"]["spec"]["containers"] if each["name"] == "alertmanager"
    ]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}

    def moved(text: str) -> str:
        for name, path in mounts.items():
            text = text.replace(f"{path}/", f"{folder}/") if name in ("alerts", "trust", "config") else text
        return text

    config = moved(releases.config(items, "prometheus-alertmanager", "alertmanager.yml"))
    assert "group_wait: 1m" in config
    (folder / "alertmanager.yml").write_text(config.replace("group_wait: 1m", "group_wait: 1s").replace("interval: 5m", "interval: 2s"))
    (port,) = free_ports(1)
    arguments = [moved(each) for each in container["args"] if not each.startswith("--storage.path")]
    environment = {each["name"]: moved(each["value"]) for each in container["env"] if "value" in each}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [str(tools.alertmanager()), *arguments, f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"],
            env=environment, stdout=log, stderr=log, preexec_fn=die_with_parent,
        )  # fmt: skip
    try:
        eventually(lambda: _ready(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/ready").status_code == 200
    except httpx.HTTPError:
        return False
