"""The recording rules and alerts of Prometheus, from files/rules.yaml."""

from typing import Any

from components.files import parsed, text
from components.observability.args import MonitoringArgs


def rules(args: MonitoringArgs) -> dict[str, Any]:
    """The recording rules and alerts, each with the address of its runbook. Where the server stands by, nothing is said of it."""
    source = text("observability/files/rules.yaml")
    for key, value in {"smoke_silent_seconds": args.smoke_minutes * 120, "idle_minutes": args.idle_minutes * 2}.items():
        source = source.replace(f"@{key}@", str(value))
    groups = parsed(source)["groups"]
    if not args.serving:
        groups = [group for group in groups if group["name"] != "service"]
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        rule["annotations"]["runbook_url"] = f"{args.runbooks}/{rule['labels']['runbook']}.md"
    return {"groups": groups}
