"""The real Spark UI behind the real gateway: every link and file of its pages stays below the path of the notebook's Pod."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.cloud import tools
from tests.cloud.driver import VERSIONS
from tests.cloud.kube import die_with_parent
from tests.support.gateway import ALICE, Backend, Browser, configure, needs_nginx, serve
from tests.support.servers import free_ports, serving

BASE = f"/spark-ui/{ALICE}"
PROGRAM = """
import sys
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").config("spark.ui.port", sys.argv[1]).config("spark.driver.host", "127.0.0.1")
spark = builder.config("spark.ui.killEnabled", "false").config("spark.ui.prometheus.enabled", "true").getOrCreate()
spark.range(100).selectExpr("sum(id)").collect()
print("READY", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module", params=VERSIONS)
def browser(request, tmp_path_factory) -> Iterator[Browser]:
    folder, (ui, port) = tmp_path_factory.mktemp("ui"), free_ports(2)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))}
    environment |= {"PYTHONPATH": str(tools.spark(request.param)), "SPARK_LOCAL_IP": "127.0.0.1", "APPLICATION_WEB_PROXY_BASE": BASE}
    (folder / "program.py").write_text(PROGRAM)
    with (folder / "log").open("wb") as log:
        spark = subprocess.Popen(
            [sys.executable, str(folder / "program.py"), str(ui)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=die_with_parent,
        )  # fmt: skip
    assert spark.stdout
    assert spark.stdout.readline() == "READY\n", (folder / "log").read_text()[-2000:]
    with serving(Backend) as backend:
        config = configure(folder, "gateway-plain.conf", backend, port)
        locations = folder / "locations.inc"
        locations.write_text(locations.read_text().replace(f"{backend}$spark_path", f"127.0.0.1:{ui}$spark_path"))
        nginx = serve(folder, config, port)
        yield Browser(port)
        for process in (nginx, spark):
            process.terminate()
            process.wait()


@needs_nginx
@pytest.mark.parametrize("page", ["/jobs/", "/stages/", "/executors/", "/environment/", "/SQL/"])
def test_pages_and_all_that_they_load(browser, page):
    status, _, body = browser.get(BASE + page, Cookie="user=alice")
    assert status == 200
    loaded = [path for path in re.findall(r"""(?:src|href)=["'](/[^"'#]*)""", body) if not path.startswith("//")]
    assert len(loaded) > 10
    assert [path for path in loaded if not path.startswith(BASE)] == []
    for path in {*loaded} - {f"{BASE}/"}:
        assert browser.get(path.replace("&amp;", "&"), Cookie="user=alice")[0] == 200, path


@needs_nginx
def test_the_front_page_leads_to_the_jobs(browser):
    status, location, _ = browser.get(BASE + "/", Cookie="user=alice")
    assert status == 302
    assert location == f"{BASE}/jobs/"


@needs_nginx
def test_what_the_pages_ask_for_later(browser):
    """The tables of executors come by Spark's REST API."""
    status, _, body = browser.get(f"{BASE}/api/v1/applications", Cookie="user=alice")
    assert status == 200
    assert '"id"' in body
    assert browser.get(f"{BASE}/jobs/", Cookie="user=bob")[0] == 403
