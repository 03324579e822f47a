"""The image of interpreters and executors does what Pods ask of it, as its user and with a read-only file system."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from images import build
from settings.values.images import ImageSettings, Versions
from tests.cloud.images.container import Container
from tests.support.stack_files import ROOT, SPARK_3_5

pytestmark = pytest.mark.long

VERSIONS = {"spark": ImageSettings().versions, "spark-3.5": Versions.model_validate(SPARK_3_5["versions"])}
ELSEWHERE = {"__init__.py", "score_catalogue.py"}
"""Files that no image runs: the second is for somebody's own machine, and tests/cloud/models runs it with what is there."""
SCRIPTS = sorted(path for path in ROOT.glob("components/**/files/**/*.py") if path.name not in ELSEWHERE)
JOB = """
import json
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
session = SparkSession.builder.getOrCreate()
rows = session.range(100).repartition(3).groupBy((udf(lambda n: n % 3, "long"))("id").alias("k")).count().orderBy("k").collect()
frame = session.range(4).toPandas()
classes = session._jvm.java.lang.Class.forName("org.apache.hadoop.fs.s3a.S3AFileSystem").getName()
print("RESULT", json.dumps([[row[1] for row in rows], int(frame["id"].sum()), classes]))
"""
SMALL_JVM = {"JAVA_TOOL_OPTIONS": "-Xmx700m -XX:TieredStopAtLevel=1", "SPARK_LOCAL_IP": "127.0.0.1", "HOME": "/tmp"}


