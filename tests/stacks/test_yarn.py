"""A stack whose executors run on Yarn: what stands, who reaches whom, what drivers may, and which stack files are refused."""

import datetime as dt
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.names import PROMETHEUS_LABELS, YARN_MANAGER_LABELS, YARN_WORKER_LABELS
from policy import rules
from policy.pods import weak_points, workloads
from preview import manifests
from recording import Recording
from tests.stacks.test_network_policies import DRIVERS, EXECUTORS, OURS, PODS, PORTS, SPARK, expected
from tests.support.network import Pod, matrix, networked, policies
from tests.support.programs import named, record_data
from tests.support.stack_files import SPARK_3_5, STACKS, YARN, YARN_IMAGES, document, refusal, settings_of, with_yarn

TODAY = dt.date(2026, 11, 23)


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> tuple[str, Recording]:
    return request.param, record_data(with_yarn(networked(request.param)), "update")


def daemons(recording: Recording) -> dict[str, Mapping[str, Any]]:
    """The StatefulSets' specifications by name."""
    found = [resource.inputs for resource in recording.resources if resource.inputs.get("kind") == "StatefulSet"]
    return {each["metadata"]["name"]: each["spec"] for each in found}


def test_every_object_keeps_its_schema_and_every_rule(stack):
    _, recording = stack
    assert manifests.check(manifests.of(recording), recording.kubernetes_version) == []
    assert [each.text for each in rules.broken(rules.check(recording, rules.waivers(), TODAY))] == []


def test_every_driver_sends_sparks_python_library_to_its_executors(stack):
    """Zeppelin sets this for Yarn, but not where it launches Pods (zeppelin: SparkInterpreterLauncher.java, setupPropertiesForPySpark)."""
    _, recording = stack
    data = named(recording, "zeppelin-interpreter-files").inputs["data"]
    files = {name: text.splitlines() for name, text in data.items() if name.startswith("yarn-spark")}
    assert "yarn-spark.conf" in files
    assert {name: "spark.yarn.isPython true" in lines for name, lines in files.items()} == dict.fromkeys(files, True)


def test_the_daemons_meet_restricted_and_have_no_token(stack):
    _, recording = stack
    assert set(daemons(recording)) == {"yarn", "yarn-worker"}
    assert [(each.title, list(weak_points(each))) for each in workloads(recording) if each.resource.inputs["kind"] == "StatefulSet"] == [
        ("gaia-spark/StatefulSet yarn", []),
        ("gaia-spark/StatefulSet yarn-worker", []),
    ]


def test_a_daemon_has_ten_minutes_to_begin(stack):
    """On a busy machine a ResourceManager took longer than its liveness probe waits, and was ended again and again."""
    _, recording = stack
    for daemon in daemons(recording).values():
        (container,) = daemon["template"]["spec"]["containers"]
        assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] == 600


