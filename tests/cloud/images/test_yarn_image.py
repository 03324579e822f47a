"""Yarn's Pods in their image: the recorded commands and files, as their user and with a read-only file system, and a driver beside them.

All of it is in one network here, whose only address is 127.0.0.1.
"""

import json
import shlex
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cloud import deployed, pods
from tests.cloud.deployed import one
from tests.cloud.driver import _copy
from tests.cloud.images.container import Container
from tests.cloud.images.test_spark_image import last_json
from tests.support.stack_files import with_yarn

pytestmark = pytest.mark.long

JOB = """
import json
from operator import add
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
session = SparkSession.builder.getOrCreate()
context = session.sparkContext
total = context.parallelize(range(10000), 4).map(lambda x: (x % 10, x)).reduceByKey(add).values().sum()
people = context.parallelize(range(2), 2).map(lambda _: __import__("os").getuid()).collect()
rows = session.range(100).groupBy((udf(lambda n: n % 3, "long"))("id").alias("k")).count().orderBy("k").collect()
print("RESULT", json.dumps([context.master, context.applicationId.split("_")[0], total, sorted(set(people)), [row[1] for row in rows]]))
"""
READY = """
import json, time, urllib.request
while True:
    try:
        found = json.load(urllib.request.urlopen("http://yarn.gaia-spark.svc:8088/ws/v1/cluster/metrics"))
        if found["clusterMetrics"]["activeNodes"] == 1:
            break
    except OSError:
        pass
    time.sleep(1)
"""
SMALL = {"cores": 1, "memory_gib": 1, "overhead_gib": 1, "scratch_gib": 4}


def test_a_job_runs_on_the_recorded_pods(container: Callable[[str], Container], tmp_path: Path):
    items = deployed.objects(with_yarn(deployed.stack(), cores=4, memory_gib=8))
    (interpreter, _), *_ = pods.rendered(items, {})
    files = {name: folder(tmp_path / name) for name in ("conf", "platform", "zeppelin", "work", "staging/alice")}
    for key, text in one(items, "ConfigMap", "yarn-manager-files")["data"].items():
        (files["conf"] / key).write_text(text)
    for key, text in one(items, "ConfigMap", "zeppelin-interpreter-files")["data"].items():
        (files["platform"] / key).write_text(text)
    # What the initContainer of the driver's Pod does.
    _copy(interpreter, files["zeppelin"], files["platform"], files["staging/alice"])
    pod, person = interpreter["metadata"]["name"], interpreter["metadata"]["labels"]["gaia-dmp/user"]
    (tmp_path / "job.py").write_text(JOB)
    image = container("yarn")
    for place in ("opt/yarn-conf", "opt/zeppelin", "work", "staging"):
        (image.root / place).mkdir(exist_ok=True)
    (image.root / "job.py").touch()
    hosts = ["localhost", socket.gethostname(), "yarn.gaia-spark.svc", f"{pod}.gaia-spark.svc"]
    (image.root / "etc/hosts").write_text(f"127.0.0.1 {' '.join(hosts)}\n")
    script = "\n".join(
        [
            *(f"{daemon(items, name)} > /tmp/{name}.log 2>&1 &" for name in ("yarn", "yarn-worker")),
            f"timeout 300 python3 -c {shlex.quote(READY)} || {{ cat /tmp/*.log; exit 1; }}",
            "export SPARK_CONF_DIR=/opt/zeppelin/spark-conf YARN_CONF_DIR=/opt/zeppelin/yarn-conf PYSPARK_PYTHON=python3 HOME=/work",
            f"HADOOP_USER_NAME={person} timeout 300 /opt/spark/bin/spark-submit /job.py || {{ cat /tmp/*.log; exit 1; }}",
        ]
    )
    done = image.run(
        "bash",
        "-c",
        script,
        mounts={
            files["conf"]: "/opt/yarn-conf",
            files["zeppelin"]: "/opt/zeppelin",
            files["work"]: "/work",
            tmp_path / "staging": "/staging",
            tmp_path / "job.py": "/job.py",
        },
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert last_json(done.stdout) == ["yarn", "application", 49995000, [185], [34, 33, 33]]


def folder(path: Path) -> Path:
    """A folder that a container's user may write, as a volume of a Pod is."""
    path.mkdir(parents=True)
    path.chmod(0o777)
    return path


def daemon(items: list[dict], name: str) -> str:
    """The command of one of Yarn's Pods, with its environment."""
    (found,) = one_exactly(items, name)["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each.get("value", "127.0.0.1") for each in found["env"]}
    return " ".join(["env", *(f"{key}={shlex.quote(value)}" for key, value in environment.items()), shlex.join(found["command"])])


def one_exactly(items: list[dict], name: str) -> dict:
    """The StatefulSet of exactly this name."""
    (found,) = [item for item in items if item["kind"] == "StatefulSet" and item["metadata"]["name"] == name]
    return json.loads(json.dumps(found))
