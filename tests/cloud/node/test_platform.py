"""The platform itself on a real node: every Pod that needs no Zeppelin and no Ceph becomes Ready or ends well, as it was recorded."""

import json
import os
from collections.abc import Iterator

import pytest

from components.names import GATEWAY_LABELS, HISTORY_LABELS, IMAGE_PULLER_LABELS, SMOKE_TEST_LABELS, ZEPPELIN_LABELS, ZEPPELIN_UID
from tests.cloud import deployed, releases
from tests.cloud.api import Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node import platform
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import current, execute, kubectl, ready
from tests.support.eventually import eventually

STACKS = {"local": platform.local(), "whole": deployed.stack(monitoring={"smoke_test": {}})}
"""The local stack, and one with all that a stack may have."""
SERVICES = {
    "local": {"gateway": 2, "image-puller": 1},
    "whole": {"gateway": 2, "image-puller": 1, "dataset-check": 1, "spark-history": 1, "smoke-test": 1},
}
"""What runs all the time, with the number of its Pods."""


@pytest.fixture(scope="module", params=sorted(STACKS))
def stack(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def deployment(bare: Cluster, stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    items = deployed.objects(STACKS[stack])
    if stack == "whole":
        charts = releases.of(STACKS[stack], tmp_path_factory.mktemp("charts"))
        items += [item for release in charts.values() for item in release]
    platform.load_images(bare.nodes["node-1"], items, tmp_path_factory.mktemp("images"))
    with platform.running(bare, items) as found:
        yield found


@pytest.fixture
def whole(deployment: Platform, stack: str) -> Platform:
    if stack != "whole":
        pytest.skip("the local stack has no such thing")
    return deployment


def counts(deployment: Platform) -> dict[str, int]:
    """Ready Pods by what makes them."""
    found: dict[str, int] = {}
    for namespace in (NOTEBOOKS, SERVER):
        for kind, key in (("deployments", "readyReplicas"), ("daemonsets", "numberReady")):
            for item in deployment.api.items(f"/apis/apps/v1/namespaces/{namespace}/{kind}"):
                found[item["metadata"]["name"]] = item["status"].get(key, 0)
    return found


def test_every_pod_becomes_ready(deployment: Platform, stack: str):
    eventually(lambda: counts(deployment) == SERVICES[stack], 240)
    assert counts(deployment) == SERVICES[stack]


def test_a_pod_is_as_it_was_recorded(deployment: Platform):
    """What the kubelet runs: user, root file system, seccomp, rights."""
    eventually(lambda: counts(deployment)["gateway"] == 2, 240)
    pod = deployment.pods(SERVER, GATEWAY_LABELS)[0]
    script = "id -u; grep -E '^(Seccomp|NoNewPrivs|CapEff):' /proc/1/status; touch /x 2>&1 || true"
    said = execute(deployment.kube, pod, "sh", "-c", script).split("\n")
    assert said[:4] == ["101", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]
    assert "Read-only file system" in said[4]


def stand_in(deployment: Platform) -> Object:
    """A web server with the labels of Zeppelin's server."""
    spark = next(image for image in platform.images_of(deployment.items) if "spark" in image)
    template = deployed.one(deployment.items, "DaemonSet", "image-puller")["spec"]["template"]["spec"]
    container = template["containers"][0] | {
        "command": ["python3", "-m", "http.server", "8080", "--directory", "/usr/share/doc/base-files"]
    }
    container |= {"image": spark, "resources": {}, "ports": [{"name": "http", "containerPort": 8080}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stand-in", "namespace": SERVER, "labels": dict(ZEPPELIN_LABELS)},
        "spec": template | {"containers": [container], "initContainers": []},
    }


def test_the_gateway_leads_to_the_server(deployment: Platform):
    """A stand-in has the labels of Zeppelin's server: Service, gateway and policies lead there, and the image puller's Pod gets nowhere."""
    pod = stand_in(deployment)
    deployment.api.create(pod)
    wanted = {"gateway": 2, "image-puller": 1}
    eventually(lambda: ready(current(deployment.api, pod)) and wanted.items() <= counts(deployment).items(), 240)
    address = deployment.pods(SERVER, GATEWAY_LABELS)[0]["status"]["podIP"]
    ask = ("curl", "--silent", "--max-time", "20", "--output", "/dev/null", "--write-out", "%{http_code}")

    def answer(path: str) -> str:
        return deployment.cluster.room(*ask, f"http://{address}:8080{path}")

    eventually(lambda: answer("/") == "200")
    assert [answer(path) for path in ("/", "/gateway-alive", "/metrics", "/copyright")] == ["200", "200", "404", "200"]
    deployment.api.delete(f"/api/v1/namespaces/{SERVER}/pods/stand-in", gracePeriodSeconds="0")
    (puller,) = deployment.pods(SERVER, IMAGE_PULLER_LABELS)
    probe = f"exec 3<>/dev/tcp/{address}/8080"
    assert execute(deployment.kube, puller, "bash", "-c", f"timeout 3 bash -c '{probe}' 2> /dev/null || echo closed") == "closed\n"


def orphan(name: str) -> Object:
    labels = {"app.kubernetes.io/name": "zeppelin-interpreter", "app.kubernetes.io/managed-by": "zeppelin"}
    spec = {"clusterIP": "None", "selector": {"app": name}, "ports": [{"name": "interpreter", "port": 12321}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NOTEBOOKS, "labels": labels}, "spec": spec}


def test_the_cleaner_cleans(deployment: Platform):
    """By its own token and the Python of its image. What is older than no time at all goes, so that nobody has to wait."""
    deployment.api.create(orphan("md-gone"))
    assert deployment.run("interpreter-cleaner", SERVER, "cleaner-as-recorded") == ("Complete", "")
    eventually(lambda: deployment.run("interpreter-cleaner", SERVER, "cleaner-in-a-hurry", {"KEEP_SECONDS": "0"}) is not None)
    said = kubectl(deployment.kube, "logs", f"--namespace={SERVER}", "job/cleaner-in-a-hurry")
    assert said == "removed Service md-gone, whose Pod is gone\n"


MONITORED = {
    "alertmanager": 1,
    "kube-state-metrics": 1,
    "node-exporter": 1,
    "prometheus-json-exporter": 1,
    "prometheus-server": 1,
    "prometheus-server-configmap-reload": 0,
}
"""Containers of monitoring, with the number that is ready. Nobody has an image of Prometheus' reloader here, so its Pod is never ready."""


def test_monitoring_runs(whole: Platform):
    def running() -> dict[str, int]:
        pods = [pod for namespace in ("gaia-monitoring", "gaia-nodes") for pod in whole.pods(namespace, {})]
        return {each["name"]: int(each["ready"]) for pod in pods for each in pod["status"].get("containerStatuses", [])}

    eventually(lambda: running() == MONITORED, 240)
    assert running() == MONITORED


def test_shares_are_prepared(whole: Platform):
    """By the Jobs that a stack has for it; each folder belongs to whoever writes it."""
    jobs = [item["metadata"]["name"] for item in whole.items if item["kind"] == "Job" and item["metadata"]["name"].startswith("prepare-")]
    assert {name: whole.job(name, "gaia-csi") for name in jobs} == dict.fromkeys(jobs, "Complete")
    found = {
        claim: whole.folder(claim, space).stat()
        for claim, space in (("notebooks", SERVER), ("spark-history", NOTEBOOKS), ("user-alice", NOTEBOOKS))
    }
    # New folders of event logs belong to the group, whoever makes them.
    assert {claim: (each.st_uid, each.st_gid, oct(each.st_mode & 0o7777)) for claim, each in found.items()} == {
        "notebooks": (1000, 0, "0o770"),
        "spark-history": (185, 185, "0o2770"),
        "user-alice": (185, 185, "0o770"),
    }


def test_datasets_are_checked(whole: Platform):
    folder = whole.folder("data-sample", NOTEBOOKS)
    job = next(
        item["metadata"]["name"] for item in whole.items if item["kind"] == "Job" and item["metadata"]["name"].startswith("dataset-check-")
    )
    assert whole.job(job, NOTEBOOKS) == "Complete"
    (folder / "part-0.parquet").write_bytes(b"x" * 1000)
    assert whole.run("dataset-check", NOTEBOOKS, "check-again") == ("Complete", "sample: 1 files\n")


def test_notebooks_are_backed_up_and_come_back(whole: Platform):
    notebooks = whole.folder("notebooks", SERVER)
    for name in ("prepare-notebooks", "prepare-backup"):
        assert whole.job(name, "gaia-csi") == "Complete"
    note = notebooks / "notebook" / "note_2ABCDEFGH.zpln"
    # As Zeppelin makes it: a user with few rights puts it back.
    note.parent.mkdir()
    note.write_text("a notebook")
    for path in (note.parent, note):
        os.chown(path, ZEPPELIN_UID, 0)
    assert whole.run("backup-notebooks", SERVER, "backup-now")[0] == "Complete"
    note.unlink()
    assert whole.run("restore-notebooks", SERVER, "restore-now")[0] == "Complete"
    assert note.read_text() == "a notebook"


@pytest.mark.parametrize(
    ("namespace", "labels", "container"), [(NOTEBOOKS, HISTORY_LABELS, "gather"), (SERVER, SMOKE_TEST_LABELS, "smoke-test")]
)
def test_a_script_ends_when_its_pod_goes(whole: Platform, namespace: str, labels: dict[str, str], container: str):
    """With 0, and not with 137 after the time that the kubelet grants."""
    eventually(lambda: any(ready(pod) for pod in whole.pods(namespace, labels)), 240)
    pod = next(pod for pod in whole.pods(namespace, labels) if ready(pod))
    path = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"
    # A finalizer keeps the Pod readable for as long as it takes to read how it ended.
    whole.api.call("PATCH", path, {"metadata": {"finalizers": ["gaia-dmp/test"]}}, kind="application/merge-patch+json")
    whole.api.delete(path)

    def state() -> Object:
        return next(each["state"] for each in whole.api.get(path)["status"]["containerStatuses"] if each["name"] == container)

    eventually(lambda: "terminated" in state())
    code = state()["terminated"]["exitCode"]
    whole.api.call("PATCH", path, {"metadata": {"finalizers": None}}, kind="application/merge-patch+json")
    assert code == 0


def test_nobody_is_near_the_limit(deployment: Platform):
    """No container uses more than four fifths of its memory limit while nobody works."""
    eventually(lambda: all(counts(deployment).values()), 240)
    assert json.dumps(deployment.crowded(0.8)) == "[]"
