"""node-exporter: processors, memory, disks and network of each node."""

from collections.abc import Sequence
from typing import Any

import pulumi

from components.observability.args import MonitoringArgs
from components.observability.charts.chart import PROMETHEUS_COMMUNITY, RESTRICTED, Chart, image_registry, pull_secrets, resources

CHART = Chart("prometheus-node-exporter", "4.56.1", PROMETHEUS_COMMUNITY)
_COLLECTORS = ("cpu", "filesystem", "loadavg", "meminfo", "netdev", "pressure", "uname", "vmstat")


def values(args: MonitoringArgs, pulls: Sequence[pulumi.Input[str | None]]) -> dict[str, Any]:
    """The values of the chart. It runs on every node, whatever its taints. pulls: names of pull secrets."""
    return {
        **pull_secrets(pulls),
        **image_registry(args.mirror, "quay.io"),
        # The chart makes no ServiceAccount without this. It makes no Role.
        "rbac": {"create": True},
        "serviceAccount": {"create": True, "automountServiceAccountToken": False},
        "service": {"enabled": False},
        "tolerations": [{"operator": "Exists"}],
        "containerSecurityContext": RESTRICTED,
        "resources": resources("10m", "32Mi", "250m", "128Mi"),
        "extraArgs": ["--collector.disable-defaults", *(f"--collector.{each}" for each in _COLLECTORS)],
    }
