"""A catalogue is scored by a model: in a notebook, and from a laptop by Spark Connect."""

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.models.client import model_client_environment
from components.zeppelin.examples import example_notebooks
from tests.cloud import driver, tools
from tests.cloud.deployed import NOTEBOOKS
from tests.cloud.driver import Driver
from tests.cloud.kubelet import Kubelet
from tests.cloud.models.addresses import ALICE, HOST, OTHER_GATEWAY
from tests.cloud.models.server import resolving
from tests.support.certificates import self_signed
from tests.support.dns import names
from tests.support.gateway import Backend, configure, needs_nginx, serve
from tests.support.relay import relay
from tests.support.servers import free_ports, serving
from tests.support.stack_files import MODEL_IMAGES, ROOT

ROWS = int(os.environ.get("SCORED_ROWS", "10000"))
"""Of the catalogue that is scored; more by hand."""
LISTENS = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}.1"
"""Where the driver listens for Spark Connect."""
SESSION = f"x-driver=spark-alice-2abcdefgh-driver;token={secrets.token_hex(32)}"
"""What stands behind the host in the driver's address."""
MEAN = sum(2.0 * (n % 360) - n % 90 + 1 for n in range(ROWS)) / ROWS
"""Of what the catalogue says, and so of the scores."""


@pytest.fixture(scope="module")
def spark(api, items, models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    """A real driver of alice's with real executors and the libraries of the Spark image, which a laptop may use, too."""
    folder, python = tmp_path_factory.mktemp("scoring"), tools.libraries()
    (site,) = python.parents[1].glob("lib/python*/site-packages")
    runner = Kubelet(api, "4.0", folder / "executors")
    runner.start()
    with relay(ALICE, models.port) as way:
        here = resolving(folder, way)
        here["PYTHONPATH"] = f"{here['PYTHONPATH']}:{tools.spark('4.0')}:{site}"
        here |= {"PYSPARK_PYTHON": str(python), "HOME": str(folder), **model_client_environment()}
        pod, token = (part.split("=")[1] for part in SESSION.split(";"))
        here["SPARK_CONNECT_AUTHENTICATE_TOKEN"] = token
        other = {"spark.kubernetes.container.image": MODEL_IMAGES["spark"], "spark.connect.grpc.binding.address": LISTENS}
        with driver.running(api, items, folder / "driver", name=pod, hostile=other, variables=here) as found:
            yield found
    runner.stop()


@pytest.fixture(scope="module")
def catalogue(spark: Driver, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalogue") / "data"
    columns = "id as source_id, id % 360 as ra, cast(id % 90 as double) as dec, 2.0 * (id % 360) - (id % 90) + 1 as parallax"
    spark(f"spark.range({ROWS}).selectExpr(*{columns.split(', ')!r}).write.parquet({str(path)!r})")
    return path


def wrong_scores(spark: Driver, space: Path) -> int:
    """How many rows of alice's scores are wrong."""
    return spark(f"spark.read.parquet('file://{space}/alice/scores').where('abs(score - parallax) > 0.001').count()")


def test_the_example_notebook_scores_a_catalogue_by_a_model_that_was_trained_on_a_sample(spark, catalogue, tmp_path, record_property):
    space = tmp_path / "user"
    notes = json.loads(example_notebooks([("sample", str(catalogue))], ["spark"], space=True, models=True))
    (texts,) = [[p["text"] for p in note["paragraphs"]] for note in notes.values() if note["name"] == "Score sample"]
    for number, text in enumerate(texts[1:]):
        code = tmp_path / f"{number}.py"
        code.write_text(text.removeprefix("%spark.pyspark").replace("/user/", f"{space}/"))
        begin = time.monotonic()
        spark(f"exec(open({str(code)!r}).read(), globals())")
        record_property(f"seconds of paragraph {number}", round(time.monotonic() - begin, 1))
    assert spark("[me, title, count, round(mean, 6)]") == ["alice", "example-alice", ROWS, round(MEAN, 6)]
    assert wrong_scores(spark, space) == 0
    version = "mlflow.MlflowClient().get_latest_versions('example-alice')[0].version"
    assert spark(f"{version} == str(info.registered_model_version)") is True


@pytest.mark.long
@needs_nginx
def test_a_laptop_does_the_same_by_spark_connect(spark, catalogue, models, people, tmp_path, record_property):
    """The file that people download and the thin client of Spark, through the gateway with TLS."""
    gateway, laptop, space = tmp_path / "gateway", tmp_path / "laptop", tmp_path / "user"
    gateway.mkdir()
    laptop.mkdir()
    certificate, _ = self_signed(gateway, host=HOST)
    code = laptop / "score_catalogue.py"
    code.write_text((ROOT / "components/zeppelin/files" / code.name).read_text().replace("/user/", f"{space}/"))
    plain, tls = free_ports(2)
    pod, _ = (part.split("=")[1] for part in SESSION.split(";"))
    addresses = {f"{pod}.{NOTEBOOKS}.svc.cluster.local": LISTENS}
    with serving(Backend) as backend, names(addresses) as resolver, relay(OTHER_GATEWAY, models.port) as way:
        config = configure(gateway, "gateway-tls.conf", backend, plain, tls=tls, resolver=resolver, models=f"127.0.0.1:{way}")
        nginx = serve(gateway, config, plain)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(laptop),
            "SPARK_REMOTE": f"sc://127.0.0.1:{tls}/;{SESSION}",
            "MLFLOW_TRACKING_URI": f"https://{HOST}/models",
            "MLFLOW_TRACKING_TOKEN": "session-of-a-program-by-alice",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificate),
            "REQUESTS_CA_BUNDLE": str(certificate),
            **resolving(laptop, tls, HOST),
        }
        environment["PYTHONPATH"] += f":{tools.connect()}"
        begin = time.monotonic()
        command = [str(tools.libraries()), code.name, str(catalogue)]
        done = subprocess.run(command, cwd=laptop, env=environment, capture_output=True, text=True, timeout=300, check=False)
        record_property("seconds of the laptop", round(time.monotonic() - begin, 1))
        nginx.terminate()
        nginx.wait()
    asked = (gateway / "access.log").read_text()
    assert done.returncode == 0, done.stderr[-3000:] + asked[-1000:] + spark.log()[-3000:]
    assert done.stdout.endswith(f"{ROWS:,} rows scored, mean {MEAN:.4f}\n")
    assert wrong_scores(spark, space) == 0
    assert "POST /models/api/2.0/mlflow/model-versions/create" in asked
    (version,) = re.findall(r"registered as example-alice, version (\d+), see /models/", done.stdout)
    assert people["bob"](f"client.get_model_version('example-alice', '{version}').status") == ["READY"]
