"""Archives of Spark's classes: with them a driver starts by half the processor's work, and so does an executor.

Java maps an archive into memory and does not read, check and link each class anew (class data sharing). It takes one only where it is the
same Java and the same jars; otherwise it says so and does without. `python -m tests.cloud.spark_classes 4.0` makes those of a version, by
a driver and an executor that run a job. Tests do without them where they cannot be made.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.cloud import deployed, driver, tools
from tests.cloud.kubelet import Kubelet


def _write(minor: str, part: Path) -> None:
    """Have a driver and an executor work, and ask Java which classes they have loaded."""
    items = deployed.objects(deployed.stack())
    # The script that starts Spark reads what another Java prints, which must not be a warning.
    os.environ["JAVA_TOOL_OPTIONS"] = f"-XX:TieredStopAtLevel=1 -XX:+RecordDynamicDumpInfo {tools.JAVA_WARNINGS}"
    part.mkdir()
    with tempfile.TemporaryDirectory() as folder, deployed.standing(items) as api:
        kubelet = Kubelet(api, minor, Path(folder) / "executors")
        kubelet.start()
        try:
            with driver.running(api, items, Path(folder) / "driver", minor=minor) as spark:
                spark("shuffle(1)")
                spark("spark.range(1000).selectExpr('sum(id)').collect()[0][0]")
                executor, *_ = kubelet.pids()
                for role, pid in (("driver", spark("sc._jvm.java.lang.ProcessHandle.current().pid()")), ("executor", executor)):
                    archive = part / f"{role}.jsa"
                    tools.run("jcmd", str(pid), "VM.cds", "dynamic_dump", str(archive))
                    if not archive.exists():
                        raise tools.ToolError(f"Java wrote no {archive.name}")
        finally:
            kubelet.stop()


def main() -> None:
    """Make what is missing for the versions that the arguments name."""
    for minor in sys.argv[1:]:
        try:
            tools.made(tools.spark_classes(minor), f"archives of Spark {minor}'s classes", lambda part, minor=minor: _write(minor, part))
        except (tools.ToolError, RuntimeError, AssertionError) as error:
            print(f"Spark {minor} starts without an archive of its classes: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
