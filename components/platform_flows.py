"""Every connection of the platform, as flows of its two namespaces. Plain functions; `network_policies` makes them policies."""

from collections.abc import Sequence
from dataclasses import dataclass

from components import entry, gate, notebook_backup, zeppelin
from components.interpreter_files import (
    BLOCK_MANAGER_PORT,
    DRIVER_LABELS,
    DRIVER_PORT,
    EXECUTOR_LABELS,
    INTERPRETER_LABELS,
    INTERPRETER_PORT,
    RPC_PORT,
    UI_PORT,
)
from components.network_policies import Flow, Peer


@dataclass(frozen=True, kw_only=True)
class WayOut:
    """A way out of the cluster. title: its name. cidr: where it leads. ports: TCP. who: `notebooks`, `server`, `gate`, `backup`."""

    title: str
    cidr: str
    ports: Sequence[int]
    who: Sequence[str]


def notebook_flows(spark: str, server: str, ways_out: Sequence[WayOut]) -> list[Flow]:
    """Flows of interpreters and executors. spark, server: names of their namespace and of Zeppelin's."""
    driver, executor = Peer(namespace=spark, labels=DRIVER_LABELS), Peer(namespace=spark, labels=EXECUTOR_LABELS)
    zeppelin_server = Peer(namespace=server, labels=zeppelin.LABELS)
    flows = [
        Flow(title="interpreter-from-server", labels=INTERPRETER_LABELS, ingress=[zeppelin_server], ports=(INTERPRETER_PORT,)),
        Flow(title="interpreter-to-server", labels=INTERPRETER_LABELS, egress=[zeppelin_server], ports=(RPC_PORT,)),
        Flow(title="driver-from-executors", labels=DRIVER_LABELS, ingress=[executor], ports=(DRIVER_PORT, BLOCK_MANAGER_PORT)),
        Flow(title="driver-to-executors", labels=DRIVER_LABELS, egress=[executor], ports=(BLOCK_MANAGER_PORT,)),
        Flow(title="executor-to-driver", labels=EXECUTOR_LABELS, egress=[driver], ports=(DRIVER_PORT, BLOCK_MANAGER_PORT)),
        # Executors read each other's shuffle blocks and broadcasts.
        Flow(title="executor-from-driver", labels=EXECUTOR_LABELS, ingress=[driver, executor], ports=(BLOCK_MANAGER_PORT,)),
        Flow(title="executor-to-executors", labels=EXECUTOR_LABELS, egress=[executor], ports=(BLOCK_MANAGER_PORT,)),
        Flow(title="spark-ui", labels=DRIVER_LABELS, ingress=[Peer(namespace=server, labels=entry.LABELS)], ports=(UI_PORT,)),
    ]
    for way in ways_out:
        if "notebooks" in way.who:
            for role, labels in (("interpreter", INTERPRETER_LABELS), ("executor", EXECUTOR_LABELS)):
                flows.append(Flow(title=f"{role}-out-{way.title}", labels=labels, egress=[Peer(cidr=way.cidr)], ports=way.ports))
    return flows


def server_flows(spark: str, server: str, ways_out: Sequence[WayOut]) -> list[Flow]:
    """Flows of Zeppelin, of the gateway and of the gate."""
    gateway = Peer(namespace=server, labels=entry.LABELS)
    interpreter = Peer(namespace=spark, labels=INTERPRETER_LABELS)
    flows = [
        Flow(title="server-from-gateway", labels=zeppelin.LABELS, ingress=[gateway], ports=(zeppelin.HTTP_PORT,)),
        Flow(title="server-from-interpreters", labels=zeppelin.LABELS, ingress=[interpreter], ports=(RPC_PORT,)),
        Flow(title="server-to-interpreters", labels=zeppelin.LABELS, egress=[interpreter], ports=(INTERPRETER_PORT,)),
        # Browsers come by a load balancer, an Ingress controller or a node; who may is said there.
        Flow(title="gateway-from-anywhere", labels=entry.LABELS, ingress=[Peer()], ports=(entry.HTTP_PORT, entry.HTTPS_PORT)),
        Flow(
            title="gateway-to-server",
            labels=entry.LABELS,
            egress=[Peer(namespace=server, labels=zeppelin.LABELS)],
            ports=(zeppelin.HTTP_PORT,),
        ),
        Flow(title="gateway-to-spark-ui", labels=entry.LABELS, egress=[Peer(namespace=spark, labels=DRIVER_LABELS)], ports=(UI_PORT,)),
        Flow(title="gateway-to-gate", labels=entry.LABELS, egress=[Peer(namespace=server, labels=gate.LABELS)], ports=(gate.PORT,)),
        Flow(title="gate-from-gateway", labels=gate.LABELS, ingress=[gateway], ports=(gate.PORT,)),
    ]
    for way in ways_out:
        for role, labels in (("server", zeppelin.LABELS), ("gate", gate.LABELS), ("backup", notebook_backup.LABELS)):
            if role in way.who:
                flows.append(Flow(title=f"{role}-out-{way.title}", labels=labels, egress=[Peer(cidr=way.cidr)], ports=way.ports))
    return flows
