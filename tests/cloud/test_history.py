"""Spark's own history server on the event log of our own Spark run, after its driver is gone, behind the real gateway."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.files import COMPONENTS
from components.names import HISTORY_PORT
from components.spark.history_server import history_environment
from tests.cloud import driver, tools
from tests.cloud.api import Api
from tests.cloud.driver import VERSIONS
from tests.cloud.kube import die_with_parent
from tests.cloud.kubelet import _OPENED, Kubelet
from tests.support.eventually import eventually
from tests.support.gateway import Backend, Browser, configure, needs_nginx, serve
from tests.support.servers import free_ports, serving

ALICE = "spark-alice-2abcdefgh-qwerty"


class History:
    """A history server that runs. logs, gathered: its folders. browser: comes by the gateway."""

    def __init__(self, logs: Path, gathered: Path, browser: Browser, gather: dict[str, Any]) -> None:
        self.logs, self.gathered, self.browser, self._gather = logs, gathered, browser, gather

    def applications(self) -> list[str]:
        status, _, body = self.browser.get("/history/api/v1/applications", Cookie="user=alice")
        return [each["id"] for each in json.loads(body)] if status == 200 else []

    def gather(self) -> None:
        """One round of the script."""
        program = (
            f"import sys, json; sys.path.insert(0, {str(COMPONENTS / 'spark/files')!r}); import gather_event_logs as g; "
            f"g.round_(json.loads({json.dumps(self._gather)!r}))"
        )
        subprocess.run([sys.executable, "-B", "-c", program], check=True, capture_output=True)


@pytest.fixture(scope="module", params=VERSIONS)
def minor(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def history(api: Api, items, minor: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    folder = tmp_path_factory.mktemp("history")
    logs, gathered = folder / "logs", folder / "gathered"
    (logs / "alice").mkdir(parents=True)
    gathered.mkdir()
    runner = Kubelet(api, minor, folder / "executors")
    runner.start()
    with driver.running(api, items, folder / "driver", minor=minor, name=ALICE, history=logs / "alice") as spark:
        assert spark("shuffle(8)") == 49995000
        spark("spark.stop()")
    runner.stop()
    port, listen = free_ports(2)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SPARK")} | history_environment()
    options = environment.pop("SPARK_HISTORY_OPTS").replace("file:///gathered", gathered.as_uri()).replace(f"={HISTORY_PORT}", f"={port}")
    options = options.replace("update.interval=20s", "update.interval=1s").split()
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    command = ["java", *opened, *options, "-cp", f"{tools.spark(minor)}/pyspark/jars/*", "org.apache.spark.deploy.history.HistoryServer"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, env=environment | {"SPARK_LOCAL_IP": "127.0.0.1"}, stdout=log, stderr=log, preexec_fn=die_with_parent
        )
    gather: dict[str, Any] = {
        "logs": str(logs),
        "gathered": str(gathered),
        "people": {"alice": "alice", "bob": "bob"},
        "settings": ["spark", "spark-large"],
    }
    found = History(logs, gathered, Browser(listen), gather | {"keep_days": 90, "bytes": 10**9})
    with serving(Backend) as backend:
        config = configure(folder, "gateway-plain.conf", backend, listen)
        way = folder / "way-history.inc"
        way.write_text(way.read_text().replace(f"{backend}$history_path", f"127.0.0.1:{port}$history_path"))
        nginx = serve(folder, config, listen)
        eventually(lambda: found.browser.get("/history/api/v1/version", Cookie="user=alice")[0] == 200)
        yield found
        for process in (nginx, server):
            process.terminate()
            process.wait()


@needs_nginx
def test_our_own_run_is_read_after_its_driver_is_gone(history):
    history.gather()
    eventually(lambda: history.applications() == [ALICE])
    status, _, body = history.browser.get(f"/history/api/v1/applications/{ALICE}/jobs", Cookie="user=alice")
    assert status == 200
    jobs = json.loads(body)
    assert [job["status"] for job in jobs] == ["SUCCEEDED"]
    assert jobs[0]["numCompletedTasks"] == 16
    executors = json.loads(history.browser.get(f"/history/api/v1/applications/{ALICE}/allexecutors", Cookie="user=alice")[2])
    assert "driver" in {each["id"] for each in executors}
    assert len(executors) > 1


@needs_nginx
@pytest.mark.parametrize("page", ["jobs/", "stages/", "executors/", "environment/"])
def test_pages_and_all_that_they_load_stay_below_the_way_in(history, page):
    history.gather()
    eventually(lambda: history.applications() == [ALICE])
    path = f"/history/history/{ALICE}/{page}"

    def shown() -> bool:
        # The server leads to the page again until it has read the log.
        status, location, _ = history.browser.get(path, Cookie="user=alice")
        assert status == 200 or (status, location) == (302, path)
        return status == 200

    eventually(shown)
    _, _, body = history.browser.get(path, Cookie="user=alice")
    loaded = {each for each in re.findall(r"""(?:src|href)=["'](/[^"'#]*)""", body) if not each.startswith("//")}
    assert len(loaded) > 10
    assert [each for each in loaded if not each.startswith("/history/")] == []
    for each in loaded:
        assert history.browser.get(each.replace("&amp;", "&"), Cookie="user=alice")[0] in (200, 302), each


@needs_nginx
def test_another_person_sees_that_it_ran_and_no_more(history):
    history.gather()
    eventually(lambda: history.applications() == [ALICE])
    listed = json.loads(history.browser.get("/history/api/v1/applications", Cookie="user=bob")[2])
    assert [each["id"] for each in listed] == [ALICE]
    for path in (
        f"/history/history/{ALICE}/jobs/",
        f"/history/api/v1/applications/{ALICE}/jobs",
        f"/history/api/v1/applications/{ALICE}/logs",
    ):
        assert history.browser.get(path, Cookie="user=bob")[0] == 403
        assert history.browser.get(path)[0] == 401


@needs_nginx
def test_what_is_trimmed_is_gone_from_the_list(history, tmp_path):
    history.gather()
    eventually(lambda: history.applications() == [ALICE])
    (log,) = (history.logs / "alice").iterdir()
    shutil.copytree(log, tmp_path / log.name)
    old = time.time() - 91 * 86400
    for path in (*log.iterdir(), log):
        os.utime(path, (old, old))
    history.gather()
    assert list((history.logs / "alice").iterdir()) == []
    eventually(lambda: history.applications() == [])
    # The next test finds it again.
    shutil.copytree(tmp_path / log.name, log)
