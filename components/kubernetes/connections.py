"""Every connection of the platform, as flows of its two namespaces. Plain functions; `network_policies` makes them policies."""

from collections.abc import Mapping, Sequence

from components.kubernetes.network_policies import Flow, Peer
from components.names import (
    ALERTMANAGER_LABELS,
    ALERTMANAGER_PORT,
    BACKUP_LABELS,
    BLOCK_MANAGER_PORT,
    CEPH_PLUGIN_PORT,
    DATASET_CHECK_LABELS,
    DATASET_CHECK_PORT,
    DRIVER_LABELS,
    DRIVER_PORT,
    EXECUTOR_LABELS,
    GATEWAY_HTTP_PORT,
    GATEWAY_HTTPS_PORT,
    GATEWAY_LABELS,
    GRAFANA_LABELS,
    GRAFANA_PORT,
    HISTORY_LABELS,
    HISTORY_PORT,
    INTERPRETER_LABELS,
    INTERPRETER_PORT,
    JSON_EXPORTER_LABELS,
    JSON_EXPORTER_PORT,
    MONITORING_NAMESPACE,
    NODE_EXPORTER_PORT,
    OIDC_PROXY_LABELS,
    OIDC_PROXY_PORT,
    PROMETHEUS_LABELS,
    PROMETHEUS_PORT,
    RPC_FILTER_PORT,
    SMOKE_TEST_LABELS,
    SMOKE_TEST_PORT,
    SPARK_NAMESPACE,
    STATE_METRICS_LABELS,
    STATE_METRICS_PORT,
    UI_PORT,
    WEBSOCKET_PORT,
    ZEPPELIN_LABELS,
    ZEPPELIN_NAMESPACE,
    ZEPPELIN_PORT,
    Labels,
)
from settings.values.images import Egress

DRIVER = Peer(namespace=SPARK_NAMESPACE, labels=DRIVER_LABELS)
EXECUTOR = Peer(namespace=SPARK_NAMESPACE, labels=EXECUTOR_LABELS)
INTERPRETER = Peer(namespace=SPARK_NAMESPACE, labels=INTERPRETER_LABELS)
HISTORY = Peer(namespace=SPARK_NAMESPACE, labels=HISTORY_LABELS)
CHECKS = Peer(namespace=SPARK_NAMESPACE, labels=DATASET_CHECK_LABELS)
SERVER = Peer(namespace=ZEPPELIN_NAMESPACE, labels=ZEPPELIN_LABELS)
GATEWAY = Peer(namespace=ZEPPELIN_NAMESPACE, labels=GATEWAY_LABELS)
OIDC_PROXY = Peer(namespace=ZEPPELIN_NAMESPACE, labels=OIDC_PROXY_LABELS)
SMOKE_TEST = Peer(namespace=ZEPPELIN_NAMESPACE, labels=SMOKE_TEST_LABELS)
PROMETHEUS = Peer(namespace=MONITORING_NAMESPACE, labels=PROMETHEUS_LABELS)
STATE_METRICS = Peer(namespace=MONITORING_NAMESPACE, labels=STATE_METRICS_LABELS)
ALERTMANAGER = Peer(namespace=MONITORING_NAMESPACE, labels=ALERTMANAGER_LABELS)
JSON_EXPORTER = Peer(namespace=MONITORING_NAMESPACE, labels=JSON_EXPORTER_LABELS)
GRAFANA = Peer(namespace=MONITORING_NAMESPACE, labels=GRAFANA_LABELS)


