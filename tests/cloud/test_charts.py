"""What the upstream charts make of our values: by Helm itself, on a real API server that enforces Pod Security."""

from pathlib import Path

import pytest

from components import names
from preview import manifests
from tests.cloud import deployed, releases
from tests.cloud.api import Api, Object, collection
from tests.support.programs import record_data
from tests.support.stack_files import with_models

MONITORED = deployed.stack(
    monitoring={"alerts": {"kind": "slack", "url_secret": "alerts-url"}, "storage_class": "csi-cinder", "size_gib": 10},
    images={"registry_prefix": "mirror.example.org/hub", "pull_secret": "registry-login"},
)
MONITORED = with_models(MONITORED)
MONITORED["gaia-dmp:outside"]["egress"].append({"name": "chat", "cidr": "192.0.2.0/24", "ports": [443], "who": ["alerts"]})


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Object]]:
    return releases.of(MONITORED, tmp_path_factory.mktemp("charts"))


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return deployed.objects(MONITORED)


def every_pod(charts: dict[str, list[Object]]) -> dict[str, Object]:
    return {name: pod for items in charts.values() for name, pod in releases.pods(items).items()}


def test_every_object_is_valid(charts):
    for items in charts.values():
        assert manifests.check(items, "1.35") == []


def test_an_api_server_takes_all_of_it_under_pod_security(api: Api, charts, objects):
    accounts = [item for items in charts.values() for item in items if item["kind"] == "ServiceAccount"]
    accounts += [item for item in objects if item["kind"] == "ServiceAccount" and item["metadata"]["namespace"] == "gaia-monitoring"]
    namespaces = [item for item in objects if item["kind"] == "Namespace" and item["metadata"]["name"] in ("gaia-monitoring", "gaia-nodes")]
    deployed.apply(api, [*namespaces, *accounts])
    applied = {"fieldManager": "tests", "force": "true", "dryRun": "All"}
    for items in charts.values():
        for item in items:
            api.call("PATCH", f"{collection(item)}/{item['metadata']['name']}", item, applied, "application/apply-patch+yaml")
    for name, pod in every_pod(charts).items():
        namespace = "gaia-nodes" if name == "prometheus-node-exporter" else "gaia-monitoring"
        metadata = {"name": name, "namespace": namespace, "labels": pod["metadata"]["labels"]}
        bare = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
        # Pod Security judges Pods, and lets the Deployments that would make bad ones pass with a warning.
        api.call("POST", f"/api/v1/namespaces/{namespace}/pods", bare, {"dryRun": "All"})


def test_there_are_the_pods_that_policies_and_rights_speak_of(charts, objects):
    known = {
        "prometheus-server": (names.PROMETHEUS_LABELS, names.PROMETHEUS_PORT, "prometheus"),
        "prometheus-kube-state-metrics": (names.STATE_METRICS_LABELS, names.STATE_METRICS_PORT, "kube-state-metrics"),
        "prometheus-alertmanager": (names.ALERTMANAGER_LABELS, names.ALERTMANAGER_PORT, "prometheus-alertmanager"),
        "prometheus-json-exporter": (names.JSON_EXPORTER_LABELS, names.JSON_EXPORTER_PORT, "prometheus-json-exporter"),
        "grafana": (names.GRAFANA_LABELS, names.GRAFANA_PORT, "grafana"),
    }
    pods = every_pod(charts)
    assert sorted(pods) == sorted([*known, "prometheus-node-exporter"])
    for name, (labels, port, account) in known.items():
        pod = pods[name]
        assert labels.items() <= pod["metadata"]["labels"].items(), name
        assert port in [each["containerPort"] for container in pod["spec"]["containers"] for each in container.get("ports", [])], name
        assert pod["spec"]["serviceAccountName"] == account


def test_a_token_is_where_it_is_used_and_nowhere_else(charts, objects):
    accounts = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item.get("automountServiceAccountToken")
        for item in [*objects, *(item for items in charts.values() for item in items)]
        if item["kind"] == "ServiceAccount"
    }
    holding = []
    for name, pod in every_pod(charts).items():
        namespace = "gaia-nodes" if name == "prometheus-node-exporter" else "gaia-monitoring"
        own = pod["spec"].get("automountServiceAccountToken")
        if own if own is not None else accounts[namespace, pod["spec"]["serviceAccountName"]] is not False:
            holding.append(name)
    assert sorted(holding) == ["prometheus-kube-state-metrics", "prometheus-server"]


def test_charts_bring_no_rights_no_secret_and_no_way_in(charts):
    kinds = {item["kind"] for items in charts.values() for item in items}
    assert kinds == {
        "ConfigMap", "DaemonSet", "Deployment", "PersistentVolumeClaim", "Service", "ServiceAccount", "StatefulSet",
    }  # fmt: skip
    services = [item for items in charts.values() for item in items if item["kind"] == "Service"]
    assert {service["spec"].get("type", "ClusterIP") for service in services} == {"ClusterIP"}


def test_every_container_is_bounded_pinned_and_from_the_mirror(charts):
    for name, pod in every_pod(charts).items():
        for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
            assert container["image"].startswith("mirror.example.org/hub/"), name
            assert not container["image"].endswith((":latest", ":")), name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys(), name


def test_every_pod_has_the_login_of_the_mirror(charts):
    for name, pod in every_pod(charts).items():
        assert pod["spec"].get("imagePullSecrets") == [{"name": "registry"}], name


def test_the_address_of_alerts_is_read_from_a_secret_alone(charts, objects):
    texts = [text for item in charts["prometheus"] if item["kind"] == "ConfigMap" for text in item["data"].values()]
    assert any("api_url_file: /secret/url" in text for text in texts)
    secret = deployed.one(objects, "Secret", "alerts")
    assert secret["metadata"]["namespace"] == "gaia-monitoring"
    spec = every_pod(charts)["prometheus-alertmanager"]["spec"]
    assert {"name": "alerts", "secret": {"secretName": "alerts"}} in spec["volumes"]


def test_grafana_knows_nobody_but_whom_the_gateway_names(charts):
    ini = releases.config(charts["grafana"], "grafana", "grafana.ini")
    sections = dict(part.split("]\n", 1) for part in ("\n" + ini).split("\n[")[1:])
    assert "enabled = true" in sections["auth.proxy"]
    assert "header_name = X-WEBAUTH-USER" in sections["auth.proxy"]
    assert "enabled = false" in sections["auth.basic"]
    assert "auto_assign_org_role = Viewer" in sections["users"]
    assert "disable_login_form = true" in sections["auth"]
    environment = {each["name"]: each.get("value") for each in every_pod(charts)["grafana"]["spec"]["containers"][0]["env"]}
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"


def test_a_stack_without_monitoring_has_none_of_it(tmp_path: Path):
    assert record_data(deployed.stack(), "update", "kube").of_type(releases.RELEASE) == []
