"""Every connection of the platform, as flows of its three namespaces. Plain functions; `network_policies` makes them policies."""

from collections.abc import Mapping, Sequence

from components.kubernetes.network_policies import Flow, Network, Pods
from components.names import (
    ALERTMANAGER_LABELS,
    ALERTMANAGER_PORT,
    BACKUP_LABELS,
    BLOCK_MANAGER_PORT,
    CEPH_PLUGIN_PORT,
    CLEANER_LABELS,
    CONNECT_PORT,
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
    MODELS_LABELS,
    MODELS_PORT,
    MONITORING_NAMESPACE,
    NODE_EXPORTER_PORT,
    OIDC_PROXY_LABELS,
    OIDC_PROXY_PORT,
    PROMETHEUS_LABELS,
    PROMETHEUS_PORT,
    RPC_FILTER_PORT,
    SHUFFLE_PORT,
    SMOKE_TEST_LABELS,
    SMOKE_TEST_PORT,
    SPARK_NAMESPACE,
    STATE_METRICS_LABELS,
    STATE_METRICS_PORT,
    UI_PORT,
    WEBSOCKET_PORT,
    YARN_BLOCK_PORTS,
    YARN_CONTAINER_PORT,
    YARN_MANAGER_LABELS,
    YARN_NODE_WEB_PORT,
    YARN_PORT,
    YARN_SCHEDULER_PORT,
    YARN_TRACKER_PORT,
    YARN_WEB_PORT,
    YARN_WORKER_LABELS,
    ZEPPELIN_LABELS,
    ZEPPELIN_NAMESPACE,
    ZEPPELIN_PORT,
)
from settings.values.images import Egress

SERVER = Pods(role="server", namespace=ZEPPELIN_NAMESPACE, labels=ZEPPELIN_LABELS)
GATEWAY = Pods(role="gateway", namespace=ZEPPELIN_NAMESPACE, labels=GATEWAY_LABELS)
OIDC_PROXY = Pods(role="gate", namespace=ZEPPELIN_NAMESPACE, labels=OIDC_PROXY_LABELS)
MODELS = Pods(role="models", namespace=ZEPPELIN_NAMESPACE, labels=MODELS_LABELS)
CLEANER = Pods(role="cleaner", namespace=ZEPPELIN_NAMESPACE, labels=CLEANER_LABELS)
BACKUP = Pods(role="backup", namespace=ZEPPELIN_NAMESPACE, labels=BACKUP_LABELS)
SMOKE_TEST = Pods(role="smoke-test", namespace=ZEPPELIN_NAMESPACE, labels=SMOKE_TEST_LABELS)
INTERPRETER = Pods(role="interpreter", namespace=SPARK_NAMESPACE, labels=INTERPRETER_LABELS)
# A driver is an interpreter, too: both policies are its own.
DRIVER = Pods(role="driver", namespace=SPARK_NAMESPACE, labels=DRIVER_LABELS)
EXECUTOR = Pods(role="executor", namespace=SPARK_NAMESPACE, labels=EXECUTOR_LABELS)
HISTORY = Pods(role="history", namespace=SPARK_NAMESPACE, labels=HISTORY_LABELS)
YARN_MANAGER = Pods(role="yarn", namespace=SPARK_NAMESPACE, labels=YARN_MANAGER_LABELS)
YARN_WORKER = Pods(role="yarn-worker", namespace=SPARK_NAMESPACE, labels=YARN_WORKER_LABELS)
CHECKS = Pods(role="dataset-check", namespace=SPARK_NAMESPACE, labels=DATASET_CHECK_LABELS)
PROMETHEUS = Pods(role="prometheus", namespace=MONITORING_NAMESPACE, labels=PROMETHEUS_LABELS)
STATE_METRICS = Pods(role="kube-state-metrics", namespace=MONITORING_NAMESPACE, labels=STATE_METRICS_LABELS)
ALERTMANAGER = Pods(role="alertmanager", namespace=MONITORING_NAMESPACE, labels=ALERTMANAGER_LABELS)
JSON_EXPORTER = Pods(role="json-exporter", namespace=MONITORING_NAMESPACE, labels=JSON_EXPORTER_LABELS)
GRAFANA = Pods(role="grafana", namespace=MONITORING_NAMESPACE, labels=GRAFANA_LABELS)


