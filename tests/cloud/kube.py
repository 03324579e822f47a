"""A real Kubernetes API server for tests: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, and KWOK for nodes and Pods.

RBAC, Pod Security, quotas, limits, priorities and ValidatingAdmissionPolicies are the real ones. What is not there: a kubelet, a
container, a network between Pods, CSI; tests/cloud/node has real nodes, and then there is no KWOK. `python -m tests.cloud.kube` starts
one and prints its kubeconfig, until it is interrupted; with a folder it is the cluster that the Magnum driver of the tests made there
(tests/cloud/openstack/drivers).
"""

import contextlib
import ctypes
import json
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.cloud.api import Access, Api, ApiError, Object, collection
from tests.cloud.tools import program
from tests.support.servers import free_ports

_HOST = "127.0.0.1"
STAGES = Path(__file__).with_name("kwok.yaml")
_AUDIT = Path(__file__).with_name("audit.yaml")
_KUBERNETES = "10.254.0.1"  # the Service's address, the first of the range


@dataclass(frozen=True)
class Network:
    """A network of its own, which the cluster is in together with real nodes.

    address: of the API server there; its port is 6443. enter: what stands before a command to run it there.
    relay: a port of this machine that leads to the API server.
    """

    address: str
    enter: tuple[str, ...]
    relay: int


