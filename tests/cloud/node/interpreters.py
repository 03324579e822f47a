"""Interpreters on a real node, as Zeppelin's launcher makes them: a Pod and a Service of the rendered template.

Zeppelin's own process is not there (zeppelin_image.py): the Pod runs a Spark driver of its person, which answers Python expressions.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.cloud import driver, pods
from tests.cloud.api import ApiError, Object, collection
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import current, execute, gone, kubectl, ready
from tests.support.eventually import eventually

_ASK = """
before=$(wc -l < /work/answers)
printf '%s\\n' "$1" > /work/questions
while [ "$(wc -l < /work/answers)" = "$before" ]; do sleep 0.2; done
tail -n 1 /work/answers
"""
RIGHT = 49995000
"""What driver_program.shuffle comes to."""
EXECUTORS = {"spark-role": "executor"}


class Interpreter:
    """A driver that has started. pod: its Pod."""

    def __init__(self, platform: Platform, pod: Object) -> None:
        self._platform, self.pod = platform, pod

    def __call__(self, expression: str) -> Any:
        """The value of a Python expression in the driver. Raises RuntimeError with its words where it fails."""
        answer = json.loads(self.execute("bash", "-c", _ASK, "ask", expression).removeprefix("ANSWER "))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def seconds(self, expression: str) -> float:
        """Seconds that the driver needs for a Python expression."""
        clock = "__import__('time').monotonic()"
        return self(f"(lambda begin: ({expression}, {clock} - begin)[1])({clock})")

    def execute(self, *command: str, text: str | None = None) -> str:
        """Run a command in the driver's Pod."""
        return execute(self._platform.kube, self.pod, *command, text=text)

    def log(self) -> str:
        """All that Spark has logged so far."""
        return kubectl(self._platform.kube, "logs", f"--namespace={NOTEBOOKS}", self.pod["metadata"]["name"])

    def executors(self) -> list[Object]:
        """Pods of executors that run."""
        found = self._platform.pods(NOTEBOOKS, EXECUTORS)
        return [pod for pod in found if ready(pod) and "deletionTimestamp" not in pod["metadata"]]

    def places(self) -> dict[str, str]:
        """Executors that run, to their nodes."""
        return {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in self.executors()}


def _forced(pod: Object) -> dict[str, str]:
    """The settings that Zeppelin's launcher forces on drivers beside Kubernetes (K8sRemoteInterpreterProcess.addSparkK8sProperties)."""
    name = pod["metadata"]["name"]
    return {
        "spark.kubernetes.namespace": NOTEBOOKS,
        "spark.kubernetes.driver.pod.name": name,
        "spark.kubernetes.container.image": pod["spec"]["containers"][0]["image"],
        "spark.driver.bindAddress": "0.0.0.0",
        "spark.driver.host": f"{name}.{NOTEBOOKS}.svc",
        "spark.driver.port": "22321",
        "spark.blockManager.port": "22322",
    }


@contextlib.contextmanager
def made(platform: Platform, name: str, *, group: str = "spark", setting: str = "spark", person: str = "alice") -> Iterator[Object]:
    """An interpreter's Pod of a person with its Service, made by the server's account and gone afterwards; it runs."""
    change = {
        "zeppelin.k8s.interpreter.user": person,
        "zeppelin.k8s.interpreter.pod.name": name,
        "zeppelin.k8s.interpreter.group.name": group,
        "zeppelin.k8s.interpreter.setting.name": setting,
    }
    ((pod, service),) = pods.rendered(platform.items, change)
    server = platform.api.acting_as(platform.api.token(SERVER, "zeppelin-server"))
    for item in (pod, service):
        server.create(item)
    try:
        eventually(lambda: ready(current(platform.api, pod)), 240)
        yield current(platform.api, pod)
    finally:
        for item in (pod, service):
            # The cleaner may have been here.
            with contextlib.suppress(ApiError):
                server.delete(f"{collection(item)}/{name}")
        eventually(lambda: gone(platform.api, f"{collection(pod)}/{name}"), 120)
        server.close()


@contextlib.contextmanager
def running(platform: Platform, name: str, *, setting: str = "spark", hostile: Mapping[str, str] | None = None) -> Iterator[Interpreter]:
    """A driver of alice. hostile: settings of a person, which stand in place of the stack's."""
    with made(platform, name, setting=setting) as pod:
        interpreter = start(platform, pod, setting, hostile or {})
        eventually(lambda: "READY" in interpreter.execute("cat", "/work/answers"), 300, pause=1)
        yield interpreter


def start(platform: Platform, pod: Object, setting: str, hostile: Mapping[str, str]) -> Interpreter:
    """Let a Pod that has been made start its driver, as `running` has it."""
    interpreter = Interpreter(platform, pod)
    settings = driver.properties(platform.items, setting)
    beside_yarn = settings["spark.master"] == "yarn"
    settings |= ({} if beside_yarn else _forced(pod)) | dict(hostile)
    # A driver beside Yarn finds in a file what spark-submit must know.
    options = "" if beside_yarn else "".join(f"--conf\n{key}={value}\n" for key, value in settings.items())
    interpreter.execute("sh", "-c", "cat > /work/properties.json", text=json.dumps(settings))
    interpreter.execute("sh", "-c", "cat > /work/settings && mv /work/settings /work/options", text=options)
    return interpreter
