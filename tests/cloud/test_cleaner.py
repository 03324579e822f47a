"""The cleaner's script on the API server, with its own token: what has ended goes, what lives stays, what waits too long is given up."""

import os
import subprocess
import sys
import time

import pytest

from components.files import COMPONENTS
from components.zeppelin.files import clean_interpreters
from tests.cloud import pods
from tests.cloud.api import Api
from tests.cloud.deployed import NOTEBOOKS, SERVER, without
from tests.cloud.pods import changed
from tests.support.eventually import eventually

ROOT = f"/api/v1/namespaces/{NOTEBOOKS}"


def clean(api: Api, folder, *, keep: int, wait: int) -> list[str]:
    """The lines that the script prints."""
    token = folder / "token"
    token.write_text(api.token(SERVER, "interpreter-cleaner"))
    environment = {"API": api.access.url, "TOKEN_FILE": str(token), "CA_FILE": api.access.ca, "NAMESPACE": NOTEBOOKS}
    environment |= {"KEEP_SECONDS": str(keep), "WAIT_SECONDS": str(wait), "PATH": os.environ["PATH"]}
    result = subprocess.run(
        [sys.executable, str(COMPONENTS / "zeppelin/files/clean_interpreters.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def names(api: Api, kind: str) -> set[str]:
    found = api.items(f"{ROOT}/{kind}", labelSelector="app.kubernetes.io/managed-by=zeppelin")
    return {item["metadata"]["name"] for item in found if "deletionTimestamp" not in item["metadata"]}


@pytest.fixture
def interpreters(api: Api, items):
    """Three interpreters with Services: one runs, one has ended, one waits for a node that never comes; and a Service whose Pod is gone."""
    titles = ["md-runs", "md-ended", "md-waits", "md-gone"]
    changes = [
        {f"zeppelin.k8s.interpreter.{key}.name": "md" for key in ("group", "setting")}
        | {"zeppelin.k8s.interpreter.pod.name": title, "zeppelin.k8s.interpreter.user": "guest"}
        for title in titles
    ]
    for title, (pod, service) in zip(titles, pods.rendered(items, *changes), strict=True):
        if title != "md-gone":
            api.create(changed(pod, "spec/nodeSelector", {"capi.stackhpc.com/node-group": "none"}) if title == "md-waits" else pod)
        api.create(service)
    eventually(lambda: all(api.get(f"{ROOT}/pods/{name}")["status"]["phase"] == "Running" for name in ("md-ended", "md-runs")))
    api.patch_status(f"{ROOT}/pods/md-ended", {"phase": "Succeeded"})
    yield
    for kind in ("pods", "services"):
        for name in names(api, kind):
            api.delete(f"{ROOT}/{kind}/{name}", gracePeriodSeconds="0")


def test_what_is_young_stays(api: Api, interpreters, tmp_path):
    before = names(api, "pods"), names(api, "services")
    assert clean(api, tmp_path, keep=3600, wait=3600) == []
    assert (names(api, "pods"), names(api, "services")) == before


def test_what_has_ended_goes_with_its_service_and_what_runs_stays(api: Api, interpreters, tmp_path):
    time.sleep(1.1)
    first = clean(api, tmp_path, keep=0, wait=0)
    assert sorted(first) == [
        "gave up Pod md-waits, pending for more than 0 s",
        "removed Pod md-ended, Succeeded",
        "removed Service md-gone, whose Pod is gone",
    ]
    given_up = api.get(f"{ROOT}/pods/md-waits")["status"]
    assert (given_up["phase"], given_up["reason"]) == ("Failed", "NotStarted")
    assert "the platform is full" in given_up["message"]
    time.sleep(1.1)
    assert sorted(clean(api, tmp_path, keep=0, wait=0)) == ["removed Pod md-waits, Failed", "removed Service md-ended, whose Pod is gone"]
    assert clean(api, tmp_path, keep=0, wait=0) == ["removed Service md-waits, whose Pod is gone"]
    assert (names(api, "pods"), names(api, "services")) == ({"md-runs"}, {"md-runs"})


def test_without_its_rights_it_says_so(api: Api, tmp_path):
    token = tmp_path / "token"
    token.write_text(api.token(SERVER, "default"))
    environment = {"API": api.access.url, "TOKEN_FILE": str(token), "CA_FILE": api.access.ca, "NAMESPACE": NOTEBOOKS}
    with pytest.raises(RuntimeError, match=r"403 .*cannot list resource"):
        clean_interpreters.main(environment | {"KEEP_SECONDS": "0", "WAIT_SECONDS": "0"})


@pytest.mark.parametrize(
    ("kind", "verb"), [("pods", "list"), ("pods", "delete"), ("pods/status", "patch"), ("services", "list"), ("services", "delete")]
)
def test_every_verb_is_needed(api: Api, items, interpreters, tmp_path, kind, verb):
    time.sleep(1.1)
    refusal = rf'cannot {verb} resource \\*"{kind}'
    with without(api, items, "interpreter-cleaner", kind, verb), pytest.raises(AssertionError, match=refusal):
        clean(api, tmp_path, keep=0, wait=0)
