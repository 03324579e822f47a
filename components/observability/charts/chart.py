"""What all charts have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

PROMETHEUS_COMMUNITY = "https://prometheus-community.github.io/helm-charts"
GRAFANA_COMMUNITY = "https://grafana-community.github.io/helm-charts"

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Security context of every container of a chart."""


@dataclass(frozen=True)
class Chart:
    """One chart. tests/cloud/tools/charts/go.mod pins the same versions: tests render what a cluster gets."""

    name: str
    """Name of the chart, and of its release."""

    version: str
    """Version of the chart, not of the program that it installs."""

    repository: str
    """Address of the Helm repository."""


def resources(cpu: str, memory: str, most_cpu: str, most_memory: str) -> dict[str, Any]:
    """Requests and limits of one container."""
    return {
        "requests": {"cpu": cpu, "memory": memory, "ephemeral-storage": "64Mi"},
        "limits": {"cpu": most_cpu, "memory": most_memory, "ephemeral-storage": "1Gi"},
    }


def pull_secrets(names: Sequence[pulumi.Input[str | None]]) -> dict[str, Any]:
    """The pull secrets of a chart. A chart within a chart needs its own."""
    return {"imagePullSecrets": [{"name": each} for each in names]} if names else {}


def image_registry(mirror: str, registry: str) -> dict[str, Any]:
    """The registry of a chart that has one setting for all its images. Without a mirror the chart's own stays."""
    return {"global": {"imageRegistry": f"{mirror}{registry}"}} if mirror else {}
