"""Encrypted backups of notebooks and of Zeppelin's configuration, and what puts them back."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import pull_secrets, restricted_container
from components.storage.writable_share import WritableShareArgs, bind_writable
from components.zeppelin import server as zeppelin

BACKUP, RESTORE = "backup-notebooks", "restore-notebooks"
"""Names of the CronJobs. The second never runs by itself: `make restore` makes a Job from it."""

LABELS = {"app.kubernetes.io/name": "notebook-backup"}


@dataclass(frozen=True, kw_only=True)
class BackupBucketArgs:
    """Backups in a bucket. endpoint: address of the S3 server. path: bucket and prefix. region: that requests are signed for.
    access_key, secret_key: (secret).
    """

    endpoint: str
    path: str
    region: str
    access_key: pulumi.Input[str]
    secret_key: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class NotebookBackupArgs:
    """What backups need.

    namespace: Zeppelin's, a Namespace resource. claim: of the notebooks. target: share or bucket. password: they are encrypted by
    (secret). schedule: cron, UTC. keep: how many stay by `last`, `daily`, `weekly`, `monthly`. image: restic, with a shell.
    environment: what a process needs to reach the world. ca_bundle: PEM certificates to trust, or None. pull_secret: name, or None.
    """

    namespace: core.Namespace
    claim: pulumi.Input[str]
    target: WritableShareArgs | BackupBucketArgs
    password: pulumi.Input[str]
    schedule: str
    keep: Mapping[str, int]
    image: str
    environment: Mapping[str, str]
    ca_bundle: str | None = None
    pull_secret: str | None = None


class NotebookBackup(pulumi.ComponentResource):
    """restic, by schedule and on demand.

    Creates: Secret (password, keys of the bucket), ConfigMap with `files/backup_notebooks.sh`, a CronJob that backs up and a suspended one
    that restores; for a share its volumes, claims and the Job that makes its root writable. No token, no right.
    """

    repository: str
    """Where the backups are, as restic names it."""

    def __init__(self, name: str, args: NotebookBackupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:NotebookBackup", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace)
        namespace = args.namespace.metadata["name"]
        target = args.target
        secrets: dict[str, pulumi.Input[str]] = {"password": pulumi.Output.secret(args.password)}
        share = None
        match target:
            case BackupBucketArgs():
                secrets |= {"AWS_ACCESS_KEY_ID": target.access_key, "AWS_SECRET_ACCESS_KEY": pulumi.Output.secret(target.secret_key)}
            case WritableShareArgs():
                share = bind_writable(name, target, args.namespace, f"{zeppelin.UID}:0", self)
        secret = core.Secret(f"{name}-secret", metadata=meta.ObjectMetaArgs(namespace=namespace), string_data=secrets, opts=inside)
        script = core.ConfigMap(
            f"{name}-script",
            metadata=meta.ObjectMetaArgs(namespace=namespace),
            data={"backup_notebooks.sh": text("zeppelin/files/backup_notebooks.sh")}
            | ({"ca-bundle.pem": args.ca_bundle} if args.ca_bundle else {}),
            opts=inside,
        )
        for title, task in ((BACKUP, ["backup"]), (RESTORE, ["restore", "$(SNAPSHOT)"])):
            batch.CronJob(
                f"{name}-{title}",
                metadata=meta.ObjectMetaArgs(name=title, namespace=namespace, labels=LABELS),
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
                            # A Job of `make restore` belongs to nothing that would take it away, and holds the claims.
                            ttl_seconds_after_finished=3600 if title == RESTORE else None,
                            template=core.PodTemplateSpecArgs(
                                metadata=meta.ObjectMetaArgs(labels=LABELS),
                                spec=_pod(args, task, secret.metadata["name"], script.metadata["name"], share),
                            ),
                        )
                    ),
                ),
                opts=inside,
            )
        self.repository = repository(target)
        self.register_outputs({"repository": self.repository})


def repository(target: WritableShareArgs | BackupBucketArgs) -> str:
    """Where restic keeps everything (restic: doc/030_preparing_a_new_repo.rst)."""
    return f"s3:{target.endpoint}/{target.path}" if isinstance(target, BackupBucketArgs) else "/backup/restic"


def _pod(
    args: NotebookBackupArgs, task: list[str], secret: pulumi.Input[str], script: pulumi.Input[str], share: pulumi.Input[str] | None
) -> core.PodSpecArgs:
    environment = {
        "RESTIC_REPOSITORY": repository(args.target),
        "RESTIC_PASSWORD_FILE": "/secret/password",
        "RESTIC_CACHE_DIR": "/tmp/cache",  # noqa: S108 - path inside the container
        "KEEP": " ".join(f"--keep-{period} {count}" for period, count in args.keep.items() if count),
        # `make restore` puts another one here.
        "SNAPSHOT": "latest",
        "HOME": "/tmp",  # noqa: S108
        **args.environment,
    }
    from_secret = []
    if isinstance(args.target, BackupBucketArgs):
        environment["AWS_DEFAULT_REGION"] = args.target.region
        from_secret = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    claims = {"notebooks": args.claim} | ({"backup": share} if share is not None else {})
    # Where the environment says that they are, as in every other Pod.
    certificates = core.VolumeMountArgs(name="script", mount_path="/opt/platform", read_only=True)
    resources = {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "4Gi"}
    return core.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        restart_policy="Never",
        image_pull_secrets=pull_secrets(args.pull_secret),
        # The server's user, who owns the notebooks.
        security_context=zeppelin.server_user(),
        # A volume of a storage class is mounted on one node alone: that of the server, as long as there is one.
        affinity=core.AffinityArgs(
            pod_affinity=core.PodAffinityArgs(
                preferred_during_scheduling_ignored_during_execution=[
                    core.WeightedPodAffinityTermArgs(
                        weight=100,
                        pod_affinity_term=core.PodAffinityTermArgs(
                            topology_key="kubernetes.io/hostname", label_selector=meta.LabelSelectorArgs(match_labels=zeppelin.LABELS)
                        ),
                    )
                ]
            )
        ),
        containers=[
            core.ContainerArgs(
                name="restic",
                image=args.image,
                command=["sh", "/script/backup_notebooks.sh"],
                args=task,
                env=[
                    *(core.EnvVarArgs(name=key, value=value) for key, value in environment.items()),
                    *(
                        core.EnvVarArgs(
                            name=key,
                            value_from=core.EnvVarSourceArgs(secret_key_ref=core.SecretKeySelectorArgs(name=secret, key=key)),
                        )
                        for key in from_secret
                    ),
                ],
                security_context=restricted_container(),
                resources=core.ResourceRequirementsArgs(requests=resources | {"cpu": "100m", "memory": "256Mi"}, limits=resources),
                volume_mounts=[
                    core.VolumeMountArgs(name="script", mount_path="/script", read_only=True),
                    core.VolumeMountArgs(name="secret", mount_path="/secret", read_only=True),
                    core.VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108
                    *(core.VolumeMountArgs(name=volume, mount_path=f"/{volume}") for volume in claims),
                    *([certificates] if args.ca_bundle else []),
                ],
            )
        ],
        volumes=[
            core.VolumeArgs(name="script", config_map=core.ConfigMapVolumeSourceArgs(name=script)),
            core.VolumeArgs(
                name="secret",
                secret=core.SecretVolumeSourceArgs(
                    secret_name=secret, items=[core.KeyToPathArgs(key="password", path="password")], default_mode=0o440
                ),
            ),
            core.VolumeArgs(name="tmp", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit="3Gi")),
            *(
                core.VolumeArgs(name=volume, persistent_volume_claim=core.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim))
                for volume, claim in claims.items()
            ),
        ],
    )
