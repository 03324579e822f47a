"""Restore notebooks and models from a backup, with their servers stopped meanwhile.

The kubeconfig is the stack's output of that name, from the Pulumi on PATH, or a given file.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import yaml
from lightkube import ApiError, Client, KubeConfig
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.resources.core_v1 import Pod
from lightkube.types import PatchType

from components import names
from operate import engine
from settings import read

STOP_SECONDS = 300
"""Time for Zeppelin to stop: its grace period and some more."""

JOB_SECONDS = 3 * 3600 + 120
"""Time for the restoring Job, which its own deadline ends earlier (components/zeppelin/backup.py)."""

PROGRESS_SECONDS = 10
"""Time between two progress lines."""

_NAMESPACE = names.ZEPPELIN_NAMESPACE
_SERVERS = {names.ZEPPELIN: names.ZEPPELIN_LABELS, names.MODELS: names.MODELS_LABELS}
"""The Deployments that write what is restored, with the labels of their Pods. The second is not in every stack."""

_SCALE = f"kubectl -n {_NAMESPACE} scale deployment"


class RestoreError(Exception):
    """The restore cannot continue; the message describes the situation and what to do."""


def kubeconfig(stack: str, folder: Path) -> Path:
    """A file in `folder` with the kubeconfig from the stack's outputs. Raises StackFileError if there is no stack file, RestoreError."""
    read(engine.ROOT / f"Pulumi.{stack}.yaml")
    try:
        text = engine.run(stack, "stack", "output", "kubeconfig", "--show-secrets")
    except engine.EngineError as error:
        raise RestoreError(f"cannot read the kubeconfig of stack {stack}; give one with --kubeconfig:\n{error}") from None
    file = folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(text)
    return file


