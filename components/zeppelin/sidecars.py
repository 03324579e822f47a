"""What runs beside the Zeppelin server, in its Pod and its image: one program each, for what Zeppelin itself leaves open."""

from pulumi_kubernetes.core import v1 as core

from components.kubernetes.pod import mount, restricted_container, variables
from components.names import RPC_FILTER_PORT, RPC_PORT, SPARK_NAMESPACE, WEBSOCKET_PORT, ZEPPELIN_PORT

LOGS = "/work/logs"
"""Folder of Zeppelin's own log files, on the volume `work`."""

_FOLDER = "/opt/platform"
_LOST = mount("lost", "/lost")
"""What the one says of interpreters that were lost or are being closed. The others tell their people, and let nothing start meanwhile."""
_DOOR_REQUESTS = {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"}
_DOOR_LIMITS = {"cpu": "1", "memory": "512Mi", "ephemeral-storage": "64Mi"}
"""What stands before a port of the server's holds messages whole: ten megabytes of a browser, sixteen of each interpreter."""


def alive_probe(*ports: str) -> core.ProbeArgs:
    """A probe by `files/alive.py`. ports: `browsers=8080`, `interpreters=12320`."""
    return core.ProbeArgs(
        exec_=core.ExecActionArgs(command=["python3", f"{_FOLDER}/alive.py", *ports]),
        period_seconds=20,
        timeout_seconds=10,
        failure_threshold=4,
    )


def script(name: str) -> core.VolumeMountArgs:
    """One of the programs in `files/`, from the volume `platform`."""
    return mount("platform", f"{_FOLDER}/{name}", file=name, read_only=True)


def websocket_guard(image: str) -> core.ContainerArgs:
    """Asks whether a message of a browser is its person's to send."""
    return restricted_container(
        "websocket",
        image,
        requests=_DOOR_REQUESTS,
        limits=_DOOR_LIMITS,
        command=["python3", f"{_FOLDER}/websocket_guard.py", str(WEBSOCKET_PORT), str(ZEPPELIN_PORT), "/lost"],
        ports=[core.ContainerPortArgs(name="websocket", container_port=WEBSOCKET_PORT)],
        liveness_probe=core.ProbeArgs(tcp_socket=core.TCPSocketActionArgs(port="websocket"), period_seconds=20, timeout_seconds=5),
        volume_mounts=[script("websocket_guard.py"), script("closing.py"), mount("lost", "/lost", read_only=True)],
    )


def rpc_filter(image: str) -> core.ContainerArgs:
    """Asks whether a call of an interpreter is about its own notebook."""
    return restricted_container(
        "rpc-filter",
        image,
        requests=_DOOR_REQUESTS,
        limits=_DOOR_LIMITS,
        command=["python3", f"{_FOLDER}/rpc_filter.py", str(RPC_FILTER_PORT), str(RPC_PORT)],
        env=variables({"NAMESPACE": SPARK_NAMESPACE}),
        ports=[core.ContainerPortArgs(name="rpc-filter", container_port=RPC_FILTER_PORT)],
        liveness_probe=alive_probe(f"interpreters={RPC_FILTER_PORT}"),
        volume_mounts=[*map(script, ("rpc_filter.py", "rpc_calls.py", "interpreter_pods.py", "closing.py", "alive.py")), _LOST],
    )


def lost_closer(image: str) -> core.ContainerArgs:
    """Closes interpreters that Zeppelin believes in and that are not there."""
    return restricted_container(
        "interpreters",
        image,
        requests={"cpu": "20m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
        limits={"cpu": "200m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
        command=["python3", f"{_FOLDER}/close_lost.py", LOGS, SPARK_NAMESPACE, str(RPC_PORT), "/lost"],
        volume_mounts=[mount("work", "/work", read_only=True), *map(script, ("close_lost.py", "interpreter_pods.py", "closing.py")), _LOST],
    )
