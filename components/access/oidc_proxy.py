"""oauth2-proxy, which lets to the gateway only those whom an OpenID Connect issuer knows."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import pull_secrets, restricted_container, restricted_pod
from components.zeppelin.server import generation

LABELS = {"app.kubernetes.io/name": "zeppelin", "app.kubernetes.io/component": "gate"}
PORT = 4180
_UID = 65532


@dataclass(frozen=True, kw_only=True)
class GateArgs:
    """What the gate needs.

    namespace: that of Zeppelin, a Namespace resource. hostname: public name of the platform. image: oauth2-proxy. issuer_url, client_id,
    client_secret (secret): the client at the issuer. email_domains: who may pass; everybody whom the issuer knows where empty.
    pull_secret: name of the pull secret, or None. password_generation: one more, and everybody has to come by the gate anew.
    """

    namespace: core.Namespace
    hostname: str
    image: str
    issuer_url: str
    client_id: str
    client_secret: pulumi.Input[str]
    email_domains: Sequence[str] = ()
    pull_secret: str | None = None
    password_generation: int = 1


class Gate(pulumi.ComponentResource):
    """A gate in front of Zeppelin's own login, and no single sign-on: Zeppelin asks for its own name and password after it.

    Creates: Secret (client secret, key of its cookie), Deployment, Service `gate`, which `files/gateway-gate.conf` asks about every
    request; RandomPassword.
    """

    service: core.Service
    """The Service that the gateway asks."""

    def __init__(self, name: str, args: GateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:Gate", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace)
        namespace = args.namespace.metadata["name"]
        # oauth2-proxy encrypts its cookie by AES, with a key of 32 bytes.
        key = random.RandomPassword(
            f"{name}-cookie-key",
            length=32,
            special=False,
            keepers=generation(args.password_generation),
            opts=pulumi.ResourceOptions(parent=self),
        )
        secret = core.Secret(
            f"{name}-secret",
            metadata=meta.ObjectMetaArgs(namespace=namespace),
            string_data={"client-secret": pulumi.Output.secret(args.client_secret), "cookie-key": key.result},
            opts=inside,
        )
        apps.Deployment(
            f"{name}-proxy",
            metadata=meta.ObjectMetaArgs(name="gate", namespace=namespace, labels=LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=2,
                selector=meta.LabelSelectorArgs(match_labels=LABELS),
                template=core.PodTemplateSpecArgs(metadata=meta.ObjectMetaArgs(labels=LABELS), spec=_pod(args, secret.metadata["name"])),
            ),
            opts=inside,
        )
        self.service = core.Service(
            f"{name}-service",
            metadata=meta.ObjectMetaArgs(name="gate", namespace=namespace, labels=LABELS),
            spec=core.ServiceSpecArgs(selector=LABELS, ports=[core.ServicePortArgs(name="http", port=PORT, target_port="http")]),
            opts=inside,
        )
        self.register_outputs({"service": self.service})


def _pod(args: GateArgs, secret: pulumi.Input[str]) -> core.PodSpecArgs:
    def from_secret(variable: str, key: str) -> core.EnvVarArgs:
        source = core.EnvVarSourceArgs(secret_key_ref=core.SecretKeySelectorArgs(name=secret, key=key))
        return core.EnvVarArgs(name=variable, value_from=source)

    alive = core.ProbeArgs(http_get=core.HTTPGetActionArgs(path="/ping", port="http"), period_seconds=10, timeout_seconds=3)
    return core.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        image_pull_secrets=pull_secrets(args.pull_secret),
        security_context=restricted_pod(_UID),
        containers=[
            core.ContainerArgs(
                name="oauth2-proxy",
                image=args.image,
                args=[
                    "--provider=oidc",
                    f"--oidc-issuer-url={args.issuer_url}",
                    f"--client-id={args.client_id}",
                    f"--redirect-url=https://{args.hostname}/oauth2/callback",
                    f"--http-address=0.0.0.0:{PORT}",
                    # nginx asks and serves; the proxy itself leads nowhere.
                    "--upstream=static://202",
                    "--reverse-proxy=true",
                    "--skip-provider-button=true",
                    "--cookie-secure=true",
                    "--cookie-samesite=lax",
                    *(f"--email-domain={domain}" for domain in args.email_domains or ["*"]),
                ],
                env=[from_secret("OAUTH2_PROXY_CLIENT_SECRET", "client-secret"), from_secret("OAUTH2_PROXY_COOKIE_SECRET", "cookie-key")],
                ports=[core.ContainerPortArgs(name="http", container_port=PORT)],
                readiness_probe=alive,
                liveness_probe=alive,
                security_context=restricted_container(),
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": "20m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
                    limits={"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
                ),
            )
        ],
    )