def notebook_flows(egress: Sequence[Egress], *, monitoring: bool, connect: bool, yarn: bool, models: bool) -> list[Flow]:
    """Flows of interpreters and executors, of the history server and of the checks of datasets.

    monitoring: whether Prometheus asks. connect: whether drivers serve Spark Connect. yarn: whether executors run in NodeManagers.
    models: whether there is a server of models.
    """
    flows = [
        Flow(pods=INTERPRETER, ingress=[SERVER], ports=[INTERPRETER_PORT]),
        Flow(pods=INTERPRETER, egress=[SERVER], ports=[RPC_FILTER_PORT]),
        Flow(pods=DRIVER, ingress=[EXECUTOR], ports=[DRIVER_PORT, BLOCK_MANAGER_PORT]),
        Flow(pods=DRIVER, egress=[EXECUTOR], ports=[BLOCK_MANAGER_PORT]),
        Flow(pods=DRIVER, ingress=[GATEWAY], ports=[UI_PORT]),
        Flow(pods=EXECUTOR, egress=[DRIVER], ports=[DRIVER_PORT, BLOCK_MANAGER_PORT]),
        # Executors read each other's shuffle blocks and broadcasts.
        Flow(pods=EXECUTOR, ingress=[DRIVER, EXECUTOR], ports=[BLOCK_MANAGER_PORT]),
        Flow(pods=EXECUTOR, egress=[EXECUTOR], ports=[BLOCK_MANAGER_PORT]),
        Flow(pods=HISTORY, ingress=[GATEWAY], ports=[HISTORY_PORT]),
    ]
    if connect:
        flows.append(Flow(pods=DRIVER, ingress=[GATEWAY], ports=[CONNECT_PORT]))
    if models:
        # An executor fetches the model that it scores by.
        flows += [Flow(pods=pods, egress=[MODELS], ports=[MODELS_PORT]) for pods in (DRIVER, EXECUTOR)]
    if monitoring:
        flows += [Flow(pods=pods, ingress=askers, ports=[port]) for pods, askers, port in _watched(yarn=yarn)]
        flows.append(Flow(pods=CHECKS, ingress=[PROMETHEUS], ports=[DATASET_CHECK_PORT]))
    if yarn:
        flows += _YARN_FLOWS
    return flows + _leading_out(egress, {"notebooks": [INTERPRETER, EXECUTOR, *([YARN_WORKER] if yarn else [])]})


def _watched(*, yarn: bool) -> list[tuple[Pods, list[Pods], int]]:
    """What tells of executors, who asks it, and on which port. Drivers beside Yarn tell nothing."""
    if yarn:
        return [(YARN_MANAGER, [PROMETHEUS], YARN_WEB_PORT), (YARN_WORKER, [PROMETHEUS], YARN_NODE_WEB_PORT)]
    return [(DRIVER, [PROMETHEUS, JSON_EXPORTER], UI_PORT)]


_YARN_FLOWS = (
    # Drivers start applications; the ApplicationMaster of each, in a NodeManager, then asks for executors.
    Flow(pods=DRIVER, egress=[YARN_MANAGER], ports=[YARN_PORT]),
    Flow(pods=YARN_MANAGER, ingress=[DRIVER], ports=[YARN_PORT]),
    Flow(pods=YARN_WORKER, egress=[YARN_MANAGER], ports=[YARN_SCHEDULER_PORT, YARN_TRACKER_PORT]),
    Flow(pods=YARN_MANAGER, ingress=[YARN_WORKER], ports=[YARN_SCHEDULER_PORT, YARN_TRACKER_PORT]),
    # The ResourceManager starts ApplicationMasters, and these start executors on any NodeManager.
    Flow(pods=YARN_MANAGER, egress=[YARN_WORKER], ports=[YARN_CONTAINER_PORT]),
    Flow(pods=YARN_WORKER, ingress=[YARN_MANAGER, YARN_WORKER], ports=[YARN_CONTAINER_PORT]),
    Flow(pods=YARN_WORKER, egress=[YARN_WORKER], ports=[YARN_CONTAINER_PORT, SHUFFLE_PORT]),
    Flow(pods=YARN_WORKER, ingress=[YARN_WORKER], ports=[SHUFFLE_PORT]),
    # What executors and drivers say to each other, as without Yarn.
    Flow(pods=DRIVER, ingress=[YARN_WORKER], ports=[DRIVER_PORT, BLOCK_MANAGER_PORT]),
    Flow(pods=YARN_WORKER, egress=[DRIVER], ports=[DRIVER_PORT, BLOCK_MANAGER_PORT]),
    Flow(pods=DRIVER, egress=[YARN_WORKER], ports=YARN_BLOCK_PORTS),
    Flow(pods=YARN_WORKER, ingress=[DRIVER, YARN_WORKER], ports=YARN_BLOCK_PORTS),
    Flow(pods=YARN_WORKER, egress=[YARN_WORKER], ports=YARN_BLOCK_PORTS),
)


