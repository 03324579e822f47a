"""oauth2-proxy, which lets to the gateway only those whom an OpenID Connect issuer knows."""

from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import disruption_budget, http_probe, restricted_container, restricted_pod, secret_variable
from components.names import NOT_AWAITED, OIDC_PROXY, OIDC_PROXY_LABELS, OIDC_PROXY_PORT
from components.zeppelin.login import generation
from settings.values.entry import Gate

_UID = 65532


@dataclass(frozen=True, kw_only=True)
class OidcProxyArgs:
    """What the proxy needs."""

    namespace: NamespaceRef
    """That of Zeppelin."""

    hostname: str
    """Public name of the platform."""

    image: str
    """oauth2-proxy."""

    client: Gate
    """The client at the issuer, and who may pass."""

    client_secret: pulumi.Input[str]
    """Secret of that client (secret)."""

    password_generation: int = 1
    """One more, and everybody has to come by the proxy anew."""


class OidcProxy(pulumi.ComponentResource):
    """A proxy in front of Zeppelin's own login, and no single sign-on: Zeppelin asks for its own name and password after it.

    Creates: Secret (client secret, key of its cookie), Deployment of two Pods with a PodDisruptionBudget, Service `gate`, which
    `files/gateway-gate.conf` asks about every request; RandomPassword.
    """

    service: core.Service
    """The Service that the gateway asks."""

    def __init__(self, name: str, args: OidcProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:Gate", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        namespace = args.namespace.title
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
            metadata=meta.ObjectMetaArgs(name=OIDC_PROXY, namespace=namespace, labels=OIDC_PROXY_LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=2,
                selector=meta.LabelSelectorArgs(match_labels=OIDC_PROXY_LABELS),
                template=core.PodTemplateSpecArgs(
                    metadata=meta.ObjectMetaArgs(labels=OIDC_PROXY_LABELS), spec=_pod(args, secret.metadata["name"])
                ),
            ),
            opts=inside,
        )
        disruption_budget(name, OIDC_PROXY, args.namespace, OIDC_PROXY_LABELS, self)
        self.service = core.Service(
            f"{name}-service",
            metadata=meta.ObjectMetaArgs(name=OIDC_PROXY, namespace=namespace, labels=OIDC_PROXY_LABELS, annotations=dict(NOT_AWAITED)),
            spec=core.ServiceSpecArgs(
                selector=OIDC_PROXY_LABELS, ports=[core.ServicePortArgs(name="http", port=OIDC_PROXY_PORT, target_port="http")]
            ),
            opts=inside,
        )
        self.register_outputs({"service": self.service})


def _pod(args: OidcProxyArgs, secret: pulumi.Input[str]) -> core.PodSpecArgs:
    alive = http_probe("/ping", "http", period=10, timeout=3)
    container = restricted_container(
        "oauth2-proxy",
        args.image,
        requests={"cpu": "20m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
        limits={"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
        args=[
            "--provider=oidc",
            f"--oidc-issuer-url={args.client.issuer_url}",
            f"--client-id={args.client.client_id}",
            f"--redirect-url=https://{args.hostname}/oauth2/callback",
            f"--http-address=0.0.0.0:{OIDC_PROXY_PORT}",
            # nginx asks and serves; the proxy itself leads nowhere.
            "--upstream=static://202",
            "--reverse-proxy=true",
            "--skip-provider-button=true",
            "--cookie-secure=true",
            "--cookie-samesite=lax",
            *(f"--email-domain={domain}" for domain in args.client.email_domains or ["*"]),
        ],
        env=[
            secret_variable("OAUTH2_PROXY_CLIENT_SECRET", secret, "client-secret"),
            secret_variable("OAUTH2_PROXY_COOKIE_SECRET", secret, "cookie-key"),
        ],
        ports=[core.ContainerPortArgs(name="http", container_port=OIDC_PROXY_PORT)],
        readiness_probe=alive,
        liveness_probe=alive,
    )
    return restricted_pod(args.namespace, uid=_UID, containers=[container])
