"""Yarn's files and Spark's beside them, from the sizes of the stack file. Plain functions, no resource.

One rendering serves every machine: what differs between two NodeManagers comes from their environment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from components.files import text
from components.names import (
    BLOCK_MANAGER_PORT,
    DRIVER_PORT,
    SHUFFLE_PORT,
    YARN_ADMIN_PORT,
    YARN_BLOCK_PORTS,
    YARN_CONTAINER_PORT,
    YARN_LOCALIZER_PORT,
    YARN_NODE_WEB_PORT,
    YARN_PORT,
    YARN_SCHEDULER_PORT,
    YARN_TRACKER_PORT,
    YARN_WEB_PORT,
)
from components.spark.hadoop_conf import configuration_xml
from components.spark.properties import session_properties
from settings.values.spark import NotebookSize, SparkSettings

NODE_VARIABLE = "YARN_NODE"
"""Environment variable of both daemons: the address by which all others reach them."""

QUEUE = "default"
_DOMINANT = "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"


@dataclass(frozen=True, kw_only=True)
class YarnCluster:
    """Where Yarn runs, and what it hands out."""

    resource_manager: str
    """Name or address of the ResourceManager's machine."""

    workers: int
    """Number of NodeManagers."""

    cores: int
    """Processor cores that one NodeManager hands out."""

    memory_gib: int
    """Memory that one NodeManager hands out, in GiB: more than `cores`."""

    scratch: str
    """Folder of a NodeManager's local disk for shuffles and spills."""

    shuffle_jars: str
    """Folder with Spark's shuffle service on each NodeManager's machine."""

    spark_home: str
    """Folder of Spark, which is the same on every machine."""

    people: Sequence[str] | None
    """Names of those who may start applications, as Yarn knows them; None for everybody, where a directory knows people."""


def yarn_files(cluster: YarnCluster, spark: SparkSettings) -> dict[str, str]:
    """The files in a daemon's folder of configuration, by name: the same for the ResourceManager and NodeManagers.

    A driver needs `yarn-site.xml` alone.
    """
    return {
        # There is no HDFS: data and staging lie on shares that every machine mounts.
        # Both daemons show their numbers at /prom (hadoop: core-default.xml).
        "core-site.xml": configuration_xml({"fs.defaultFS": "file:///", "hadoop.prometheus.endpoint.enabled": "true"}),
        "yarn-site.xml": configuration_xml(_yarn_site(cluster)),
        "capacity-scheduler.xml": configuration_xml(_scheduler(cluster, spark)),
        "log4j.properties": text("yarn/files/log4j.properties"),
    }


def worker_files(cluster: YarnCluster, spark: SparkSettings) -> dict[str, str]:
    """The files that NodeManagers read. Limits of people concern the ResourceManager alone: a new person is no reason for new workers."""
    return {name: contents for name, contents in yarn_files(cluster, spark).items() if name != "capacity-scheduler.xml"}


def spark_defaults(cluster: YarnCluster, spark: SparkSettings, size: NotebookSize) -> dict[str, str]:
    """Spark's settings of a driver beside Yarn (spark: docs/running-on-yarn.md, docs/security.md).

    Each driver adds its own address and `spark.yarn.stagingDir`: a folder that it shares with NodeManagers, by the same path and user.
    """
    return session_properties(spark, size) | {
        "spark.master": "yarn",
        "spark.yarn.queue": QUEUE,
        # Each machine has Spark: its jars are not copied.
        "spark.yarn.jars": f"local:{cluster.spark_home}/jars/*",
        # Python functions run in executors: Spark copies its Python library there. spark-submit sets this for a program in Python, which
        # Zeppelin's is not; Zeppelin sets it for Yarn, but not where it launches Pods (zeppelin: SparkInterpreterLauncher.java).
        "spark.yarn.isPython": "true",
        # With as much overhead, 1 GiB of Yarn's.
        "spark.yarn.am.memory": "384m",
        "spark.yarn.am.cores": "1",
        # A worker may be lost with an ApplicationMaster. Another one takes its place and finds the driver, whose session goes on.
        "spark.yarn.maxAppAttempts": "2",
        # An application has a number for its name on Yarn. Nothing there says whose it is, so the history server could show it to nobody.
        "spark.eventLog.enabled": "false",
        "spark.driver.bindAddress": "0.0.0.0",  # noqa: S104 - inside the Pod; network policies decide who comes
        "spark.driver.port": str(DRIVER_PORT),
        "spark.blockManager.port": str(BLOCK_MANAGER_PORT),
        "spark.port.maxRetries": str(len(YARN_BLOCK_PORTS) - 1),
        # Executors end as soon as they are idle: the shuffle service serves their files.
        "spark.dynamicAllocation.shuffleTracking.enabled": "false",
        "spark.shuffle.service.enabled": "true",
        "spark.shuffle.service.port": str(SHUFFLE_PORT),
        # A worker that is lost takes the files of all its executors along. Spark would make one executor's anew at a time, and give up
        # after four of them (spark: core/.../internal/config/package.scala; spark.stage.maxConsecutiveAttempts).
        "spark.files.fetchFailure.unRegisterOutputOnHost": "true",
        # Who does not speak the encrypted protocol is refused, not served by an older one.
        "spark.network.crypto.saslFallback": "false",
    }


