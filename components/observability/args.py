"""What metrics, alerts and dashboards need from the rest of the platform."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_kubernetes.core import v1 as core


@dataclass(frozen=True, kw_only=True)
class AlertsArgs:
    """Who is told of alerts."""

    kind: Literal["webhook", "slack"]
    """What the address takes."""

    url: pulumi.Input[str]
    """The address (secret)."""


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """What monitoring needs."""

    namespace: str
    """Name of the namespace of metrics."""

    spark_namespace: core.Namespace
    """The namespace of notebooks."""

    spark_name: str
    """Its name."""

    zeppelin_namespace: core.Namespace
    """The namespace of the Zeppelin server."""

    zeppelin_name: str
    """Its name."""

    csi_namespace: core.Namespace | None = None
    """The namespace of the CephCSI plug-in, or None where the stack installs none."""

    csi_name: str = ""
    """Its name."""

    retention_days: int
    """Days that metrics are kept."""

    size_gib: int
    """Size of Prometheus' volume."""

    storage_class: str | None = None
    """Storage class of that volume, or None for the cluster's default."""

    alerts: AlertsArgs | None = None
    """Who is told of alerts, or None."""

    origin: str
    """The address that browsers use."""

    idle_minutes: int
    """Minutes after which an idle interpreter should end."""

    smoke_minutes: int
    """Minutes from one run of the test notebook to the next."""

    serving: bool = True
    """False while the server stands by, which is no fault."""

    runbooks: str
    """The address under which docs/runbooks is found."""

    environment: Mapping[str, str]
    """Environment variables by which a process reaches the world."""

    ca_bundle: str | None = None
    """PEM certificates to trust, or None."""

    mirror: str = ""
    """A registry that stands before each image's own, with a slash at its end, or an empty text."""

    pull_secret: pulumi.Input[str] | None = None
    """docker config.json (secret) for the registry, or None."""
