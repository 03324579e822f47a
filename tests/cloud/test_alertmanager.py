"""Who is told of an alert, and what: by a real Alertmanager as the chart runs it. That Prometheus tells it is in test_metrics.py."""

import copy
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.cloud import releases
from tests.cloud.alertmanager import listening, running
from tests.cloud.test_charts import MONITORED
from tests.support.certificates import self_signed
from tests.support.eventually import eventually

ALERT = {
    "labels": {"alertname": "DatasetLost", "severity": "critical"},
    "annotations": {"summary": "Dataset sample is lost on worker-0", "runbook_url": "docs/runbooks/mount-lost.md"},
}
TEXT = "Dataset sample is lost on worker-0 docs/runbooks/mount-lost.md"


def charts(tmp_path, kind, **outside):
    data = copy.deepcopy(MONITORED)
    data["gaia-dmp:monitoring"]["alerts"]["kind"] = kind
    data["gaia-dmp:outside"] |= outside
    return releases.of(data, tmp_path / "values")["prometheus"]


def post(address, **more):
    assert httpx.post(f"{address}/api/v2/alerts", json=[ALERT | more]).status_code == 200


def test_a_chat_is_told_of_an_alert_with_its_runbook_and_of_its_end(tmp_path):
    items = charts(tmp_path, "slack")
    with listening() as told, running(items, tmp_path / "run", f"http://{told.address}/hooks/secret") as address:
        post(address)
        eventually(lambda: len(told.messages) == 1)
        now = datetime.now(UTC)
        post(address, startsAt=(now - timedelta(minutes=1)).isoformat(), endsAt=now.isoformat())
        eventually(lambda: len(told.messages) == 2)
    assert [path for path, _ in told.messages] == ["/hooks/secret"] * 2
    titles = [message["attachments"][0]["title"] for _, message in told.messages]
    assert titles == ["FIRING: DatasetLost", "RESOLVED: DatasetLost"]
    assert told.messages[0][1]["attachments"][0]["text"].strip() == TEXT


def test_a_webhook_gets_the_alert_as_it_is_through_the_proxy_of_the_stack(tmp_path):
    with listening() as proxy:
        items = charts(tmp_path, "webhook", http_proxy=f"http://{proxy.address}")
        with running(items, tmp_path / "run", "http://chat.example.org/hook") as address:
            post(address)
            eventually(lambda: len(proxy.messages) == 1)
    ((path, message),) = proxy.messages
    assert path == "http://chat.example.org/hook"
    assert (message["status"], message["alerts"][0]["annotations"]) == ("firing", ALERT["annotations"])


@pytest.mark.parametrize("trusted", [True, False])
def test_a_chat_with_a_certificate_of_the_institute_is_told_where_the_stack_trusts_it(tmp_path, trusted):
    pair = self_signed(tmp_path)
    bundle = pair[0].read_text()
    items = charts(tmp_path, "slack", **({"ca_bundle": bundle} if trusted else {}))
    with (
        listening(pair) as told,
        running(items, tmp_path / "run", f"https://{told.address}/hook", bundle if trusted else None) as address,
    ):
        post(address)
        log = tmp_path / "run" / "log"
        eventually(lambda: len(told.messages) == 1 if trusted else "certificate signed by unknown authority" in log.read_text())
    assert len(told.messages) == int(trusted)
