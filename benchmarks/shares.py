"""How fast Spark scans Parquet on a real CephFS, against `cat` of such files on the same mount. `make bench-shares`.

The floor is `cat`, taken in the same run: tables of one size are read in turns, each once by either, and from no cache. One machine plays
nodes, Ceph and its disk, so only the ratio says something.
"""

import tempfile
from pathlib import Path

from rich.console import Console

from tests.cloud import deployed
from tests.cloud.node import interpreters, shares
from tests.cloud.node.cluster import running
from tests.cloud.node.interpreters import Interpreter
from tests.cloud.openstack import cloud
from tests.support.eventually import eventually

TABLES, ROWS, COLUMNS = 4, 2_400_000, 8
ROUNDS = ((0, 1), (2, 3), (1, 0), (3, 2))
"""Which table `cat` reads, and then Spark. A client of Ceph keeps 200 MiB, which is less than what lies between two turns of a table."""
NAME = "spark-alice-2abcdefgh-{}"
_CAT = """
import glob, os, subprocess, time

for name in glob.glob("/user/alice/table-*/*"):
    file = os.open(name, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)
begin = time.monotonic()
subprocess.run("cat {files} > /dev/null", shell=True, check=True)
print(time.monotonic() - begin)
"""


def table(number: int) -> str:
    return f"/user/alice/table-{number}"


def cat(spark: Interpreter, files: str) -> float:
    """Seconds that `cat` needs, once the kernel has forgotten all tables."""
    return float(spark.execute("python3", "-c", _CAT.format(files=files)))


def scan(spark: Interpreter, number: int) -> float:
    """Seconds that Spark needs for the sum of every column."""
    cat(spark, "/dev/null")
    sums = ", ".join(f"'sum(c{column})'" for column in range(COLUMNS))
    return spark.seconds(f"spark.read.parquet('{table(number)}').selectExpr({sums}).collect()")


def main() -> None:
    data = deployed.stack(ceph_csi={"mounter": "fuse"})
    data["gaia-dmp:zeppelin"]["user_space"] = {"kind": "share", "size_gib": 4}
    columns = ", ".join(f"'rand({column}) as c{column}'" for column in range(COLUMNS))
    with (
        tempfile.TemporaryDirectory() as name,
        cloud.running() as openstack,
        running() as cluster,
        shares.made(openstack, data, {}) as items,
        shares.running(cluster, openstack, items, Path(name)) as platform,
    ):
        with interpreters.running(platform, NAME.format("writer")) as spark:
            for number in (*range(TABLES), "small"):
                rows = 1000 if number == "small" else ROWS
                spark(f"spark.range({rows}).selectExpr({columns}).repartition(4).write.parquet('/user/alice/table-{number}')")
            size = int(spark.execute("du", "-sm", table(0)).split()[0])
        # Nobody else mounts the space: the next client of Ceph knows nothing of it.
        eventually(lambda: "alice" not in platform.node.call("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), 120)
        with interpreters.running(platform, NAME.format("reader")) as spark:
            spark("spark.read.parquet('/user/alice/table-small').selectExpr('sum(c0)').collect() and None")
            floor, took = zip(*((cat(spark, f"{table(one)}/*.parquet"), scan(spark, other)) for one, other in ROUNDS), strict=True)
    console = Console()
    console.print(f"{len(ROUNDS)} tables of {size} MiB, read cold by ceph-fuse:")
    console.print(f"cat   {size * len(floor) / sum(floor):6.0f} MiB/s ({', '.join(f'{each:.1f}' for each in floor)} s)")
    console.print(f"scan  {size * len(took) / sum(took):6.0f} MiB/s ({', '.join(f'{each:.1f}' for each in took)} s)")
    console.print(f"A scan takes {sum(took) / sum(floor):.1f} times as long as cat.")


if __name__ == "__main__":
    main()
