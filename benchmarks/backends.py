"""How soon a job has its first result, and how long a shuffle takes: executors of Kubernetes against containers of Yarn, of the same sizes
on the same node. `make bench-backends`.

The floor is Kubernetes, taken in the same run. Images are on the node already, and Yarn's daemons run.
"""

import statistics
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.cloud import deployed
from tests.cloud.deployed import NOTEBOOKS
from tests.cloud.node import interpreters, platform, yarn
from tests.cloud.node.cluster import running
from tests.cloud.node.interpreters import Interpreter
from tests.support.eventually import eventually

RUNS = 3
NAME = "spark-alice-2abcdefgh-driver"
ROWS = "sc.parallelize(range(400_000), 8).map(lambda n: (n, 'a row of some length')).repartition(8).count()"
JOBS = {"from no executor to a first result": "shuffle(2)", "a shuffle with executors at hand": ROWS}


def measured(spark: Interpreter) -> dict[str, float]:
    """The median of some runs of each job. Before the first of each run, all executors have gone."""
    seen: dict[str, list[float]] = {title: [] for title in JOBS}
    first, shuffle = JOBS
    for _ in range(RUNS):
        eventually(lambda: spark("executors()") == 0, 240, pause=1)
        seen[first].append(spark.seconds(JOBS[first]))
        # Both executors are there, and have loaded what they need.
        spark("shuffle(8, 2.0)")
        spark.seconds(JOBS[shuffle])
        seen[shuffle].append(spark.seconds(JOBS[shuffle]))
    return {title: statistics.median(each) for title, each in seen.items()}


def main() -> None:
    data = yarn.stack()
    spark = {key: value for key, value in data["gaia-dmp:spark"].items() if key != "backend"}
    items = deployed.objects(data | {"gaia-dmp:spark": spark})
    with tempfile.TemporaryDirectory() as name, running() as cluster:
        folders = {each: Path(name, each) for each in ("images", "more-images")}
        for folder in folders.values():
            folder.mkdir()
        platform.load_images(cluster.nodes["node-1"], items, folders["images"])
        with platform.running(cluster, items) as kubernetes:
            eventually((kubernetes.folder("spark-history", NOTEBOOKS) / "alice").is_dir, 240)
            with interpreters.running(kubernetes, NAME) as driver:
                floor = measured(driver)
        with (
            yarn.running(cluster, folders["more-images"]) as found,
            interpreters.running(found.platform, NAME) as driver,
        ):
            took = measured(driver)
    table = Table("", "Yarn, s", "Kubernetes, s", "ratio", title=f"Two executors of Spark 3.5, median of {RUNS}")
    for title in JOBS:
        table.add_row(title, f"{took[title]:.1f}", f"{floor[title]:.1f}", f"{took[title] / floor[title]:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
