"""A real Zeppelin 0.12, built elsewhere and named by ZEPPELIN_HOME, with the files and the environment of the recorded stack."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from components.files import COMPONENTS
from components.zeppelin.files.seed_interpreters import seeded
from components.zeppelin.shiro import shiro_hash, shiro_ini
from tests.cloud import deployed, tools
from tests.support.eventually import eventually
from tests.support.rpc import pods_api, rpc_filter
from tests.support.servers import free_ports
from tests.support.stack_files import connected

HOME = os.environ.get("ZEPPELIN_HOME", "")
needs_zeppelin = pytest.mark.skipif(not HOME, reason="ZEPPELIN_HOME names no built Zeppelin 0.12: it is in no package registry")
PEOPLE = {"alice": "alice-secret", "bob": "bob-secret", "root": "root-secret"}
"""Login names and passwords; root is the administrator."""


@dataclass(frozen=True)
class Running:
    """A server that runs, and what stands before its websocket."""

    address: str
    """host:port of Zeppelin."""

    messages: str
    """host:port of the guard before its websocket."""

    rpc: int
    """Zeppelin's own port for interpreters, which none of them reaches."""

    filter: int
    """Port of the filter before it."""

    pods: Path
    """Folder with a file for each Pod, named by its address."""

    rpc_log: Path
    """All that the filter wrote."""

    log: Path
    """All that the server wrote."""


@dataclass(frozen=True)
class Connect:
    """A Spark 4.0 of this machine in the place of the one in Pods, which serves Spark Connect."""

    url: str
    """Address of every driver, without its token."""

    host: str
    """Address of the loopback that it listens on."""

    ui: int
    """Port of its Spark UI."""


def _spark_home(folder: Path) -> Path:
    """A Spark laid out as Apache does it, of the package that pip has (images/contents.py does the same with copies)."""
    site, home = tools.spark("4.0") / "pyspark", folder / "spark-home"
    (home / "python").mkdir(parents=True)
    for place, origin in {"bin": "bin", "sbin": "sbin", "jars": "jars", "python/pyspark": ".", "python/lib": "python/lib"}.items():
        (home / place).symlink_to((site / origin).resolve())
    return home


def _local(text: str, connect: Connect, folder: Path) -> str:
    """interpreter.json with a Spark without Kubernetes."""
    settings = json.loads(text)
    properties = settings["interpreterSettings"]["spark"]["properties"]
    pods = ("spark.kubernetes.", "spark.dynamicAllocation.", "spark.decommission.", "spark.storage.", "spark.executor.", "spark.eventLog.")
    for name in [name for name in properties if name.startswith(pods)]:
        del properties[name]
    ours = {
        "SPARK_HOME": str(_spark_home(folder)),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "spark.master": "local[1]",
        "spark.driver.memory": "512m",
        "spark.local.dir": str(folder / "spark"),
        "spark.jars.ivy": str(folder / "ivy"),
        "spark.ui.port": str(connect.ui),
        "spark.connect.grpc.binding.address": connect.host,
    }
    for name, value in ours.items():
        properties[name] = {"name": name, "value": value, "type": "string"}
    return json.dumps(settings).replace("/opt/platform", str(COMPONENTS / "spark/files"))


def _files(folder: Path, connect: Connect | None) -> tuple[dict[str, str], dict[str, str]]:
    """The server's environment with the paths of this test, and its files."""
    stack = connected(deployed.stack()) if connect else deployed.stack()
    maps = [item["data"] for item in deployed.objects(stack) if item["kind"] == "ConfigMap"]
    environment = next(data for data in maps if "ZEPPELIN_ADDR" in data)
    files = next(data for data in maps if "interpreter.json" in data)
    moved = {
        key: value.replace("/notebooks", f"{folder}/notebooks").replace("/work", f"{folder}/work") for key, value in environment.items()
    }
    return moved, files


