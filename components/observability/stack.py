"""Metrics, alerts and dashboards: Prometheus, Alertmanager, kube-state-metrics, node-exporter and Grafana, by their upstream charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import yaml
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.helm import v3 as helm
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.rbac import v1 as rbac

from components.files import parsed, text
from components.kubernetes.namespace import NamespaceRef, secured_namespace
from components.names import CSI_NAMESPACE, DRIVER_LABELS, MONITORING_NAMESPACE, SPARK_NAMESPACE, UI_PORT, ZEPPELIN_NAMESPACE
from components.observability import dashboards
from settings.values.monitoring import MonitoringSettings

PROMETHEUS_REPOSITORY = "https://prometheus-community.github.io/helm-charts"
GRAFANA_REPOSITORY = "https://grafana-community.github.io/helm-charts"
CHARTS = {
    "prometheus": ("29.27.0", PROMETHEUS_REPOSITORY),
    "prometheus-node-exporter": ("4.56.1", PROMETHEUS_REPOSITORY),
    "prometheus-json-exporter": ("0.19.2", PROMETHEUS_REPOSITORY),
    "grafana": ("13.0.1", GRAFANA_REPOSITORY),
}
"""Chart to version and repository. tests/cloud/tools/charts holds the very same, by which tests render what a cluster gets."""

NODES_NAMESPACE = "gaia-nodes"
PROMETHEUS_LABELS = {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "server"}
STATE_LABELS = {"app.kubernetes.io/name": "kube-state-metrics"}
ALERTMANAGER_LABELS = {"app.kubernetes.io/name": "alertmanager"}
JSON_LABELS = {"app.kubernetes.io/name": "prometheus-json-exporter"}
GRAFANA_LABELS = {"app.kubernetes.io/name": "grafana"}
PROMETHEUS_PORT, STATE_PORT, ALERTMANAGER_PORT, JSON_PORT, GRAFANA_PORT, NODE_PORT = 9090, 8080, 9093, 7979, 3000, 9100
_STATE_ACCOUNT, _PROMETHEUS_ACCOUNT, _JSON_ACCOUNT = "kube-state-metrics", "prometheus", "prometheus-json-exporter"
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_STATE_RESOURCES = ("pods", "resourcequotas", "cronjobs")
"""What kube-state-metrics reads of the platform's namespaces; of the cluster, nodes alone."""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Who is told of alerts."""

    kind: Literal["webhook", "slack"]
    """What the address takes."""

    url: pulumi.Input[str]
    """The address (secret)."""


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What monitoring needs."""

    settings: MonitoringSettings
    """How long and how much Prometheus keeps, where runbooks are, and how often the test notebook runs."""

    spark_namespace: NamespaceRef
    """Where notebooks compute."""

    zeppelin_namespace: NamespaceRef
    """That of Zeppelin."""

    csi_namespace: NamespaceRef | None = None
    """That of the Ceph plug-in, or None."""

    receiver: Receiver | None = None
    """Who is told of alerts, or None."""

    origin: str
    """Address that browsers come by."""

    idle_minutes: int
    """Minutes after which an interpreter should end."""

    serving: bool = True
    """False while the server stands by, which is no fault."""

    environment: Mapping[str, str]
    """What a process needs to reach the world."""

    ca_bundle: str | None = None
    """PEM certificates to trust, or None."""

    mirror: str = ""
    """Registry that stands before each image's own, with a slash; or ""."""

    login: pulumi.Input[str] | None = None
    """docker config.json (secret) for the registry, or None."""


