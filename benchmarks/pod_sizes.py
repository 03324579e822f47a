"""What Pods hold of memory, on a real node, against what they request and may have. `make bench-node` writes docs/reference/pod-sizes.md.

A person works: their driver computes on as many executors as they may have, shuffles and broadcasts. The table misses Jobs
that end within seconds, because the kubelet looks every ten seconds.
"""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.cloud import deployed, releases
from tests.cloud.node import interpreters, platform
from tests.cloud.node.cluster import running
from tests.cloud.node.platform import Platform
from tests.cloud.node.sizes import Sizes
from tests.cloud.tools import ROOT

_TARGET = ROOT / "docs" / "reference" / "pod-sizes.md"
_SAMPLE = 10
_JOBS = ("shuffle(16, 1.0)", "spread(64, 2_000_000)", "shuffle(64, 0.5)")
_PAGE = """# What Pods hold of memory

MiB, written by `make bench-node`. *At rest*: the platform is up, and nobody works. *At work*: a person has four executors of 1 GiB heap and
1 GiB beside it, which shuffle two million rows and hold a broadcast of 64 MiB. What counts is what a container cannot give back (working
set, the most of several looks); over its limit it is killed.

Zeppelin, Ceph CSI, Grafana and Prometheus' reloader have no image here. Seen of them elsewhere, on a node with a real Zeppelin 0.12.1:
server 300 MiB of 4 GiB, Markdown 59 and Python 113 MiB, a driver inside Zeppelin 680 MiB, CSI with ceph-fuse 240 MiB. The Markdown
interpreter of this table is a shell that waits.

{table}

Why some hold little of what they request: the request of a driver, an executor, Zeppelin's server, the history server and Prometheus is
that of a full heap or of a long history. A smaller one would promise the rest to others, and who holds more than they requested goes first
when a node runs out of memory.
"""


@contextmanager
def deployment(folder: Path) -> Iterator[Platform]:
    """The whole platform on a node."""
    data = deployed.stack(monitoring={"smoke_test": {}})
    items = deployed.objects(data)
    items += [item for release in releases.of(data, folder / "charts").values() for item in release]
    with running() as cluster:
        platform.load_images(cluster.nodes["node-1"], items, folder / "images")
        with platform.running(cluster, items) as found:
            yield found


def rest(sizes: Sizes) -> None:
    """Look for a minute at what nobody uses."""
    for _ in range(6):
        time.sleep(_SAMPLE)
        sizes.look(working=False)


def work(found: Platform, sizes: Sizes, folder: Path) -> None:
    """Look while somebody works."""
    with (
        interpreters.made(found, folder, "md-alice-2abcdefgh-qwerty", group="md", setting="md"),
        interpreters.running(found, folder, "spark-large-alice-2abcdefgh-qwerty", setting="spark-large") as spark,
        ThreadPoolExecutor(1) as pool,
    ):
        for job in _JOBS:
            running_job = pool.submit(spark, job)
            while not running_job.done():
                sizes.look(working=True)
                time.sleep(_SAMPLE)
            running_job.result()
        sizes.look(working=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("images", "work"):
            (folder / each).mkdir()
        with deployment(folder) as found:
            sizes = Sizes(found)
            rest(sizes)
            work(found, sizes, folder / "work")
            _TARGET.write_text(_PAGE.format(table="\n".join(sizes.lines())))
    print(f"{_TARGET.relative_to(ROOT)} is written")


if __name__ == "__main__":
    main()
