"""A real Spark driver in client mode, with exactly the settings of the stack and the token of its Pod."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from components.files import COMPONENTS
from tests.cloud import pods, tools
from tests.cloud.api import Api, Object
from tests.cloud.deployed import DRIVER_IMAGE, NOTEBOOKS, SERVER, one
from tests.cloud.kube import die_with_parent

VERSIONS = [pytest.param(minor, marks=pytest.mark.long if minor == "3.5" else ()) for minor in tools.SPARK]
"""Of Spark: that of the stacks, and the older one that a stack may name."""


class Driver:
    """A driver that has started. pod: its Pod, which KWOK plays; the process runs beside it."""

    def __init__(self, process: subprocess.Popen[str], log: Path, pod: Object) -> None:
        self._process, self._log, self.pod = process, log, pod

    def __call__(self, expression: str) -> Any:
        """The value of a Python expression in the driver. Raises RuntimeError with its words where it fails."""
        assert self._process.stdin
        self._process.stdin.write(expression + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._line("ANSWER "))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def log(self) -> str:
        """All that Spark has logged so far."""
        return self._log.read_text(errors="replace")

    def _line(self, begin: str) -> str:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith(begin):
                return line.removeprefix(begin)
        raise RuntimeError(f"the driver ended:\n{self.log()[-3000:]}")

    def wait_ready(self) -> None:
        self._line("READY")


@contextmanager
def process(folder: Path, environment: Mapping[str, str], pod: Object) -> Iterator[Driver]:
    """A driver that starts with the settings in `properties.json` of a folder, for the time of a `with`. It logs there to `driver.log`."""
    log = folder / "driver.log"
    with log.open("wb") as errors:
        started = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("driver_program.py")), str(folder / "properties.json")],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=die_with_parent,
        )
    try:
        yield Driver(started, log, pod)
    finally:
        started.kill()
        started.wait()


def properties(items: list[Object], setting: str) -> dict[str, str]:
    """The Spark settings that the stack writes into interpreter.json."""
    text = next(item["data"]["interpreter.json"] for item in items if "interpreter.json" in item.get("data", {}))
    found = json.loads(text)["interpreterSettings"][setting]["properties"]
    return {key: each["value"] for key, each in found.items() if key.startswith("spark.") and each["value"]}


@contextmanager
def running(
    api: Api,
    items: list[Object],
    folder: Path,
    *,
    minor: str = "4.0",
    setting: str = "spark",
    name: str = "spark-alice-2abcdefgh-driver",
    person: str = "alice",
    hostile: Mapping[str, str] | None = None,
    history: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Driver]:
    """A driver of one person, whose Pod the Zeppelin server has made from the template.

    Beside the stack's settings stand those that Zeppelin's launcher forces (K8sRemoteInterpreterProcess.addSparkK8sProperties), and what
    differs because the process is no Pod: addresses, ports, paths, the files of token and certificate. hostile: settings of a person.
    history: what is mounted at /history. variables: more of its environment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    change = {"zeppelin.k8s.interpreter.pod.name": name, "zeppelin.k8s.interpreter.setting.name": setting}
    change["zeppelin.k8s.interpreter.user"] = person
    (interpreter, _), *_ = pods.rendered(items, change)
    server = api.acting_as(api.token(SERVER, "zeppelin-server"))
    pod = server.create(interpreter)
    server.close()
    token = folder / "token"
    token.write_text(api.token(NOTEBOOKS, pod["spec"]["serviceAccountName"], pod))
    platform = folder / "platform"
    platform.mkdir()
    for key, text in one(items, "ConfigMap", "zeppelin-interpreter-files")["data"].items():
        (platform / key).write_text(text)
    defaults = _copy(interpreter, folder, platform, history or folder / "nothing")
    settings = (
        defaults
        | properties(items, setting)
        | {
            "spark.kubernetes.namespace": NOTEBOOKS,
            "spark.kubernetes.driver.pod.name": name,
            "spark.kubernetes.container.image": DRIVER_IMAGE,
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.master": f"k8s://{api.access.url}",
            "spark.ui.port": "0",
            "spark.kubernetes.executor.podTemplateFile": str(folder / "executor.yaml"),
            "spark.kubernetes.authenticate.oauthTokenFile": str(token),
            "spark.kubernetes.authenticate.caCertFile": api.access.ca,
            "spark.jars.ivy": str(folder / "ivy"),
            "spark.driver.memory": "512m",
            **(hostile or {}),
        }
    )
    (folder / "properties.json").write_text(json.dumps(settings))
    site = tools.spark(minor)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_", "KUBERNETES_"))}
    environment |= {
        "PYTHONPATH": f"{site}:{platform}",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_DIRS": str(folder),
        **tools.quick_java(minor, "driver"),
        **(variables or {}),
    }
    try:
        with process(folder, environment, pod) as driver:
            driver.wait_ready()
            yield driver
    finally:
        api.delete(f"/api/v1/namespaces/{NOTEBOOKS}/pods/{name}", gracePeriodSeconds="0")


def _copy(interpreter: Object, folder: Path, platform: Path, history: Path) -> dict[str, str]:
    """What the initContainer of the interpreter does, with the arguments that the template gives it; the settings that it writes."""
    image = folder / "image"
    for path in ("bin", "conf", "interpreter/spark"):
        (image / path).mkdir(parents=True)
    (image / "interpreter" / "zeppelin-interpreter-shaded-0.jar").touch()
    environment = {
        "ZEPPELIN_HOME": image,
        "COPY_TO": folder,
        "PLATFORM": platform,
        "EVENTS": folder / "spark-events",
        "HISTORY": history,
        "PATH": os.environ["PATH"],
    }
    arguments = interpreter["spec"]["initContainers"][0]["args"]
    subprocess.run(["sh", COMPONENTS / "spark/files/copy-zeppelin.sh", *arguments], check=True, env=environment, capture_output=True)
    lines = (folder / "spark-conf" / "spark-defaults.conf").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)