def _runner(folder: Path) -> Path:
    """A program that Zeppelin can start, in this Python."""
    runner = folder / "interpreter.sh"
    runner.write_text(f'#!/bin/sh\nexec {sys.executable} -B {Path(__file__).with_name("interpreter_runner.py")} "$@"\n')
    runner.chmod(0o755)
    return runner


@contextlib.contextmanager
def zeppelin(folder: Path, origin: str, connect: Connect | None = None) -> Iterator[Running]:
    """A server until the end of the `with`. Its interpreters are processes of this machine, each with the address of a Pod.

    origin: where browsers come from. connect: the Spark that it has, if any.
    """
    http, rpc, websocket = free_ports(3)
    environment, files = _files(folder, connect)
    if connect:
        files["interpreter.json"] = _local(files["interpreter.json"], connect, folder)
    conf = folder / "conf"
    for each in ("conf", "notebooks/conf", "notebooks/recovery", "notebooks/notebook", "work/local-repo"):
        (folder / each).mkdir(parents=True)
    (conf / "log4j.properties").write_text(files["log4j.properties"])
    hashes = {name: shiro_hash(password, name.encode() * 4) for name, password in PEOPLE.items()}
    (conf / "shiro.ini").write_text(shiro_ini(hashes, ["root"], "", secure=False))
    (folder / "notebooks/conf/interpreter.json").write_text(json.dumps(seeded(json.loads(files["interpreter.json"]), None)))
    environment |= {
        "PATH": os.environ["PATH"],
        "ZEPPELIN_HOME": HOME,
        "ZEPPELIN_CONF_DIR": str(conf),
        "ZEPPELIN_ADDR": "127.0.0.1",
        "ZEPPELIN_PORT": str(http),
        "ZEPPELIN_SERVER_RPC_PORTRANGE": f"{rpc}:{rpc}",
        "ZEPPELIN_ALLOWED_ORIGINS": origin,
        "ZEPPELIN_RUN_MODE": "local",
        "ZEPPELIN_INTERPRETER_DIR": f"{HOME}/interpreter",
        "ZEPPELIN_MEM": "-Xmx512m",
        "ZEPPELIN_INTP_MEM": "-Xmx256m",
        "ZEPPELIN_INTERPRETER_REMOTE_RUNNER": str(_runner(folder)),
        "ZEPPELIN_INTERPRETER_INCLUDES": "md,python,spark" if connect else "md,python",
    }
    if connect:
        environment["CONNECT_ADDRESS"] = connect.url
    log, lost = folder / "server.log", folder / "lost"
    lost.mkdir()
    guard = [sys.executable, str(COMPONENTS / "zeppelin/files/websocket_guard.py"), str(websocket), str(http), str(lost)]
    with (
        log.open("wb") as out,
        pods_api(folder / "api") as api,
        rpc_filter(rpc, api.environment | {"LOST": str(lost)}, folder / "filter.log") as filter_port,
    ):
        environment |= {"PODS": str(api.folder), "FILTER": str(filter_port)}
        processes = [
            subprocess.Popen([f"{HOME}/bin/zeppelin.sh"], env=environment, stdout=out, stderr=out, start_new_session=True),
            subprocess.Popen(guard, stdout=out, stderr=out),
        ]
        try:

            def answers() -> bool:
                assert processes[0].poll() is None, log.read_text(errors="replace")
                with contextlib.suppress(httpx.HTTPError):
                    return httpx.get(f"http://127.0.0.1:{http}/api/version").status_code == 200
                return False

            eventually(answers, 180)
            yield Running(
                address=f"127.0.0.1:{http}",
                messages=f"127.0.0.1:{websocket}",
                rpc=rpc,
                filter=filter_port,
                pods=api.folder,
                rpc_log=folder / "filter.log",
                log=log,
            )
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)
            # Interpreters outlive their server, which would find them again.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(processes[0].pid, signal.SIGKILL)
