"""Metrics, alerts and dashboards: Prometheus, Alertmanager, kube-state-metrics, node-exporter and Grafana, by their upstream charts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.helm import v3 as helm
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.rbac import v1 as rbac

from components import names
from components.kubernetes.namespace import NamespaceRef, secured_namespace
from components.observability import dashboards
from components.observability.args import MonitoringArgs
from components.observability.charts import grafana, json_exporter, node_exporter, prometheus
from components.observability.charts.chart import Chart


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
        self.namespace = secured_namespace(name, names.MONITORING_NAMESPACE, "restricted", self, args.login)
        self._nodes = secured_namespace(f"{name}-nodes", names.NODES_NAMESPACE, "privileged", self, args.login)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=self.namespace.resource)
        where = self.namespace.title
        pulls, node_pulls = ([each.name for each in namespace.image_pull_secrets] for namespace in (self.namespace, self._nodes))
        bindings = self._rights(where)
        address = core.Secret(
            f"{name}-alerts",
            metadata=meta.ObjectMetaArgs(name=prometheus.ALERTS, namespace=where),
            string_data={"url": pulumi.Output.secret(args.receiver.url) if args.receiver else ""}
            | ({"ca-bundle.pem": args.ca_bundle} if args.ca_bundle else {}),
            opts=inside,
        )
        boards = core.ConfigMap(
            f"{name}-dashboards",
            metadata=meta.ObjectMetaArgs(name=grafana.DASHBOARDS, namespace=where),
            data=dashboards.dashboard_files(models=args.models),
            opts=inside,
        )
        self._release(prometheus.CHART, self.namespace, prometheus.values(args, pulls), [*bindings, address])
        self._release(node_exporter.CHART, self._nodes, node_exporter.values(args, node_pulls), [])
        self._release(json_exporter.CHART, self.namespace, json_exporter.values(args, pulls), [])
        self._release(grafana.CHART, self.namespace, grafana.values(args, pulls), [boards])
        self.register_outputs({"namespace": self.namespace.resource})

    def _release(self, chart: Chart, namespace: NamespaceRef, values: dict[str, Any], after: Sequence[pulumi.Resource]) -> None:
        helm.Release(
            f"{self._name}-{chart.name}",
            name=chart.name,
            chart=chart.name,
            version=chart.version,
            repository_opts=helm.RepositoryOptsArgs(repo=chart.repository),
            namespace=namespace.title,
            values=values,
            # A chart that does not start within ten minutes is an error; nothing else waits for it.
            timeout=600,
            atomic=False,
            # Prometheus' claim is made by a storage class: it must go while the cluster still lives to remove its volume.
            opts=pulumi.ResourceOptions(
                parent=self, deleted_with=None if chart == prometheus.CHART else namespace.resource, depends_on=list(after)
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
            for title in (prometheus.ACCOUNT, prometheus.STATE_METRICS_ACCOUNT, json_exporter.ACCOUNT)
        }
        watched = [args.spark_namespace, args.zeppelin_namespace]
        scraped = [*watched, self._nodes, *([args.csi_namespace] if args.csi_namespace else [])]
        made = [self._role(prometheus.ACCOUNT, namespace, accounts, {"": ("pods",)}) for namespace in scraped]
        made += [self._role(prometheus.STATE_METRICS_ACCOUNT, namespace, accounts, prometheus.WATCHED) for namespace in watched]
        role = rbac.ClusterRole(
            f"{name}-nodes-reader",
            metadata=meta.ObjectMetaArgs(name=f"{names.MONITORING_NAMESPACE}-nodes"),
            rules=[rbac.PolicyRuleArgs(api_groups=[""], resources=["nodes"], verbs=["list", "watch"])],
            opts=pulumi.ResourceOptions(parent=self),
        )
        made.append(
            rbac.ClusterRoleBinding(
                f"{name}-nodes-reader-binding",
                metadata=meta.ObjectMetaArgs(name=f"{names.MONITORING_NAMESPACE}-nodes"),
                role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=role.metadata["name"]),
                subjects=[
                    rbac.SubjectArgs(
                        kind="ServiceAccount", name=accounts[prometheus.STATE_METRICS_ACCOUNT].metadata["name"], namespace=where
                    )
                ],
                opts=pulumi.ResourceOptions(parent=self),
            )
        )
        return made

    def _role(
        self,
        who: str,
        namespace: NamespaceRef,
        accounts: Mapping[str, core.ServiceAccount],
        groups: Mapping[str, Sequence[str]],
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
