"""The drill of docs/how-to/fall-back.md on a real node with a real Zeppelin: from Kubernetes to Yarn's Pods and back, notebooks and all."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from components.names import USER, ZEPPELIN_LABELS
from tests.cloud import deployed
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.node import platform, zeppelin
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.interpreters import EXECUTORS
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import kubectl
from tests.cloud.node.yarn import WORKERS, Yarn
from tests.cloud.node.zeppelin import Notebook
from tests.cloud.zeppelin.person import Person
from tests.cloud.zeppelin.server import needs_zeppelin
from tests.support.eventually import eventually
from tests.support.stack_files import with_yarn

pytestmark = needs_zeppelin
SUM = "%spark.pyspark\nprint(spark.version, spark.range(1000, numPartitions=4).groupBy('id').count().count())"
WHERE = """%spark.pyspark
def host(_):
    import socket
    return socket.gethostname().rpartition("-")[0]
print(*set(sc.parallelize(range(8), 8).map(host).collect()))"""


def stack() -> dict[str, Any]:
    """The stack of zeppelin.py with small executors and event logs, which both ways have."""
    data = zeppelin.stack()
    del data["gaia-dmp:monitoring"]
    small = {"cores": 1, "memory_gib": 1, "overhead_gib": 1, "scratch_gib": 4}
    data["gaia-dmp:spark"] |= {
        "driver": small,
        "executor": small,
        "max_executors": 2,
        "per_person": {"interpreters": 3, "executors": 2},
        "history": {"kind": "storage_class", "size_gib": 1},
    }
    return data


def on_yarn() -> dict[str, Any]:
    """The same, switched over."""
    data = stack()
    found = with_yarn(data, workers=WORKERS, cores=2, memory_gib=4, scratch_gib=8)
    return found | {"gaia-dmp:images": found["gaia-dmp:images"] | data["gaia-dmp:images"]}


@pytest.fixture(scope="module")
def deployment(bare: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    items = deployed.objects(stack())
    for number, each in enumerate((items, deployed.objects(on_yarn()))):
        platform.load_images(bare.nodes["node-1"], each, tmp_path_factory.mktemp(f"images-{number}"))
    with platform.running(bare, items, zeppelin.secrets()) as found:
        yield found


def switched(deployment: Platform, address: str, data: dict[str, Any]) -> None:
    """Steps 2 and 3 of the drill. address: of the gateway."""
    (before,) = servers(deployment)
    deployment.switch(deployed.objects(data), zeppelin.secrets())
    kubectl(deployment.kube, "delete", "pod", f"--namespace={NOTEBOOKS}", "--selector=app.kubernetes.io/name=zeppelin-interpreter")
    eventually(lambda: before not in servers(deployment) and zeppelin.serves(deployment) and zeppelin.answers(address), 300)


def servers(deployment: Platform) -> list[str]:
    """Names of Zeppelin's Pods."""
    return [pod["metadata"]["name"] for pod in deployment.pods(SERVER, ZEPPELIN_LABELS)]


def test_the_drill(deployment: Platform):
    with zeppelin.entrance(deployment) as address:
        eventually(lambda: zeppelin.serves(deployment) and zeppelin.answers(address), 300)

        def notebook(note: str = "") -> Notebook:
            """Alice's, after a login of its own: a server that restarts forgets who is logged in."""
            return Notebook(Person("alice", address, zeppelin.ORIGIN), "/Alice/work", note=note)

        first = notebook()
        assert first.run(SUM) == ("FINISHED", "4.0.5 1000\n")
        assert {pod["metadata"]["labels"][USER] for pod in deployment.pods(NOTEBOOKS, EXECUTORS)} == {"alice"}
        said = texts(first)
        assert said == [SUM]

        switched(deployment, address, on_yarn())
        yarn = Yarn(deployment)
        eventually(yarn.well, 300, pause=1)
        log = kubectl(deployment.kube, "logs", f"--namespace={NOTEBOOKS}", "yarn-0")
        assert len(re.findall("registered with capability", log)) == WORKERS
        there = notebook(first.note)
        assert texts(there) == said
        assert there.run(SUM) == ("FINISHED", "3.5.8 1000\n")
        assert there.run(WHERE) == ("FINISHED", "yarn-worker\n")
        assert there.run("%python\nprint(6 * 7)") == ("FINISHED", "42\n")
        assert deployment.pods(NOTEBOOKS, EXECUTORS) == []

        switched(deployment, address, stack())
        eventually(lambda: yarn.workers() == [], 120)
        back = notebook(first.note)
        assert texts(back) == [*said, SUM, WHERE, "%python\nprint(6 * 7)"]
        assert back.run(SUM) == ("FINISHED", "4.0.5 1000\n")
        assert {pod["metadata"]["labels"][USER] for pod in deployment.pods(NOTEBOOKS, EXECUTORS)} == {"alice"}


def texts(notebook: Notebook) -> list[str]:
    """What is written in a notebook."""
    paragraphs = notebook.person.http.get(f"/api/notebook/{notebook.note}").json()["body"]["paragraphs"]
    return [text for paragraph in paragraphs if (text := paragraph.get("text"))]
