"""What can be killed on a node with a platform, and how: Pods, what runs in them, the node's own programs, the control plane."""

import contextlib
import random
from dataclasses import dataclass

from components.names import USER
from tests.cloud.api import ApiError, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node.node import Node
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import gone
from tests.cloud.node.sizes import workload
from tests.support.eventually import eventually

_NAMESPACES = ("kube-system", NOTEBOOKS, SERVER)


@dataclass(frozen=True)
class Kill:
    """What was killed. pod: the Pod, or None where it was a program of the cluster's."""

    words: str
    pod: Object | None = None


class Killer:
    """Kills by lot. lot: with a seed, so that a run can be had again as far as the same Pods are there."""

    def __init__(self, platform: Platform, lot: random.Random) -> None:
        self._platform, self._lot = platform, lot

    def kill(self) -> Kill:
        """Kill something, and return once it is gone or runs again."""
        way = self._lot.choice((self._deleted, self._crashed, self._node, self._control_plane))
        return way()

    def _pod(self) -> Object:
        """A Pod that runs. What it is comes before its name, which differs from run to run."""
        found = {
            (workload(pod), pod["metadata"]["labels"].get(USER, ""), pod["metadata"]["name"]): pod
            for namespace in _NAMESPACES
            for pod in self._platform.pods(namespace, {})
            if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
        }
        return found[self._lot.choice(sorted(found))]

    def _deleted(self) -> Kill:
        pod = self._pod()
        self._platform.api.delete(_path(pod), gracePeriodSeconds="0")
        eventually(lambda: gone(self._platform.api, _path(pod)))
        # Its processes still have the time that they are granted, and would answer for as long.
        eventually(lambda: not processes(self._platform.node, pod["metadata"]["uid"]))
        return Kill(f"Pod {pod['metadata']['name']} deleted at once", pod)

    def _crashed(self) -> Kill:
        pod = self._pod()
        kill(self._platform.node, pod["metadata"]["uid"])
        eventually(lambda: not _running(pod) & self._still(pod))
        return Kill(f"every process of Pod {pod['metadata']['name']} killed", pod)

    def _still(self, pod: Object) -> set[str]:
        """Containers of a Pod that run now, by what the API server has of it."""
        with contextlib.suppress(ApiError):
            return _running(self._platform.api.get(_path(pod)))
        return set()

    def _node(self) -> Kill:
        service = self._lot.choice(sorted(self._platform.node.processes()))
        self._platform.node.restart(service)
        return Kill(f"{service} of the node killed")

    def _control_plane(self) -> Kill:
        name = self._lot.choice(sorted(self._platform.kube.pids()))
        self._platform.kube.restart(name)
        return Kill(f"{name} killed")


def processes(node: Node, whose: str) -> str:
    """Numbers of processes on a node. whose: the uid of a Pod, or the id of a container."""
    return " ".join(node.call("sh", "-c", f"grep -l {whose} /proc/[0-9]*/cgroup 2> /dev/null | cut -d/ -f3; true").split())


def kill(node: Node, whose: str) -> None:
    """Kill all of them at once."""
    if found := processes(node, whose):
        node.call("sh", "-c", f"kill -KILL {found} 2> /dev/null; true")


def _running(pod: Object) -> set[str]:
    return {each["containerID"] for each in pod["status"].get("containerStatuses", []) if "running" in each["state"]}


def _path(pod: Object) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
