"""The recording rules and alerts of Prometheus, from files/rules.yaml."""

from typing import Any

from components import names
from components.files import parsed, text
from components.observability.args import MonitoringArgs


def rules(args: MonitoringArgs) -> dict[str, Any]:
    """The recording rules and alerts, each with the address of its runbook. A server that stands by raises no alert about the service."""
    values = {
        "spark": names.SPARK_NAMESPACE,
        "zeppelin": names.ZEPPELIN_NAMESPACE,
        "backup": names.BACKUP,
        "notebooks_quota": names.NOTEBOOKS_QUOTA,
        "smoke_silent_seconds": args.settings.smoke_test.every_minutes * 120,
        "idle_minutes": args.idle_minutes * 2,
        "yarn_workers": args.yarn_workers,
    }
    source = text("observability/files/rules.yaml")
    for key, value in values.items():
        source = source.replace(f"@{key}@", str(value))
    wanted = {"service": args.serving, "models": args.serving and args.models, "yarn": args.yarn_workers > 0}
    groups = [group for group in parsed(source)["groups"] if wanted.get(group["name"], True)]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        rule["annotations"]["runbook_url"] = f"{args.settings.runbooks or 'docs/runbooks'}/{rule['labels']['runbook']}.md"
    return {"groups": groups}
