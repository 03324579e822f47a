"""`python -m restore STACK`: put the notebooks of a backup back, with Zeppelin standing still, and say how to take it back.

The cluster is the stack's own: its kubeconfig is the output of that name, by the Pulumi that is on PATH, or a file given by hand.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from lightkube import ApiError, Client, KubeConfig
from lightkube.core.exceptions import ConfigError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType
from rich.console import Console

from operate import engine

NAMESPACE, SERVER, JOB = "gaia-zeppelin", "zeppelin-server", "restore-notebooks"
"""The namespace of Zeppelin, its Deployment, and the CronJob that Jobs are made from (components/zeppelin.py, notebook_backup.py)."""

ROOT = Path(__file__).resolve().parent.parent


class RestoreError(Exception):
    """The restore cannot go on; the message says what is there now."""


def kubeconfig(stack: str, folder: Path) -> Path:
    """A file with the kubeconfig that the stack put out. Raises RestoreError."""
    try:
        text = engine.run(stack, "stack", "output", "kubeconfig", "--show-secrets")
    except engine.EngineError as error:
        raise RestoreError(f"the kubeconfig of stack {stack} cannot be had; give one by --kubeconfig:\n{error}") from None
    file = folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(text)
    return file


class Cluster:
    """The namespace of Zeppelin on one cluster. file: kubeconfig. say: told what is being done."""

    def __init__(self, file: Path, say: Callable[[str], None]) -> None:
        self._api = Client(KubeConfig.from_file(file), namespace=NAMESPACE)
        self._say = say

    def run(self, arguments: list[str], snapshot: str = "") -> str:
        """Run a Job of the restoring CronJob, with other arguments where there are any; what it said. Raises RestoreError."""
        try:
            template: Any = self._api.get(CronJob, JOB)
        except ApiError as error:
            if error.status.code != HTTPStatus.NOT_FOUND:
                raise
            raise RestoreError("this stack has no backups: zeppelin.backup is not set") from None
        spec = template.spec.jobTemplate.spec
        container = spec.template.spec.containers[0]
        container.args = arguments or container.args
        for variable in container.env:
            if variable.name == "SNAPSHOT":
                variable.value = snapshot
        made: Any = self._api.create(Job(metadata=ObjectMeta(generateName=f"{JOB}-"), spec=spec))
        job = made.metadata.name
        self._say(f"job {job}")
        while True:
            found: Any = self._api.get(Job, job)
            if found.status.succeeded or found.status.failed:
                break
            time.sleep(1)
        words = "".join(self._log(pod.metadata.name) for pod in self._pods({"job-name": job}))
        if found.status.failed:
            raise RestoreError(f"job {job} failed; kubectl -n {NAMESPACE} describe job {job}\n{words}")
        return words

    @contextlib.contextmanager
    def server_stopped(self) -> Iterator[None]:
        """No Zeppelin server for the time of a `with`: it would write what it remembers over what is restored."""
        before: Any = self._api.get(Deployment.Scale, SERVER)
        self._say("stopping Zeppelin; interpreters that run go on")
        self._scale(0)
        try:
            while self._pods({"app.kubernetes.io/name": "zeppelin", "app.kubernetes.io/component": "server"}):
                time.sleep(1)
            yield
        finally:
            self._say("starting Zeppelin")
            self._scale(before.spec.replicas or 1)

    def _scale(self, replicas: int) -> None:
        self._api.patch(Deployment.Scale, SERVER, {"spec": {"replicas": replicas}}, patch_type=PatchType.MERGE)

    def _pods(self, labels: dict[str, Any]) -> list[Any]:
        return list(self._api.list(Pod, labels=labels))

    def _log(self, pod: str) -> str:
        try:
            return "".join(self._api.log(pod))
        except ApiError as error:
            return f"(the log of {pod} cannot be read: {error})\n"


def main(arguments: list[str] | None = None) -> int:
    """List the backups of a stack, or restore one. Returns 0, or 1 where that failed."""
    parser = argparse.ArgumentParser(prog="restore", description="Put the notebooks of a backup back.")
    parser.add_argument("stack", help="name of the stack: Pulumi.<stack>.yaml")
    parser.add_argument("--snapshot", default="latest", help="id of a backup, latest, or list")
    parser.add_argument("--kubeconfig", type=Path, help="of the stack's cluster; by default the stack's output")
    options = parser.parse_args(arguments)
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(line: str) -> None:
        console.print(f"{line} ...", style="dim")

    try:
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(options.kubeconfig or kubeconfig(options.stack, Path(folder)), say)
            if options.snapshot == "list":
                words = cluster.run(["list"])
            else:
                with cluster.server_stopped():
                    words = cluster.run([], options.snapshot)
        sys.stdout.write(words)
    except (RestoreError, ApiError, ConfigError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
