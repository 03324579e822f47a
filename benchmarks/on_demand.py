"""How soon executors come and go, on the tests' API server and kubelet. `make bench-kube`.

Floors, taken in the same run: for the first executor a bare JVM that loads Spark from the same jars and ends; for the release the
timeouts that the stack configures. No container is pulled and no node is made here: on a cloud both come on top.
"""

import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.cloud import deployed, driver, tools
from tests.cloud.kube import running
from tests.cloud.kubelet import Kubelet

RUNS = 3
RELEASED = "wait(lambda: executors() == 0, 120)"
MAP = "sc.parallelize(range(6), 6).map(lambda x: (__import__('time').sleep(0.5), x)[1]).count()"


def bare_jvm(minor: str) -> float:
    """Seconds of a JVM that loads Spark and prints its version."""
    begin = time.monotonic()
    command = ["java", "-cp", f"{tools.spark(minor)}/pyspark/jars/*", "org.apache.spark.deploy.SparkSubmit", "--version"]
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - begin


def main() -> None:
    data = deployed.stack()
    idle, cached = (data["gaia-dmp:spark"][key] for key in ("executor_idle_seconds", "cached_idle_seconds"))
    table = Table("", "seconds", "floor", "ratio", title="On demand")
    items = deployed.objects(data)
    for minor in tools.SPARK:
        tools.spark(minor)
    with running() as kube, tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("Running Spark ..."):
        for index in range(2):
            kube.node(f"spark-{index}", {"capi.stackhpc.com/node-group": "spark"})
        deployed.apply(kube.api, items)
        for minor in tools.SPARK:
            jvm = min(bare_jvm(minor) for _ in range(RUNS))
            kubelet = Kubelet(kube.api, minor, Path(folder) / f"executors-{minor}")
            kubelet.start()
            rows: dict[tuple[str, float], list[float]] = {}
            for run in range(RUNS):
                with driver.running(kube.api, items, Path(folder) / f"{minor}-{run}", minor=minor) as spark:
                    rows.setdefault(("job to first executor", jvm), []).append(spark("first_executor()"))
                    spark("shuffle(6, 0.5)")
                    rows.setdefault(("idle with shuffle files to released", cached), []).append(spark(RELEASED))
                    spark(MAP)
                    rows.setdefault(("idle to released", idle), []).append(spark(RELEASED))
                    spark("spark.stop()")
            kubelet.stop()
            for (title, floor), seconds in rows.items():
                best = min(seconds)
                table.add_row(f"Spark {minor}: {title}", f"{best:.1f} (to {max(seconds):.1f})", f"{floor:.1f}", f"{best / floor:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
