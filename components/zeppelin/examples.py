"""Example notebooks for newcomers: an overview, how executors start and stop, how to read and plot each dataset, and how to score one."""

import json
import re
from collections.abc import Sequence
from typing import Any

from components.files import text

FOLDER = "Examples"
"""Their folder among the notebooks."""

_ON_DEMAND = '''
import time

def executors():
    """The number of executors that this notebook has now, without its driver."""
    return spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1

print("before:", executors())
started = time.time()
count = spark.range(0, 2_000_000_000, numPartitions=200).selectExpr("sum(id % 7)").collect()[0][0]
print(f"{count} after {time.time() - started:.0f} s, on {executors()} executors")
'''

_LATER = """
print("now:", executors(), "- run this again after a minute without work: the executors have stopped")
"""

_LIST = """
import os

root = "{path}"
files = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names][:1000]
print(f"{{len(files)}} files (the first thousand are counted)")
for file in files[:10]:
    print(os.path.getsize(file), file)
"""

_BUCKET = """
root = "{path}"
files = []  # Spark itself lists a bucket
"""

_READ = """
parquet = sorted({{os.path.dirname(file) for file in files if file.endswith(".parquet")}})
table = spark.read.parquet(*(parquet or [root]))
table.printSchema()
print(f"{{table.count():,}} rows")
"""

_PLOT = """
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
from pyspark.sql import types

wanted = ("phot_g_mean_mag", "parallax", "ra")
numbers = [field.name for field in table.schema.fields if isinstance(field.dataType, types.NumericType)]
column = next((name for name in wanted if name in numbers), numbers[0])
edges, counts = table.select(column).dropna().rdd.map(lambda row: float(row[0])).histogram(60)
figure, axes = plt.subplots(figsize=(8, 4))
axes.stairs(counts, edges, fill=True)
axes.set_xlabel(column)
axes.set_ylabel("rows")
z.show(plt)
"""


_OPEN = """
import os

import mlflow
import requests

# The server of models knows whose notebook this is.
me = requests.get(os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/users/current", timeout=60).json()["user"]["username"]
root = "{path}"

"""

_MODEL = """
model = f"models:/{title}/latest"

"""


def _cells() -> dict[str, str]:
    """The parts of the program that people run on their own machine, by title: `# %%` begins one in VS Code and Jupyter."""
    _, *parts = re.split(r"^# %% (\w+)\n", text("zeppelin/files/score_catalogue.py"), flags=re.MULTILINE)
    bare = (re.sub(r"  # noqa: .*", "", part).strip() + "\n" for part in parts[1::2])
    return dict(zip(parts[::2], bare, strict=True))


def example_notebooks(
    datasets: Sequence[tuple[str, str]],
    settings: Sequence[str],
    buckets: Sequence[str] = (),
    *,
    space: bool = False,
    models: bool = False,
    limits: Sequence[str] = (),
) -> str:
    """JSON of {path below the folder of notebooks: notebook}.

    datasets: name and where it is, a path or an address `s3a://`. settings: names of the Spark settings, `spark` first. buckets: names of
    those that notebooks may write. space: whether people have one of their own. models: whether there is a server of
    models. limits: what one person may have, a sentence each.
    """
    mounted = "\n".join(f"* `{path}` ({name})" for name, path in datasets) or "* none yet"
    profiles = ", ".join(f"`%{name}.pyspark`" for name in settings)
    writable = ["* `/user/<your name>`, your own space"] * space + [f"* `s3a://{bucket}`, for everybody" for bucket in buckets]
    yours = "\n".join(["## Where you can write", *writable, "", ""]) if writable else ""
    welcome = (
        f"%md\n## What is here\n{mounted}\n\n{yours}"
        f"Every notebook has its own Spark. It starts with the first Spark paragraph. Sizes: {profiles}.\n"
        "Executors start when there is work and stop when there is none. The driver stops when the notebook has been idle.\n"
        f"{chr(10).join(['', '## Your limits', *(f'* {limit}' for limit in limits), '', '']) if limits else ''}"
        "Change the settings of a running Spark with `spark.conf.set(...)`. An administrator changes the settings that it starts with."
    )
    notebooks = {
        "Welcome": [welcome, "%spark.pyspark" + _ON_DEMAND, "%spark.pyspark" + _LATER],
    }
    for name, path in datasets:
        paragraphs = (_BUCKET if path.startswith("s3a:") else _LIST, _READ, _PLOT)
        notebooks[f"Read {name}"] = [
            f"%md\n## {name}\nRead-only, at `{path}`.",
            *("%spark.pyspark" + p.format(path=path) for p in paragraphs),
        ]
    files = [(name, path) for name, path in datasets if not path.startswith("s3a:")]
    if models and files:
        (name, path), cells = files[0], _cells()
        notebooks[f"Score {name}"] = [
            f"%md\n## A model of {name}\nIt is trained on a sample, registered, and scores every row on executors. `/models/` shows it.",
            "%spark.pyspark" + _OPEN.format(path=path) + cells["Train"],
            "%spark.pyspark" + _MODEL + "\n".join(cells[title] for title in ("Score", *["Write"] * space, "Look")),
        ]
    return json.dumps(dict(_notebook(index, title, texts) for index, (title, texts) in enumerate(notebooks.items())))


def _notebook(index: int, title: str, texts: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Path and contents in the form of Zeppelin 0.12's .zpln files."""
    # Zeppelin's ids are nine of these letters, beginning with 2 (IdHashes).
    note_id = f"2GAADMP{index // 10 + 1}{'ABCDEFGHJK'[index % 10]}"
    paragraphs = [
        {
            "id": f"paragraph_{note_id}_{number}",
            "text": text,
            "user": "anonymous",
            "config": {"enabled": True, "editorHide": text.startswith("%md"), "results": {}},
            "settings": {"params": {}, "forms": {}},
            "status": "READY",
        }
        for number, text in enumerate(texts)
    ]
    notebook = {
        "id": note_id,
        "name": title,
        "path": f"/{FOLDER}/{title}",
        "defaultInterpreterGroup": "spark",
        "version": "0.12.1",
        "noteParams": {},
        "noteForms": {},
        "config": {"isZeppelinNotebookCronEnable": False},
        "info": {},
        "paragraphs": paragraphs,
    }
    return f"{FOLDER}/{title}_{note_id}.zpln", notebook
