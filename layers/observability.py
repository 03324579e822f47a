"""Who looks after the platform: metrics, alerts, dashboards and the test notebook."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.kubernetes.connections import PROMETHEUS, STATE_METRICS, monitoring_flows
from components.kubernetes.network_policies import NetworkPolicies
from components.names import GATEWAY, MONITORING_NAMESPACE, ZEPPELIN, ZEPPELIN_PORT
from components.observability.args import MonitoringArgs, Receiver
from components.observability.smoke_test import SmokeTest, SmokeTestArgs
from components.observability.stack import Monitoring
from layers.spark import Spark
from layers.stack import Stack
from layers.storage import Storage
from layers.zeppelin import Notebooks
from settings.values.monitoring import MonitoringSettings


@dataclass(frozen=True, kw_only=True)
class Observability:
    """What looks after the platform."""

    test_user: str | None = None
    """Login name of the test notebook, or None."""

    namespaces: Mapping[str, str]
    """The stack output of the namespaces that this layer makes."""


def build(stack: Stack, data: Storage, engine: Spark, notebooks: Notebooks) -> Observability:
    """Metrics and the test notebook, if the stack has them."""
    settings = stack.settings.monitoring
    if settings is None:
        return Observability(namespaces={})
    _smoke_test(stack, settings, data, engine, notebooks)
    outside, prefix = stack.settings.outside, stack.settings.images.registry_prefix
    watched = Monitoring(
        "monitoring",
        MonitoringArgs(
            settings=settings,
            spark_namespace=engine.namespace,
            zeppelin_namespace=notebooks.namespace,
            csi_namespace=data.keys if stack.settings.ceph_csi.install else None,
            receiver=Receiver(kind=settings.alerts.kind, url=stack.secret(settings.alerts.url_secret)) if settings.alerts else None,
            origin=stack.origin,
            idle_minutes=stack.settings.spark.interpreter_idle_minutes,
            serving=stack.serving,
            models=data.models is not None,
            yarn_workers=engine.yarn.workers if engine.yarn else 0,
            environment=stack.pod_environment,
            ca_bundle=outside.ca_bundle,
            mirror=f"{prefix}/" if prefix else "",
            login=stack.registry_login,
        ),
        data.inside,
    )
    nodes, beside = str(stack.settings.cloud.node_network), {"models": data.models is not None, "yarn": engine.yarn is not None}
    flows = monitoring_flows(nodes, outside.egress, **beside)
    callers = [PROMETHEUS, STATE_METRICS]
    NetworkPolicies("monitoring-network", stack.network_policies(watched.namespace, flows, callers), data.inside)
    return Observability(test_user=settings.smoke_test.user, namespaces={"monitoring": MONITORING_NAMESPACE})


def _smoke_test(stack: Stack, settings: MonitoringSettings, data: Storage, engine: Spark, notebooks: Notebooks) -> None:
    smoke = settings.smoke_test
    args = SmokeTestArgs(
        namespace=notebooks.namespace,
        settings=smoke,
        url=f"http://{ZEPPELIN}:{ZEPPELIN_PORT}",
        password=stack.optional_secret(smoke.password_secret) or notebooks.passwords[smoke.user],
        image=engine.pods.spark_image,
        certificate=f"{GATEWAY}:443" if stack.balanced else None,
        serving=stack.serving,
    )
    SmokeTest("smoke-test", args, data.inside)
