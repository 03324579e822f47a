"""What sees that datasets are mounted and whole: on every Spark node all the time, and their listings after a deployment and every day."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import pull_secrets, restricted_container, restricted_pod
from components.spark import interpreter_files
from components.spark.interpreter_files import UID, CheckedDataset

TITLE = "dataset-check"
PORT = 9380
LABELS = {"app.kubernetes.io/name": TITLE}
CPU_MILLI, MEMORY_MIB, SCRATCH_MIB = 50, 64, 16
"""Requests and limits of each of its Pods. SparkNamespace adds them to the quota of notebooks, whose namespace the claims are in."""


@dataclass(frozen=True, kw_only=True)
class DatasetCheckArgs:
    """What the check needs.

    namespace: that of the claims, a Namespace resource. datasets: what is mounted, and what it must hold. image: with Python 3.
    node_selector: labels of the Spark nodes. priority: PriorityClass. pull_secret: name of the pull secret, or None.
    """

    namespace: core.Namespace
    datasets: Sequence[CheckedDataset]
    image: str
    node_selector: Mapping[str, str] = field(default_factory=dict)
    priority: str
    pull_secret: str | None = None


class DatasetCheck(pulumi.ComponentResource):
    """A DaemonSet on the Spark nodes, a Job after each change of the datasets, and a CronJob every night; all read-only, none with a token.

    Creates: ConfigMap (`files/check_datasets.py` and what is expected), DaemonSet, Job, CronJob. The DaemonSet mounts the claims that
    notebooks mount, so that it sits on the very mounts that they have; it serves Prometheus' metrics.
    """

    port: int
    """TCP port of the metrics, on each Pod of the DaemonSet."""

    def __init__(self, name: str, args: DatasetCheckArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:DatasetCheck", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace)
        namespace = args.namespace.metadata["name"]
        config = interpreter_files.check_config(args.datasets)
        files = core.ConfigMap(
            f"{name}-files",
            metadata=meta.ObjectMetaArgs(namespace=namespace),
            data={
                "check_datasets.py": text("spark/files/check_datasets.py"),
                "serve_metrics.py": text("observability/files/serve_metrics.py"),
                "datasets.json": config,
            },
            opts=inside,
        )
        source = files.metadata["name"]
        metadata = meta.ObjectMetaArgs(labels=LABELS)
        apps.DaemonSet(
            f"{name}-nodes",
            metadata=meta.ObjectMetaArgs(name=TITLE, namespace=namespace, labels=LABELS, annotations={"pulumi.com/skipAwait": "true"}),
            spec=apps.DaemonSetSpecArgs(
                selector=meta.LabelSelectorArgs(match_labels=LABELS),
                # All at once: a check takes nothing away from anybody.
                update_strategy=apps.DaemonSetUpdateStrategyArgs(
                    rolling_update=apps.RollingUpdateDaemonSetArgs(max_unavailable="100%"), type="RollingUpdate"
                ),
                template=core.PodTemplateSpecArgs(metadata=metadata, spec=_pod(args, source, "serve")),
            ),
            opts=inside,
        )
        once = core.PodTemplateSpecArgs(spec=_pod(args, source, "once"))
        # A Job cannot change, so each set of datasets has one of its own name.
        suffix = hashlib.sha256(config.encode()).hexdigest()[:8]
        batch.Job(
            f"{name}-after-deployment",
            # The listings of large catalogues take minutes, and data may well be loaded later: `pulumi up` does not wait for it.
            metadata=meta.ObjectMetaArgs(
                name=f"{TITLE}-{suffix}", namespace=namespace, labels=LABELS, annotations={"pulumi.com/skipAwait": "true"}
            ),
            spec=batch.JobSpecArgs(backoff_limit=0, active_deadline_seconds=7200, template=once),
            # Kubernetes keeps a claim for as long as any Pod names it, also one that has ended: so the old Job goes before a claim has to.
            opts=pulumi.ResourceOptions.merge(
                inside, pulumi.ResourceOptions(replace_on_changes=["metadata.name"], delete_before_replace=True)
            ),
        )
        batch.CronJob(
            f"{name}-nightly",
            metadata=meta.ObjectMetaArgs(name=TITLE, namespace=namespace, labels=LABELS),
            spec=batch.CronJobSpecArgs(
                schedule="23 3 * * *",
                concurrency_policy="Forbid",
                job_template=batch.JobTemplateSpecArgs(
                    spec=batch.JobSpecArgs(
                        backoff_limit=0,
                        active_deadline_seconds=7200,
                        # For the same reason: what it found is in the metrics of the DaemonSet, too.
                        ttl_seconds_after_finished=600,
                        template=once,
                    )
                ),
            ),
            opts=inside,
        )
        self.port = PORT
        self.register_outputs({"port": self.port})


def _pod(args: DatasetCheckArgs, files: pulumi.Input[str], task: str) -> core.PodSpecArgs:
    """A Pod of the script. task: `serve` or `once`."""
    serving = task == "serve"
    resources = {"cpu": f"{CPU_MILLI}m", "memory": f"{MEMORY_MIB}Mi", "ephemeral-storage": f"{SCRATCH_MIB}Mi"}
    probe = core.ProbeArgs(http_get=core.HTTPGetActionArgs(path="/healthz", port=PORT), period_seconds=60, timeout_seconds=10)
    command = ["python3", "-B", "/check/check_datasets.py", task, "/check/datasets.json", *([str(PORT)] if serving else [])]
    return core.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        restart_policy="Always" if serving else "Never",
        # Without its grace, a Pod in a lost mount would stand in the way of a rollout for half a minute more.
        termination_grace_period_seconds=1,
        priority_class_name=args.priority,
        node_selector=dict(args.node_selector),
        image_pull_secrets=pull_secrets(args.pull_secret),
        security_context=restricted_pod(UID),
        containers=[
            core.ContainerArgs(
                name="check",
                image=args.image,
                command=command,
                env=[
                    core.EnvVarArgs(
                        name="NODE_NAME",
                        value_from=core.EnvVarSourceArgs(field_ref=core.ObjectFieldSelectorArgs(field_path="spec.nodeName")),
                    ),
                    core.EnvVarArgs(name="TERMINATION_LOG", value="/dev/termination-log"),
                ],
                ports=[core.ContainerPortArgs(name="metrics", container_port=PORT)] if serving else None,
                readiness_probe=probe if serving else None,
                security_context=restricted_container(),
                resources=core.ResourceRequirementsArgs(requests=resources, limits=resources),
                volume_mounts=[
                    core.VolumeMountArgs(name="check", mount_path="/check", read_only=True),
                    *(
                        core.VolumeMountArgs(name=f"data-{index}", mount_path=dataset.path, read_only=True)
                        for index, dataset in enumerate(args.datasets)
                    ),
                ],
            )
        ],
        volumes=[
            core.VolumeArgs(name="check", config_map=core.ConfigMapVolumeSourceArgs(name=files)),
            *(
                core.VolumeArgs(
                    name=f"data-{index}",
                    persistent_volume_claim=core.PersistentVolumeClaimVolumeSourceArgs(claim_name=dataset.claim, read_only=True),
                )
                for index, dataset in enumerate(args.datasets)
            ),
        ],
    )