class Monitoring(pulumi.ComponentResource):
    """The namespace of metrics, and what it takes to gather and show them.

    Creates: Namespaces (`restricted` for all but node-exporter, which reads the node's own files and has a privileged one), the charts as
    Releases, the rights of Prometheus and kube-state-metrics as Roles of ours, so that they are seen and reviewed: Pods may be listed in
    the platform's namespaces, nodes in the cluster, Secrets nowhere. A Secret with the address of alerts, a ConfigMap with dashboards.

    Grafana believes who the gateway says that somebody is (`auth.proxy`); the network policies see to it that nobody else asks it.
    """

    namespace: NamespaceRef
    """The namespace."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:Monitoring", name, {}, opts)
        self._name, self._args = name, args
        self.namespace = secured_namespace(name, MONITORING_NAMESPACE, "restricted", self, args.login)
        self._nodes = secured_namespace(f"{name}-nodes", NODES_NAMESPACE, "privileged", self, args.login)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=self.namespace.resource)
        where = self.namespace.title
        pulls, node_pulls = ([each.name for each in namespace.image_pull_secrets] for namespace in (self.namespace, self._nodes))
        bindings = self._rights(where)
        address = core.Secret(
            f"{name}-alerts",
            metadata=meta.ObjectMetaArgs(name="alerts", namespace=where),
            string_data={"url": pulumi.Output.secret(args.receiver.url) if args.receiver else ""}
            | ({"ca-bundle.pem": args.ca_bundle} if args.ca_bundle else {}),
            opts=inside,
        )
        boards = core.ConfigMap(
            f"{name}-dashboards",
            metadata=meta.ObjectMetaArgs(name="dashboards", namespace=where),
            data=dashboards.dashboard_files(),
            opts=inside,
        )
        self._release("prometheus", self.namespace, prometheus_values(args, pulls), [*bindings, address])
        self._release("prometheus-node-exporter", self._nodes, node_values(args, node_pulls), [])
        self._release("prometheus-json-exporter", self.namespace, json_values(args, pulls), [])
        self._release("grafana", self.namespace, grafana_values(args, pulls), [boards])
        self.register_outputs({"namespace": self.namespace.resource})

    def _release(self, chart: str, namespace: NamespaceRef, values: dict[str, Any], after: Sequence[pulumi.Resource]) -> None:
        version, repository = CHARTS[chart]
        helm.Release(
            f"{self._name}-{chart}",
            name=chart,
            chart=chart,
            version=version,
            repository_opts=helm.RepositoryOptsArgs(repo=repository),
            namespace=namespace.title,
            values=values,
            # What does not start within ten minutes is said; nothing else waits for it.
            timeout=600,
            atomic=False,
            # Prometheus' claim is made by a storage class: it must go while the cluster still lives to remove its volume.
            opts=pulumi.ResourceOptions(
                parent=self, deleted_with=None if chart == "prometheus" else namespace.resource, depends_on=list(after)
            ),
        )

    def _rights(self, where: pulumi.Input[str]) -> list[pulumi.Resource]:
        """Accounts and their Roles: who may list what, and where."""
        args, name = self._args, self._name
        accounts = {
            title: core.ServiceAccount(
                f"{name}-{title}",
                metadata=meta.ObjectMetaArgs(name=title, namespace=where),
                automount_service_account_token=False,
                opts=pulumi.ResourceOptions(parent=self, deleted_with=self.namespace.resource),
            )
            for title in (_PROMETHEUS_ACCOUNT, _STATE_ACCOUNT, _JSON_ACCOUNT)
        }
        looked = [args.spark_namespace, args.zeppelin_namespace, self._nodes]
        if args.csi_namespace:
            looked.append(args.csi_namespace)
        made: list[pulumi.Resource] = []
        for namespace in looked:
            made.append(self._role(_PROMETHEUS_ACCOUNT, namespace, accounts, {"": ["pods"]}))
        for namespace in looked[:2]:
            groups = {"": ["pods", "resourcequotas"], "batch": ["cronjobs"]}
            made.append(self._role(_STATE_ACCOUNT, namespace, accounts, groups))
        role = rbac.ClusterRole(
            f"{name}-nodes-reader",
            metadata=meta.ObjectMetaArgs(name=f"{MONITORING_NAMESPACE}-nodes"),
            rules=[rbac.PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=["list", "watch"])],
            opts=pulumi.ResourceOptions(parent=self),
        )
        made.append(
            rbac.ClusterRoleBinding(
                f"{name}-nodes-reader-binding",
                metadata=meta.ObjectMetaArgs(name=f"{MONITORING_NAMESPACE}-nodes"),
                role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=role.metadata["name"]),
                subjects=[rbac.SubjectArgs(kind="ServiceAccount", name=accounts[_STATE_ACCOUNT].metadata["name"], namespace=where)],
                opts=pulumi.ResourceOptions(parent=self),
            )
        )
        return made

    def _role(
        self, who: str, namespace: NamespaceRef, accounts: Mapping[str, core.ServiceAccount], groups: dict[str, list[str]]
    ) -> pulumi.Resource:
        """Listing and watching in one namespace, for the account `who`."""
        inside = pulumi.ResourceOptions(parent=self, deleted_with=namespace.resource)
        role = rbac.Role(
            f"{self._name}-{who}-{namespace.name}",
            metadata=meta.ObjectMetaArgs(name=who, namespace=namespace.title),
            rules=[rbac.PolicyRuleArgs(api_groups=[group], resources=kinds, verbs=["list", "watch"]) for group, kinds in groups.items()],
            opts=inside,
        )
        return rbac.RoleBinding(
            f"{self._name}-{who}-{namespace.name}-binding",
            metadata=meta.ObjectMetaArgs(name=who, namespace=namespace.title),
            role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata["name"]),
            subjects=[rbac.SubjectArgs(kind="ServiceAccount", name=accounts[who].metadata["name"], namespace=self.namespace.title)],
            opts=inside,
        )


def _resources(cpu: str, memory: str, most_cpu: str, most_memory: str) -> dict[str, Any]:
    """Requests and limits of one container of a chart."""
    return {
        "requests": {"cpu": cpu, "memory": memory, "ephemeral-storage": "64Mi"},
        "limits": {"cpu": most_cpu, "memory": most_memory, "ephemeral-storage": "1Gi"},
    }


def rules(args: MonitoringArgs) -> dict[str, Any]:
    """The recording rules and alerts, each with the address of its runbook. Where the server stands by, nothing is said of it."""
    source = text("observability/files/rules.yaml")
    for key, value in {"smoke_silent_seconds": args.settings.smoke_test.every_minutes * 120, "idle_minutes": args.idle_minutes * 2}.items():
        source = source.replace(f"@{key}@", str(value))
    groups = parsed(source)["groups"]
    if not args.serving:
        groups = [group for group in groups if group["name"] != "service"]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        rule["annotations"]["runbook_url"] = f"{args.settings.runbooks or 'docs/runbooks'}/{rule['labels']['runbook']}.md"
    return {"groups": groups}


def scrape_configs(args: MonitoringArgs) -> list[dict[str, Any]]:
    """What Prometheus asks, every 15 seconds (zeppelin-spark-k8s.md 2, Metrics)."""

    def label(key: str) -> str:
        return "__meta_kubernetes_pod_label_" + key.replace(".", "_").replace("/", "_").replace("-", "_")

    def pods(job: str, namespace: str, labels: Mapping[str, str], port: str, path: str = "/metrics", **more: Any) -> dict[str, Any]:
        relabel = [
            {"source_labels": ["__meta_kubernetes_pod_phase"], "action": "keep", "regex": "Running"},
            *({"source_labels": [label(key)], "action": "keep", "regex": value} for key, value in labels.items()),
            {"source_labels": ["__meta_kubernetes_pod_container_port_name"], "action": "keep", "regex": port},
            {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
            {"source_labels": ["__meta_kubernetes_pod_node_name"], "target_label": "node"},
            {"source_labels": [label("gaia-dmp/user")], "target_label": "person"},
        ]
        discovery = [{"role": "pod", "namespaces": {"names": [namespace]}}]
        return {
            "job_name": job,
            "metrics_path": path,
            "kubernetes_sd_configs": discovery,
            "relabel_configs": relabel + more.pop("relabel", []),
            **more,
        }

    # Percentiles of percentiles, of which nobody could make a sum.
    less = [{"source_labels": ["__name__"], "action": "drop", "regex": ".*_(\\d+thPercentile|StdDev|MeanRate|.*MinuteRate|Number)"}]
    stages = [
        {
            "source_labels": ["__meta_kubernetes_pod_ip", "__meta_kubernetes_pod_name"],
            "separator": ";",
            "regex": "(.*);(.*)",
            "target_label": "__param_target",
            # A driver's application is called like its Pod (files/copy-zeppelin.sh).
            "replacement": f"http://$1:{UI_PORT}/api/v1/applications/$2/stages",
        },
        {"target_label": "__address__", "replacement": f"prometheus-json-exporter:{JSON_PORT}"},
    ]
    jobs = [
        pods("spark-driver", SPARK_NAMESPACE, DRIVER_LABELS, "ui", "/metrics/prometheus", metric_relabel_configs=less),
        pods("spark-executors", SPARK_NAMESPACE, DRIVER_LABELS, "ui", "/metrics/executors/prometheus"),
        pods("spark-stages", SPARK_NAMESPACE, DRIVER_LABELS, "ui", "/probe", params={"module": ["stages"]}, relabel=stages),
        pods("dataset-check", SPARK_NAMESPACE, {"app.kubernetes.io/name": "dataset-check"}, "metrics"),
        pods("zeppelin", ZEPPELIN_NAMESPACE, {"app.kubernetes.io/component": "server"}, "http"),
        pods("smoke-test", ZEPPELIN_NAMESPACE, {"app.kubernetes.io/name": "smoke-test"}, "metrics"),
        pods("nodes", NODES_NAMESPACE, {"app.kubernetes.io/name": "prometheus-node-exporter"}, "metrics"),
        {
            "job_name": "kube-state-metrics",
            # Its labels are those of the objects it tells of.
            "honor_labels": True,
            "static_configs": [{"targets": [f"prometheus-kube-state-metrics:{STATE_PORT}"]}],
        },
        {"job_name": "prometheus", "static_configs": [{"targets": [f"localhost:{PROMETHEUS_PORT}"]}]},
    ]
    if args.csi_namespace:
        jobs.append(pods("ceph-csi", CSI_NAMESPACE, {"app.kubernetes.io/name": "ceph-csi-cephfs"}, "liveness"))
    return jobs


_OFF = (
    "prometheus", "kubernetes-api-servers", "kubernetes-nodes", "kubernetes-nodes-cadvisor", "kubernetes-service-endpoints",
    "kubernetes-service-endpoints-slow", "prometheus-pushgateway", "kubernetes-services", "kubernetes-pods", "kubernetes-pods-slow",
)  # fmt: skip
"""Jobs that the chart brings: they would read the whole cluster."""


def _pulled(pulls: Sequence[pulumi.Input[str | None]]) -> dict[str, Any]:
    """The pull secrets of a chart, by names. Charts within a chart have their own."""
    return {"imagePullSecrets": [{"name": each} for each in pulls]} if pulls else {}


def _registry(args: MonitoringArgs, registry: str) -> dict[str, Any]:
    """Where a chart gets its images that names no registry for each."""
    return {"global": {"imageRegistry": f"{args.mirror}{registry}"}} if args.mirror else {}


def prometheus_values(args: MonitoringArgs, pulls: Sequence[pulumi.Input[str | None]]) -> dict[str, Any]:
    """The values of chart prometheus: the server, Alertmanager and kube-state-metrics. pulls: names of pull secrets."""
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
        **_pulled(pulls),
        "rbac": {"create": False},
        "serviceAccounts": {"server": {"create": False, "name": _PROMETHEUS_ACCOUNT}},
        "scrapeConfigs": {job: {"enabled": False} for job in _OFF},
        "configmapReload": {
            "prometheus": {
                "image": {"repository": f"{args.mirror}quay.io/prometheus-operator/prometheus-config-reloader"},
                "containerSecurityContext": _RESTRICTED,
                "resources": _resources("10m", "32Mi", "200m", "64Mi"),
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
            "containerSecurityContext": _RESTRICTED,
            "resources": _resources("200m", "1Gi", "2", "4Gi"),
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
            **_pulled(pulls),
            "image": {"repository": f"{args.mirror}quay.io/prometheus/alertmanager"},
            "automountServiceAccountToken": False,
            # One replica has no peers, and need not find an address for them.
            "extraArgs": {"cluster.listen-address": ""},
            # Silences are lost with the Pod; alerts come again.
            "persistence": {"enabled": False},
            "podSecurityContext": {"fsGroup": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
            "securityContext": _RESTRICTED | {"runAsUser": 65534, "runAsNonRoot": True, "runAsGroup": 65534},
            "resources": _resources("10m", "64Mi", "500m", "256Mi"),
            "extraSecretMounts": [
                {"name": title, "mountPath": path, "secretName": "alerts", "readOnly": True} for title, path in mounts.items()
            ],
            "extraEnv": [{"name": key, "value": value} for key, value in args.environment.items()],
            "config": {"route": group, "receivers": [receiver], "templates": []},
        },
        "kube-state-metrics": {
            **_pulled(pulls),
            "image": {"registry": f"{args.mirror}registry.k8s.io"},
            "rbac": {"create": False},
            "serviceAccount": {"create": False, "name": _STATE_ACCOUNT},
            "collectors": [*_STATE_RESOURCES, "nodes"],
            "namespaces": f"{SPARK_NAMESPACE},{ZEPPELIN_NAMESPACE}",
            "metricLabelsAllowlist": ["pods=[spark-role,spark-app-selector,spark-exec-id,gaia-dmp/user]"],
            "resources": _resources("20m", "64Mi", "500m", "256Mi"),
        },
        "prometheus-node-exporter": {"enabled": False},
        "prometheus-pushgateway": {"enabled": False},
    }


def node_values(args: MonitoringArgs, pulls: Sequence[pulumi.Input[str | None]]) -> dict[str, Any]:
    """The values of chart prometheus-node-exporter, on every node whatever it is tainted with. pulls: names of pull secrets."""
    return {
        **_pulled(pulls),
        **_registry(args, "quay.io"),
        # Of its account alone: it asks the API for nothing.
        "rbac": {"create": True},
        "serviceAccount": {"create": True, "automountServiceAccountToken": False},
        "service": {"enabled": False},
        "tolerations": [{"operator": "Exists"}],
        "containerSecurityContext": _RESTRICTED,
        "resources": _resources("20m", "32Mi", "250m", "128Mi"),
        "extraArgs": ["--collector.disable-defaults", *(f"--collector.{each}" for each in _COLLECTORS)],
    }


_COLLECTORS = ("cpu", "filesystem", "loadavg", "meminfo", "netdev", "pressure", "uname", "vmstat")


def json_values(args: MonitoringArgs, pulls: Sequence[pulumi.Input[str | None]]) -> dict[str, Any]:
    """The values of chart prometheus-json-exporter, which reads Spark's REST API: of what was spilled Spark has no metric of its own.
    pulls: names of pull secrets.
    """
    stages = {
        "name": "spark_stage",
        "type": "object",
        "path": "{[*]}",
        "labels": {"stage": "{.stageId}", "attempt": "{.attemptId}"},
        "values": {"disk_bytes_spilled": "{.diskBytesSpilled}", "memory_bytes_spilled": "{.memoryBytesSpilled}"},
        "help": "of one stage",
    }
    return {
        **_pulled(pulls),
        "image": {"repository": f"{args.mirror}quay.io/prometheuscommunity/json-exporter"},
        "fullnameOverride": "prometheus-json-exporter",
        # Its chart would mount a token.
        "serviceAccount": {"create": False, "name": _JSON_ACCOUNT},
        "podSecurityContext": {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "securityContext": _RESTRICTED,
        "resources": _resources("10m", "32Mi", "200m", "64Mi"),
        "configuration": {"config": yaml.safe_dump({"modules": {"stages": {"metrics": [stages]}}}, sort_keys=False)},
    }


def grafana_values(args: MonitoringArgs, pulls: Sequence[pulumi.Input[str | None]]) -> dict[str, Any]:
    """The values of chart grafana: no account of its own, no administrator, everything from files. pulls: names of pull secrets."""
    return {
        **_registry(args, "docker.io"),
        "image": {"pullSecrets": list(pulls)},
        "rbac": {"create": False},
        "serviceAccount": {"create": True, "automountServiceAccountToken": False},
        "automountServiceAccountToken": False,
        "testFramework": {"enabled": False},
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 472,
            "runAsGroup": 472,
            "fsGroup": 472,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": _resources("50m", "128Mi", "1", "512Mi"),
        "env": {"GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true"},
        "grafana.ini": {
            "server": {"root_url": f"{args.origin}/grafana/", "serve_from_sub_path": True},
            "analytics": {"check_for_updates": False, "check_for_plugin_updates": False, "reporting_enabled": False},
            "auth": {"disable_login_form": True, "disable_signout_menu": True},
            "auth.basic": {"enabled": False},
            "auth.proxy": {"enabled": True, "header_name": "X-WEBAUTH-USER", "auto_sign_up": True},
            "users": {"auto_assign_org_role": "Viewer", "allow_sign_up": False},
            "security": {"disable_gravatar": True, "cookie_secure": args.origin.startswith("https:")},
            "plugins": {"plugin_admin_enabled": False, "preinstall_disabled": True},
            "dashboards": {"default_home_dashboard_path": "/var/lib/grafana/dashboards/gaia/notebook.json"},
        },
        "datasources": {
            "datasources.yaml": {
                "apiVersion": 1,
                "datasources": [
                    {"name": "Prometheus", "uid": "prometheus", "type": "prometheus", "url": "http://prometheus-server", "isDefault": True}
                ],
            }
        },
        "dashboardProviders": {
            "dashboardproviders.yaml": {
                "apiVersion": 1,
                "providers": [
                    {
                        "name": "gaia",
                        "folder": "",
                        "type": "file",
                        "disableDeletion": True,
                        "editable": False,
                        "options": {"path": "/var/lib/grafana/dashboards/gaia"},
                    }
                ],
            }
        },
        "dashboardsConfigMaps": {"gaia": "dashboards"},
    }
