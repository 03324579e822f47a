"""Yarn as Pods: one ResourceManager, and NodeManagers that run everybody's executors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import (
    claim_volume,
    config_volume,
    field_variable,
    http_probe,
    mount,
    restricted_container,
    restricted_pod,
    scratch_volume,
    variables,
)
from components.names import (
    HISTORY_CLAIM,
    NOT_AWAITED,
    POD_STAGING_FOLDER,
    SPARK_NAMESPACE,
    SPARK_UID,
    YARN_MANAGER,
    YARN_MANAGER_LABELS,
    YARN_NODE_WEB_PORT,
    YARN_PORT,
    YARN_SCHEDULER_PORT,
    YARN_TRACKER_PORT,
    YARN_WEB_PORT,
    YARN_WORKER,
    YARN_WORKER_LABELS,
)
from components.spark.notebook_pods import NotebookPods
from components.spark.properties import SCRATCH
from components.yarn.configuration import NODE_VARIABLE, YarnCluster, spark_defaults, worker_files, yarn_files
from settings.values import backend
from settings.values.backend import YarnBackend
from settings.values.spark import NotebookSize, SparkSettings

STAGING = "/staging"
"""Where drivers and NodeManagers find what a driver leaves for its executors: a folder for each person."""

_CONF = "/opt/yarn-conf"


def yarn_cluster(yarn: YarnBackend, people: Sequence[str] | None) -> YarnCluster:
    """Yarn of a stack, as all that reads its configuration sees it. people: as part of names of objects, or None for everybody."""
    return YarnCluster(
        resource_manager=f"{YARN_MANAGER}.{SPARK_NAMESPACE}.svc",
        workers=yarn.workers,
        cores=yarn.cores,
        memory_gib=yarn.memory_gib,
        scratch=SCRATCH,
        shuffle_jars="/opt/shuffle",
        spark_home="/opt/spark",
        people=people,
    )


def yarn_properties(cluster: YarnCluster, spark: SparkSettings, size: NotebookSize, maven_mirror: str | None = None) -> dict[str, str]:
    """The Spark settings of a notebook's driver Pod beside Yarn. maven_mirror: address of a mirror of Maven repositories, or None."""
    properties = spark_defaults(cluster, spark, size) | {"spark.local.dir": SCRATCH, "spark.jars.ivy": "/work/.ivy2"}
    return properties | ({"spark.jars.repositories": maven_mirror} if maven_mirror else {})


def driver_files(cluster: YarnCluster, spark: SparkSettings, maven_mirror: str | None = None) -> dict[str, str]:
    """What drivers read, by name of the file: `yarn-site.xml`, and a `yarn-<setting>.conf` each.

    `@pod@` and `@user@` in the latter are filled in as a driver starts.
    """
    result = {"yarn-site.xml": yarn_files(cluster, spark)["yarn-site.xml"]}
    for name, size in spark.sizes().items():
        own = {"spark.driver.host": f"@pod@.{SPARK_NAMESPACE}.svc", "spark.yarn.stagingDir": f"file://{STAGING}/@user@"}
        settings = yarn_properties(cluster, spark, size, maven_mirror) | own
        result[f"yarn-{name}.conf"] = "".join(f"{key} {value}\n" for key, value in settings.items())
    return result


@dataclass(frozen=True, kw_only=True)
class YarnArgs:
    """What Yarn needs."""

    namespace: NamespaceRef
    """Where notebooks compute."""

    image: str
    """Spark, Hadoop and Spark's shuffle service."""

    backend: YarnBackend
    """Its size."""

    cluster: YarnCluster
    """What its configuration says."""

    spark: SparkSettings
    """Limits of people."""

    pods: NotebookPods
    """Datasets, nodes and PriorityClasses of notebooks."""


