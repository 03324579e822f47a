"""Every connection of the platform, as flows of its two namespaces. Plain functions; `network_policies` makes them policies."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.access import gateway as entry
from components.access import oidc_proxy as gate
from components.kubernetes.network_policies import Flow, Peer
from components.observability import smoke_test
from components.observability import stack as monitoring
from components.spark import dataset_check, history_server
from components.spark.interpreter_files import (
    BLOCK_MANAGER_PORT,
    DRIVER_LABELS,
    DRIVER_PORT,
    EXECUTOR_LABELS,
    INTERPRETER_LABELS,
    INTERPRETER_PORT,
    RPC_PORT,
    UI_PORT,
)
from components.storage import ceph_csi
from components.zeppelin import backup as notebook_backup
from components.zeppelin import server as zeppelin


@dataclass(frozen=True, kw_only=True)
class WayOut:
    """A way out of the cluster. title: its name. cidr: where it leads. ports: TCP. who: `notebooks`, `server`, `gate`, `backup`,
    `alerts`.
    """

    title: str
    cidr: str
    ports: Sequence[int]
    who: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Namespaces:
    """Names of namespaces: of notebooks, of Zeppelin, and of metrics, or None."""

    spark: str
    zeppelin: str
    monitoring: str | None = None


def notebook_flows(names: Namespaces, ways_out: Sequence[WayOut]) -> list[Flow]:
    """Flows of interpreters and executors, of the history server and of the checks of datasets."""
    spark, server = names.spark, names.zeppelin
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
        Flow(
            title="history-from-gateway",
            labels=history_server.LABELS,
            ingress=[Peer(namespace=server, labels=entry.LABELS)],
            ports=(history_server.PORT,),
        ),
    ]
    if names.monitoring:
        prometheus = Peer(namespace=names.monitoring, labels=monitoring.PROMETHEUS_LABELS)
        stages = Peer(namespace=names.monitoring, labels=monitoring.JSON_LABELS)
        flows += [
            Flow(title="driver-metrics", labels=DRIVER_LABELS, ingress=[prometheus, stages], ports=(UI_PORT,)),
            Flow(title="dataset-metrics", labels=dataset_check.LABELS, ingress=[prometheus], ports=(dataset_check.PORT,)),
        ]
    for way in ways_out:
        if "notebooks" in way.who:
            for role, labels in (("interpreter", INTERPRETER_LABELS), ("executor", EXECUTOR_LABELS)):
                flows.append(Flow(title=f"{role}-out-{way.title}", labels=labels, egress=[Peer(cidr=way.cidr)], ports=way.ports))
    return flows


def server_flows(names: Namespaces, ways_out: Sequence[WayOut]) -> list[Flow]:
    """Flows of Zeppelin, of the gateway, of the gate and of the test notebook."""
    spark, server = names.spark, names.zeppelin
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
        Flow(
            title="gateway-to-history",
            labels=entry.LABELS,
            egress=[Peer(namespace=spark, labels=history_server.LABELS)],
            ports=(history_server.PORT,),
        ),
    ]
    if names.monitoring:
        prometheus = Peer(namespace=names.monitoring, labels=monitoring.PROMETHEUS_LABELS)
        grafana = Peer(namespace=names.monitoring, labels=monitoring.GRAFANA_LABELS)
        tester = Peer(namespace=server, labels=smoke_test.LABELS)
        server_pods = Peer(namespace=server, labels=zeppelin.LABELS)
        flows += [
            Flow(title="server-metrics", labels=zeppelin.LABELS, ingress=[prometheus, tester], ports=(zeppelin.HTTP_PORT,)),
            Flow(title="smoke-test-metrics", labels=smoke_test.LABELS, ingress=[prometheus], ports=(smoke_test.PORT,)),
            Flow(title="smoke-test-to-server", labels=smoke_test.LABELS, egress=[server_pods], ports=(zeppelin.HTTP_PORT,)),
            Flow(title="smoke-test-to-gateway", labels=smoke_test.LABELS, egress=[gateway], ports=(entry.HTTPS_PORT,)),
            Flow(title="gateway-to-grafana", labels=entry.LABELS, egress=[grafana], ports=(monitoring.GRAFANA_PORT,)),
        ]
    for way in ways_out:
        for role, labels in (("server", zeppelin.LABELS), ("gate", gate.LABELS), ("backup", notebook_backup.LABELS)):
            if role in way.who:
                flows.append(Flow(title=f"{role}-out-{way.title}", labels=labels, egress=[Peer(cidr=way.cidr)], ports=way.ports))
    return flows


def monitoring_flows(names: Namespaces, nodes: str, ways_out: Sequence[WayOut]) -> list[Flow]:
    """Flows of Prometheus and all that stands beside it. nodes: IPv4 network of the nodes' own addresses."""
    here = names.monitoring
    server, state = (Peer(namespace=here, labels=labels) for labels in (monitoring.PROMETHEUS_LABELS, monitoring.STATE_LABELS))
    alerts, stages = (Peer(namespace=here, labels=labels) for labels in (monitoring.ALERTMANAGER_LABELS, monitoring.JSON_LABELS))
    grafana = Peer(namespace=here, labels=monitoring.GRAFANA_LABELS)
    gateway = Peer(namespace=names.zeppelin, labels=entry.LABELS)
    driver = Peer(namespace=names.spark, labels=DRIVER_LABELS)
    checks = Peer(namespace=names.spark, labels=dataset_check.LABELS)
    zeppelin_server = Peer(namespace=names.zeppelin, labels=zeppelin.LABELS)
    tester = Peer(namespace=names.zeppelin, labels=smoke_test.LABELS)
    asks, told = monitoring.PROMETHEUS_LABELS, monitoring.ALERTMANAGER_LABELS
    inner = (
        ("state", server, state, monitoring.STATE_PORT),
        ("stages", server, stages, monitoring.JSON_PORT),
        ("alerts", server, alerts, monitoring.ALERTMANAGER_PORT),
        ("queries", grafana, server, monitoring.PROMETHEUS_PORT),
    )
    flows = [
        Flow(title="prometheus-to-drivers", labels=asks, egress=[driver], ports=(UI_PORT,)),
        Flow(title="stages-to-drivers", labels=monitoring.JSON_LABELS, egress=[driver], ports=(UI_PORT,)),
        Flow(title="prometheus-to-checks", labels=asks, egress=[checks], ports=(dataset_check.PORT,)),
        Flow(title="prometheus-to-zeppelin", labels=asks, egress=[zeppelin_server], ports=(zeppelin.HTTP_PORT,)),
        Flow(title="prometheus-to-smoke-test", labels=asks, egress=[tester], ports=(smoke_test.PORT,)),
        # These two have the address of their node.
        Flow(title="prometheus-to-nodes", labels=asks, egress=[Peer(cidr=nodes)], ports=(monitoring.NODE_PORT, ceph_csi.METRICS_PORT)),
        Flow(title="grafana-from-gateway", labels=monitoring.GRAFANA_LABELS, ingress=[gateway], ports=(monitoring.GRAFANA_PORT,)),
    ]
    for title, source, target, port in inner:
        flows.append(Flow(title=f"{title}-out", labels=source.labels or {}, egress=[target], ports=(port,)))
        flows.append(Flow(title=f"{title}-in", labels=target.labels or {}, ingress=[source], ports=(port,)))
    flows += [
        Flow(title=f"alerts-out-{way.title}", labels=told, egress=[Peer(cidr=way.cidr)], ports=way.ports)
        for way in ways_out
        if "alerts" in way.who
    ]
    return flows
