"""A test kubelet: runs executor Pods that the scheduler has placed as local processes, from pyspark's jars. Plainly a test tool.

It reads a Pod as the kubelet and the image's entrypoint would: environment, arguments, name and address; it reports Running, Succeeded
or Failed, and lets a deleted Pod go when its process has. No image, no container, no volume: the Pod's limits are not enforced.
"""

import contextlib
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

from tests.cloud import tools
from tests.cloud.api import Api, ApiError, Object
from tests.cloud.deployed import NOTEBOOKS
from tests.cloud.kube import die_with_parent

_PODS = f"/api/v1/namespaces/{NOTEBOOKS}/pods"
_OPENED = (
    "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent",
    "java.util.concurrent.atomic", "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar",
)  # fmt: skip
"""Packages of java.base that Spark opens on Java 17 (org.apache.spark.launcher.JavaModuleOptions)."""


class Kubelet:
    """Runs executors of one minor version of Spark until `stop`. folder: logs and local directories."""

    def __init__(self, api: Api, minor: str, folder: Path) -> None:
        self._api, self._minor, self._spark, self._folder = api, minor, tools.spark(minor), folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ended = threading.Event()
        # Children die with the thread that made them, so that is the one that lives as long as the kubelet.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak = 0
        """Most processes at the same time."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End every process, and take away the Pods that are left: nobody else would."""
        self._ended.set()
        self._thread.join()
        for process in self._processes.values():
            process.kill()
            process.wait()
        for pod in self._pods():
            with contextlib.suppress(ApiError):
                self._api.delete(f"{_PODS}/{pod['metadata']['name']}", gracePeriodSeconds="0")

    def _pods(self) -> list[Object]:
        return self._api.items(_PODS, labelSelector="spark-role=executor")

    def kill_one(self) -> str:
        """Kill the process of one running executor, as a node that fails would. Name of its Pod."""
        name, process = next((name, process) for name, process in self._processes.items() if process.poll() is None)
        process.kill()
        return name

    def pids(self) -> list[int]:
        """Of the processes that run."""
        return [process.pid for process in list(self._processes.values()) if process.poll() is None]

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            for pod in self._pods():
                try:
                    self._sync(pod)
                except ApiError as error:
                    if error.code not in (404, 409):
                        raise
            self.peak = max(self.peak, len(self.pids()))

    def _sync(self, pod: Object) -> None:
        name, path = pod["metadata"]["name"], f"{_PODS}/{pod['metadata']['name']}"
        process = self._processes.get(name)
        if pod["metadata"].get("deletionTimestamp"):
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            self._api.delete(path, gracePeriodSeconds="0")
        elif process is None and pod["spec"].get("nodeName") and pod["status"]["phase"] == "Pending":
            self._processes[name] = self._start(pod)
            self._api.patch_status(path, _status(pod, "Running", {"running": {"startedAt": pod["metadata"]["creationTimestamp"]}}))
        elif process and process.poll() is not None and pod["status"]["phase"] == "Running":
            code = process.returncode if process.returncode >= 0 else 128 - process.returncode
            ended = {"terminated": {"exitCode": code, "reason": "Completed" if code == 0 else "Error"}}
            self._api.patch_status(path, _status(pod, "Failed" if code else "Succeeded", ended))

    def _start(self, pod: Object) -> subprocess.Popen[bytes]:
        container = pod["spec"]["containers"][0]
        fields = {"status.podIP": "127.0.0.1", "metadata.name": pod["metadata"]["name"]}
        environment = {
            each["name"]: each.get("value") or fields[each["valueFrom"]["fieldRef"]["fieldPath"]]
            for each in container.get("env", [])
            if len(each) > 1
        }
        options = [environment[key] for key in sorted((k for k in environment if k.startswith("SPARK_JAVA_OPT_")), key=_number)]
        local = self._folder / pod["metadata"]["name"]
        local.mkdir(parents=True)
        command = [
            shutil.which("java") or "java",
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
            *options,
            "-Xmx512m",
            "-cp",
            f"{self._spark}/pyspark/jars/*",
            "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend",
        ]
        for flag, variable in (
            ("--driver-url", "SPARK_DRIVER_URL"),
            ("--executor-id", "SPARK_EXECUTOR_ID"),
            ("--cores", "SPARK_EXECUTOR_CORES"),
            ("--app-id", "SPARK_APPLICATION_ID"),
            ("--hostname", "SPARK_EXECUTOR_POD_IP"),
            ("--resourceProfileId", "SPARK_RESOURCE_PROFILE_ID"),
            ("--podName", "SPARK_EXECUTOR_POD_NAME"),
        ):
            command += [flag, environment[variable]]
        with (local / "log").open("wb") as log:
            return subprocess.Popen(
                command,
                env=os.environ
                | tools.quick_java(self._minor, "executor")
                | environment
                | {"SPARK_LOCAL_DIRS": str(local), "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": str(self._spark)},
                cwd=local,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )


def _number(name: str) -> int:
    found = re.search(r"\d+$", name)
    return int(found[0]) if found else 0


def _status(pod: Object, phase: str, state: Object) -> Object:
    container = pod["spec"]["containers"][0]
    status = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": phase == "Running",
        "restartCount": 0,
        "state": state,
    }
    conditions = [{"type": kind, "status": str(phase == "Running")} for kind in ("Ready", "ContainersReady", "Initialized")]
    return {"phase": phase, "podIP": "127.0.0.1", "conditions": conditions, "containerStatuses": [status]}
