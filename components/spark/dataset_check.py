"""What sees that datasets are mounted and whole: on every Spark node all the time, and their listings after a deployment and every day."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import (
    claim_volume,
    config_volume,
    field_variable,
    http_probe,
    mount,
    restricted_container,
    restricted_pod,
    variables,
)
from components.names import DATASET_CHECK, DATASET_CHECK_LABELS, DATASET_CHECK_PORT, NOT_AWAITED, ONLY_DELETION_AWAITED, SPARK_UID
from components.spark.notebook_pods import Mount, NotebookPods

CPU_MILLI, MEMORY_MIB, SCRATCH_MIB = 50, 64, 16
"""Requests and limits of each of its Pods. SparkNamespace adds them to the quota of notebooks, whose namespace the claims are in."""


def check_config(mounts: Sequence[Mount]) -> str:
    """What `files/check_datasets.py` reads, as JSON: a look every minute, given up after 20 s, and the listing every six hours."""
    entries = [
        {
            "name": each.dataset.name,
            "path": each.dataset.location,
            "files": each.dataset.expect.files if each.dataset.expect else None,
            "digest": each.dataset.expect.digest if each.dataset.expect else None,
        }
        for each in mounts
    ]
    return json.dumps({"datasets": entries, "seconds": 20, "every": 60, "listing": 21600})


@dataclass(frozen=True, kw_only=True)
class DatasetCheckArgs:
    """What the check needs."""

    namespace: NamespaceRef
    """That of the claims."""

    pods: NotebookPods
    """What notebooks mount, and where they run; their image has Python 3."""


class DatasetCheck(pulumi.ComponentResource):
    """A DaemonSet on the Spark nodes, a Job after each change of the datasets, and a CronJob every night; all read-only, none with a token.

    Creates: ConfigMap (`files/check_datasets.py` and what is expected), DaemonSet, Job, CronJob. The DaemonSet mounts the claims that
    notebooks mount, so that it sits on the very mounts that they have; it serves Prometheus' metrics.
    """

    def __init__(self, name: str, args: DatasetCheckArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:DatasetCheck", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        namespace = args.namespace.title
        config = check_config(args.pods.mounts)
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
        metadata = meta.ObjectMetaArgs(labels=DATASET_CHECK_LABELS)
        apps.DaemonSet(
            f"{name}-nodes",
            metadata=meta.ObjectMetaArgs(
                name=DATASET_CHECK, namespace=namespace, labels=DATASET_CHECK_LABELS, annotations=dict(NOT_AWAITED)
            ),
            spec=apps.DaemonSetSpecArgs(
                selector=meta.LabelSelectorArgs(match_labels=DATASET_CHECK_LABELS),
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
                name=f"{DATASET_CHECK}-{suffix}",
                namespace=namespace,
                labels=DATASET_CHECK_LABELS,
                annotations=dict(ONLY_DELETION_AWAITED),
            ),
            spec=batch.JobSpecArgs(backoff_limit=0, active_deadline_seconds=7200, template=once),
            # Kubernetes keeps a claim for as long as any Pod names it, also one that has ended: so the old Job goes before a claim has to.
            opts=pulumi.ResourceOptions.merge(
                inside, pulumi.ResourceOptions(replace_on_changes=["metadata.name"], delete_before_replace=True)
            ),
        )
        batch.CronJob(
            f"{name}-nightly",
            metadata=meta.ObjectMetaArgs(name=DATASET_CHECK, namespace=namespace, labels=DATASET_CHECK_LABELS),
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
        self.register_outputs({"port": DATASET_CHECK_PORT})


def _pod(args: DatasetCheckArgs, files: pulumi.Input[str], task: str) -> core.PodSpecArgs:
    """A Pod of the script. task: `serve` or `once`."""
    serving = task == "serve"
    port = [str(DATASET_CHECK_PORT)] if serving else []
    resources = {"cpu": f"{CPU_MILLI}m", "memory": f"{MEMORY_MIB}Mi", "ephemeral-storage": f"{SCRATCH_MIB}Mi"}
    mounts = list(enumerate(args.pods.mounts))
    container = restricted_container(
        "check",
        args.pods.spark_image,
        requests=resources,
        limits=resources,
        command=["python3", "-B", "/check/check_datasets.py", task, "/check/datasets.json", *port],
        env=[field_variable("NODE_NAME", "spec.nodeName"), *variables({"TERMINATION_LOG": "/dev/termination-log"})],
        ports=[core.ContainerPortArgs(name="metrics", container_port=DATASET_CHECK_PORT)] if serving else None,
        readiness_probe=http_probe("/healthz", DATASET_CHECK_PORT, period=60, timeout=10) if serving else None,
        volume_mounts=[
            mount("check", "/check", read_only=True),
            *(mount(f"data-{index}", each.dataset.location, read_only=True) for index, each in mounts),
        ],
    )
    return restricted_pod(
        args.namespace,
        uid=SPARK_UID,
        containers=[container],
        volumes=[
            config_volume("check", files),
            *(claim_volume(f"data-{index}", each.claim, read_only=True) for index, each in mounts),
        ],
        restart_policy="Always" if serving else "Never",
        # Without its grace, a Pod in a lost mount would stand in the way of a rollout for half a minute more.
        termination_grace_period_seconds=1,
        priority_class_name=args.pods.identities.priorities.server,
        node_selector=dict(args.pods.node_selector),
    )