@pytest.mark.skipif(os.geteuid() != 0, reason="gives folders away, as root")
def test_the_share_of_event_logs_is_prepared_with_peoples_folders_that_root_has_made(tmp_path: Path):
    """With the Job's own user, group and capabilities, once and again."""
    recording = record_data(with_yarn(document("dev")), "update")
    (container,) = named(recording, "history-server-prepare-job").inputs["spec"]["template"]["spec"]["containers"]
    security = container["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["capabilities"]["add"]) == (0, 185, ["CHOWN", "FOWNER"])
    tmp_path.chmod(0o755)
    (tmp_path / ".yarn/alice/application_1").mkdir(parents=True)
    command = [word.replace("/share", str(tmp_path)) for word in container["command"]]
    job = ["setpriv", "--bounding-set=-all,+chown,+fowner", "--inh-caps=-all", "--regid=185", "--clear-groups", *command]
    for _ in range(2):
        subprocess.run(job, check=True)
        found = {place: (tmp_path / place).stat() for place in (".", ".yarn", ".yarn/alice", ".yarn/alice/application_1")}
        assert {place: (each.st_uid, each.st_gid, oct(each.st_mode & 0o7777)) for place, each in found.items()} == {
            ".": (185, 185, "0o2770"),
            ".yarn": (185, 185, "0o2770"),
            ".yarn/alice": (185, 185, "0o2770"),
            ".yarn/alice/application_1": (0, 0, "0o755"),
        }


def test_a_worker_reads_datasets_and_staging_and_writes_its_own_disk(stack):
    _, recording = stack
    pod = daemons(recording)["yarn-worker"]["template"]["spec"]
    mounts = {each["mountPath"]: each.get("readOnly", False) for each in pod["containers"][0]["volumeMounts"]}
    assert {path for path, read_only in mounts.items() if not read_only} == {"/tmp", "/work/scratch"}
    assert {"/staging", *(path for path in recording.outputs["datasets"].values() if path.startswith("/"))} <= mounts.keys()
    assert [volume for volume in pod["volumes"] if "secret" in volume] == []


def test_new_limits_of_people_leave_executors_alone():
    """The NodeManagers' files do not name people, so a new person is no reason to end what runs there."""
    few, more = (
        named(record_data(with_yarn(networked("prod") | people)), "yarn-worker-files").inputs["data"]
        for people in ({}, {"gaia-dmp:zeppelin": networked("prod")["gaia-dmp:zeppelin"] | {"people": [{"name": "carol"}]}})
    )
    assert few == more


def test_a_driver_asks_yarn_and_not_kubernetes(stack):
    _, recording = stack
    files = named(recording, "zeppelin-interpreter-files").inputs["data"]
    settings = dict(line.split(" ", 1) for line in files["yarn-spark.conf"].splitlines())
    assert settings["spark.master"] == "yarn"
    assert settings["spark.driver.host"] == "@pod@.gaia-spark.svc"
    assert "<value>yarn.gaia-spark.svc</value>" in files["yarn-site.xml"]
    (policy,) = [each for each in policies(recording) if (each["metadata"]["namespace"], each["metadata"]["name"]) == (SPARK, "driver")]
    assert [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"] if port["port"] in {443, 6443}] in ([], [443])


@pytest.mark.parametrize("title", STACKS)
def test_nothing_that_holds_data_changes_with_the_way(title):
    """The switch makes and removes what starts executors, and leaves shares, rules, volumes and claims as they are."""
    yarn = with_yarn(networked(title))
    kubernetes = yarn | {"gaia-dmp:spark": {key: value for key, value in yarn["gaia-dmp:spark"].items() if key != "backend"}}
    kinds = ("Share", "ShareAccess", "PersistentVolume", "PersistentVolumeClaim", "Container", "Namespace", "Cluster")
    there, back = (
        {each.urn: each.inputs for each in record_data(data).resources if each.type.rpartition(":")[2] in kinds}
        for data in (yarn, kubernetes)
    )
    assert there == back
    assert len(there) >= 4


YARN_PODS = (
    Pod("yarn", SPARK, YARN_MANAGER_LABELS, "10.100.1.20"),
    Pod("worker", SPARK, YARN_WORKER_LABELS, "10.100.2.21"),
    Pod("other worker", SPARK, YARN_WORKER_LABELS, "10.100.1.22"),
)
PROMETHEUS = Pod("prometheus", "gaia-monitoring", PROMETHEUS_LABELS, "10.100.1.30")
YARN_PORTS = (8030, 8031, 8032, 8033, 8040, 8041, 8042, 8088, 17337, 22323, 22421, 22422)
WORKERS = ("worker", "other worker")


def expected_of_yarn(*, ways_out: bool) -> set[tuple[str, str, int]]:
    """The flows of Yarn (hadoop 3.5.0: yarn-default.xml says who listens where) and of Spark on it (spark 3.5.8: running-on-yarn.md, the
    external shuffle service), and no other: neither its pages nor the administrators' port."""
    flows = {(pod, where, 53) for pod in ("yarn", *WORKERS) for where in ("dns", "node DNS")}
    flows |= {(driver, "yarn", 8032) for driver in DRIVERS} | {(worker, "yarn", port) for worker in WORKERS for port in (8030, 8031)}
    flows |= {("yarn", worker, 8041) for worker in WORKERS}
    flows |= {(one, other, port) for one in WORKERS for other in WORKERS if one != other for port in (8041, 17337)}
    flows |= {(worker, driver, port) for worker in WORKERS for driver in DRIVERS for port in (22321, 22322)}
    blocks = (22322, 22323, 22421)
    flows |= {(one, other, port) for one in (*DRIVERS, *WORKERS) for other in WORKERS if one != other for port in blocks}
    if ways_out:
        flows |= {(worker, where, 443) for worker in WORKERS for where in ("API server", "the world", "Ceph", "node DNS")}
    return flows


def test_who_reaches_whom(stack):
    title, recording = stack
    ways_out = title != "local"
    ours = {*OURS, *(pod.name for pod in YARN_PODS)}
    flows = {each for each in matrix(policies(recording), (*PODS, *YARN_PODS), (*PORTS, *YARN_PORTS)) if each[0] in ours or each[1] in ours}
    without_api = {each for each in expected(ways_out=ways_out) if each[0] not in DRIVERS or each[2] != 6443}
    assert flows == without_api | expected_of_yarn(ways_out=ways_out)
    assert {source for source, target, _ in flows if target in WORKERS} & set(EXECUTORS) == set()


def test_prometheus_reaches_the_daemons_and_no_driver():
    """The ports that Yarn's daemons have their web pages on (hadoop 3.5.0: yarn-default.xml)."""
    recording = record_data(with_yarn(networked("prod")), "update")
    flows = matrix(policies(recording), (*PODS, *YARN_PODS, PROMETHEUS), (*PORTS, *YARN_PORTS))
    assert {each[1:] for each in flows if each[0] == "prometheus" and each[1] in {"yarn", *WORKERS, *DRIVERS}} == {
        ("yarn", 8088), ("worker", 8042), ("other worker", 8042),
    }  # fmt: skip
    values = next(each for each in recording.resources if each.inputs.get("name") == "prometheus").inputs["values"]
    jobs = {job["job_name"]: job for job in values["serverFiles"]["prometheus.yml"]["scrape_configs"]}
    assert [name for name in jobs if name.startswith("spark")] == []
    assert {name: job["metrics_path"] for name, job in jobs.items() if name.startswith("yarn")} == {
        "yarn": "/prom",
        "yarn-workers": "/prom",
    }
    ports = {title: pod["template"]["spec"]["containers"][0]["ports"] for title, pod in daemons(recording).items()}
    assert {(title, port["containerPort"]) for title, found in ports.items() for port in found if port["name"] == "web"} == {
        ("yarn", 8088), ("yarn-worker", 8042),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"history": None}, ["spark.backend.kind: yarn", "needs spark.history"]),
        ({"history": {"kind": "share", "size_gib": 1, "state": "away"}}, ["spark.backend.kind: yarn", "a spark.history that is present"]),
        ({"backend": YARN | {"memory_gib": 5, "cores": 5}}, ["spark.backend.memory_gib: 5", "is not more than cores 5"]),
        ({"backend": YARN | {"cores": 3}}, ["spark.backend.cores: 3", "is less than the 4 of an executor of spark-large"]),
        ({"backend": YARN | {"memory_gib": 12}}, ["spark.backend.memory_gib: 12", "is less than the 14 of an executor of spark-large"]),
        ({"backend": YARN | {"memory_gib": 29}}, ["spark.backend.memory_gib: 29", "makes Pods of 30", "at most 28"]),
        ({"backend": YARN | {"workers": 3}}, ["spark.backend.workers: 3", "needs 18 cores", "quota.cores is 14", "at most 2"]),
        ({"kueue": {"cluster_queue": "astronomy"}}, ["spark.kueue", "does not count executors of Yarn"]),
        ({"backend": {"kind": "yarn"}}, ["spark.backend.workers", "is missing"]),
        ({"backend": {"kind": "mesos"}}, ["spark.backend.kind: mesos", "kubernetes, yarn"]),
    ],
)
def test_a_wrong_stack_file_is_refused(change, words):
    data = with_yarn(networked("dev"))
    data["gaia-dmp:spark"] = {key: value for key, value in (data["gaia-dmp:spark"] | change).items() if value is not None}
    message = refusal(data)
    assert [word for word in words if word not in message] == []


