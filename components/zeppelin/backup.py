"""Encrypted backups of notebooks and of Zeppelin's configuration, and what puts them back."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import (
    claim_volume,
    config_volume,
    mount,
    restricted_container,
    restricted_pod,
    scratch_volume,
    secret_variable,
    variables,
)
from components.names import BACKUP, BACKUP_CLAIM, BACKUP_LABELS, MODELS_CLAIM, RESTORE, ZEPPELIN_LABELS, ZEPPELIN_UID
from components.storage.writable_share import HomeClaim, WritableShare, bind_home
from settings.values.zeppelin import Retention

_FAILED = "/tmp/models-failed"  # noqa: S108 - path inside the Pod
"""Why the databases of models were not copied, if they were not."""


@dataclass(frozen=True, kw_only=True)
class BucketTarget:
    """Backups in a bucket."""

    endpoint: str
    """Address of the S3 server."""

    path: str
    """Bucket and prefix."""

    region: str
    """Region that requests are signed for."""

    access_key: pulumi.Input[str]
    """S3 access key (secret)."""

    secret_key: pulumi.Input[str]
    """S3 secret key (secret)."""


@dataclass(frozen=True, kw_only=True)
class NotebookBackupArgs:
    """What backups need."""

    namespace: NamespaceRef
    """Zeppelin's."""

    claim: pulumi.Input[str]
    """Claim of the notebooks."""

    target: WritableShare | BucketTarget
    """Where backups go."""

    password: pulumi.Input[str]
    """Password that they are encrypted by (secret)."""

    schedule: str
    """When, as cron, in UTC."""

    keep: Retention
    """How many stay."""

    image: str
    """restic, with a shell."""

    environment: Mapping[str, str]
    """What a process needs to reach the world."""

    ca_bundle: str | None = None
    """PEM certificates to trust, or None."""

    models_image: str | None = None
    """MLflow, whose databases are copied first; None where the stack has no models."""