def server_flows(egress: Sequence[Egress], *, monitoring: bool, connect: bool, models: bool) -> list[Flow]:
    """Flows of Zeppelin, of the gateway, of the OIDC proxy, of the server of models and of the test notebook.

    monitoring: whether Prometheus asks. connect: whether drivers serve Spark Connect. models: whether there is a server of models.
    """
    flows = [
        Flow(pods=SERVER, ingress=[GATEWAY], ports=[ZEPPELIN_PORT, WEBSOCKET_PORT]),
        # Nobody reaches RPC_PORT, which believes every caller.
        Flow(pods=SERVER, ingress=[INTERPRETER], ports=[RPC_FILTER_PORT]),
        Flow(pods=SERVER, egress=[INTERPRETER], ports=[INTERPRETER_PORT]),
        # Browsers come by a load balancer, an Ingress controller or a node; who may is said there.
        Flow(pods=GATEWAY, ingress=["anybody"], ports=[GATEWAY_HTTP_PORT, GATEWAY_HTTPS_PORT]),
        Flow(pods=GATEWAY, egress=[SERVER], ports=[ZEPPELIN_PORT, WEBSOCKET_PORT]),
        Flow(pods=GATEWAY, egress=[DRIVER], ports=[UI_PORT]),
        Flow(pods=GATEWAY, egress=[OIDC_PROXY], ports=[OIDC_PROXY_PORT]),
        Flow(pods=GATEWAY, egress=[HISTORY], ports=[HISTORY_PORT]),
        Flow(pods=OIDC_PROXY, ingress=[GATEWAY], ports=[OIDC_PROXY_PORT]),
    ]
    if connect:
        flows.append(Flow(pods=GATEWAY, egress=[DRIVER], ports=[CONNECT_PORT]))
    if models:
        flows += [
            Flow(pods=GATEWAY, egress=[MODELS], ports=[MODELS_PORT]),
            Flow(pods=MODELS, ingress=[GATEWAY, DRIVER, EXECUTOR, *([PROMETHEUS] if monitoring else [])], ports=[MODELS_PORT]),
        ]
    if monitoring:
        flows += [
            Flow(pods=SERVER, ingress=[PROMETHEUS, SMOKE_TEST], ports=[ZEPPELIN_PORT]),
            Flow(pods=SMOKE_TEST, ingress=[PROMETHEUS], ports=[SMOKE_TEST_PORT]),
            Flow(pods=SMOKE_TEST, egress=[SERVER], ports=[ZEPPELIN_PORT]),
            Flow(pods=SMOKE_TEST, egress=[GATEWAY], ports=[GATEWAY_HTTPS_PORT]),
            Flow(pods=GATEWAY, egress=[GRAFANA], ports=[GRAFANA_PORT]),
        ]
    return flows + _leading_out(egress, {"server": [SERVER], "gate": [OIDC_PROXY], "backup": [BACKUP]})


def monitoring_flows(nodes: str, egress: Sequence[Egress], *, models: bool, yarn: bool) -> list[Flow]:
    """Flows of Prometheus and all that stands beside it.

    nodes: IPv4 network of the nodes' own addresses. models: whether there is a server of models. yarn: whether executors run in
    NodeManagers.
    """
    flows = [
        *(Flow(pods=asker, egress=[pods], ports=[port]) for pods, askers, port in _watched(yarn=yarn) for asker in askers),
        Flow(pods=PROMETHEUS, egress=[CHECKS], ports=[DATASET_CHECK_PORT]),
        Flow(pods=PROMETHEUS, egress=[SERVER], ports=[ZEPPELIN_PORT]),
        Flow(pods=PROMETHEUS, egress=[SMOKE_TEST], ports=[SMOKE_TEST_PORT]),
        *([Flow(pods=PROMETHEUS, egress=[MODELS], ports=[MODELS_PORT])] if models else []),
        # These two have the address of their node.
        Flow(pods=PROMETHEUS, egress=[Network(cidr=nodes, nodes=True)], ports=[NODE_EXPORTER_PORT, CEPH_PLUGIN_PORT]),
        Flow(pods=GRAFANA, ingress=[GATEWAY], ports=[GRAFANA_PORT]),
    ]
    inner = (
        (PROMETHEUS, STATE_METRICS, STATE_METRICS_PORT),
        (PROMETHEUS, JSON_EXPORTER, JSON_EXPORTER_PORT),
        (PROMETHEUS, ALERTMANAGER, ALERTMANAGER_PORT),
        (GRAFANA, PROMETHEUS, PROMETHEUS_PORT),
    )
    for source, target, port in inner:
        flows += [Flow(pods=source, egress=[target], ports=[port]), Flow(pods=target, ingress=[source], ports=[port])]
    return flows + _leading_out(egress, {"alerts": [ALERTMANAGER]})


def _leading_out(egress: Sequence[Egress], roles: Mapping[str, Sequence[Pods]]) -> list[Flow]:
    """Flows out of the cluster. roles: whom an egress rule may name, to the Pods that are meant."""
    return [
        Flow(pods=pods, egress=[Network(cidr=str(rule.cidr))], ports=rule.ports)
        for rule in egress
        for who, named in roles.items()
        if who in rule.who
        for pods in named
    ]
