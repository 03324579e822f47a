"""`gaia restore` where something hangs: a Pod that stays Terminating, a Job that does not end. The API server is played."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from cli.main import main
from components import names
from operate import restore
from operate.restore import Cluster, RestoreError
from tests.support.servers import Quiet, serving

NAMESPACE = names.ZEPPELIN_NAMESPACE


def pod(name: str, labels: dict[str, str], **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"metadata": metadata, "spec": {"nodeName": "node-1", "containers": []}, "status": {"phase": "Running"}} | more


def terminating(name: str) -> dict[str, Any]:
    hung = pod(name, dict(names.ZEPPELIN_LABELS))
    hung["metadata"]["deletionTimestamp"] = "2026-11-25T03:04:05Z"
    return hung


class Played:
    """The namespace of Zeppelin as an API server tells it. scaled: every number of replicas that was asked for, in order, by server.
    models: whether there is a server of models."""

    def __init__(self) -> None:
        self.pods: list[dict[str, Any]] = []
        self.job_status: dict[str, Any] = {"succeeded": 1}
        self.scaled: dict[str, list[int]] = {}
        self.models = False
        self.jobs = 0

    def get(self, path: str, query: str) -> dict[str, Any] | None:
        if path.endswith(f"/{names.MODELS}/scale") and not self.models:
            return None
        if path.endswith("/scale"):
            return {"metadata": {"name": names.ZEPPELIN, "namespace": NAMESPACE}, "spec": {"replicas": 1}}
        if "/cronjobs/" in path:
            env = [{"name": "SNAPSHOT", "value": "latest"}]
            container = {"name": "restic", "image": "x", "args": ["restore", "$(SNAPSHOT)"], "env": env}
            job = {"spec": {"template": {"spec": {"containers": [container]}}}}
            return {"metadata": {"name": names.RESTORE}, "spec": {"schedule": "0 0 * * *", "jobTemplate": job}}
        if "/jobs/" in path:
            return {"metadata": {"name": path.rsplit("/", 1)[-1]}, "status": self.job_status}
        wanted = dict(each.split("%3D") for each in re.findall(r"labelSelector=([^&]*)", query)[0].split("%2C"))
        wanted = {key.replace("%2F", "/"): value for key, value in wanted.items()}
        found = [each for each in self.pods if wanted.items() <= each["metadata"]["labels"].items()]
        return {"kind": "PodList", "metadata": {}, "items": found}


@pytest.fixture
def played(tmp_path: Path) -> Iterator[tuple[Played, Path]]:
    """A played API server, and a kubeconfig that leads there."""
    api = Played()

    class Handler(Quiet):
        def answer(self, value: Any) -> None:
            data = value if isinstance(value, bytes) else json.dumps(value or {"code": 404}).encode()
            self.send_response(200 if value else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self.answer(b"restored\n" if parts.path.endswith("/log") else api.get(parts.path, parts.query))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            api.jobs += 1
            self.answer({"metadata": {"name": f"{names.RESTORE}-1"}})

        def do_PATCH(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            api.scaled.setdefault(self.path.split("/")[-2], []).append(body["spec"]["replicas"])
            self.answer(api.get("/scale", ""))

    with serving(Handler) as address:
        context = {"name": "x", "context": {"cluster": "x", "user": "x"}}
        clusters, users = [{"name": "x", "cluster": {"server": f"http://{address}"}}], [{"name": "x", "user": {"token": "x"}}]
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump({"current-context": "x", "contexts": [context], "clusters": clusters, "users": users}))
        yield api, file


def cluster(file: Path, said: list[str], **more: float) -> Cluster:
    return Cluster(file, said.append, **({"stop_seconds": 0.3, "job_seconds": 0.3, "poll_seconds": 0.02} | more))


@contextlib.contextmanager
def refused() -> Iterator[list[str]]:
    """The lines of the message with which a restore gives up."""
    lines: list[str] = []
    with pytest.raises(RestoreError) as caught:
        yield lines
    lines += str(caught.value).splitlines()


def test_a_sound_restore_stops_and_starts_zeppelin(played):
    api, file = played
    api.pods = [pod("restore-1", {"job-name": f"{names.RESTORE}-1"})]
    assert cluster(file, []).restore("latest") == "restored\n"
    assert api.scaled == {names.ZEPPELIN: [0, 1]}


def test_the_server_of_models_stands_still_as_well(played):
    api, file = played
    api.models = True
    api.pods = [pod("restore-1", {"job-name": f"{names.RESTORE}-1"})]
    assert cluster(file, []).restore("latest") == "restored\n"
    assert api.scaled == {names.ZEPPELIN: [0, 1], names.MODELS: [0, 1]}
    api.pods.append(pod("models-abc", dict(names.MODELS_LABELS)))
    with refused() as lines:
        cluster(file, []).restore("latest")
    assert "Still there: Pod models-abc" in lines[0]


def test_a_pod_that_never_goes_ends_the_wait_with_what_to_do(played, monkeypatch):
    api, file = played
    api.pods = [terminating("zeppelin-server-abc")]
    monkeypatch.setattr(restore, "PROGRESS_SECONDS", 0.1)
    said: list[str] = []
    with refused() as lines:
        cluster(file, said).restore("latest")
    waits = [line for line in said if line.startswith("waiting for Pod zeppelin-server-abc (Terminating since 03:04:05 UTC, on node")]
    assert waits
    assert waits[0].endswith(" s of 0")
    assert "Notebooks were not changed, and Zeppelin starts again." in lines
    assert "Check that its node exists and is Ready: kubectl get node node-1" in lines
    force = f"kubectl -n {NAMESPACE} delete pod zeppelin-server-abc --force --grace-period=0"
    assert lines[-2].startswith("Only if the node is gone for good")
    assert lines[-1].strip() == force
    assert (api.scaled, api.jobs) == ({names.ZEPPELIN: [0, 1]}, 0)


def test_a_pod_that_has_ended_is_not_waited_for(played):
    api, file = played
    api.pods = [pod("evicted", dict(names.ZEPPELIN_LABELS), status={"phase": "Failed"})]
    cluster(file, []).restore("latest")
    assert api.scaled == {names.ZEPPELIN: [0, 1]}


def test_beside_a_job_that_may_still_write_zeppelin_stays_stopped(played):
    api, file = played
    api.job_status = {"active": 1}
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    status = {"phase": "Pending", "conditions": [unscheduled]}
    api.pods = [pod("restore-1", {"job-name": f"{names.RESTORE}-1"}, spec={"containers": []}, status=status)]
    said: list[str] = []
    with refused() as lines:
        cluster(file, said).restore("latest")
    assert "Still there: job restore-notebooks-1, Pod restore-1 (Pending, 0/3 nodes are available)." in lines[0]
    assert "Zeppelin stays stopped, because the job may still write notebooks." in lines
    assert said[-1].startswith("Zeppelin stays stopped")
    assert api.scaled == {names.ZEPPELIN: [0]}


def test_a_listing_disturbs_nobody(played, capsys):
    api, file = played
    api.pods = [pod("list-1", {"job-name": f"{names.RESTORE}-1"})]
    assert main(["restore", "prod", "--kubeconfig", str(file), "--snapshot", "list"]) == 0
    assert capsys.readouterr().out == "restored\n"
    assert api.scaled == {}


def test_the_command_ends_with_3_where_time_is_up(played, capsys):
    api, file = played
    api.pods = [terminating("zeppelin-server-abc")]
    assert main(["restore", "prod", "--kubeconfig", str(file), "--stop-timeout", "0.1"]) == 3
    assert "Zeppelin has not stopped after 0 s" in capsys.readouterr().err


def test_an_api_that_nobody_serves_is_told_in_one_line(played, capsys):
    _, file = played
    nobody = yaml.safe_load(file.read_text())
    nobody["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"
    file.write_text(yaml.safe_dump(nobody))
    assert main(["restore", "prod", "--kubeconfig", str(file)]) == 3
    assert capsys.readouterr().err == "the Kubernetes API of stack prod does not answer: [Errno 111] Connection refused\n"
