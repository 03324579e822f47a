"""Removes interpreters that have ended by themselves."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import config_volume, mount, restricted_container, restricted_pod, variables
from components.names import CLEANER, CLEANER_LABELS, SPARK_NAMESPACE, SPARK_UID

KEEP_SECONDS = 900
"""Seconds that a finished interpreter stays, so that its end can be read."""


@dataclass(frozen=True, kw_only=True)
class InterpreterCleanerArgs:
    """What the cleaner needs."""

    namespace: NamespaceRef
    """Where it runs: that of Zeppelin."""

    image: str
    """Image with Python 3."""

    wait_seconds: int
    """How long an interpreter may wait for a node."""


class InterpreterCleaner(pulumi.ComponentResource):
    """A CronJob that runs `files/clean_interpreters.py` every three minutes.

    Creates: ServiceAccount, ConfigMap with the script, CronJob. Its rights are in SparkRBAC and, closer, in SparkAdmission.
    """

    def __init__(self, name: str, args: InterpreterCleanerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:InterpreterCleaner", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        namespace = args.namespace.title
        account = core.ServiceAccount(
            f"{name}-account",
            metadata=meta.ObjectMetaArgs(name=CLEANER, namespace=namespace),
            automount_service_account_token=False,
            opts=inside,
        )
        script = core.ConfigMap(
            f"{name}-script",
            metadata=meta.ObjectMetaArgs(namespace=namespace),
            data={"clean_interpreters.py": text("zeppelin/files/clean_interpreters.py")},
            opts=inside,
        )
        batch.CronJob(
            f"{name}-job",
            metadata=meta.ObjectMetaArgs(name=CLEANER, namespace=namespace, labels=CLEANER_LABELS),
            spec=batch.CronJobSpecArgs(
                schedule="*/3 * * * *",
                concurrency_policy="Forbid",
                successful_jobs_history_limit=1,
                failed_jobs_history_limit=1,
                job_template=batch.JobTemplateSpecArgs(
                    spec=batch.JobSpecArgs(
                        backoff_limit=0,
                        active_deadline_seconds=120,
                        template=core.PodTemplateSpecArgs(
                            metadata=meta.ObjectMetaArgs(labels=CLEANER_LABELS),
                            spec=_pod(args, account.metadata["name"], script.metadata["name"]),
                        ),
                    )
                ),
            ),
            opts=inside,
        )
        self.register_outputs({"account": CLEANER})


def _pod(args: InterpreterCleanerArgs, account: pulumi.Input[str], script: pulumi.Input[str]) -> core.PodSpecArgs:
    environment = {"NAMESPACE": SPARK_NAMESPACE, "KEEP_SECONDS": str(KEEP_SECONDS), "WAIT_SECONDS": str(args.wait_seconds)}
    container = restricted_container(
        "cleaner",
        args.image,
        requests={"cpu": "50m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
        limits={"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
        command=["python3", "/script/clean_interpreters.py"],
        env=variables(environment),
        volume_mounts=[mount("script", "/script", read_only=True)],
    )
    return restricted_pod(
        args.namespace,
        uid=SPARK_UID,
        containers=[container],
        volumes=[config_volume("script", script)],
        token=True,
        service_account_name=account,
        restart_policy="Never",
    )
