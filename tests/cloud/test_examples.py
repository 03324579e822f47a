"""The example notebooks' own code, run by real Spark on a dataset of this test's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.zeppelin.examples import example_notebooks
from tests.cloud import tools

PROGRAM = """
import contextlib, io, json, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1").getOrCreate()
spark.range(1000).selectExpr("id as source_id", "id % 360 as ra", "cast(id % 21 as double) as phot_g_mean_mag").write.parquet(sys.argv[1])
shown = []
class Z:
    def show(self, figure):
        file = io.BytesIO()
        figure.savefig(file, format="png")
        shown.append(len(file.getvalue()))
scope = {"spark": spark, "z": Z()}
with open(sys.argv[2]) as file:
    paragraphs = json.load(file)
printed = io.StringIO()
for text in paragraphs:
    with contextlib.redirect_stdout(printed):
        exec(text, scope)
print("RESULT " + json.dumps({"printed": printed.getvalue(), "shown": shown, "column": scope.get("column")}))
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("examples")
    data = folder / "data"
    notebooks = json.loads(example_notebooks([("sample", str(data))], ["spark", "spark-large"]))
    code = [
        p["text"].removeprefix("%spark.pyspark")
        for n in reversed(list(notebooks.values()))
        for p in n["paragraphs"]
        if "%spark.pyspark" in p["text"][:14]
    ]
    assert len(code) == 5
    (folder / "code.json").write_text(
        json.dumps([text.replace("2_000_000_000", "1_000_000").replace("numPartitions=200", "numPartitions=4") for text in code])
    )
    (folder / "program.py").write_text(PROGRAM)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))}
    libraries = tools.plotting()
    environment |= {"PYTHONPATH": f"{tools.spark('3.5')}:{libraries}", "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    command = [sys.executable, str(folder / "program.py"), str(data), str(folder / "code.json")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=Path(folder))
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.split("RESULT ")[1])


def test_a_dataset_is_listed_and_read(ran):
    assert "1,000 rows" in ran["printed"]
    assert ".parquet" in ran["printed"]


def test_it_is_plotted_by_its_brightness(ran):
    assert ran["column"] == "phot_g_mean_mag"
    assert len(ran["shown"]) == 1
    assert ran["shown"][0] > 2000


def test_executors_are_counted(ran):
    # In local mode the driver is alone.
    assert "before: 0" in ran["printed"]
    assert "2999997 after" in ran["printed"]
