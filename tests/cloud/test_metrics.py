"""Prometheus itself, with the configuration, rules and rights that a stack gives it, on a real Spark run: what is asked for is there, every
panel's query finds something, and alerts fire on faults that are really made."""

import contextlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from components.files import COMPONENTS
from components.observability import dashboards
from tests.cloud import alertmanager, deployed, driver, pictures, pods, releases, tools
from tests.cloud.api import Api, ApiError, Object
from tests.cloud.kube import Kube, die_with_parent
from tests.cloud.kubelet import Kubelet
from tests.cloud.test_charts import MONITORED
from tests.support.eventually import eventually
from tests.support.servers import Quiet, free_ports, serving
from tests.support.stack_files import with_yarn
from tests.unit.test_smoke_test import Zeppelin

DRIVER = "spark-alice-2abcdefgh-driver"
PODS = f"/api/v1/namespaces/{deployed.NOTEBOOKS}/pods"
ALERTS_TEST = Path(__file__).with_name("alerts_test.yaml")


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Object]]:
    return releases.of(MONITORED, tmp_path_factory.mktemp("charts"))


@pytest.fixture(scope="module")
def charts_on_yarn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Object]]:
    return releases.of(with_yarn(MONITORED), tmp_path_factory.mktemp("charts-on-yarn"))


@pytest.fixture(scope="module")
def rules(charts_on_yarn) -> dict[str, Any]:
    """Of a stack that has every rule there is."""
    return yaml.safe_load(releases.config(charts_on_yarn["prometheus"], "prometheus-server", "rules.yml"))


def alerts(rules: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]


def fired(test: dict[str, Any]) -> set[str]:
    """The alerts that fire in a test of promtool's."""
    return {each["alertname"] for each in test.get("alert_rule_test", []) if each["exp_alerts"]}


class TestPromtool:
    def promtool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(tools.program("promtool")), *arguments], capture_output=True, text=True, check=False)

    @pytest.mark.parametrize("stack", ["charts", "charts_on_yarn"])
    def test_configuration_and_rules_are_valid(self, request, stack, tmp_path):
        for key, check in (("prometheus.yml", ("check", "config", "--syntax-only")), ("rules.yml", ("check", "rules"))):
            file = tmp_path / key
            file.write_text(releases.config(request.getfixturevalue(stack)["prometheus"], "prometheus-server", key))
            assert self.promtool(*check, str(file)).returncode == 0

    def prepared(self, rules: dict[str, Any], folder: Path, alert: str = "") -> Path:
        """The tests beside the stack's own rules, with the time limits that the tests count on. alert: only those that it fires in."""
        text = json.dumps(rules).replace("[60m]", "[120m]").replace("offset 60m", "offset 120m")
        (folder / "rules.yml").write_text(text)
        tests = yaml.safe_load(ALERTS_TEST.read_text())
        if alert:
            tests["tests"] = [each for each in tests["tests"] if alert in fired(each)]
        file = folder / ALERTS_TEST.name
        file.write_text(yaml.safe_dump(tests))
        return file

    def test_every_alert_fires_in_its_time_and_not_before(self, rules, tmp_path):
        answer = self.promtool("test", "rules", str(self.prepared(rules, tmp_path)))
        assert answer.returncode == 0, answer.stdout + answer.stderr

    def test_every_alert_has_a_test_that_it_fires(self, rules):
        tests = yaml.safe_load(ALERTS_TEST.read_text())["tests"]
        assert set().union(*map(fired, tests)) == {rule["alert"] for rule in alerts(rules)}

    def test_an_alert_that_never_fires_is_found(self, rules, tmp_path):
        broken = json.loads(json.dumps(rules))
        alerts(broken)[0]["expr"] = "gaia_dmp_dataset_up == 7"
        answer = self.promtool("test", "rules", str(self.prepared(broken, tmp_path, "DatasetLost")))
        assert answer.returncode == 1
        assert "DatasetLost" in answer.stdout + answer.stderr

    def test_every_alert_leads_to_a_runbook_that_there_is(self, rules):
        for rule in alerts(rules):
            url = rule["annotations"]["runbook_url"]
            assert url == f"docs/runbooks/{rule['labels']['runbook']}.md"
            assert (COMPONENTS.parent / url).is_file(), url