def _yarn_site(cluster: YarnCluster) -> dict[str, str]:
    """The settings of both daemons (hadoop: yarn-default.xml; spark: docs/running-on-yarn.md)."""
    host, node = "${yarn.resourcemanager.hostname}", "${yarn.nodemanager.hostname}"
    return {
        "yarn.resourcemanager.hostname": cluster.resource_manager,
        "yarn.resourcemanager.bind-host": f"${{env.{NODE_VARIABLE}}}",
        "yarn.resourcemanager.scheduler.address": f"{host}:{YARN_SCHEDULER_PORT}",
        "yarn.resourcemanager.resource-tracker.address": f"{host}:{YARN_TRACKER_PORT}",
        "yarn.resourcemanager.address": f"{host}:{YARN_PORT}",
        "yarn.resourcemanager.admin.address": f"{host}:{YARN_ADMIN_PORT}",
        "yarn.resourcemanager.webapp.address": f"{host}:{YARN_WEB_PORT}",
        "yarn.resourcemanager.scheduler.class": "org.apache.hadoop.yarn.server.resourcemanager.scheduler.capacity.CapacityScheduler",
        # A worker that says nothing for so long is lost; Yarn's own ten minutes would leave a notebook waiting.
        "yarn.nm.liveness-monitor.expiry-interval-ms": "60000",
        # With more than one, Yarn does not count those that a worker took along (hadoop: RMAppImpl).
        "yarn.resourcemanager.am.max-attempts": "2",
        # Only who started an application, and the daemons' own user, may see and end it: a space is nobody.
        "yarn.acl.enable": "true",
        "yarn.admin.acl": " ",
        "yarn.webapp.ui-actions.enabled": "false",
        "yarn.scheduler.minimum-allocation-mb": "1024",
        "yarn.scheduler.maximum-allocation-mb": str(cluster.memory_gib * 1024),
        "yarn.scheduler.maximum-allocation-vcores": str(cluster.cores),
        "yarn.nodemanager.hostname": f"${{env.{NODE_VARIABLE}}}",
        "yarn.nodemanager.address": f"{node}:{YARN_CONTAINER_PORT}",
        "yarn.nodemanager.localizer.address": f"{node}:{YARN_LOCALIZER_PORT}",
        "yarn.nodemanager.webapp.address": f"{node}:{YARN_NODE_WEB_PORT}",
        "yarn.nodemanager.resource.memory-mb": str(cluster.memory_gib * 1024),
        "yarn.nodemanager.resource.cpu-vcores": str(cluster.cores),
        # A container over its memory is ended. Virtual memory says nothing of a JVM.
        "yarn.nodemanager.pmem-check-enabled": "true",
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.local-dirs": f"{cluster.scratch}/local",
        "yarn.nodemanager.log-dirs": f"{cluster.scratch}/logs",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99",
        "yarn.nodemanager.aux-services": "spark_shuffle",
        "yarn.nodemanager.aux-services.spark_shuffle.class": "org.apache.spark.network.yarn.YarnShuffleService",
        "yarn.nodemanager.aux-services.spark_shuffle.classpath": f"{cluster.shuffle_jars}/*",
        "spark.shuffle.service.port": str(SHUFFLE_PORT),
        # A worker without the service would take executors, which end at once, until their application is given up.
        "spark.yarn.shuffle.stopOnFailure": "true",
        # Without these two, executors end with `Unknown message type`, and the service sends in clear.
        "spark.authenticate": "true",
        "spark.network.crypto.enabled": "true",
    }


def _scheduler(cluster: YarnCluster, spark: SparkSettings) -> dict[str, str]:
    """One queue, in which each person has limits (hadoop: CapacityScheduler.md)."""
    root, queue = "yarn.scheduler.capacity.root", f"yarn.scheduler.capacity.root.{QUEUE}"
    people = "*" if cluster.people is None else f"{','.join(cluster.people)} "
    return {
        f"{root}.queues": QUEUE,
        "yarn.scheduler.capacity.resource-calculator": _DOMINANT,
        f"{queue}.capacity": "100",
        f"{queue}.maximum-capacity": "100",
        # ApplicationMasters are small, and each is the driver of a notebook: the limits of people bound them.
        f"{queue}.maximum-am-resource-percent": "1.0",
        f"{queue}.user-limit-factor": f"{_share(cluster, spark):.9f}",
        "yarn.scheduler.capacity.user.max-parallel-apps": str(spark.per_person.interpreters),
        # A right of the root is one of every queue.
        f"{root}.acl_submit_applications": " ",
        f"{root}.acl_administer_queue": " ",
        f"{queue}.acl_submit_applications": people,
        f"{queue}.acl_administer_queue": " ",
    }


def _share(cluster: YarnCluster, spark: SparkSettings) -> float:
    """The part of the cluster that one person may have, at most 1.

    Yarn gives a container to a person who has no more than their part, and looks before it gives. So the part is that of all of their
    executors, without the ApplicationMasters beside them: with the last executor they have more. Cores are rounded down and memory up to
    GiB (hadoop: UsersManager.computeUserLimit), hence the hundredth of a core and the half of a GiB. Yarn keeps the factor in 24
    bits: of a thousand TiB, that loses less than the half.

    ApplicationMasters do count, so a person with many notebooks has fewer executors, and never one more.
    """
    cores, memory = cluster.workers * cluster.cores, cluster.workers * cluster.memory_gib
    wanted = [(size.max_executors, size.executor) for size in spark.sizes().values()]
    wanted.append((spark.executors_per_person, spark.executor))
    of_cores = max(count * size.cores for count, size in wanted)
    of_memory = max(count * size.total_memory_gib for count, size in wanted)
    # Of equal shares it is cores that keep the last executor out: its ApplicationMaster has one as well.
    if of_memory / memory > of_cores / cores:
        return min((of_memory - 0.5) / memory, 1)
    return min((of_cores + 0.01) / cores, 1)