def test_yarn_needs_an_image_and_the_spark_of_it():
    data = with_yarn(networked("dev"))
    assert "needs images.yarn, an image with Hadoop beside Spark" in refusal(data | {"gaia-dmp:images": SPARK_3_5})
    message = refusal(data | {"gaia-dmp:images": {"yarn": YARN_IMAGES["yarn"]}})
    assert "images.versions.spark: 4.0.5" in message
    assert "images.yarn has that of 3.5" in message
    for key, value, own in (("scala", "2.13", "2.12"), ("java", 11, "17"), ("python", "3.10", "3.11")):
        message = refusal(data | {"gaia-dmp:images": YARN_IMAGES | {"versions": YARN_IMAGES["versions"] | {key: value}}})
        assert f"images.versions.{key}: {value}\n      is not the {own} of images.yarn" in message


def test_an_account_of_the_cloud_is_not_there_for_yarns_executors():
    data = with_yarn(networked("local"))
    data["gaia-dmp:cloud"] |= {"provider": "eks", "identity": "arn:aws:iam::123456789012:role/gaia"}
    assert "cloud.identity: arn:aws:iam::123456789012:role/gaia\n      is not there for executors of Yarn" in refusal(data)


def test_nobody_is_the_user_of_yarns_daemons():
    """The ResourceManager lets its own user end everybody's applications (hadoop: AdminACLsManager)."""
    data = with_yarn(networked("dev"))
    data["gaia-dmp:zeppelin"] = data["gaia-dmp:zeppelin"] | {"people": [{"name": "Spark"}]}
    message = refusal(data)
    assert "zeppelin.people[0].name: Spark\n      is the name of an account that Yarn itself uses: spark" in message
    assert "accepted: another name than root, spark, or backend kubernetes" in message
    data["gaia-dmp:zeppelin"]["people"] = [{"name": "yarn"}]
    assert settings_of(data).zeppelin.people[0].name == "yarn"


def test_workers_that_fit_in_the_quota_and_not_on_the_nodes_are_refused():
    """Six nodes of 40 GiB have room for two Pods of 15 GiB each."""
    data = with_yarn(networked("prod"), workers=13, cores=5, memory_gib=14, scratch_gib=30)
    assert "spark.backend.workers: 13\n      do not fit on pool" in refusal(data)
    assert "accepted: at most 12" in refusal(data)
    data = with_yarn(networked("dev"), workers=2)
    data["gaia-dmp:spark"]["quota"] = data["gaia-dmp:spark"]["quota"] | {"pods": 3}
    assert "needs 4 Pods with the ResourceManager and a driver, but quota.pods is 3" in refusal(data)


def test_the_other_way_is_the_default():
    assert settings_of(networked("dev")).spark.backend.kind == "kubernetes"
