"""Prometheus with Alertmanager and kube-state-metrics, which its chart brings."""

from collections.abc import Sequence
from typing import Any

import pulumi

from components.names import ALERTMANAGER_PORT, SPARK_NAMESPACE, ZEPPELIN_NAMESPACE
from components.observability.args import MonitoringArgs
from components.observability.charts import node_exporter
from components.observability.charts.chart import PROMETHEUS_COMMUNITY, RESTRICTED, Chart, pull_secrets, resources
from components.observability.rules import rules
from components.observability.scraping import scrape_configs

CHART = Chart("prometheus", "29.27.0", PROMETHEUS_COMMUNITY)
SERVICE = "prometheus-server"
"""Name of the Service of Prometheus, by the chart."""

ACCOUNT, STATE_METRICS_ACCOUNT = "prometheus", "kube-state-metrics"
ALERTS = "alerts"
"""Name of the Secret with the address of alerts."""

WATCHED = {"": ("pods", "resourcequotas"), "batch": ("cronjobs", "jobs")}
"""API group to what kube-state-metrics reads in the namespaces of Spark and Zeppelin. In the cluster it reads nodes alone."""

_OFF = (
    "prometheus", "kubernetes-api-servers", "kubernetes-nodes", "kubernetes-nodes-cadvisor", "kubernetes-service-endpoints",
    "kubernetes-service-endpoints-slow", "prometheus-pushgateway", "kubernetes-services", "kubernetes-pods", "kubernetes-pods-slow",
)  # fmt: skip
"""Scrape jobs that the chart brings. They would read the whole cluster."""


def values(args: MonitoringArgs, pulls: Sequence[pulumi.Input[str | None]]) -> dict[str, Any]:
    """The values of the chart: the server, Alertmanager and kube-state-metrics. pulls: names of pull secrets."""
    receiver: dict[str, Any] = {"name": "people"}
    if args.receiver:
        key, config = ("slack_configs", "api_url_file") if args.receiver.kind == "slack" else ("webhook_configs", "url_file")
        receiver[key] = [{config: "/secret/url", "send_resolved": True, "http_config": {"proxy_from_environment": True}}]
        if args.receiver.kind == "slack":
            receiver[key][0] |= {
                "title": "{{ .Status | toUpper }}: {{ .CommonLabels.alertname }}",
                "text": "{{ range .Alerts }}{{ .Annotations.summary }} {{ .Annotations.runbook_url }}\n{{ end }}",
            }
    # One Secret; the certificates are where the environment says that they are, as in every other Pod.
    mounts = {"alerts": "/secret"} | ({"trust": "/opt/platform"} if args.ca_bundle else {})
    group = {"group_by": ["alertname"], "group_wait": "1m", "group_interval": "5m", "repeat_interval": "12h", "receiver": "people"}
    return {
        **pull_secrets(pulls),
        "rbac": {"create": False},
        "serviceAccounts": {"server": {"create": False, "name": ACCOUNT}},
        "scrapeConfigs": {job: {"enabled": False} for job in _OFF},
        "configmapReload": {
            "prometheus": {
                "image": {"repository": f"{args.mirror}quay.io/prometheus-operator/prometheus-config-reloader"},
                "containerSecurityContext": RESTRICTED,
                "resources": resources("10m", "32Mi", "200m", "64Mi"),
            }
        },
        "server": {
            "image": {"repository": f"{args.mirror}quay.io/prometheus/prometheus"},
            "global": {"scrape_interval": "15s", "scrape_timeout": "10s", "evaluation_interval": "30s"},
            "retention": f"{args.settings.retention_days}d",
            # What is nine tenths full loses its oldest days, not its newest.
            "retentionSize": f"{args.settings.size_gib * 9 // 10 or 1}GB",
            "persistentVolume": {
                "enabled": True,
                "size": f"{args.settings.size_gib}Gi",
                **({"storageClass": args.settings.storage_class} if args.settings.storage_class else {}),
            },
            "automountServiceAccountToken": True,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsUser": 65534,
                "runAsNonRoot": True,
                "runAsGroup": 65534,
                "fsGroup": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containerSecurityContext": RESTRICTED,
            "resources": resources("50m", "1Gi", "2", "4Gi"),
            "alertmanagers": [{"static_configs": [{"targets": [f"prometheus-alertmanager:{ALERTMANAGER_PORT}"]}]}],
        },
        "serverFiles": {
            "prometheus.yml": {
                "rule_files": ["/etc/config/rules.yml"],
                "scrape_configs": scrape_configs(args),
            },
            "rules.yml": rules(args),
        },
        "alertmanager": {
            **pull_secrets(pulls),
            "image": {"repository": f"{args.mirror}quay.io/prometheus/alertmanager"},
            "automountServiceAccountToken": False,
            # One replica has no peers, and need not find an address for them.
            "extraArgs": {"cluster.listen-address": ""},
            # The chart asks for its web page; a program that was built without one is as well (prometheus.io, Management API).
            "livenessProbe": {"httpGet": {"path": "/-/healthy", "port": "http"}},
            "readinessProbe": {"httpGet": {"path": "/-/ready", "port": "http"}},
            # Silences are lost with the Pod; alerts come again.
            "persistence": {"enabled": False},
            "podSecurityContext": {"fsGroup": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
            "securityContext": RESTRICTED | {"runAsUser": 65534, "runAsNonRoot": True, "runAsGroup": 65534},
            "resources": resources("10m", "32Mi", "500m", "256Mi"),
            "extraSecretMounts": [
                {"name": title, "mountPath": path, "secretName": ALERTS, "readOnly": True} for title, path in mounts.items()
            ],
            "extraEnv": [{"name": key, "value": value} for key, value in args.environment.items()],
            "config": {"route": group, "receivers": [receiver], "templates": []},
        },
        "kube-state-metrics": {
            **pull_secrets(pulls),
            "image": {"registry": f"{args.mirror}registry.k8s.io"},
            "rbac": {"create": False},
            "serviceAccount": {"create": False, "name": STATE_METRICS_ACCOUNT},
            "collectors": [*(kind for kinds in WATCHED.values() for kind in kinds), "nodes"],
            "namespaces": f"{SPARK_NAMESPACE},{ZEPPELIN_NAMESPACE}",
            "metricLabelsAllowlist": ["pods=[spark-role,spark-app-selector,spark-exec-id,gaia-dmp/user]"],
            "resources": resources("10m", "64Mi", "500m", "256Mi"),
        },
        node_exporter.CHART.name: {"enabled": False},
        "prometheus-pushgateway": {"enabled": False},
    }
