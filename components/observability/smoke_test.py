"""The notebook that is run to see that people can work."""

import json
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import (
    config_volume,
    http_probe,
    mount,
    restricted_container,
    restricted_pod,
    scratch_volume,
    secret_variable,
)
from components.names import SMOKE_TEST, SMOKE_TEST_LABELS, SMOKE_TEST_PORT, SPARK_UID
from settings.values.monitoring import SmokeTest as SmokeTestSettings


@dataclass(frozen=True, kw_only=True)
class SmokeTestArgs:
    """What the test needs."""

    namespace: NamespaceRef
    """That of Zeppelin."""

    settings: SmokeTestSettings
    """Its user, how often it runs, and after how long a run counts as slow."""

    url: str
    """Where Zeppelin answers inside the cluster."""

    password: pulumi.Input[str]
    """Password of its user (secret)."""

    image: str
    """Image with Python 3."""

    certificate: str | None = None
    """host:port whose certificate is looked at, or None."""

    serving: bool = True
    """False while the server stands by: nothing is tested then."""


class SmokeTest(pulumi.ComponentResource):
    """A Deployment that runs `files/smoke_test.py` as a person of its own and serves what it came to as Prometheus' metrics.

    Creates: Secret (login), ConfigMap, Deployment. It has no token: all it can do is what any person can.
    """

    def __init__(self, name: str, args: SmokeTestArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:SmokeTest", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        namespace = args.namespace.title
        login = core.Secret(
            f"{name}-login",
            metadata=meta.ObjectMetaArgs(namespace=namespace),
            string_data={"user": args.settings.user, "password": pulumi.Output.secret(args.password)},
            opts=inside,
        )
        config = {
            "every": args.settings.every_minutes * 60,
            "slow": args.settings.slow_seconds,
            "port": SMOKE_TEST_PORT,
            "certificate": args.certificate,
        }
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
            metadata=meta.ObjectMetaArgs(name=SMOKE_TEST, namespace=namespace, labels=SMOKE_TEST_LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=1 if args.serving else 0,
                # Two at once would take each other's interpreters.
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                selector=meta.LabelSelectorArgs(match_labels=SMOKE_TEST_LABELS),
                template=core.PodTemplateSpecArgs(
                    metadata=meta.ObjectMetaArgs(labels=SMOKE_TEST_LABELS), spec=_pod(args, login.metadata["name"], files.metadata["name"])
                ),
            ),
            opts=inside,
        )
        self.register_outputs({"port": SMOKE_TEST_PORT})


def _pod(args: SmokeTestArgs, login: pulumi.Input[str], files: pulumi.Input[str]) -> core.PodSpecArgs:
    container = restricted_container(
        "smoke-test",
        args.image,
        requests={"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
        limits={"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
        command=["python3", "-B", "/files/smoke_test.py", "serve", args.url, "/files/config.json"],
        env=[secret_variable("SMOKE_USER", login, "user"), secret_variable("SMOKE_PASSWORD", login, "password")],
        ports=[core.ContainerPortArgs(name="metrics", container_port=SMOKE_TEST_PORT)],
        readiness_probe=http_probe("/healthz", SMOKE_TEST_PORT, period=60),
        volume_mounts=[
            mount("files", "/files", read_only=True),
            mount("tmp", "/tmp"),  # noqa: S108 - the certificate is read from a file
        ],
    )
    volumes = [config_volume("files", files), scratch_volume("tmp", "16Mi")]
    return restricted_pod(args.namespace, uid=SPARK_UID, containers=[container], volumes=volumes)
