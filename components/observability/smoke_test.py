"""The notebook that is run to see that people can work."""

import json
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import pull_secrets, restricted_container, restricted_pod
from components.spark.interpreter_files import UID

TITLE = "smoke-test"
PORT = 9381
LABELS = {"app.kubernetes.io/name": TITLE}


@dataclass(frozen=True, kw_only=True)
class SmokeTestArgs:
    """What the test needs.

    namespace: of Zeppelin, a Namespace resource. url: where Zeppelin answers inside the cluster. user: login name. password (secret).
    image: with Python 3. every_minutes: from one run to the next. slow_seconds: after which a run counts as slow. certificate: host:port
    whose certificate is looked at, or None. pull_secret: name of the namespace's pull secret, or None. serving: False while the server
    stands by: nothing is tested then.
    """

    namespace: core.Namespace
    url: str
    user: str
    password: pulumi.Input[str]
    image: str
    every_minutes: int
    slow_seconds: int
    certificate: str | None = None
    pull_secret: str | None = None
    serving: bool = True


class SmokeTest(pulumi.ComponentResource):
    """A Deployment that runs `files/smoke_test.py` as a person of its own and serves what it came to as Prometheus' metrics.

    Creates: Secret (login), ConfigMap, Deployment. It has no token: all it can do is what any person can.
    """

    port: int
    """TCP port of the metrics."""

    def __init__(self, name: str, args: SmokeTestArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:SmokeTest", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace)
        namespace = args.namespace.metadata["name"]
        login = core.Secret(
            f"{name}-login",
            metadata=meta.ObjectMetaArgs(namespace=namespace),
            string_data={"user": args.user, "password": pulumi.Output.secret(args.password)},
            opts=inside,
        )
        config = {"every": args.every_minutes * 60, "slow": args.slow_seconds, "port": PORT, "certificate": args.certificate}
        files = core.ConfigMap(
            f"{name}-files",
            metadata=meta.ObjectMetaArgs(namespace=namespace),
            data={
                "smoke_test.py": text("observability/files/smoke_test.py"),
                "serve_metrics.py": text("observability/files/serve_metrics.py"),
                "config.json": json.dumps(config),
            },
            opts=inside,
        )
        apps.Deployment(
            f"{name}-runner",
            metadata=meta.ObjectMetaArgs(name=TITLE, namespace=namespace, labels=LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=1 if args.serving else 0,
                # Two at once would take each other's interpreters.
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                selector=meta.LabelSelectorArgs(match_labels=LABELS),
                template=core.PodTemplateSpecArgs(
                    metadata=meta.ObjectMetaArgs(labels=LABELS), spec=_pod(args, login.metadata["name"], files.metadata["name"])
                ),
            ),
            opts=inside,
        )
        self.port = PORT
        self.register_outputs({"port": self.port})


def _pod(args: SmokeTestArgs, login: pulumi.Input[str], files: pulumi.Input[str]) -> core.PodSpecArgs:
    def from_login(variable: str, key: str) -> core.EnvVarArgs:
        source = core.EnvVarSourceArgs(secret_key_ref=core.SecretKeySelectorArgs(name=login, key=key))
        return core.EnvVarArgs(name=variable, value_from=source)

    return core.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        image_pull_secrets=pull_secrets(args.pull_secret),
        security_context=restricted_pod(UID),
        containers=[
            core.ContainerArgs(
                name="smoke-test",
                image=args.image,
                command=["python3", "-B", "/files/smoke_test.py", "serve", args.url, "/files/config.json"],
                env=[from_login("SMOKE_USER", "user"), from_login("SMOKE_PASSWORD", "password")],
                ports=[core.ContainerPortArgs(name="metrics", container_port=PORT)],
                readiness_probe=core.ProbeArgs(http_get=core.HTTPGetActionArgs(path="/healthz", port=PORT), period_seconds=60),
                security_context=restricted_container(),
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": "20m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
                    limits={"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
                ),
                volume_mounts=[
                    core.VolumeMountArgs(name="files", mount_path="/files", read_only=True),
                    core.VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108 - the certificate is read from a file
                ],
            )
        ],
        volumes=[
            core.VolumeArgs(name="files", config_map=core.ConfigMapVolumeSourceArgs(name=files)),
            core.VolumeArgs(name="tmp", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit="16Mi")),
        ],
    )
