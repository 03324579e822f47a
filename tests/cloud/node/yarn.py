"""Yarn as Pods of a real node, as a stack has recorded them, and what its ResourceManager says."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.names import YARN_MANAGER_LABELS, YARN_WORKER_LABELS
from tests.cloud import deployed
from tests.cloud.api import Object
from tests.cloud.deployed import NOTEBOOKS
from tests.cloud.node import platform
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import execute, ready
from tests.support.eventually import eventually
from tests.support.stack_files import with_yarn

WORKERS = 2
_ASK = """
import os, sys, urllib.request as u
print(u.urlopen("http://%s:8088/ws/v1/cluster/%s" % (os.environ["YARN_NODE"], sys.argv[1])).read().decode())
"""
"""As docs/runbooks/yarn-down.md has it: nobody else reaches the ResourceManager's pages."""


def stack() -> dict[str, Any]:
    """Two workers, between which a person's two executors and their ApplicationMaster leave room for one executor more."""
    data = deployed.stack()
    data["gaia-dmp:spark"] |= {"max_executors": 2, "profiles": [], "per_person": {"interpreters": 2, "executors": 2}}
    return with_yarn(data, workers=WORKERS, cores=2, memory_gib=4, scratch_gib=8)


class Yarn:
    """Yarn's Pods on a platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def manager(self) -> Object:
        """The ResourceManager's Pod."""
        (pod,) = self.platform.pods(NOTEBOOKS, YARN_MANAGER_LABELS)
        return pod

    def workers(self) -> list[Object]:
        """The NodeManagers' Pods."""
        return self.platform.pods(NOTEBOOKS, YARN_WORKER_LABELS)

    def ask(self, path: str) -> Any:
        """What the ResourceManager says at a path of its REST API."""
        return json.loads(execute(self.platform.kube, self.manager(), "python3", "-c", _ASK, path))

    def containers(self) -> int:
        """Containers that all people have now; one of each application is its ApplicationMaster."""
        return self.ask("metrics")["clusterMetrics"]["containersAllocated"]

    def place(self) -> Object:
        """The NodeManager's Pod that alone has containers. Yarn calls it by its name, or by its address where that has no name yet."""
        (host,) = [node["nodeHostName"] for node in self._nodes() if node["numContainers"]]
        (pod,) = [pod for pod in self.workers() if host == pod["status"]["podIP"] or host.partition(".")[0] == pod["metadata"]["name"]]
        return pod

    def nodes(self) -> dict[str, int]:
        """NodeManagers by their state."""
        states = [node["state"] for node in self._nodes()]
        return {state: states.count(state) for state in set(states)}

    def well(self) -> bool:
        """Whether all Pods are ready, and the ResourceManager counts on all workers."""
        pods = [*self.platform.pods(NOTEBOOKS, YARN_MANAGER_LABELS), *self.workers()]
        with contextlib.suppress(RuntimeError):
            return len(pods) == 1 + WORKERS and all(map(ready, pods)) and self.nodes().get("RUNNING") == WORKERS
        return False

    def _nodes(self) -> list[Any]:
        return (self.ask("nodes")["nodes"] or {"node": []})["node"]


@contextlib.contextmanager
def running(cluster: Cluster, folder: Path) -> Iterator[Yarn]:
    """A stack with Yarn on the first node for the time of a `with`, its daemons ready and a folder for alice's event logs. folder: an
    empty one."""
    items = deployed.objects(stack())
    platform.load_images(cluster.nodes["node-1"], items, folder)
    with platform.running(cluster, items) as found:
        yarn = Yarn(found)
        eventually(yarn.well, 300, pause=1)
        eventually((found.folder("spark-history", NOTEBOOKS) / "alice").is_dir, 240)
        yield yarn
