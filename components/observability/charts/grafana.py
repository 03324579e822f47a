"""Grafana: shows the dashboards to the person whom the gateway names."""

from collections.abc import Sequence
from typing import Any

import pulumi

from components.observability.args import MonitoringArgs
from components.observability.charts.chart import GRAFANA_COMMUNITY, Chart, image_registry, resources
from components.observability.charts.prometheus import SERVICE as PROMETHEUS_SERVICE

CHART = Chart("grafana", "13.0.1", GRAFANA_COMMUNITY)
DASHBOARDS = "dashboards"
"""Name of the ConfigMap with the dashboards."""

_FOLDER = "/var/lib/grafana/dashboards/gaia"


def values(args: MonitoringArgs, pulls: Sequence[pulumi.Input[str | None]]) -> dict[str, Any]:
    """The values of the chart: no account of its own, no administrator, everything from files. pulls: names of pull secrets."""
    return {
        **image_registry(args.mirror, "docker.io"),
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
        "resources": resources("50m", "128Mi", "1", "512Mi"),
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
            "dashboards": {"default_home_dashboard_path": f"{_FOLDER}/notebook.json"},
        },
        "datasources": {
            "datasources.yaml": {
                "apiVersion": 1,
                "datasources": [
                    {
                        "name": "Prometheus",
                        "uid": "prometheus",
                        "type": "prometheus",
                        "url": f"http://{PROMETHEUS_SERVICE}",
                        "isDefault": True,
                    }
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
                        "options": {"path": _FOLDER},
                    }
                ],
            }
        },
        "dashboardsConfigMaps": {"gaia": DASHBOARDS},
    }
