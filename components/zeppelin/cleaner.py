"""What takes away interpreters that have ended by themselves."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import pull_secrets, restricted_container, restricted_pod

ACCOUNT = "interpreter-cleaner"
LABELS = {"app.kubernetes.io/name": "interpreter-cleaner"}
KEEP_SECONDS = 900
"""Seconds that a finished interpreter stays, so that its end can be read."""


@dataclass(frozen=True, kw_only=True)
class InterpreterCleanerArgs:
    """What the cleaner needs.

    namespace: where it runs, that of Zeppelin, a Namespace resource. spark_namespace: name of the namespace it cleans.
    image: with Python 3. wait_seconds: how long an interpreter may wait for a node. pull_secret: name of the pull secret, or None.
    """

    namespace: core.Namespace
    spark_namespace: str
    image: str
    wait_seconds: int
    pull_secret: str | None = None


class InterpreterCleaner(pulumi.ComponentResource):
    """A CronJob that runs `files/clean_interpreters.py` every three minutes.

    Creates: ServiceAccount, ConfigMap with the script, CronJob. Its rights are in SparkRBAC and, closer, in SparkAdmission.
    """

    account: str
    """ServiceAccount of the cleaner."""

    def __init__(self, name: str, args: InterpreterCleanerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:InterpreterCleaner", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace)
        namespace = args.namespace.metadata["name"]
        self.account = ACCOUNT
        account = core.ServiceAccount(
            f"{name}-account",
            metadata=meta.ObjectMetaArgs(name=ACCOUNT, namespace=namespace),
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
            metadata=meta.ObjectMetaArgs(name=ACCOUNT, namespace=namespace, labels=LABELS),
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
                            metadata=meta.ObjectMetaArgs(labels=LABELS), spec=_pod(args, account.metadata["name"], script.metadata["name"])
                        ),
                    )
                ),
            ),
            opts=inside,
        )
        self.register_outputs({"account": self.account})


def _pod(args: InterpreterCleanerArgs, account: pulumi.Input[str], script: pulumi.Input[str]) -> core.PodSpecArgs:
    environment = {"NAMESPACE": args.spark_namespace, "KEEP_SECONDS": str(KEEP_SECONDS), "WAIT_SECONDS": str(args.wait_seconds)}
    return core.PodSpecArgs(
        service_account_name=account,
        automount_service_account_token=True,
        enable_service_links=False,
        restart_policy="Never",
        image_pull_secrets=pull_secrets(args.pull_secret),
        security_context=restricted_pod(185),
        containers=[
            core.ContainerArgs(
                name="cleaner",
                image=args.image,
                command=["python3", "/script/clean_interpreters.py"],
                env=[core.EnvVarArgs(name=key, value=value) for key, value in environment.items()],
                security_context=restricted_container(),
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
                    limits={"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
                ),
                volume_mounts=[core.VolumeMountArgs(name="script", mount_path="/script", read_only=True)],
            )
        ],
        volumes=[core.VolumeArgs(name="script", config_map=core.ConfigMapVolumeSourceArgs(name=script))],
    )