class Yarn(pulumi.ComponentResource):
    """A ResourceManager and NodeManagers, for Spark's executors.

    Creates: for each of the two a ConfigMap, a headless Service and a StatefulSet. No Pod has a token: Yarn never calls Kubernetes.

    A NodeManager runs executors as its own user, in its own container. It reads datasets and what drivers leave in `/staging`, a folder of
    the claim of event logs, and writes nothing but its own disk.
    """

    def __init__(self, name: str, args: YarnArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:Yarn", name, {}, opts)
        self._name, self._args = name, args
        self._inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        self._daemons("manager", 1, self._manager(self._files("manager", yarn_files(args.cluster, args.spark))))
        self._daemons("worker", args.backend.workers, self._worker(self._files("worker", worker_files(args.cluster, args.spark))))
        self.register_outputs({"resource_manager": args.cluster.resource_manager})

    def _files(self, role: str, files: dict[str, str]) -> pulumi.Output[str]:
        """A ConfigMap with one daemon's files; its name."""
        metadata = meta.ObjectMetaArgs(namespace=self._args.namespace.title)
        return core.ConfigMap(f"{self._name}-{role}-files", metadata=metadata, data=files, opts=self._inside).metadata["name"]

    def _daemons(self, role: Literal["manager", "worker"], replicas: int, pod: core.PodSpecArgs) -> None:
        """The Pods of one role, and the Service by which they have names."""
        title, labels = {"manager": (YARN_MANAGER, YARN_MANAGER_LABELS), "worker": (YARN_WORKER, YARN_WORKER_LABELS)}[role]
        namespace = self._args.namespace.title
        core.Service(
            f"{self._name}-{role}-service",
            metadata=meta.ObjectMetaArgs(name=title, namespace=namespace, labels=labels, annotations=dict(NOT_AWAITED)),
            spec=core.ServiceSpecArgs(cluster_ip="None", selector=labels),
            opts=self._inside,
        )
        apps.StatefulSet(
            f"{self._name}-{role}",
            metadata=meta.ObjectMetaArgs(name=title, namespace=namespace, labels=labels),
            spec=apps.StatefulSetSpecArgs(
                replicas=replicas,
                service_name=title,
                # NodeManagers do not wait for each other.
                pod_management_policy="Parallel",
                selector=meta.LabelSelectorArgs(match_labels=labels),
                template=core.PodTemplateSpecArgs(metadata=meta.ObjectMetaArgs(labels=labels), spec=pod),
            ),
            opts=self._inside,
        )

    def _manager(self, conf: pulumi.Input[str]) -> core.PodSpecArgs:
        size, listens = backend.YARN_MANAGER, core.TCPSocketActionArgs(port="drivers")
        container = _daemon(
            self._args.image,
            "resourcemanager.ResourceManager",
            heap_mib=1024,
            amounts={"cpu": str(size["cores"]), "memory": f"{size['memory_gib']}Gi", "ephemeral-storage": f"{size['scratch_gib']}Gi"},
            ports={"applications": YARN_SCHEDULER_PORT, "nodes": YARN_TRACKER_PORT, "drivers": YARN_PORT, "web": YARN_WEB_PORT},
            probe=core.ProbeArgs(tcp_socket=listens, period_seconds=10, timeout_seconds=5),
            startup=core.ProbeArgs(tcp_socket=listens, period_seconds=5, failure_threshold=120),
        )
        return self._pod(container, [config_volume("conf", conf), scratch_volume("tmp", "1Gi")])

    def _worker(self, conf: pulumi.Input[str]) -> core.PodSpecArgs:
        size, own, pods = self._args.backend, backend.YARN_OWN_GIB, self._args.pods
        memory, disk = size.memory_gib + own["memory_gib"], size.scratch_gib + own["scratch_gib"]
        datasets = {f"data-{index}": each for index, each in enumerate(pods.mounts)}
        container = _daemon(
            self._args.image,
            "nodemanager.NodeManager",
            heap_mib=512,
            amounts={"cpu": str(size.cores), "memory": f"{memory}Gi", "ephemeral-storage": f"{disk}Gi"},
            ports={"web": YARN_NODE_WEB_PORT},
            probe=http_probe("/ws/v1/node/info", "web", period=20, timeout=10),
            startup=http_probe("/ws/v1/node/info", "web", period=5, timeout=5, failures=120),
            mounts=[
                mount("scratch", SCRATCH),
                mount("staging", STAGING, file=POD_STAGING_FOLDER, read_only=True),
                *(mount(volume, each.dataset.location, read_only=True) for volume, each in datasets.items()),
            ],
        )
        volumes = [
            config_volume("conf", conf),
            scratch_volume("tmp", "1Gi"),
            scratch_volume("scratch", f"{size.scratch_gib}Gi"),
            claim_volume("staging", HISTORY_CLAIM),
            *(claim_volume(volume, each.claim, read_only=True) for volume, each in datasets.items()),
        ]
        return self._pod(container, volumes)

    def _pod(self, container: core.ContainerArgs, volumes: list[core.VolumeArgs]) -> core.PodSpecArgs:
        return restricted_pod(
            self._args.namespace,
            # The user of drivers, whose files NodeManagers read.
            uid=SPARK_UID,
            containers=[container],
            volumes=volumes,
            node_selector=dict(self._args.pods.node_selector),
            priority_class_name=self._args.pods.identities.priorities.server,
        )


def _daemon(
    image: str,
    program: str,
    *,
    heap_mib: int,
    amounts: dict[str, str],
    ports: dict[str, int],
    probe: core.ProbeArgs,
    startup: core.ProbeArgs,
    mounts: Sequence[core.VolumeMountArgs] = (),
) -> core.ContainerArgs:
    """A container with one of Yarn's daemons. program: its class below org.apache.hadoop.yarn.server."""
    return restricted_container(
        "yarn",
        image,
        requests=amounts,
        limits=amounts,
        # tini reaps what executors leave behind.
        command=["/usr/bin/tini", "--", *daemon_command(program, heap_mib, _CONF, "/opt/hadoop")],
        env=[field_variable(NODE_VARIABLE, "status.podIP"), *variables({"HADOOP_CONF_DIR": _CONF, "HOME": "/tmp"})],  # noqa: S108
        ports=[core.ContainerPortArgs(name=title, container_port=port) for title, port in ports.items()],
        startup_probe=startup,
        readiness_probe=probe,
        liveness_probe=probe,
        volume_mounts=[mount("conf", _CONF, read_only=True), mount("tmp", "/tmp"), *mounts],  # noqa: S108 - path inside the container
    )


def daemon_command(program: str, heap_mib: int, conf: str, jars: str) -> list[str]:
    """What starts one of Yarn's daemons. Java 17 opens no package by itself, and Hadoop looks into java.lang."""
    opened = "--add-opens=java.base/java.lang=ALL-UNNAMED"
    return ["java", f"-Xmx{heap_mib}m", opened, "-cp", f"{conf}:{jars}/*", f"org.apache.hadoop.yarn.server.{program}"]