class NotebookBackup(pulumi.ComponentResource):
    """restic, by schedule and on demand.

    Creates: Secret (password, keys of the bucket), ConfigMap with `files/backup_notebooks.sh`, a CronJob that backs up and a suspended one
    that restores; for a share its volumes, claims and the Job that makes its root writable. No token, no right.
    """

    def __init__(self, name: str, args: NotebookBackupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:NotebookBackup", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        namespace = args.namespace.title
        target = args.target
        secrets: dict[str, pulumi.Input[str]] = {"password": pulumi.Output.secret(args.password)}
        share = None
        match target:
            case BucketTarget():
                secrets |= {"AWS_ACCESS_KEY_ID": target.access_key, "AWS_SECRET_ACCESS_KEY": pulumi.Output.secret(target.secret_key)}
            case WritableShare():
                claim = HomeClaim(name=BACKUP_CLAIM, namespace=args.namespace, owner=f"{ZEPPELIN_UID}:0")
                share = bind_home(name, f"{name}-claim", target, claim, self)
        secret = core.Secret(f"{name}-secret", metadata=meta.ObjectMetaArgs(namespace=namespace), string_data=secrets, opts=inside)
        script = core.ConfigMap(
            f"{name}-script",
            metadata=meta.ObjectMetaArgs(namespace=namespace),
            data={"backup_notebooks.sh": text("zeppelin/files/backup_notebooks.sh")}
            | ({"prepare_models.py": text("models/files/prepare_models.py")} if args.models_image else {})
            | ({"ca-bundle.pem": args.ca_bundle} if args.ca_bundle else {}),
            opts=inside,
        )
        for title, task in ((BACKUP, ["backup"]), (RESTORE, ["restore", "$(SNAPSHOT)"])):
            batch.CronJob(
                f"{name}-{title}",
                metadata=meta.ObjectMetaArgs(name=title, namespace=namespace, labels=BACKUP_LABELS),
                spec=batch.CronJobSpecArgs(
                    schedule=args.schedule,
                    suspend=title == RESTORE,
                    # Two at once would wait for each other's lock.
                    concurrency_policy="Forbid",
                    successful_jobs_history_limit=1,
                    failed_jobs_history_limit=3,
                    job_template=batch.JobTemplateSpecArgs(
                        spec=batch.JobSpecArgs(
                            backoff_limit=2 if title == BACKUP else 0,
                            active_deadline_seconds=3 * 3600,
                            # A Job of `gaia restore` belongs to nothing that would take it away, and holds the claims.
                            ttl_seconds_after_finished=3600 if title == RESTORE else None,
                            template=core.PodTemplateSpecArgs(
                                metadata=meta.ObjectMetaArgs(labels=BACKUP_LABELS),
                                spec=_pod(args, task, secret.metadata["name"], script.metadata["name"], share),
                            ),
                        )
                    ),
                ),
                opts=inside,
            )
        self.register_outputs({"repository": repository(target)})


def repository(target: WritableShare | BucketTarget) -> str:
    """Where restic keeps everything (restic: doc/030_preparing_a_new_repo.rst)."""
    return f"s3:{target.endpoint}/{target.path}" if isinstance(target, BucketTarget) else "/backup/restic"


def _pod(
    args: NotebookBackupArgs, task: list[str], secret: pulumi.Input[str], script: pulumi.Input[str], share: pulumi.Input[str] | None
) -> core.PodSpecArgs:
    environment = {
        "RESTIC_REPOSITORY": repository(args.target),
        "RESTIC_PASSWORD_FILE": "/secret/password",
        "RESTIC_CACHE_DIR": "/tmp/cache",  # noqa: S108 - path inside the container
        "KEEP": " ".join(f"--keep-{period} {count}" for period, count in args.keep.model_dump().items() if count),
        # `gaia restore` puts another one here.
        "SNAPSHOT": "latest",
        "HOME": "/tmp",  # noqa: S108
        **({"MODELS_FAILED": _FAILED} if args.models_image else {}),
        **args.environment,
    }
    from_secret = []
    if isinstance(args.target, BucketTarget):
        environment["AWS_DEFAULT_REGION"] = args.target.region
        from_secret = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    claims = {"notebooks": args.claim} | ({"backup": share} if share is not None else {})
    limits = {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "4Gi"}
    container = restricted_container(
        "restic",
        args.image,
        requests=limits | {"cpu": "100m", "memory": "256Mi"},
        limits=limits,
        command=["sh", "/script/backup_notebooks.sh"],
        args=task,
        env=[*variables(environment), *(secret_variable(key, secret, key) for key in from_secret)],
        volume_mounts=[
            mount("script", "/script", read_only=True),
            mount("secret", "/secret", read_only=True),
            mount("tmp", "/tmp"),  # noqa: S108
            *(mount(volume, f"/{volume}") for volume in claims),
            # Below the notebooks, so that one backup holds both.
            *([mount("models", "/notebooks/models")] if args.models_image else []),
            # Where the environment says that they are, as in every other Pod.
            *([mount("script", "/opt/platform", read_only=True)] if args.ca_bundle else []),
        ],
    )
    password = core.SecretVolumeSourceArgs(
        secret_name=secret, items=[core.KeyToPathArgs(key="password", path="password")], default_mode=0o440
    )
    return restricted_pod(
        args.namespace,
        # The server's user, who owns the notebooks.
        uid=ZEPPELIN_UID,
        gid=0,
        fs_group=ZEPPELIN_UID,
        containers=[container],
        volumes=[
            config_volume("script", script),
            core.VolumeArgs(name="secret", secret=password),
            scratch_volume("tmp", "3Gi"),
            *(claim_volume(volume, claim) for volume, claim in claims.items()),
            *([claim_volume("models", MODELS_CLAIM)] if args.models_image else []),
        ],
        init_containers=[_copy(args.models_image)] if args.models_image else None,
        restart_policy="Never",
        # A volume of a storage class is mounted on one node alone: that of the server, as long as there is one.
        affinity=core.AffinityArgs(
            pod_affinity=core.PodAffinityArgs(
                preferred_during_scheduling_ignored_during_execution=[
                    core.WeightedPodAffinityTermArgs(
                        weight=100,
                        pod_affinity_term=core.PodAffinityTermArgs(
                            topology_key="kubernetes.io/hostname", label_selector=meta.LabelSelectorArgs(match_labels=ZEPPELIN_LABELS)
                        ),
                    )
                ]
            )
        ),
    )


def _copy(image: str) -> core.ContainerArgs:
    """Copies the databases of models whole, while their server writes. A backup or a restore is not to fail for one that is broken."""
    limits = {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "64Mi"}
    return restricted_container(
        "models",
        image,
        requests=limits | {"cpu": "50m", "memory": "64Mi"},
        limits=limits,
        command=["python3", "-B", "/script/prepare_models.py", "copy", "/models", _FAILED],
        volume_mounts=[mount("script", "/script", read_only=True), mount("models", "/models"), mount("tmp", "/tmp")],  # noqa: S108
    )
