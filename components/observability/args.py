"""What metrics, alerts and dashboards need from the rest of the platform."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi

from components.kubernetes.namespace import NamespaceRef
from settings.values.monitoring import MonitoringSettings


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Who gets the alerts."""

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
    """Where alerts are sent, or None."""

    origin: str
    """Address that browsers come by."""

    idle_minutes: int
    """Minutes after which an interpreter should end."""

    serving: bool = True
    """False while the server is on standby, which is not a fault."""

    models: bool = False
    """Whether there is a server of models."""

    yarn_workers: int = 0
    """Number of Yarn's NodeManagers; 0 where Kubernetes starts executors."""

    environment: Mapping[str, str]
    """What a process needs to reach the world."""

    ca_bundle: str | None = None
    """PEM certificates to trust, or None."""

    mirror: str = ""
    """Registry that stands before each image's own, with a slash; or ""."""

    login: pulumi.Input[str] | None = None
    """docker config.json (secret) for the registry, or None."""
