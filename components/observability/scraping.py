"""What Prometheus asks for metrics."""

from typing import Any

from components import names
from components.names import COMPONENT, NAME, Labels
from components.observability.args import MonitoringArgs
from components.observability.charts import json_exporter

_YARN = [
    {"source_labels": ["__name__"], "action": "keep", "regex": "(cluster|queue|node_manager)_metrics_.*"},
    # There is one queue: the root says the same again.
    {"source_labels": ["queue"], "action": "drop", "regex": "root"},
]
"""Of the thousand numbers of a daemon, those of what it hands out (hadoop: Metrics.md)."""


def scrape_configs(args: MonitoringArgs) -> list[dict[str, Any]]:
    """What Prometheus asks, every 15 seconds.

    A driver serves its own numbers and those of its executors on the port of its UI (https://spark.apache.org/docs/3.5.8/monitoring.html,
    Metrics, PrometheusServlet and PrometheusResource).
    """

    def label(key: str) -> str:
        return "__meta_kubernetes_pod_label_" + key.replace(".", "_").replace("/", "_").replace("-", "_")

    def pods(job: str, namespace: str, labels: Labels, port: str, path: str = "/metrics", **more: Any) -> dict[str, Any]:
        relabel = [
            {"source_labels": ["__meta_kubernetes_pod_phase"], "action": "keep", "regex": "Running"},
            *({"source_labels": [label(key)], "action": "keep", "regex": value} for key, value in labels.items()),
            {"source_labels": ["__meta_kubernetes_pod_container_port_name"], "action": "keep", "regex": port},
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
            {"source_labels": ["__meta_kubernetes_pod_node_name"], "target_label": "node"},
            {"source_labels": [label(names.USER)], "target_label": "person"},
        ]
        discovery = [{"role": "pod", "namespaces": {"names": [namespace]}}]
        return {
            "job_name": job,
            "metrics_path": path,
            "kubernetes_sd_configs": discovery,
            "relabel_configs": relabel + more.pop("relabel", []),
            **more,
        }

    # Nobody can add up percentiles of percentiles.
    less = [{"source_labels": ["__name__"], "action": "drop", "regex": ".*_(\\d+thPercentile|StdDev|MeanRate|.*MinuteRate|Number)"}]
    stages = [
        {
            "source_labels": ["__meta_kubernetes_pod_ip", "__meta_kubernetes_pod_name"],
            "separator": ";",
            "regex": "(.*);(.*)",
            "target_label": "__param_target",
            # A driver's application is called like its Pod (components/spark/files/copy-zeppelin.sh).
            "replacement": f"http://$1:{names.UI_PORT}/api/v1/applications/$2/stages",
        },
        {"target_label": "__address__", "replacement": f"{json_exporter.SERVICE}:{names.JSON_EXPORTER_PORT}"},
    ]
    spark = [
        pods("spark-driver", names.SPARK_NAMESPACE, names.DRIVER_LABELS, "ui", "/metrics/prometheus", metric_relabel_configs=less),
        pods("spark-executors", names.SPARK_NAMESPACE, names.DRIVER_LABELS, "ui", "/metrics/executors/prometheus"),
        pods(
            "spark-stages",
            names.SPARK_NAMESPACE,
            names.DRIVER_LABELS,
            "ui",
            "/probe",
            params={"module": [json_exporter.STAGES]},
            relabel=stages,
        ),
    ]
    # The UI of a driver on Yarn redirects every request to the pages of Yarn.
    yarn = [
        pods("yarn", names.SPARK_NAMESPACE, names.YARN_MANAGER_LABELS, "web", "/prom", metric_relabel_configs=_YARN),
        pods("yarn-workers", names.SPARK_NAMESPACE, names.YARN_WORKER_LABELS, "web", "/prom", metric_relabel_configs=_YARN),
    ]
    jobs = [
        *(yarn if args.yarn_workers else spark),
        pods("dataset-check", names.SPARK_NAMESPACE, names.DATASET_CHECK_LABELS, "metrics"),
        pods("zeppelin", names.ZEPPELIN_NAMESPACE, {COMPONENT: names.ZEPPELIN_LABELS[COMPONENT]}, "http"),
        pods("smoke-test", names.ZEPPELIN_NAMESPACE, names.SMOKE_TEST_LABELS, "metrics"),
        pods("nodes", names.NODES_NAMESPACE, names.NODE_EXPORTER_LABELS, "metrics"),
        {
            "job_name": "kube-state-metrics",
            # Its labels are those of the objects that it describes.
            "honor_labels": True,
            "static_configs": [{"targets": [f"prometheus-kube-state-metrics:{names.STATE_METRICS_PORT}"]}],
        },
        {"job_name": "prometheus", "static_configs": [{"targets": [f"localhost:{names.PROMETHEUS_PORT}"]}]},
    ]
    if args.models:
        jobs.append(pods("models", names.ZEPPELIN_NAMESPACE, names.MODELS_LABELS, "http"))
    if args.csi_namespace:
        jobs.append(pods("ceph-csi", names.CSI_NAMESPACE, {NAME: names.CEPH_PLUGIN_LABELS[NAME]}, "liveness"))
    return jobs
