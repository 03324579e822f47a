"""The Spark history server: what a driver did, after it is gone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import pull_secrets, restricted_container
from components.spark import interpreter_files
from components.spark.interpreter_files import HISTORY_CLAIM, UID
from components.storage.writable_share import StorageClassArgs, WritableShareArgs, bind_writable

TITLE = "spark-history"
PORT = 18080
LABELS = {"app.kubernetes.io/name": TITLE}
CPU_MILLI, MEMORY_MIB, SCRATCH_MIB = 1050, 2112, 4160
"""Requests and limits of its Pod. SparkNamespace adds them to the quota of notebooks, whose namespace the claim is in."""


@dataclass(frozen=True, kw_only=True)
class HistoryServerArgs:
    """What the server needs.

    namespace: where notebooks compute, a Namespace resource. source: a share, or a claim; with its size_gib. image: Spark, with Python 3.
    people: names of people, as part of names of objects, to their login names. settings: names of the Spark settings. keep_days: of a
    log. priority:
    PriorityClass. pull_secret: name of the pull secret, or None. protect: whether the engine refuses to delete a claim that holds the logs.
    """

    namespace: core.Namespace
    source: WritableShareArgs | StorageClassArgs
    size_gib: int
    image: str
    people: Mapping[str, str]
    settings: Sequence[str]
    keep_days: int
    priority: str
    pull_secret: str | None = None
    protect: bool = True


class HistoryServer(pulumi.ComponentResource):
    """Spark's own history server beside a script that gathers and trims event logs (`files/gather_event_logs.py`).

    Creates: the claim `spark-history`, in which each person's drivers mount a folder of their own and no other (SparkAdmission); ConfigMap,
    Deployment, Service. It has no token. The gateway leads to it by `/history`, each person to their own applications.
    """

    claim_name: str
    """Name of the claim."""

    def __init__(self, name: str, args: HistoryServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:HistoryServer", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace)
        namespace = args.namespace.metadata["name"]
        self.claim_name = HISTORY_CLAIM
        match args.source:
            case WritableShareArgs() as share:
                # New folders belong to the group, whoever makes them: the kubelet makes one for a person's first driver, as root.
                bind_writable(name, share, args.namespace, f"{UID}:{UID}", self, mode="2770")
            case StorageClassArgs(storage_class=storage_class, size_gib=size_gib):
                core.PersistentVolumeClaim(
                    f"{name}-claim",
                    metadata=meta.ObjectMetaArgs(name=HISTORY_CLAIM, namespace=namespace),
                    spec=core.PersistentVolumeClaimSpecArgs(
                        access_modes=["ReadWriteMany"],
                        storage_class_name=storage_class,
                        resources=core.VolumeResourceRequirementsArgs(requests={"storage": f"{size_gib}Gi"}),
                    ),
                    opts=pulumi.ResourceOptions(parent=self, protect=args.protect, deleted_with=args.namespace),
                )
        config = {
            "logs": "/logs",
            "gathered": "/gathered",
            "people": {person: interpreter_files.login_in_pod_names(login) for person, login in args.people.items()},
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
            metadata=meta.ObjectMetaArgs(name=TITLE, namespace=namespace, labels=LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=1,
                # Two scripts at once would trim each other's.
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                selector=meta.LabelSelectorArgs(match_labels=LABELS),
                template=core.PodTemplateSpecArgs(metadata=meta.ObjectMetaArgs(labels=LABELS), spec=_pod(args, files.metadata["name"])),
            ),
            opts=inside,
        )
        core.Service(
            f"{name}-service",
            metadata=meta.ObjectMetaArgs(name=TITLE, namespace=namespace, labels=LABELS),
            spec=core.ServiceSpecArgs(selector=LABELS, ports=[core.ServicePortArgs(name="http", port=PORT, target_port="http")]),
            opts=inside,
        )
        self.register_outputs({"claim_name": self.claim_name})


def history_environment() -> dict[str, str]:
    """The settings of Spark's history server (spark: docs/monitoring.md)."""
    properties = {
        "spark.history.fs.logDirectory": "file:///gathered",
        "spark.history.fs.update.interval": "20s",
        # The script trims; Spark's own cleaner would take the links for the logs.
        "spark.history.fs.cleaner.enabled": "false",
        "spark.history.ui.port": str(PORT),
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


def _pod(args: HistoryServerArgs, files: pulumi.Input[str]) -> core.PodSpecArgs:
    def resources(cpu: int, memory: int, scratch: int) -> core.ResourceRequirementsArgs:
        amounts = {"cpu": f"{cpu}m", "memory": f"{memory}Mi", "ephemeral-storage": f"{scratch}Mi"}
        return core.ResourceRequirementsArgs(requests=amounts, limits=amounts)

    alive = core.ProbeArgs(http_get=core.HTTPGetActionArgs(path="/api/v1/version", port="http"), period_seconds=30, timeout_seconds=10)
    return core.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        priority_class_name=args.priority,
        image_pull_secrets=pull_secrets(args.pull_secret),
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=UID,
            run_as_group=UID,
            # A volume of a storage class is made writable by its group; CephFS takes no notice (fsGroupPolicy None).
            fs_group=UID,
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[
            core.ContainerArgs(
                name="history",
                image=args.image,
                command=["/opt/spark/bin/spark-class", "org.apache.spark.deploy.history.HistoryServer"],
                env=[core.EnvVarArgs(name=key, value=value) for key, value in history_environment().items()],
                ports=[core.ContainerPortArgs(name="http", container_port=PORT)],
                readiness_probe=alive,
                security_context=restricted_container(),
                resources=resources(1000, 2048, 4096),
                volume_mounts=[
                    core.VolumeMountArgs(name="logs", mount_path="/logs", read_only=True),
                    core.VolumeMountArgs(name="gathered", mount_path="/gathered", read_only=True),
                    core.VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108
                ],
            ),
            core.ContainerArgs(
                name="gather",
                image=args.image,
                command=["python3", "-B", "/files/gather_event_logs.py", "/files/config.json"],
                security_context=restricted_container(),
                resources=resources(50, 64, 64),
                volume_mounts=[
                    core.VolumeMountArgs(name="logs", mount_path="/logs"),
                    core.VolumeMountArgs(name="gathered", mount_path="/gathered"),
                    core.VolumeMountArgs(name="files", mount_path="/files", read_only=True),
                ],
            ),
        ],
        volumes=[
            core.VolumeArgs(name="logs", persistent_volume_claim=core.PersistentVolumeClaimVolumeSourceArgs(claim_name=HISTORY_CLAIM)),
            core.VolumeArgs(name="gathered", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit="16Mi")),
            core.VolumeArgs(name="tmp", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit="3Gi")),
            core.VolumeArgs(name="files", config_map=core.ConfigMapVolumeSourceArgs(name=files)),
        ],
    )
