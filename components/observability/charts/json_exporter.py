"""json-exporter: reads Spark's REST API, because Spark has no metric of its own for what was spilled."""

from collections.abc import Sequence
from typing import Any

import pulumi

from components.files import dumped
from components.observability.args import MonitoringArgs
from components.observability.charts.chart import PROMETHEUS_COMMUNITY, RESTRICTED, Chart, pull_secrets, resources

CHART = Chart("prometheus-json-exporter", "0.19.2", PROMETHEUS_COMMUNITY)
ACCOUNT = "prometheus-json-exporter"
SERVICE = "prometheus-json-exporter"
STAGES = "stages"
"""Name of the module that Prometheus asks for."""


def values(args: MonitoringArgs, pulls: Sequence[pulumi.Input[str | None]]) -> dict[str, Any]:
    """The values of the chart. pulls: names of pull secrets."""
    stages = {
        "name": "spark_stage",
        "type": "object",
        "path": "{[*]}",
        "labels": {"stage": "{.stageId}", "attempt": "{.attemptId}"},
        "values": {"disk_bytes_spilled": "{.diskBytesSpilled}", "memory_bytes_spilled": "{.memoryBytesSpilled}"},
        "help": "of one stage",
    }
    return {
        **pull_secrets(pulls),
        "image": {"repository": f"{args.mirror}quay.io/prometheuscommunity/json-exporter"},
        "fullnameOverride": SERVICE,
        # The account that the chart would make has a token.
        "serviceAccount": {"create": False, "name": ACCOUNT},
        "podSecurityContext": {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "securityContext": RESTRICTED,
        "resources": resources("10m", "32Mi", "200m", "64Mi"),
        "configuration": {"config": dumped({"modules": {STAGES: {"metrics": [stages]}}})},
    }