class Csi(Quiet):
    """A CephCSI liveness sidecar that finds its plug-in dead."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"csi_liveness 0\n")


class Processes:
    """The programs beside Prometheus, each of which a test may kill and start again."""

    def __init__(self, folder: Path, commands: dict[str, list[str]], environment: dict[str, str]) -> None:
        self._folder, self._commands, self._environment = folder, commands, environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._commands[name], env=self._environment, stdout=log, stderr=log, cwd=self._folder, preexec_fn=die_with_parent
            )

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].wait()

    def kill_all(self) -> None:
        for name in self._running:
            self.kill(name)


@dataclass
class Prometheus:
    """A running Prometheus, and the folder whose files are the dataset of the check."""

    url: str
    dataset: Path
    spark: driver.Driver
    api: Api
    processes: Processes
    zeppelin: type[Zeppelin]
    told: alertmanager.Told
    http: httpx.Client

    def get(self, path: str, **params: str) -> Any:
        answer = self.http.get(f"{self.url}/api/v1/{path}", params=params).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, query: str) -> list[dict[str, Any]]:
        return self.get("query", query=query)["result"]

    def firing(self) -> set[str]:
        return {each["labels"]["alertname"] for each in self.get("alerts")["alerts"] if each["state"] == "firing"}


def _configuration(charts: dict[str, list[Object]], folder: Path, kube: Kube, api: Api, ports: dict[str, int], alerts_to: str) -> None:
    """The stack's own configuration, but for what differs because nothing runs in a Pod: addresses, ports, how fast."""
    config = yaml.safe_load(releases.config(charts["prometheus"], "prometheus-server", "prometheus.yml"))
    token = folder / "token"
    token.write_text(api.token("gaia-monitoring", "prometheus"))
    config["global"] = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(folder / "rules.yml")]
    (manager,) = config["alerting"]["alertmanagers"]
    assert manager["static_configs"] == [{"targets": ["prometheus-alertmanager:9093"]}]
    manager["static_configs"] = [{"targets": [alerts_to]}]
    for job in config["scrape_configs"]:
        name = job["job_name"]
        port = ports.get(name)
        for discovery in job.get("kubernetes_sd_configs", []):
            discovery |= {
                "api_server": kube.url,
                "authorization": {"credentials_file": str(token)},
                "tls_config": {"ca_file": api.access.ca},
            }
        if name in ("dataset-check", "smoke-test", "nodes", "ceph-csi", "zeppelin"):
            # These run as processes without a Pod: their labels are what discovery would have given.
            labels = {"pod": name, "node": "spark-0"}
            job |= {"static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}], "relabel_configs": []}
            job.pop("kubernetes_sd_configs")
        elif "static_configs" in job:
            job["static_configs"][0]["targets"] = [f"127.0.0.1:{port}"]
        else:
            for rule in job["relabel_configs"]:
                if rule.get("target_label") == "__param_target":
                    rule["replacement"] = rule["replacement"].replace("http://$1:4040", f"http://127.0.0.1:{ports['ui']}")
            address = f"127.0.0.1:{ports['json'] if name == 'spark-stages' else ports['ui']}"
            job["relabel_configs"].append({"target_label": "__address__", "replacement": address})
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    rules = yaml.safe_load(releases.config(charts["prometheus"], "prometheus-server", "rules.yml"))
    for rule in alerts(rules):
        # How long a fault must last is promtool's to test.
        rule["for"] = "0s"
        rule["expr"] = rule["expr"].replace("[10m]", "[20s]").replace("[60m]", "[10s]").replace("offset 60m", "offset 10s")
    for rule in (rule for group in rules["groups"] for rule in group["rules"] if "record" in rule):
        rule["expr"] = rule["expr"].replace("[5m]", "[30s]")
    (folder / "rules.yml").write_text(yaml.safe_dump(rules))


@pytest.fixture(scope="module")
def prometheus(kube: Kube, api: Api, items, charts, tmp_path_factory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    names = ("prometheus", "kube-state-metrics", "nodes", "dataset-check", "smoke-test", "ceph-csi", "zeppelin", "ui", "json", "telemetry")
    ports: dict[str, int] = dict(zip(names, free_ports(len(names)), strict=True))
    # What the stack with monitoring has more than that of the other tests: its namespaces, accounts and rights.
    more = [item for item in deployed.objects(MONITORED) if _of_monitoring(item)]
    deployed.apply(api, more)
    dataset = folder / "dataset"
    dataset.mkdir()
    (dataset / "part-0.parquet").write_text("x")
    check = {"datasets": [{"name": "sample", "path": str(dataset), "files": 1, "digest": None}], "seconds": 2, "every": 1, "listing": 2}
    (folder / "datasets.json").write_text(json.dumps(check))
    (folder / "smoke.json").write_text(json.dumps({"every": 2, "slow": 100, "port": ports["smoke-test"], "certificate": None}))
    (folder / "json.yml").write_text(releases.config(charts["prometheus-json-exporter"], "prometheus-json-exporter", "config.yml"))
    state = kubeconfig(kube, api, folder)
    exporter = releases.pods(charts["prometheus"])["prometheus-kube-state-metrics"]
    arguments = [each for each in exporter["spec"]["containers"][0]["args"] if not each.startswith("--port")]
    collectors = releases.pods(charts["prometheus-node-exporter"])["prometheus-node-exporter"]["spec"]["containers"][0]["args"]
    nodes = [each for each in collectors if each.startswith("--collector") and "/host" not in each and "mount-points" not in each]
    python = [sys.executable, "-B"]
    commands = {
        "kube-state-metrics": [str(tools.program("kube-state-metrics")), *arguments, f"--port={ports['kube-state-metrics']}",
                               f"--telemetry-port={ports['telemetry']}", f"--kubeconfig={state}"],
        "node_exporter": [str(tools.program("node_exporter")), *nodes, f"--web.listen-address=127.0.0.1:{ports['nodes']}"],
        "json_exporter": [str(tools.program("json_exporter")), f"--config.file={folder}/json.yml",
                          f"--web.listen-address=127.0.0.1:{ports['json']}"],
        "datasets": [*python, str(COMPONENTS / "spark/files/check_datasets.py"), "serve", str(folder / "datasets.json"),
                     str(ports["dataset-check"])],
        "smoke": [*python, str(COMPONENTS / "observability/files/smoke_test.py"), "serve", f"http://127.0.0.1:{ports['zeppelin']}",
                  str(folder / "smoke.json")],
        "prometheus": [str(tools.program("prometheus")), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                       f"--web.listen-address=127.0.0.1:{ports['prometheus']}"],
    }  # fmt: skip
    environment = {
        "SMOKE_USER": "smoke-test",
        "SMOKE_PASSWORD": "right",
        "NODE_NAME": "spark-0",
        "PYTHONPATH": str(COMPONENTS / "observability/files"),
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
    }
    kind = type("Own", (Zeppelin,), {"notes": {}, "paths": {}, "asked": []})
    executors = Kubelet(api, "4.0", folder / "executors")
    settings = {"spark.ui.port": str(ports["ui"])}
    processes = Processes(folder, commands, environment)
    with contextlib.ExitStack() as stack:
        stack.enter_context(serving(kind, ports["zeppelin"]))
        stack.enter_context(serving(Csi, ports["ceph-csi"]))
        told = stack.enter_context(alertmanager.listening())
        url = f"http://{told.address}/hook"
        manager = stack.enter_context(alertmanager.running(charts["prometheus"], folder / "alertmanager", url))
        _configuration(charts, folder, kube, api, ports, manager.removeprefix("http://"))
        stack.callback(processes.kill_all)
        for name in commands:
            processes.start(name)
        executors.start()
        stack.callback(executors.stop)
        spark = stack.enter_context(driver.running(api, items, folder / "driver", name=DRIVER, hostile=settings))
        # One for all: each new client reads the certificates of this machine, and tests ask twenty times a second.
        http = stack.enter_context(httpx.Client(timeout=30))
        found = Prometheus(f"http://127.0.0.1:{ports['prometheus']}", dataset, spark, api, processes, kind, told, http)
        eventually(lambda: _answers(found))
        # Without work executors would go, and with them what panels show.
        work = "__import__('threading').Thread(target=lambda: [shuffle(12, 0.3) for _ in range(1000)], daemon=True).start()"
        assert spark(work) is None
        yield found


def _answers(prometheus: Prometheus) -> bool:
    try:
        return bool(prometheus.query("up"))
    except httpx.HTTPError:
        return False


def _of_monitoring(item: Object) -> bool:
    metadata, ours = item["metadata"], ("gaia-monitoring", "gaia-nodes", "gaia-csi")
    if item["kind"] in ("Role", "RoleBinding"):
        return metadata["name"] in ("prometheus", "kube-state-metrics")
    return metadata["name"] in (*ours, "gaia-monitoring-nodes") or (item["kind"] == "ServiceAccount" and metadata.get("namespace") in ours)


def kubeconfig(kube: Kube, api: Api, folder: Path) -> Path:
    """A kubeconfig of kube-state-metrics' own account."""
    file = folder / "state.kubeconfig"
    user = {"name": "a", "user": {"token": api.token("gaia-monitoring", "kube-state-metrics")}}
    cluster = {"name": "a", "cluster": {"server": kube.url, "certificate-authority": api.access.ca}}
    context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
    file.write_text(
        json.dumps(
            {"apiVersion": "v1", "kind": "Config", "users": [user], "clusters": [cluster], "contexts": [context], "current-context": "a"}
        )
    )
    return file


class TestWhatIsAsked:
    def test_every_target_that_there_is_is_found_and_answers(self, prometheus):
        jobs = ("spark-driver", "spark-executors", "spark-stages", "dataset-check", "zeppelin", "smoke-test", "nodes", "ceph-csi")
        jobs += ("kube-state-metrics", "prometheus")

        def up() -> dict[str, str]:
            return {each["metric"]["job"]: each["value"][1] for each in prometheus.query("max by (job) (up)")}

        def well(found: dict[str, str]) -> bool:
            # The Zeppelin of this test has no /metrics; a real one has.
            return set(jobs) <= found.keys() and {job for job, value in found.items() if value != "1"} <= {"zeppelin"}

        eventually(lambda: well(up()))

    def test_a_drivers_numbers_carry_its_person_and_pod(self, prometheus):
        query = "metrics_zeppelin_driver_DAGScheduler_job_allJobs_Value"
        eventually(lambda: any(float(each["value"][1]) >= 2 for each in prometheus.query(query)))
        whose = prometheus.query(f"max by (person, pod) (max_over_time({query}[10m]))")
        assert [each["metric"] for each in whose] == [{"person": "alice", "pod": DRIVER}]

    def test_an_application_is_called_like_its_pod(self, prometheus):
        assert prometheus.spark("sc.applicationId") == DRIVER
        eventually(lambda: bool(prometheus.query(f'gaia_dmp:executor:info{{application_id="{DRIVER}", person="alice"}}')))

    def test_prometheus_may_list_pods_and_nothing_else(self, prometheus, api):
        user = "system:serviceaccount:gaia-monitoring:prometheus"
        for namespace in ("gaia-spark", "gaia-zeppelin", "gaia-nodes", "gaia-csi"):
            assert api.may(user, "list", "pods", namespace)
            for verb, resource in (
                ("get", "secrets"),
                ("list", "secrets"),
                ("create", "pods"),
                ("get", "pods/log"),
                ("list", "configmaps"),
            ):
                assert not api.may(user, verb, resource, namespace)
        assert not api.may(user, "list", "pods", "kube-system")
        state = "system:serviceaccount:gaia-monitoring:kube-state-metrics"
        assert api.may(state, "list", "resourcequotas", "gaia-spark")
        assert api.may(state, "list", "nodes", "")
        assert not api.may(state, "list", "secrets", "gaia-zeppelin")
        assert not api.may(state, "list", "pods", "gaia-csi")


EMPTY = {
    # What a healthy run on this machine cannot show, and why.
    "Zeppelin's memory": "a real Zeppelin serves it",
    "Available disk": "a sandbox may have no disk of its own at /",
    "Idle interpreters": "only where one is idle",
}


@pytest.mark.parametrize(("board", "panel"), [(b, p.title) for b, (_, panels) in dashboards.DASHBOARDS.items() for p in panels])
def test_every_panels_query_finds_something(prometheus, board, panel):
    _, panels = dashboards.DASHBOARDS[board]
    (found,) = [each for each in panels if each.title == panel]
    for query in found.queries:
        # As Grafana fills it in for whoever looks; five minutes are more than this test has.
        text = query.replace("${__user.login}", "alice").replace("[5m]", "[30s]")
        if panel in EMPTY:
            prometheus.query(text)
        else:
            eventually(lambda text=text: bool(prometheus.query(text)))


WAITS = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "exec-waits", "namespace": deployed.NOTEBOOKS},
    "spec": {
        "nodeSelector": {"no": "such"},
        "containers": [
            {
                "name": "a",
                "image": "a",
                "resources": {"limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    },
}
"""A Pod for a node that there is not."""


@pytest.mark.long
class TestFaults:
    """Each made for real, and undone."""

    def fires(self, prometheus: Prometheus, alert: str) -> None:
        eventually(lambda: alert in prometheus.firing())

    def rests(self, prometheus: Prometheus, *alerts: str) -> None:
        """A scrape that comes late may make an alert fire for a moment, with the times of this test."""
        eventually(lambda: not prometheus.firing() & set(alerts))

    def test_a_dead_ceph_plug_in_fires(self, prometheus):
        self.fires(prometheus, "CephPluginDown")

    def test_people_are_told_of_a_fault_and_where_to_read_on(self, prometheus):
        def texts() -> list[str]:
            attachments = [message["attachments"][0] for _, message in prometheus.told.messages]
            return [each["text"] for each in attachments if each["title"] == "FIRING: CephPluginDown"]

        eventually(lambda: bool(texts()))
        assert "docs/runbooks/mount-lost.md" in texts()[0]

    def test_a_changed_dataset_fires_and_a_lost_one_fires(self, prometheus):
        self.rests(prometheus, "DatasetLost", "DatasetChanged")
        (prometheus.dataset / "part-1.parquet").write_text("x")
        self.fires(prometheus, "DatasetChanged")
        shutil.rmtree(prometheus.dataset)
        self.fires(prometheus, "DatasetLost")
        prometheus.dataset.mkdir()
        (prometheus.dataset / "part-0.parquet").write_text("x")
        self.rests(prometheus, "DatasetLost", "DatasetChanged")

    def test_a_zeppelin_that_is_gone_fires(self, prometheus):
        # It has no /metrics here, which is what a Zeppelin that is down looks like.
        self.fires(prometheus, "ZeppelinDown")

    def test_a_notebook_that_fails_fires(self, prometheus):
        self.rests(prometheus, "SmokeTestFailed")
        prometheus.zeppelin.broken = "cross-match"
        self.fires(prometheus, "SmokeTestFailed")
        found = prometheus.query('max by (step) (max_over_time(ALERTS{alertname="SmokeTestFailed", alertstate="firing"}[1m]))')
        assert [each["metric"] for each in found] == [{"step": "cross-match"}]
        prometheus.zeppelin.broken = ""
        self.rests(prometheus, "SmokeTestFailed")

    def test_tasks_that_fail_fire(self, prometheus):
        for _ in range(7):
            with pytest.raises(RuntimeError):
                prometheus.spark("sc.parallelize(range(8), 8).map(lambda x: 1 / 0).collect()")
        self.fires(prometheus, "TasksFail")

    def test_pods_that_wait_fire_and_so_does_who_has_all_meanwhile(self, prometheus):
        prometheus.api.create(WAITS)
        try:
            self.fires(prometheus, "PodsPending")
            self.fires(prometheus, "OnePersonTakesAll")
        finally:
            with contextlib.suppress(ApiError):
                prometheus.api.delete(f"{PODS}/exec-waits", gracePeriodSeconds="0")

    def test_a_quota_that_is_full_fires(self, prometheus):
        path = f"/api/v1/namespaces/{deployed.NOTEBOOKS}/resourcequotas/notebooks"
        before = prometheus.api.get(path)
        hard = before["spec"]["hard"] | {"pods": "1"}
        kind = "application/merge-patch+json"
        prometheus.api.call("PATCH", path, {"spec": {"hard": hard}}, kind=kind)
        try:
            self.fires(prometheus, "QuotaFull")
        finally:
            prometheus.api.call("PATCH", path, {"spec": {"hard": before["spec"]["hard"]}}, kind=kind)
            eventually(lambda: pods.makes(prometheus.api, WAITS))

    def test_a_node_that_is_gone_fires(self, prometheus):
        self.rests(prometheus, "NodeDown")
        prometheus.processes.kill("node_exporter")
        self.fires(prometheus, "NodeDown")
        prometheus.processes.start("node_exporter")
        self.rests(prometheus, "NodeDown")


SPAN = 120
"""Seconds that a picture covers."""


def _lines(prometheus: Prometheus, panel: dashboards.Panel, end: float) -> list[pictures.Line]:
    """What a panel shows of the last seconds, as Grafana fills in its queries for alice."""
    found = []
    for query, legend in panel.queries.items():
        text = query.replace("${__user.login}", "alice").replace("[5m]", "[30s]")
        answer = prometheus.get("query_range", query=text, start=str(end - SPAN), end=str(end), step="2")
        for each in answer["result"]:
            points = [(float(at) - end + SPAN, float(value)) for at, value in each["values"] if not math.isnan(float(value))]
            title = re.sub(r"{{(\w+)}}", lambda match, labels=each["metric"]: labels.get(match[1], ""), legend)
            if points:
                found.append(pictures.Line(title, points))
    return found


@pytest.mark.skipif(not tools.chromium(), reason="no chromium on PATH")
def test_every_dashboard_is_drawn(prometheus, tmp_path):
    """`make pictures` has it write to docs/images/dashboards, and asks that all of a picture's time has been observed."""
    folder = Path(os.environ.get("PICTURES") or tmp_path)
    if "PICTURES" in os.environ:
        begun = float(prometheus.query("min(process_start_time_seconds{job='prometheus'})")[0]["value"][1])
        time.sleep(max(0.0, SPAN - (time.time() - begun)))
    end = time.time()
    drawn = {
        name: (title, [(panel, _lines(prometheus, panel, end)) for panel in panels])
        for name, (title, panels) in dashboards.DASHBOARDS.items()
    }
    empty = {panel.title for _, panels in drawn.values() for panel, lines in panels if not lines}
    assert empty <= EMPTY.keys() | {"Failed tasks"}
    pictures.shoot({name: pictures.page(title, panels, SPAN) for name, (title, panels) in drawn.items()}, folder)
    for name in dashboards.DASHBOARDS:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
