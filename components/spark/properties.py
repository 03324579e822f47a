"""The Spark settings of a notebook. Plain functions, no resource."""

from components.names import CONNECT_PORT
from components.spark.gpus import gpu_properties
from components.spark.notebook_pods import NotebookPods
from settings.values.spark import NotebookSize, SparkSettings

SCRATCH = "/work/scratch"
"""Where Spark writes on local disk, in drivers and executors."""


def session_properties(spark: SparkSettings, size: NotebookSize) -> dict[str, str]:
    """The Spark settings of a session, whatever starts its executors (spark: docs/configuration.md)."""
    executor, driver = size.executor, size.driver
    return {
        "spark.submit.deployMode": "client",
        "spark.app.name": "zeppelin",
        "spark.driver.cores": str(driver.cores),
        "spark.driver.memory": f"{driver.memory_gib}g",
        "spark.executor.cores": str(executor.cores),
        "spark.executor.memory": f"{executor.memory_gib}g",
        "spark.executor.memoryOverhead": f"{executor.overhead_gib}g",
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.minExecutors": "0",
        "spark.dynamicAllocation.maxExecutors": str(size.max_executors),
        "spark.dynamicAllocation.executorIdleTimeout": f"{spark.executor_idle_seconds}s",
        "spark.dynamicAllocation.cachedExecutorIdleTimeout": f"{spark.cached_idle_seconds}s",
        "spark.authenticate": "true",
        "spark.network.crypto.enabled": "true",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.eventLog.enabled": "true",
        # files/copy-zeppelin.sh says where to. A notebook that stops its session and makes another goes on under the same name.
        "spark.eventLog.overwrite": "true",
        "spark.eventLog.rolling.enabled": "true",
        "spark.eventLog.rolling.maxFileSize": "64m",
        # `driver` and not `*`, which a shell between Zeppelin and Spark would read as a pattern.
        "spark.metrics.conf.driver.sink.prometheusServlet.class": "org.apache.spark.metrics.sink.PrometheusServlet",
        "spark.metrics.conf.driver.sink.prometheusServlet.path": "/metrics/prometheus",
        "spark.metrics.namespace": "zeppelin",
        "spark.ui.prometheus.enabled": "true",
        # Each is a line of metrics (components/observability/charts/json_exporter.py).
        "spark.ui.retainedStages": "300",
        # Every reader of the notebook could open the UI. It is no place to stop the work of others.
        "spark.ui.killEnabled": "false",
        # Object stores other than Amazon's have one name for all buckets.
        "spark.hadoop.fs.s3a.path.style.access": "true",
    }


def spark_properties(pods: NotebookPods, spark: SparkSettings, size: NotebookSize, maven_mirror: str | None = None) -> dict[str, str]:
    """The Spark settings of a notebook (spark: docs/running-on-kubernetes.md, docs/configuration.md).

    `spark.executor.instances` is blank because Zeppelin presets 2, which would be the number that dynamic allocation starts with.
    maven_mirror: address of a mirror of Maven repositories, or None.
    """
    executor = size.executor
    properties = session_properties(spark, size) | {
        # A driver's blocks, broadcasts and spills go to the disk that scratch_gib sizes, not to /tmp of 1 GiB. Spark mounts an emptyDir at
        # the same path in executors, which their own scratch_gib bounds (spark: LocalDirsFeatureStep).
        "spark.local.dir": SCRATCH,
        "spark.master": "k8s://https://kubernetes.default.svc",
        "spark.executor.instances": "",
        "spark.kubernetes.executor.limit.cores": str(executor.cores),
        "spark.kubernetes.executor.podTemplateFile": "/opt/zeppelin/executor.yaml",
        "spark.kubernetes.executor.podTemplateContainerName": "executor",
        "spark.kubernetes.authenticate.executor.serviceAccountName": pods.identities.executor,
        "spark.kubernetes.driver.ownPersistentVolumeClaim": "false",
        "spark.kubernetes.driver.reusePersistentVolumeClaim": "false",
        "spark.kubernetes.driver.service.deleteOnTermination": "false",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        "spark.dynamicAllocation.shuffleTracking.timeout": f"{spark.cached_idle_seconds}s",
        # An executor that goes, idle or with its node, ends its tasks and hands what it caches to those that stay; but it does go: a round
        # of migration would wait 30 s, and the last of them has nobody to give to. It hands over no shuffle files: Spark takes an
        # executor that gets some for busy until the next job, so an idle notebook would keep one (spark:
        # ExecutorMonitor.addShuffle, 3.5.8 and 4.0.3; tests/cloud/test_spark.py). What is lost with them is computed again where it is
        # asked for.
        "spark.decommission.enabled": "true",
        "spark.storage.decommission.enabled": "true",
        "spark.storage.decommission.shuffleBlocks.enabled": "false",
        "spark.storage.decommission.replicationReattemptInterval": "5s",
        "spark.executor.decommission.forceKillTimeout": "60s",
        # What waits for a node or for quota is asked for again and again, so little of it at a time.
        "spark.kubernetes.allocation.maxPendingPods": str(min(size.max_executors, 20)),
        "spark.kubernetes.allocation.driver.readinessTimeout": "10s",
        "spark.jars.ivy": "/work/.ivy2",
    }
    if size.gpu:
        properties |= gpu_properties(size.gpu)
    if pods.web_identity:
        # Hadoop 3.3's name of it, which Hadoop 3.4 takes for its own.
        properties["spark.hadoop.fs.s3a.aws.credentials.provider"] = "com.amazonaws.auth.WebIdentityTokenCredentialsProvider"
    if pods.connect:
        properties["spark.plugins"] = "org.apache.spark.sql.connect.SparkConnectPlugin"
        properties["spark.connect.grpc.binding.port"] = str(CONNECT_PORT)
    if maven_mirror:
        properties["spark.jars.repositories"] = maven_mirror
    return properties
