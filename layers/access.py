"""How browsers reach the platform: the gateway, its certificate, and the OIDC proxy in front of Zeppelin's login."""

from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from components.access.certificate import Certificate, GivenTls
from components.access.gateway import Gateway, GatewayArgs, LoadBalancer
from components.access.oidc_proxy import OidcProxy, OidcProxyArgs
from layers.cloud import Cloud
from layers.spark import Spark
from layers.stack import Stack
from layers.storage import Storage
from layers.zeppelin import Notebooks
from settings.values.entry import IngressEntry, LoadBalancerEntry, NoEntry, SecretTls, SelfSignedTls


@dataclass(frozen=True, kw_only=True)
class Access:
    """How browsers reach the platform."""

    url: str
    """Address of the platform."""

    public_address: pulumi.Input[str | None]
    """Floating IP of the platform, or None."""


def build(stack: Stack, cloud: Cloud, data: Storage, engine: Spark, notebooks: Notebooks) -> Access:
    """The gateway, once the server and the OIDC proxy have their Services."""
    settings, entry = stack.settings, stack.settings.entry
    public = None if isinstance(entry, NoEntry) else entry
    before: list[pulumi.Resource] = [notebooks.service]
    if public and public.gate:
        before.append(_oidc_proxy(stack, data, notebooks, public).service)
    certificate = certificate_choice(stack, public) if public else None
    own = [tls.Provider("tls")] if isinstance(certificate, SelfSignedTls) else []
    Gateway(
        "entry",
        GatewayArgs(
            namespace=notebooks.namespace,
            url=stack.origin,
            hostname=public and public.hostname,
            image=stack.image("gateway"),
            exposure=_balancer(cloud, entry) if isinstance(entry, LoadBalancerEntry) else entry,
            tls=certificate,
            spark_settings=list(settings.spark.sizes()),
            history=data.history is not None,
            connect=settings.spark.connect,
            models=data.models is not None,
            monitoring=settings.monitoring is not None,
            oidc_proxy=public is not None and public.gate is not None,
            priority=engine.pods.identities.priorities.server,
        ),
        pulumi.ResourceOptions(providers=[cloud.kubernetes, *own], depends_on=before),
    )
    return Access(url=stack.origin, public_address=cloud.public_address)


def _oidc_proxy(stack: Stack, data: Storage, notebooks: Notebooks, entry: LoadBalancerEntry | IngressEntry) -> OidcProxy:
    if entry.gate is None:
        raise TypeError("the entry has no gate")
    args = OidcProxyArgs(
        namespace=notebooks.namespace,
        hostname=entry.hostname,
        image=stack.image("gate"),
        client=entry.gate,
        client_secret=stack.secret(entry.gate.client_secret),
        password_generation=stack.settings.rotation.passwords,
    )
    return OidcProxy("gate", args, pulumi.ResourceOptions.merge(data.inside, notebooks.made_here))


def _balancer(cloud: Cloud, entry: LoadBalancerEntry) -> LoadBalancer:
    allowed = [str(cidr) for cidr in entry.allowed_cidrs]
    return LoadBalancer(address=cloud.public_address, annotations=cloud.balancer, allowed_cidrs=allowed)


def certificate_choice(stack: Stack, entry: LoadBalancerEntry | IngressEntry) -> Certificate:
    """Where the certificate comes from."""
    if isinstance(entry.tls, SecretTls):
        return GivenTls(certificate=stack.secret(entry.tls.certificate_secret), key=stack.secret(entry.tls.key_secret))
    return entry.tls