class Kube:
    """A running cluster.

    folder: state and one log per program. api: as its administrator. kubeconfig: path of a file for the same.
    own_ca: whether the folder holds `ca.crt` and `ca.key`, which then sign the server's certificate and whose clients are let in.
    stages: what KWOK plays.
    network: where the nodes are real; it needs `own_ca`, and in the folder `kubelet-client.crt` and `.key`, by which kubelets are asked.
    """

    def __init__(self, folder: Path, *, own_ca: bool = False, network: Network | None = None, stages: Path = STAGES) -> None:
        self.folder, self._own_ca, self._network, self._stages = folder, own_ca, network, stages
        self._processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._arguments: dict[str, tuple[str, ...]] = {}
        self._token = secrets.token_hex(16)
        self.kubeconfig = folder / "kubeconfig"

    def start(self) -> None:
        """Start every program and wait until each is healthy. Raises RuntimeError with the end of its log where one is not."""
        client, peer, api, manager, scheduler = free_ports(5)
        etcd, peers, self.url = f"http://{_HOST}:{client}", f"http://{_HOST}:{peer}", f"https://{_HOST}:{api}"
        host, inner = _HOST, self.kubeconfig
        if self._network:
            host, api, self.url = self._network.address, 6443, f"https://{_HOST}:{self._network.relay}"
            inner = self.folder / "inner.kubeconfig"
        (self.folder / "tokens.csv").write_text(f"{self._token},admin,admin,system:masters\n")
        key = self.folder / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        self._launch(
            "etcd",
            f"--data-dir={self.folder}/etcd",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        )
        self._launch(
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            f"--bind-address={host}",
            f"--advertise-address={host}",
            f"--secure-port={api}",
            *self._certificates(),
            f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=Node,RBAC",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.254.0.0/16",
            *self._kubelets(),
            "--allow-privileged=true",
            "--anonymous-auth=false",
            f"--audit-policy-file={_AUDIT}",
            f"--audit-log-path={self.folder}/audit.log",
        )
        ca = self.folder / ("ca.crt" if self._own_ca else "certificates/apiserver.crt")
        self._wait("kube-apiserver", ca.exists)
        self._write_kubeconfig(inner, f"https://{host}:{api}", ca)
        self._write_kubeconfig(self.kubeconfig, self.url, ca)
        self.api = Api(Access(self.url, str(ca), self._token))
        self._wait("kube-apiserver", lambda: self.api.get("/readyz") == "ok")
        self._launch(
            "kube-controller-manager",
            f"--kubeconfig={inner}",
            f"--service-account-private-key-file={key}",
            f"--root-ca-file={ca}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            f"--bind-address={_HOST}",
            f"--secure-port={manager}",
            f"--cert-dir={self.folder}/manager",
        )
        self._launch(
            "kube-scheduler",
            f"--kubeconfig={inner}",
            "--leader-elect=false",
            f"--bind-address={_HOST}",
            f"--secure-port={scheduler}",
            f"--cert-dir={self.folder}/scheduler",
        )
        if not self._network:
            self._launch(
                "kwok",
                f"--kubeconfig={self.kubeconfig}",
                f"--config={self._stages}",
                "--manage-all-nodes",
                "--node-lease-duration-seconds=40",
                "--server-address=",
            )
        self._wait("kube-controller-manager", lambda: bool(self.api.get("/api/v1/namespaces/default/serviceaccounts/default")))

    def stop(self) -> None:
        """Stop every program, last first."""
        for _, process in reversed(self._processes):
            process.kill()  # nothing of the state is kept, so nobody needs time to write it
            process.wait()
        self._processes.clear()

    def restart(self, name: str) -> None:
        """Kill a program, start it again, and wait until the API server answers. Raises RuntimeError with the end of its log."""
        index = [each for each, _ in self._processes].index(name)
        _, process = self._processes.pop(index)
        process.kill()
        process.wait()
        self._launch(name, *self._arguments[name])
        self._wait(name, lambda: self.api.get("/readyz") == "ok")

    def node(self, name: str, labels: Mapping[str, str], cpu: int = 8, memory_gib: int = 32, disk_gib: int = 60, gpus: int = 0) -> None:
        """Register a node of this size, which KWOK keeps Ready. gpus: what NVIDIA's device plug-in would say of it."""
        metadata = {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **labels}}
        self.api.create({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
        size = {"cpu": str(cpu), "memory": f"{memory_gib}Gi", "ephemeral-storage": f"{disk_gib}Gi", "pods": "110"}
        size |= {"nvidia.com/gpu": str(gpus)} if gpus else {}
        self.api.patch_status(f"/api/v1/nodes/{name}", {"capacity": size, "allocatable": size})

    def dead(self) -> str | None:
        """Name of a program that has ended by itself, or None."""
        return next((name for name, process in self._processes if process.poll() is not None), None)

    def used(self, pod: Object) -> set[tuple[str, str]]:
        """Resource and verb of all that a Pod for notebooks was let do with its token. A watch counts when it ends."""
        # The last line may not be whole yet.
        whole, _, _ = (self.folder / "audit.log").read_text().rpartition("\n")
        return {
            (event["objectRef"]["resource"], event["verb"])
            for event in map(json.loads, whole.splitlines())
            if event.get("annotations", {}).get("authorization.k8s.io/decision") == "allow"
            and event["user"].get("extra", {}).get("authentication.kubernetes.io/pod-uid") == [pod["metadata"]["uid"]]
            and "objectRef" in event
        }

    def pids(self) -> dict[str, int]:
        """Process by name."""
        return {name: process.pid for name, process in self._processes}

    def _certificates(self) -> list[str]:
        """Where the API server has its certificate from: made by itself, or signed by the cluster's CA."""
        if not self._own_ca:
            return [f"--cert-dir={self.folder}/certificates"]
        ca, server = (self.folder / "ca", self.folder / "server")
        names = f"subjectAltName=IP:{_HOST},IP:{_KUBERNETES},DNS:localhost,DNS:kubernetes.default.svc"
        if self._network:
            names += f",IP:{self._network.address}"
        request = f"openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=kube-apiserver -addext {names}"
        command = [*request.split(), "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-keyout", f"{server}.key", "-out", f"{server}.crt"]
        subprocess.run(command, check=True, capture_output=True)
        return [f"--client-ca-file={ca}.crt", f"--tls-cert-file={server}.crt", f"--tls-private-key-file={server}.key"]

    def _kubelets(self) -> list[str]:
        """How kubelets are asked for logs, and whether Pods find the API server by its Service: nobody does where none is real."""
        if not self._network:
            return ["--endpoint-reconciler-type=none"]
        client = self.folder / "kubelet-client"
        credential = [f"--kubelet-client-certificate={client}.crt", f"--kubelet-client-key={client}.key"]
        return [*credential, "--kubelet-preferred-address-types=InternalIP"]

    def _launch(self, name: str, *arguments: str) -> None:
        self._arguments[name] = arguments
        # The log is the child's for its whole life.
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*(self._network.enter if self._network else ()), str(program(name)), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=die_with_parent,
            )
        self._processes.append((name, process))

    def _wait(self, name: str, ready: Callable[[], object], seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(ApiError, httpx.TransportError):
                if ready():
                    return
            for program_name, process in self._processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{program_name} ended with {process.returncode}:\n{self._log(program_name)}")
            time.sleep(0.1)
        raise RuntimeError(f"{name} was not ready in {seconds:.0f} s:\n{self._log(name)}")

    def _log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]

    def _write_kubeconfig(self, path: Path, url: str, ca: Path) -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(ca)}}],
            "users": [{"name": "admin", "user": {"token": self._token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }
        path.write_text(json.dumps(config))


def administrator(folder: Path) -> Api:
    """The API server of the cluster in a folder, as its administrator."""
    config = json.loads((folder / "kubeconfig").read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    return Api(Access(cluster["server"], cluster["certificate-authority"], user["token"]))


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """In a child before it runs: die when the parent does, even if that is killed (Linux, prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, by)


@contextlib.contextmanager
def running() -> Iterator[Kube]:
    """A cluster for the time of a `with`; its state is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="gaia-dmp-kube-") as folder:
        kube = Kube(Path(folder))
        try:
            kube.start()
            yield kube
        finally:
            kube.stop()


def _serve(folder: Path) -> None:
    """Be the cluster in `folder` until standard input ends, as it does however the Magnum that holds its other end goes away.

    `address` says where the API is. `nodes.json` says which nodes there are; it is followed. Services of type LoadBalancer get an
    address, as a cloud's controller would give them.
    """
    kube = Kube(folder, own_ca=True)
    try:
        kube.start()
        nodes: dict[str, object] = {}
        _follow(kube, folder / "nodes.json", nodes)
        part = folder / "address.part"
        part.write_text(kube.url)
        part.rename(folder / "address")
        while not select.select([sys.stdin], [], [], 1)[0]:
            with contextlib.suppress(ApiError, httpx.TransportError):
                _follow(kube, folder / "nodes.json", nodes)
                _give_addresses(kube.api)
    finally:
        kube.stop()


def _follow(kube: Kube, file: Path, nodes: dict[str, object]) -> None:
    """Add and remove nodes until they are those of the node groups in `file`; `nodes` holds what there is."""
    wanted = {f"{group['label']}-{index}": group for group in json.loads(file.read_text()) for index in range(group["count"])}
    for name in wanted.keys() - nodes.keys():
        group = wanted[name]
        kube.node(name, {"capi.stackhpc.com/node-group": group["label"]}, group["vcpus"], group["memory_gib"], 200)
        nodes[name] = group
    for name in nodes.keys() - wanted.keys():
        kube.api.delete(f"/api/v1/nodes/{name}")
        del nodes[name]


def _give_addresses(api: Api) -> None:
    for service in api.items("/api/v1/services"):
        if service["spec"]["type"] == "LoadBalancer" and not service["status"].get("loadBalancer"):
            path = f"{collection({'apiVersion': 'v1', 'kind': 'Service', **service})}/{service['metadata']['name']}"
            address = service["spec"].get("loadBalancerIP") or "198.51.100.77"
            api.patch_status(path, {"loadBalancer": {"ingress": [{"ip": address}]}})


if __name__ == "__main__":
    if sys.argv[1:]:
        _serve(Path(sys.argv[1]))
        sys.exit(0)
    with running() as cluster:
        print(f"KUBECONFIG={cluster.kubeconfig}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    sys.exit(0)