class Cluster:
    """The namespace of Zeppelin on one cluster.

    file: kubeconfig. say: called with what is being done. stop_seconds, job_seconds: how long to wait for Zeppelin to stop, and for a Job
    to end. poll_seconds: time between two looks. Raises RestoreError if the file is not a kubeconfig.
    """

    def __init__(
        self,
        file: Path,
        say: Callable[[str], None],
        *,
        stop_seconds: float = STOP_SECONDS,
        job_seconds: float = JOB_SECONDS,
        poll_seconds: float = 1,
    ) -> None:
        try:
            config = KubeConfig.from_file(file)
        except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
            raise RestoreError(f"{file} is not a kubeconfig: {' '.join(str(error).split())}") from None
        self._api = Client(config, namespace=_NAMESPACE)
        self._say = say
        self._stop_seconds, self._job_seconds, self._poll_seconds = stop_seconds, job_seconds, poll_seconds
        # The Job that may still write. Zeppelin must not start meanwhile.
        self._writing = ""
        # The servers that were stopped, with the number of Pods that they had.
        self._stopped: dict[str, int] = {}

    def listing(self) -> str:
        """The list of backups, as restic prints it. Raises RestoreError, lightkube.ApiError."""
        return self._run(["list"], "")

    def restore(self, snapshot: str) -> str:
        """Stop Zeppelin and the server of models, restore a backup, start them; returns the Job's log. snapshot: its id, or `latest`.

        Raises RestoreError, lightkube.ApiError.
        """
        with self._server_stopped():
            return self._run([], snapshot)

    def _run(self, arguments: list[str], snapshot: str) -> str:
        """Run a Job from the restoring CronJob's template, with other arguments if there are any; returns its log."""
        try:
            template: Any = self._api.get(CronJob, names.RESTORE)
        except ApiError as error:
            if error.status.code != HTTPStatus.NOT_FOUND:
                raise
            raise RestoreError("this stack has no backups: zeppelin.backup is not set, or its target is away") from None
        spec = template.spec.jobTemplate.spec
        container = spec.template.spec.containers[0]
        container.args = arguments or container.args
        for variable in container.env:
            if variable.name == "SNAPSHOT":
                variable.value = snapshot
        made: Any = self._api.create(Job(metadata=ObjectMeta(generateName=f"{names.RESTORE}-"), spec=spec))
        job = made.metadata.name
        self._writing = "" if arguments else job
        self._say(f"job {job}")
        left = self._wait(self._job_seconds, lambda: self._unfinished(job))
        if left:
            raise RestoreError(self._still_running(job, left))
        self._writing = ""
        words = "".join(self._log(pod.metadata.name) for pod in self._pods({"job-name": job}))
        ended: Any = self._api.get(Job, job)
        if ended.status.failed:
            raise RestoreError(f"job {job} failed; kubectl -n {_NAMESPACE} describe job {job}\n{words}")
        return words

    def _unfinished(self, job: str) -> str:
        """What the wait for a Job is for; "" if it has ended."""
        found: Any = self._api.get(Job, job)
        if found.status and (found.status.succeeded or found.status.failed):
            return ""
        return ", ".join([f"job {job}", *(_state(pod) for pod in self._pods({"job-name": job}))])

    def _still_running(self, job: str, left: str) -> str:
        lines = [
            f"job {job} has not ended after {self._job_seconds:.0f} s. Still there: {left}.",
            f"Look at it: kubectl -n {_NAMESPACE} describe job {job}; kubectl -n {_NAMESPACE} logs -f job/{job}",
        ]
        if self._writing:
            lines += [
                "Zeppelin stays stopped, because the job may still write notebooks.",
                f"Once the job has ended, or after `kubectl -n {_NAMESPACE} delete job {job}`: {self._start()}",
                "The backup `before-restore` has the notebooks from before (--snapshot list).",
            ]
        return "\n".join(lines)

    @contextlib.contextmanager
    def _server_stopped(self) -> Iterator[None]:
        """No server runs inside the `with` block: it would overwrite what is restored with what is in its memory."""
        self._stopped = self._running()
        self._say("stopping Zeppelin; running interpreters continue")
        self._scale(dict.fromkeys(self._stopped, 0))
        try:
            left = self._wait(self._stop_seconds, self._standing)
            if left:
                raise RestoreError(self._does_not_stop(left))
            yield
        finally:
            if self._writing:
                self._say(f"Zeppelin stays stopped: job {self._writing} may still write. Once it has ended: {self._start()}")
            else:
                self._say("starting Zeppelin")
                self._scale(self._stopped)

    def _standing(self) -> str:
        """The server's Pods that may still write; "" if there are none."""
        return ", ".join(map(_state, self._left()))

    def _left(self) -> list[Any]:
        pods = [pod for labels in _SERVERS.values() for pod in self._pods(dict(labels))]
        return [pod for pod in pods if pod.status.phase not in {"Succeeded", "Failed"}]

    def _running(self) -> dict[str, int]:
        """The servers of this stack, with the number of Pods that each is to have."""
        found = {}
        for server in _SERVERS:
            try:
                scale: Any = self._api.get(Deployment.Scale, server)
            except ApiError as error:
                if server == names.ZEPPELIN or error.status.code != HTTPStatus.NOT_FOUND:
                    raise
                continue
            found[server] = scale.spec.replicas or 1
        return found

    def _start(self) -> str:
        """The commands that start what was stopped."""
        return "; ".join(f"{_SCALE} {server} --replicas={replicas}" for server, replicas in self._stopped.items())

    def _does_not_stop(self, left: str) -> str:
        pods = self._left()
        who = "Zeppelin and the server of models have" if names.MODELS in self._stopped else "Zeppelin has"
        lines = [
            f"{who} not stopped after {self._stop_seconds:.0f} s. Still there: {left}.",
            "Notebooks were not changed, and Zeppelin starts again.",
            *(f"To find out why: kubectl -n {_NAMESPACE} describe pod {pod.metadata.name}" for pod in pods),
        ]
        nodes = sorted({pod.spec.nodeName for pod in pods if pod.spec and pod.spec.nodeName})
        if nodes:
            lines.append(f"Check that its node exists and is Ready: kubectl get node {' '.join(nodes)}")
        lines += [
            "Only if the node is gone for good (otherwise two servers may write the same notebooks), delete the Pod and restore again:",
            *(f"  kubectl -n {_NAMESPACE} delete pod {pod.metadata.name} --force --grace-period=0" for pod in pods),
        ]
        return "\n".join(lines)

    def _wait(self, seconds: float, look: Callable[[], str]) -> str:
        """Wait until `look` finds nothing; returns what it still finds after so many seconds, or ""."""
        begin = told = time.monotonic()
        while True:
            try:
                left = look()
            except httpx2.TransportError as error:
                left = f"the Kubernetes API, which does not answer ({error})"
            now = time.monotonic()
            if not left or now - begin >= seconds:
                return left
            if now - told >= PROGRESS_SECONDS:
                told = now
                self._say(f"waiting for {left}: {now - begin:.0f} s of {seconds:.0f}")
            time.sleep(self._poll_seconds)

    def _scale(self, wanted: Mapping[str, int]) -> None:
        for server, replicas in wanted.items():
            self._api.patch(Deployment.Scale, server, {"spec": {"replicas": replicas}}, patch_type=PatchType.MERGE)

    def _pods(self, labels: dict[str, Any]) -> list[Any]:
        return list(self._api.list(Pod, labels=labels))

    def _log(self, pod: str) -> str:
        try:
            return "".join(self._api.log(pod))
        except ApiError as error:
            return f"(the log of {pod} cannot be read: {error})\n"


def _state(pod: Any) -> str:
    """A Pod in a few words: its phase, its node, and why it waits."""
    status = pod.status
    since = pod.metadata.deletionTimestamp
    words = [f"Terminating since {since:%H:%M:%S} UTC" if since else str(status.phase)]
    words += [f"on node {pod.spec.nodeName}"] if pod.spec and pod.spec.nodeName else []
    words += [str(each.message) for each in status.conditions or () if each.type == "PodScheduled" and each.status == "False"]
    waiting = [each.state.waiting for each in status.containerStatuses or () if each.state and each.state.waiting]
    words += [str(each.reason) for each in waiting]
    return f"Pod {pod.metadata.name} ({', '.join(words)})"