@pytest.fixture(scope="module", params=sorted(VERSIONS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def spark(container: Callable[[str], Container], name: str) -> Container:
    return container(name)


def last_json(text: str) -> object:
    (line,) = [each for each in text.splitlines() if each.startswith("RESULT ")]
    return json.loads(line.removeprefix("RESULT "))


def test_it_has_the_versions_that_the_stack_states(spark, name):
    versions = VERSIONS[name]
    done = spark.run("/opt/spark/bin/spark-submit", "--version", **SMALL_JVM)
    assert done.returncode == 0, done.stdout
    assert f"version {versions.spark}\n" in done.stdout
    assert f"Scala version {versions.scala}." in done.stdout
    assert f", {versions.java}." in done.stdout


def test_the_user_has_a_name_and_a_home(spark):
    done = spark.run("sh", "-c", "id -un; awk -F: '$3 == 185 { print $6 }' /etc/passwd")
    assert done.stdout.split() == ["spark", "/home/spark"]


def test_every_library_is_there_and_compiled(spark):
    program = (
        "import astropy, astroquery, healpy, matplotlib, numpy, pandas, pip, pyarrow, scipy, sklearn, importlib.util, json, os, sys\n"
        "import matplotlib.pyplot\n"
        "loaded = [m for m in list(sys.modules.values()) if (getattr(m, '__file__', None) or '').endswith('.py')]\n"
        "bare = [m.__name__ for m in loaded if not os.path.exists(importlib.util.cache_from_source(m.__file__))]\n"
        "print('RESULT', json.dumps([list(sys.version_info[:2]), len(loaded) > 1000, bare]))"
    )
    done = spark.run("python3", "-c", program, HOME="/tmp", MPLCONFIGDIR="/tmp")
    assert done.returncode == 0, done.stdout
    assert last_json(done.stdout) == [[3, 11], True, []]


def test_a_job_runs_with_python_functions_arrow_and_s3a(spark, tmp_path):
    job = tmp_path / "job.py"
    job.write_text(JOB)
    (spark.root / "job.py").touch()
    arguments = ("--master", "local[1]", "--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=2", "/job.py")
    done = spark.run("/opt/spark/bin/spark-submit", *arguments, mounts={job: "/job.py"}, PYSPARK_PYTHON="python3", **SMALL_JVM)
    assert done.returncode == 0, done.stdout
    assert last_json(done.stdout) == [[34, 33, 33], 6, "org.apache.hadoop.fs.s3a.S3AFileSystem"]


def test_java_trusts_whom_debian_trusts(spark):
    done = spark.run("keytool", "-list", "-keystore", "/etc/ssl/certs/java/cacerts", "-storepass", "changeit")
    bundle = (spark.root / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert done.stdout.count("trustedCertEntry") == bundle.count("BEGIN CERTIFICATE") > 100


def test_the_entrypoint_starts_an_executor_as_spark_asks(spark):
    """With a driver that is not there: the executor gets every setting, and says that it cannot connect."""
    environment = {
        "SPARK_JAVA_OPT_0": "-Dspark.driver.port=1",
        "SPARK_JAVA_OPT_1": "-Dspark.rpc.numRetries=1",
        "SPARK_EXECUTOR_MEMORY": "300m",
        "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@127.0.0.1:1",
        "SPARK_EXECUTOR_ID": "7",
        "SPARK_EXECUTOR_CORES": "1",
        "SPARK_APPLICATION_ID": "spark-app",
        "SPARK_EXECUTOR_POD_IP": "127.0.0.1",
        "SPARK_EXECUTOR_POD_NAME": "exec-7",
        "SPARK_RESOURCE_PROFILE_ID": "0",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = spark.run("/opt/entrypoint.sh", "executor", **environment)
    assert done.returncode == 1
    assert "KubernetesExecutorBackend" in done.stdout
    assert "Failed to connect to /127.0.0.1:1" in done.stdout or "Connection refused: /127.0.0.1:1" in done.stdout


def test_the_entrypoint_runs_anything_else_as_it_is(spark):
    done = spark.run("/opt/entrypoint.sh", "echo", "two words")
    assert done.stdout == "two words\n"


def test_decommissioning_signals_the_executor_and_waits_for_it(spark):
    """A shell plays Java: what counts is the name of the process, the signal, and that the hook returns after the end."""
    script = "cp /bin/bash /tmp/java; /tmp/java -c 'trap \"echo signalled; exit\" PWR; while :; do sleep 0.1; done' & "
    done = spark.run("sh", "-c", script + "while ! pgrep -x java > /dev/null; do :; done; sleep 1; /opt/decom.sh; echo returned; wait")
    assert done.stdout.splitlines() == ["signalled", "returned"]
    assert spark.run("/opt/decom.sh").returncode == 0


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_our_scripts_load_in_the_images_python(spark, script: Path):
    """Compiling is not enough: `datetime.UTC`, which older Pythons lack, fails as the module is loaded."""
    (spark.root / "scripts").mkdir(exist_ok=True)
    # One may import another that lies beside it.
    load = f"import runpy, sys; sys.path.insert(0, '/scripts'); runpy.run_path('/scripts/{script.name}')"
    done = spark.run("python3", "-I", "-B", "-c", load, mounts={script.parent: "/scripts"})
    assert done.returncode == 0, done.stdout


def test_the_list_of_contents_names_what_is_inside(name):
    built, versions = build.image(name), VERSIONS[name]
    found = {each["purl"].split("?")[0].rsplit("@")[0]: each["version"] for each in json.loads(built.contents.read_text())["components"]}
    assert found["pkg:deb/debian/openjdk-17-jre-headless"].startswith(f"{versions.java}.")
    assert found["pkg:pypi/numpy"].startswith("2.2.")
    assert found["pkg:generic/hadoop-aws"] == found["pkg:generic/hadoop-client-api"]
    assert found[f"pkg:generic/spark-core_{versions.scala}"] == versions.spark
    assert json.loads(built.contents.read_text())["metadata"]["component"]["version"] == built.digest


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (Debian: skopeo)")
def test_skopeo_takes_the_layout(tmp_path, name):
    built = build.image(name)
    subprocess.run(("skopeo", "copy", "--quiet", f"oci:{built.layout}", f"dir:{tmp_path / 'copy'}"), check=True)
    manifest = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    assert len(manifest["layers"]) == 5
