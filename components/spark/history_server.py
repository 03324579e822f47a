"""The Spark history server: what a driver did, after it is gone."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import (
    claim_volume,
    config_volume,
    http_probe,
    mount,
    restricted_container,
    restricted_pod,
    scratch_volume,
    variables,
)
from components.names import HISTORY_CLAIM, HISTORY_LABELS, HISTORY_PORT, HISTORY_SERVER, NOT_AWAITED, POD_STAGING_FOLDER, SPARK_UID
from components.spark.notebook_pods import Identities
from components.storage.writable_share import Home, HomeClaim, bind_home

CPU_MILLI, MEMORY_MIB, SCRATCH_MIB = 1050, 2112, 4160
"""Requests and limits of its Pod. SparkNamespace adds them to the quota of notebooks, whose namespace the claim is in.

It holds a tenth of the memory until somebody opens a long log; the heap that one needs is then there.
"""


@dataclass(frozen=True, kw_only=True)
class HistoryServerArgs:
    """What the server needs."""

    namespace: NamespaceRef
    """Where notebooks compute."""

    home: Home
    """Where the logs lie."""

    size_gib: int
    """Room for logs, in GiB."""

    keep_days: int
    """Days for which a log is kept."""

    image: str
    """Spark, with Python 3."""

    identities: Identities
    """People whose logs are gathered, and the PriorityClass of servers."""

    settings: Sequence[str]
    """Names of the interpreter settings of Spark."""

    protect: bool = True
    """Whether the engine refuses to delete a claim that holds the logs."""


class HistoryServer(pulumi.ComponentResource):
    """Spark's own history server beside a script that gathers and trims event logs (`files/gather_event_logs.py`).

    Creates: the claim `spark-history`, in which each person's drivers mount a folder of their own and no other (SparkAdmission); ConfigMap,
    Deployment, Service. It has no token. The gateway leads to it by `/history`, each person to their own applications.
    """

    def __init__(self, name: str, args: HistoryServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:HistoryServer", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        namespace = args.namespace.title
        claim = HomeClaim(
            name=HISTORY_CLAIM,
            namespace=args.namespace,
            owner=f"{SPARK_UID}:{SPARK_UID}",
            # New folders belong to the group, no matter who makes them: the kubelet makes one for a person's first driver, as root.
            mode="2770",
            folder=POD_STAGING_FOLDER,
            protect=args.protect,
        )
        bind_home(name, f"{name}-claim", args.home, claim, self)
        config = {
            "logs": "/logs",
            "gathered": "/gathered",
            "people": {person: login_in_pod_names(login) for login, person in args.identities.people.items()},
            "settings": list(args.settings),
            "keep_days": args.keep_days,
            "bytes": args.size_gib * 1024**3,
            "every": 20,
        }
        files = core.ConfigMap(
            f"{name}-files",
            metadata=meta.ObjectMetaArgs(namespace=namespace),
            data={"gather_event_logs.py": text("spark/files/gather_event_logs.py"), "config.json": json.dumps(config)},
            opts=inside,
        )
        apps.Deployment(
            f"{name}-server",
            metadata=meta.ObjectMetaArgs(name=HISTORY_SERVER, namespace=namespace, labels=HISTORY_LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=1,
                # Two scripts at once would trim each other's.
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                selector=meta.LabelSelectorArgs(match_labels=HISTORY_LABELS),
                template=core.PodTemplateSpecArgs(
                    metadata=meta.ObjectMetaArgs(labels=HISTORY_LABELS), spec=_pod(args, files.metadata["name"])
                ),
            ),
            opts=inside,
        )
        core.Service(
            f"{name}-service",
            metadata=meta.ObjectMetaArgs(name=HISTORY_SERVER, namespace=namespace, labels=HISTORY_LABELS, annotations=dict(NOT_AWAITED)),
            spec=core.ServiceSpecArgs(
                selector=HISTORY_LABELS, ports=[core.ServicePortArgs(name="http", port=HISTORY_PORT, target_port="http")]
            ),
            opts=inside,
        )
        self.register_outputs({"claim_name": HISTORY_CLAIM})


def history_environment() -> dict[str, str]:
    """The settings of Spark's history server (spark: docs/monitoring.md)."""
    properties = {
        "spark.history.fs.logDirectory": "file:///gathered",
        "spark.history.fs.update.interval": "20s",
        # The script trims; Spark's own cleaner would take the links for the logs.
        "spark.history.fs.cleaner.enabled": "false",
        "spark.history.ui.port": str(HISTORY_PORT),
        "spark.history.retainedApplications": "20",
        "spark.history.store.hybridStore.enabled": "false",
        "spark.ui.killEnabled": "false",
    }
    return {
        "SPARK_HISTORY_OPTS": " ".join(f"-D{key}={value}" for key, value in properties.items()),
        "SPARK_DAEMON_MEMORY": "1536m",
        "SPARK_NO_DAEMONIZE": "true",
        # Links in its pages begin with the path by which the gateway leads here.
        "APPLICATION_WEB_PROXY_BASE": "/history",
        "HOME": "/tmp",  # noqa: S108 - path inside the container
    }


def login_in_pod_names(login: str) -> str:
    """What Zeppelin makes of a login name in the names of Pods (zeppelin: K8sUtils.generateK8sName, 0.12.1: dots go, too)."""
    return re.sub(r"[^a-z0-9-]", "", login.lower())


def _pod(args: HistoryServerArgs, files: pulumi.Input[str]) -> core.PodSpecArgs:
    def container(name: str, amounts: tuple[int, int, int], **more: Any) -> core.ContainerArgs:
        cpu, memory, disk = amounts
        resources = {"cpu": f"{cpu}m", "memory": f"{memory}Mi", "ephemeral-storage": f"{disk}Mi"}
        return restricted_container(name, args.image, requests=resources, limits=resources, **more)

    server = container(
        "history",
        (1000, 2048, 4096),
        command=["/opt/spark/bin/spark-class", "org.apache.spark.deploy.history.HistoryServer"],
        env=variables(history_environment()),
        ports=[core.ContainerPortArgs(name="http", container_port=HISTORY_PORT)],
        readiness_probe=http_probe("/api/v1/version", "http", period=30, timeout=10),
        volume_mounts=[
            mount("logs", "/logs", read_only=True),
            mount("gathered", "/gathered", read_only=True),
            mount("tmp", "/tmp"),  # noqa: S108 - path inside the container
        ],
    )
    gather = container(
        "gather",
        (50, 64, 64),
        command=["python3", "-B", "/files/gather_event_logs.py", "/files/config.json"],
        volume_mounts=[mount("logs", "/logs"), mount("gathered", "/gathered"), mount("files", "/files", read_only=True)],
    )
    return restricted_pod(
        args.namespace,
        uid=SPARK_UID,
        fs_group=SPARK_UID,
        containers=[server, gather],
        volumes=[
            claim_volume("logs", HISTORY_CLAIM),
            scratch_volume("gathered", "16Mi"),
            scratch_volume("tmp", "3Gi"),
            config_volume("files", files),
        ],
        priority_class_name=args.identities.priorities.server,
    )
