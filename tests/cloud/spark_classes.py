"""Archives of Spark's classes: with them a driver starts by half the processor's work, and so does an executor.

Java maps an archive into memory and does not read, check and link each class anew (class data sharing). It takes one only where it is the
same Java and the same jars; otherwise it says so and does without. `python -m tests.cloud.spark_classes 4.0` makes those of a version, by
a driver and executors that run a job.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

from tests.cloud import deployed, driver, tools
from tests.cloud.kubelet import Kubelet
from tests.support.eventually import eventually


def _run(minor: str, archives: Path) -> None:
    """Have a driver and its executors work, and write down at their end which classes they have loaded."""
    items = deployed.objects(deployed.stack())
    written = {role: f"-XX:TieredStopAtLevel=1 -XX:ArchiveClassesAtExit={archives / role}.jsa" for role in ("driver", "executor")}
    os.environ["JAVA_TOOL_OPTIONS"] = written["executor"]
    variables = {"JAVA_TOOL_OPTIONS": written["driver"]}
    with tempfile.TemporaryDirectory() as folder, deployed.standing(items) as api:
        kubelet = Kubelet(api, minor, Path(folder) / "executors")
        kubelet.start()
        with driver.running(api, items, Path(folder) / "driver", minor=minor, variables=variables) as spark:
            spark("shuffle(3, 1.0)")
            spark("spark.range(1000).selectExpr('sum(id)').collect()[0][0]")
            spark("spark.stop()")
            eventually(lambda: kubelet.running() == [])
            with contextlib.suppress(RuntimeError):  # there is nobody left to answer
                spark("sc._jvm.java.lang.System.exit(0)")
        kubelet.stop()


def main() -> None:
    """Make what is missing for the versions that the arguments name."""
    for minor in sys.argv[1:]:

        def make(part: Path, minor: str = minor) -> None:
            part.mkdir()
            _run(minor, part)

        tools.made(tools.spark_classes(minor, "driver").parent, f"the archives of Spark {minor}'s classes", make)


if __name__ == "__main__":
    main()