def notebook_flows(egress: Sequence[Egress], *, monitoring: bool) -> list[Flow]:
    """Flows of interpreters and executors, of the history server and of the checks of datasets. monitoring: whether Prometheus asks."""
    flows = [
        Flow(title="interpreter-from-server", labels=INTERPRETER_LABELS, ingress=[SERVER], ports=(INTERPRETER_PORT,)),
        Flow(title="interpreter-to-server", labels=INTERPRETER_LABELS, egress=[SERVER], ports=(RPC_FILTER_PORT,)),
        Flow(title="driver-from-executors", labels=DRIVER_LABELS, ingress=[EXECUTOR], ports=(DRIVER_PORT, BLOCK_MANAGER_PORT)),
        Flow(title="driver-to-executors", labels=DRIVER_LABELS, egress=[EXECUTOR], ports=(BLOCK_MANAGER_PORT,)),
        Flow(title="executor-to-driver", labels=EXECUTOR_LABELS, egress=[DRIVER], ports=(DRIVER_PORT, BLOCK_MANAGER_PORT)),
        # Executors read each other's shuffle blocks and broadcasts.
        Flow(title="executor-from-driver", labels=EXECUTOR_LABELS, ingress=[DRIVER, EXECUTOR], ports=(BLOCK_MANAGER_PORT,)),
        Flow(title="executor-to-executors", labels=EXECUTOR_LABELS, egress=[EXECUTOR], ports=(BLOCK_MANAGER_PORT,)),
        Flow(title="spark-ui", labels=DRIVER_LABELS, ingress=[GATEWAY], ports=(UI_PORT,)),
        Flow(title="history-from-gateway", labels=HISTORY_LABELS, ingress=[GATEWAY], ports=(HISTORY_PORT,)),
    ]
    if monitoring:
        flows += [
            Flow(title="driver-metrics", labels=DRIVER_LABELS, ingress=[PROMETHEUS, JSON_EXPORTER], ports=(UI_PORT,)),
            Flow(title="dataset-metrics", labels=DATASET_CHECK_LABELS, ingress=[PROMETHEUS], ports=(DATASET_CHECK_PORT,)),
        ]
    return flows + _leading_out(egress, {"notebooks": [("interpreter", INTERPRETER_LABELS), ("executor", EXECUTOR_LABELS)]})


def server_flows(egress: Sequence[Egress], *, monitoring: bool) -> list[Flow]:
    """Flows of Zeppelin, of the gateway, of the OIDC proxy and of the test notebook. monitoring: whether Prometheus asks."""
    flows = [
        Flow(title="server-from-gateway", labels=ZEPPELIN_LABELS, ingress=[GATEWAY], ports=(ZEPPELIN_PORT, WEBSOCKET_PORT)),
        # Nobody reaches RPC_PORT, which believes every caller.
        Flow(title="server-from-interpreters", labels=ZEPPELIN_LABELS, ingress=[INTERPRETER], ports=(RPC_FILTER_PORT,)),
        Flow(title="server-to-interpreters", labels=ZEPPELIN_LABELS, egress=[INTERPRETER], ports=(INTERPRETER_PORT,)),
        # Browsers come by a load balancer, an Ingress controller or a node; who may is said there.
        Flow(title="gateway-from-anywhere", labels=GATEWAY_LABELS, ingress=[Peer()], ports=(GATEWAY_HTTP_PORT, GATEWAY_HTTPS_PORT)),
        Flow(title="gateway-to-server", labels=GATEWAY_LABELS, egress=[SERVER], ports=(ZEPPELIN_PORT, WEBSOCKET_PORT)),
        Flow(title="gateway-to-spark-ui", labels=GATEWAY_LABELS, egress=[DRIVER], ports=(UI_PORT,)),
        Flow(title="gateway-to-gate", labels=GATEWAY_LABELS, egress=[OIDC_PROXY], ports=(OIDC_PROXY_PORT,)),
        Flow(title="gate-from-gateway", labels=OIDC_PROXY_LABELS, ingress=[GATEWAY], ports=(OIDC_PROXY_PORT,)),
        Flow(title="gateway-to-history", labels=GATEWAY_LABELS, egress=[HISTORY], ports=(HISTORY_PORT,)),
    ]
    if monitoring:
        flows += [
            Flow(title="server-metrics", labels=ZEPPELIN_LABELS, ingress=[PROMETHEUS, SMOKE_TEST], ports=(ZEPPELIN_PORT,)),
            Flow(title="smoke-test-metrics", labels=SMOKE_TEST_LABELS, ingress=[PROMETHEUS], ports=(SMOKE_TEST_PORT,)),
            Flow(title="smoke-test-to-server", labels=SMOKE_TEST_LABELS, egress=[SERVER], ports=(ZEPPELIN_PORT,)),
            Flow(title="smoke-test-to-gateway", labels=SMOKE_TEST_LABELS, egress=[GATEWAY], ports=(GATEWAY_HTTPS_PORT,)),
            Flow(title="gateway-to-grafana", labels=GATEWAY_LABELS, egress=[GRAFANA], ports=(GRAFANA_PORT,)),
        ]
    roles = {"server": [("server", ZEPPELIN_LABELS)], "gate": [("gate", OIDC_PROXY_LABELS)], "backup": [("backup", BACKUP_LABELS)]}
    return flows + _leading_out(egress, roles)


