"""Interpreters and executors of a small stack, for tests of single components and texts."""

from components.names import DRIVER_ACCOUNT, EXECUTOR_ACCOUNT, INTERPRETER_ACCOUNT
from components.spark.notebook_pods import Identities, Mount, NotebookPods, Priorities
from components.zeppelin.interpreters import InterpreterArgs
from settings.values.dataset import Dataset, NfsExport
from settings.values.spark import PodSize, Profile, Quota, SparkSettings

DATASET = Dataset(name="gdr3", mount_path="/data/gaia/GDR3", source=NfsExport(kind="nfs", server="nfs", path="/gaia"))
PODS = NotebookPods(
    identities=Identities(
        driver=DRIVER_ACCOUNT,
        executor=EXECUTOR_ACCOUNT,
        interpreter=INTERPRETER_ACCOUNT,
        priorities=Priorities(server="gaia-spark-server", driver="gaia-spark-driver", executor="gaia-spark-executor"),
        people={"alice": "alice", "a@b.org": "a-b-org"},
    ),
    zeppelin_image="apache/zeppelin:0.12.1",
    spark_image="apache/spark:3.5.8",
    mounts=[Mount(dataset=DATASET, claim="data-gdr3")],
    node_selector={"pool": "spark"},
)
SPARK = SparkSettings(
    pool="spark",
    driver=PodSize(cores=2, memory_gib=3, overhead_gib=2, scratch_gib=8),
    executor=PodSize(cores=4, memory_gib=12, overhead_gib=4, scratch_gib=20),
    max_executors=12,
    profiles=(
        Profile(
            name="large",
            driver=PodSize(cores=4, memory_gib=8, overhead_gib=4, scratch_gib=16),
            executor=PodSize(cores=8, memory_gib=24, overhead_gib=8, scratch_gib=40),
            max_executors=6,
        ),
    ),
    quota=Quota(cores=64, memory_gib=240, scratch_gib=400),
    executor_idle_seconds=60,
    cached_idle_seconds=900,
    interpreter_idle_minutes=60,
)
INTERPRETERS = InterpreterArgs(pods=PODS, spark=SPARK, environment={"PIP_INDEX_URL": "https://pip.example.org"})
SIZE = SPARK.sizes()["spark"]
