"""Pods of the tests' own on a real node, and what is asked of any Pod there."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from tests.cloud.api import Api, ApiError, Object
from tests.cloud.kube import Kube, die_with_parent
from tests.cloud.node.cluster import API, Cluster
from tests.cloud.node.machine import call, enter
from tests.cloud.node.node import PROBE
from tests.cloud.tools import program
from tests.support.eventually import eventually

TRIAL = "trial"


def probe(name: str, *arguments: str, namespace: str = TRIAL, labels: dict[str, str] | None = None, **container: Any) -> Object:
    """A `restricted` Pod of the probe (tests/cloud/tools/probe), which may listen on any port."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": {
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
                "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            },
            "containers": [
                {
                    "name": "probe",
                    "image": PROBE,
                    "args": list(arguments) or ["pause"],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                    **container,
                }
            ],
        },
    }


def start(api: Api, *pods: Object) -> list[Object]:
    """Make Pods and wait until all are ready; returns them as they are then."""
    for pod in pods:
        _create(api, pod)
    eventually(lambda: all(ready(current(api, pod)) for pod in pods), 120)
    return [current(api, pod) for pod in pods]


def _create(api: Api, pod: Object) -> None:
    def made() -> bool:
        try:
            api.create(pod)
        except ApiError as error:
            # A namespace that is new gets its account from a controller.
            if "serviceaccount" not in error.message:
                raise
            return False
        return True

    eventually(made)


def current(api: Api, pod: Object) -> Object:
    """A Pod as the API server has it now. pod: also one of a list, which does not say what it is."""
    return api.get(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}")


def gone(api: Api, path: str) -> bool:
    """Whether the API server has nothing at a path any more."""
    try:
        api.get(path)
    except ApiError as error:
        return error.code == 404
    return False


def ready(pod: Object) -> bool:
    """Whether a Pod says that it is ready."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def ended(api: Api, pod: Object) -> Object:
    """Make a Pod and wait until it has failed; returns it as it is then."""
    _create(api, pod)
    eventually(lambda: current(api, pod)["status"]["phase"] == "Failed", 120)
    return current(api, pod)


def kubectl(kube: Kube, *arguments: str, text: str | None = None) -> str:
    """What kubectl prints, as the administrator. Raises RuntimeError where it fails."""
    return call(str(program("kubectl")), f"--kubeconfig={kube.kubeconfig}", *arguments, text=text)


def execute(kube: Kube, pod: Object, *command: str, text: str | None = None) -> str:
    """Run a command in a Pod, by API server and kubelet, and return what it prints."""
    place = pod["metadata"]
    return kubectl(kube, "exec", *(("-i",) if text else ()), f"--namespace={place['namespace']}", place["name"], "--", *command, text=text)


@contextlib.contextmanager
def closed(kube: Kube, *nodes: str) -> Iterator[None]:
    """Nodes that take no new Pod for the time of a `with`."""
    for name in nodes:
        kubectl(kube, "cordon", name)
    try:
        yield
    finally:
        for name in nodes:
            kubectl(kube, "uncordon", name)


def drain(kube: Kube, node: str) -> str:
    """As an operator does it before an upgrade; what kubectl says."""
    return kubectl(kube, "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=300s")


@contextlib.contextmanager
def outside(cluster: Cluster, addresses: Sequence[str], ports: Sequence[int]) -> Iterator[None]:
    """The machine room plays what is outside the cluster for the time of a `with`: it has these addresses, and listens on these ports."""
    cluster.room("ip", "-batch", "-", text="".join(f"address replace {each}/32 dev lo\n" for each in addresses if each != API))
    server = subprocess.Popen(
        [*enter(cluster.room_pid, "net"), str(program("probe")), "serve", ",".join(addresses), *map(str, ports)],
        stdout=subprocess.PIPE,
        preexec_fn=die_with_parent,
    )
    try:
        assert server.stdout
        assert server.stdout.readline() == b"listening\n"
        yield
    finally:
        server.kill()
        server.communicate()