def monitoring_flows(nodes: str, egress: Sequence[Egress]) -> list[Flow]:
    """Flows of Prometheus and all that stands beside it. nodes: IPv4 network of the nodes' own addresses."""
    flows = [
        Flow(title="prometheus-to-drivers", labels=PROMETHEUS_LABELS, egress=[DRIVER], ports=(UI_PORT,)),
        Flow(title="stages-to-drivers", labels=JSON_EXPORTER_LABELS, egress=[DRIVER], ports=(UI_PORT,)),
        Flow(title="prometheus-to-checks", labels=PROMETHEUS_LABELS, egress=[CHECKS], ports=(DATASET_CHECK_PORT,)),
        Flow(title="prometheus-to-zeppelin", labels=PROMETHEUS_LABELS, egress=[SERVER], ports=(ZEPPELIN_PORT,)),
        Flow(title="prometheus-to-smoke-test", labels=PROMETHEUS_LABELS, egress=[SMOKE_TEST], ports=(SMOKE_TEST_PORT,)),
        # These two have the address of their node.
        Flow(
            title="prometheus-to-nodes",
            labels=PROMETHEUS_LABELS,
            egress=[Peer(cidr=nodes, nodes=True)],
            ports=(NODE_EXPORTER_PORT, CEPH_PLUGIN_PORT),
        ),
        Flow(title="grafana-from-gateway", labels=GRAFANA_LABELS, ingress=[GATEWAY], ports=(GRAFANA_PORT,)),
    ]
    inner = (
        ("state", PROMETHEUS, STATE_METRICS, STATE_METRICS_PORT),
        ("stages", PROMETHEUS, JSON_EXPORTER, JSON_EXPORTER_PORT),
        ("alerts", PROMETHEUS, ALERTMANAGER, ALERTMANAGER_PORT),
        ("queries", GRAFANA, PROMETHEUS, PROMETHEUS_PORT),
    )
    for title, source, target, port in inner:
        flows.append(Flow(title=f"{title}-out", labels=source.labels or {}, egress=[target], ports=(port,)))
        flows.append(Flow(title=f"{title}-in", labels=target.labels or {}, ingress=[source], ports=(port,)))
    return flows + _leading_out(egress, {"alerts": [("alerts", ALERTMANAGER_LABELS)]})


def _leading_out(egress: Sequence[Egress], roles: Mapping[str, Sequence[tuple[str, Labels]]]) -> list[Flow]:
    """Flows out of the cluster. roles: who an egress rule may name, to the first word of the flow's title and the labels of the Pods."""
    return [
        Flow(title=f"{title}-out-{rule.name}", labels=labels, egress=[Peer(cidr=str(rule.cidr))], ports=rule.ports)
        for rule in egress
        for who, pods in roles.items()
        if who in rule.who
        for title, labels in pods
    ]
