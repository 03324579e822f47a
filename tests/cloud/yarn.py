"""A real ResourceManager and a real NodeManager on loopback, on the rendered files; drivers beside them by spark-submit.

What differs from machines: addresses, folders, and Spark's own addresses, because all of it is one machine.
"""

import contextlib
import fcntl
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from components.names import YARN_WEB_PORT
from components.yarn.configuration import NODE_VARIABLE, YarnCluster, spark_defaults, yarn_files
from components.yarn.pods import daemon_command
from settings.values.spark import SparkSettings
from tests.cloud import driver, tools
from tests.cloud.driver import Driver
from tests.cloud.kube import die_with_parent
from tests.support.eventually import eventually

MANAGER, NODE, SECOND_NODE = (f"127.0.7.{number}" for number in (1, 2, 3))
"""Addresses of their own, so that the ports can be those of the files."""

_QUICK = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""Java that starts with as little work as it can."""


class Yarn:
    """A running Yarn. folder: files, logs and disks of all. cluster, spark: what the files are rendered from."""

    def __init__(self, folder: Path, cluster: YarnCluster, spark: SparkSettings) -> None:
        self._folder, self._spark = folder, spark
        self._cluster = replace(cluster, scratch=str(folder / "scratch"))
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, daemon: str, address: str) -> subprocess.Popen[bytes]:
        """Start `resourcemanager.ResourceManager` or `nodemanager.NodeManager`. Each has a folder of its own, called like its address."""
        conf = self._folder / address / "conf"
        conf.mkdir(parents=True, exist_ok=True)
        for name, text in yarn_files(replace(self._cluster, scratch=f"{conf.parent}/scratch"), self._spark).items():
            (conf / name).write_text(text)
        variables = {NODE_VARIABLE: address, "HADOOP_CONF_DIR": str(conf)}
        return self.launch(daemon, daemon_command(daemon, 320, str(conf), str(tools.yarn())), variables)

    def lose(self, address: str) -> None:
        """Kill a NodeManager and all that runs there, as a power cut would. Their commands name its folder."""
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if f"{self._folder}/{address}/".encode() in file.read_bytes():
                    os.kill(int(file.parent.name), signal.SIGKILL)

    def launch(self, daemon: str, command: list[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a daemon by its command."""
        with (self._folder / f"{daemon}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                env=os.environ | variables | {"JAVA_TOOL_OPTIONS": _QUICK},
                cwd=self._folder,
                stdout=log,
                stderr=log,
                # A NodeManager that is killed leaves its containers behind.
                preexec_fn=functools.partial(die_with_parent, signal.SIGTERM),
            )
        self._processes.append(process)
        return process

    def end(self) -> None:
        """End the NodeManager, with its containers, and then the ResourceManager."""
        for process in reversed(self._processes):
            process.terminate()
            process.wait()

    def ask(self, path: str) -> Any:
        """What the ResourceManager says at a path of its REST API; None where it does not answer."""
        try:
            return httpx.get(f"http://{MANAGER}:{YARN_WEB_PORT}/ws/v1/cluster/{path}", timeout=10).raise_for_status().json()
        except httpx.HTTPError:
            return None

    def states(self, person: str) -> list[str]:
        """States of one person's applications, in the order in which they came."""
        found = ((self.ask(f"apps?user={person}") or {}).get("apps") or {}).get("app", [])
        return [app["state"] for app in sorted(found, key=lambda app: app["id"])]

    def used_gib(self, person: str | None = None) -> int:
        """Memory that is handed out to all, or to one person, in GiB."""
        (queue,) = self.ask("scheduler")["scheduler"]["schedulerInfo"]["queues"]["queue"]
        users = (queue["users"] or {}).get("user", [])
        used = {each["username"]: each["resourcesUsed"]["memory"] // 1024 for each in users} | {
            None: queue["resourcesUsed"]["memory"] // 1024
        }
        return used.get(person, 0)

    def workers(self) -> int:
        """Number of NodeManagers that the ResourceManager counts on."""
        return (self.ask("metrics") or {"clusterMetrics": {}})["clusterMetrics"].get("activeNodes", 0)

    def properties(self) -> dict[str, str]:
        """Spark's settings of a driver, as far as a machine or a Pod does not give its own."""
        return spark_defaults(self._cluster, self._spark, self._spark.sizes()["spark"])

    @contextmanager
    def submitted(self, person: str, name: str, hostile: Mapping[str, str] | None = None) -> Iterator[Driver]:
        """A driver of one person, whose JVM spark-submit has started; Yarn may hold it back. name: of its folder. hostile: settings of
        somebody who wants more than they may have."""
        folder = self._folder / name
        folder.mkdir()
        (folder / "properties.json").write_text("{}")
        properties = self.properties() | {
            "spark.yarn.stagingDir": (self._folder / "staging").as_uri(),
            "spark.ui.port": "0",
            "spark.driver.host": "127.0.0.1",
            # The ports of a Pod are its own; here all drivers have one network.
            "spark.driver.port": "0",
            "spark.driver.blockManager.port": "0",
            "spark.driver.extraJavaOptions": _QUICK,
            "spark.executor.extraJavaOptions": _QUICK,
            "spark.yarn.am.extraJavaOptions": _QUICK,
            "spark.executorEnv.SPARK_LOCAL_IP": NODE,
            "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": NODE,
            **(hostile or {}),
        }
        (folder / "spark-defaults.conf").write_text("".join(f"{key} {value}\n" for key, value in properties.items()))
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_", "HADOOP_"))}
        environment |= {
            "HADOOP_CONF_DIR": str(self._folder / MANAGER / "conf"),
            "HADOOP_USER_NAME": person,
            "SPARK_HOME": self._cluster.spark_home,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(folder),
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": str(Path(self._cluster.spark_home).parent),
            "PYSPARK_SUBMIT_ARGS": f"--properties-file {folder}/spark-defaults.conf pyspark-shell",
        }
        with driver.process(folder, environment, {}) as found:
            yield found


def cluster(**more: Any) -> YarnCluster:
    """One worker of 8 cores and 9 GiB, for alice and bob."""
    values: Mapping[str, Any] = {
        "resource_manager": MANAGER,
        "workers": 1,
        "cores": 8,
        "memory_gib": 9,
        "scratch": "",
        "shuffle_jars": str(tools.shuffle_service()),
        "spark_home": str(tools.spark("3.5") / "pyspark"),
        "people": ["alice", "bob"],
    }
    return YarnCluster(**values | more)


@contextmanager
def running(folder: Path, cluster: YarnCluster, spark: SparkSettings, kind: type[Yarn] = Yarn) -> Iterator[Yarn]:
    """Yarn for the time of a `with`, with its worker registered; one at a time, as its shuffle service listens on every address."""
    with tools.CACHE.joinpath("yarn.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yarn = kind(folder, cluster, spark)
        try:
            yarn.start("resourcemanager.ResourceManager", MANAGER)
            eventually(lambda: yarn.ask("info") is not None)
            yarn.start("nodemanager.NodeManager", NODE)
            eventually(lambda: yarn.workers() == 1)
            yield yarn
        finally:
            yarn.end()
