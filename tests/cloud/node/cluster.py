"""A cluster of real nodes: the machine room with the control plane, a bridge, and nodes that come and go."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.cloud.kube import Kube, Network, die_with_parent
from tests.cloud.node import config
from tests.cloud.node.certificates import authority, client
from tests.cloud.node.dns import objects
from tests.cloud.node.machine import call, enter, sweep
from tests.cloud.node.node import Node
from tests.cloud.tools import CACHE, ROOT, progress
from tests.support.eventually import eventually

API = "10.10.0.60"
URL = f"https://{API}:6443"
_MOST = 9  # nodes, which all know the way to each other's Pods from the beginning
_HOME = CACHE / "nodes"


class Cluster:
    """Real nodes with a control plane. folder: all state. kube: the control plane. report: told what is being done.

    Whoever starts it is its parent: it ends with that process, even if that is killed. What then is left, `sweep` removes.
    """

    def __init__(self, folder: Path, report: Callable[[str], None] = lambda _line: None) -> None:
        self.folder, self._report = folder, report
        self.nodes: dict[str, Node] = {}
        self._room: subprocess.Popen[bytes] | None = None
        self._ends = contextlib.ExitStack()

    def start(self, nodes: int = 1) -> None:
        """Start everything and wait until nodes are ready and names are resolved. Raises RuntimeError."""
        sweep()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._ends.callback(shutil.rmtree, self.folder)
        self._ends.callback(sweep)
        self._report("control plane")
        authority(self.folder)
        client(self.folder, "kubelet-client", "kube-apiserver", "system:masters")
        self.kube = Kube(self.folder, own_ca=True, network=Network(API, self._open_room(), self._relay))
        self._ends.callback(self.kube.stop)
        self.kube.start()
        for item in objects():
            self.kube.api.apply(item)
        for number in range(1, nodes + 1):
            self._report(f"node-{number}")
            self.add_node()
        self._report("DNS")
        deployment = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
        self._until("DNS", lambda: self.kube.api.get(deployment)["status"].get("readyReplicas") == 1)

    def add_node(self, labels: Mapping[str, str] | None = None, kubelet: str = "kubelet") -> Node:
        """Start one more node and wait until it is ready. kubelet: a program of tools. Raises RuntimeError."""
        number = next(number for number in range(1, _MOST + 1) if f"node-{number}" not in self.nodes)
        node = Node(self.folder / f"node-{number}", f"node-{number}", number)
        node.prepare(self.folder, URL, kubelet)
        self._ends.callback(node.kill)
        node.launch()
        self.nodes[node.name] = node
        self._connect(node)
        node.run({"gaia-dmp-tests/node": node.name, **(labels or {})})
        self._until(node.name, lambda: self.ready(node.name))
        return node

    def remove_node(self, name: str) -> None:
        """End a node and forget it."""
        node = self.nodes.pop(name)
        node.kill()
        self.kube.api.delete(f"/api/v1/nodes/{name}")
        shutil.rmtree(node.folder)

    def ready(self, name: str) -> bool:
        """Whether a node is there and says that it is ready."""
        found = [item for item in self.kube.api.items("/api/v1/nodes") if item["metadata"]["name"] == name]
        return any(c["type"] == "Ready" and c["status"] == "True" for item in found for c in item["status"].get("conditions", []))

    def room(self, *command: str, text: str | None = None) -> str:
        """Run a command in the machine room's network, and return what it prints. It stands for everything outside the cluster."""
        assert self._room
        return call(*enter(self._room.pid, "net"), *command, text=text)

    def stop(self) -> None:
        """End everything and leave nothing: no process, no control group, no folder."""
        self._ends.close()

    def dead(self) -> str | None:
        """Name of what has ended by itself, or None."""
        if self._room and self._room.poll() is not None:
            return "the relay"
        return self.kube.dead() or next((name for name, node in self.nodes.items() if node.dead()), None)

    def pids(self) -> dict[str, int]:
        """First processes by name."""
        return self.kube.pids() | {name: node.pid for name, node in self.nodes.items()}

    def _until(self, what: str, check: Callable[[], bool]) -> None:
        """Wait for something of the nodes. Raises RuntimeError with their logs where it does not come."""
        with contextlib.suppress(AssertionError):
            eventually(lambda: bool(self.dead()) or check(), 120)
            if not self.dead():
                return
        logs = "\n".join(node.log() for node in self.nodes.values())
        raise RuntimeError(f"{what} did not become ready{f', {self.dead()} has ended' if self.dead() else ''}:\n{logs}")

    def _open_room(self) -> tuple[str, ...]:
        """Make the machine room's network; returns what runs a command in it."""
        with socket.create_server(("127.0.0.1", 0)) as door, (self.folder / "relay.log").open("wb") as log:
            self._relay = door.getsockname()[1]
            command = ("unshare", "--net", "--", sys.executable, "-m", "tests.cloud.node.relay", str(door.fileno()), API, "6443")
            self._room = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[door.fileno()], preexec_fn=die_with_parent
            )
        self._ends.callback(self._room.wait)
        self._ends.callback(self._room.kill)
        own = Path("/proc/self/ns/net").stat().st_ino
        eventually(lambda: Path(f"/proc/{self.room_pid}/ns/net").stat().st_ino != own)
        routes = [f"route add {config.subnet(number)} via {config.address(number)}" for number in range(1, _MOST + 1)]
        lines = ("link set lo up", "link add lan type bridge", f"address add {API}/24 dev lan", "link set lan up", *routes)
        self.room("ip", "-batch", "-", text="\n".join(lines))
        self.room("sysctl", "-qw", "net.ipv4.ip_forward=1")
        return enter(self.room_pid, "net")

    @property
    def room_pid(self) -> int:
        """Process that holds the machine room's network."""
        assert self._room
        return self._room.pid

    def _connect(self, node: Node) -> None:
        """Put a node on the bridge; packets between Pods of one node pass its rules as well."""
        port = f"port{node.number}"
        outside = (f"link add {port} type veth peer name eth0 netns {node.pid}", f"link set {port} master lan up")
        self.room("ip", "-batch", "-", text="\n".join(outside))
        others = (number for number in range(1, _MOST + 1) if number != node.number)
        lines = (
            "link set lo up",
            f"address add {node.address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {API}",
            *(f"route add {config.subnet(number)} via {config.address(number)}" for number in others),
        )
        network = enter(node.pid, "net")
        call(*network, "ip", "-batch", "-", text="\n".join(lines))
        call(*network, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1")


@contextlib.contextmanager
def running(nodes: int = 1) -> Iterator[Cluster]:
    """A cluster for the time of a `with`."""
    for folder in _HOME.glob("*"):
        if not Path(f"/proc/{folder.name}").exists():
            shutil.rmtree(folder)
    cluster = Cluster(_HOME / str(os.getpid()))
    try:
        with progress("Starting a cluster of real nodes"):
            cluster.start(nodes)
        yield cluster
    finally:
        cluster.stop()
