"""Settings of the entry: how a browser reaches Zeppelin."""

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from settings.values.vocabulary import ConfigKey, Hostname, ObjectName, Settings, Url


class SecretTls(Settings):
    """A certificate that you provide."""

    kind: Literal["secret"]
    """A certificate and key given as secrets."""

    certificate_secret: Annotated[ConfigKey, Field(examples=["tls-certificate"])]
    """Name of the config key that holds the PEM certificate chain."""

    key_secret: Annotated[ConfigKey, Field(examples=["tls-key"])]
    """Name of the config key that holds the PEM private key."""


class CertManagerTls(Settings):
    """A certificate from cert-manager. The cluster must have cert-manager and the issuer."""

    kind: Literal["cert_manager"]
    """A certificate from cert-manager."""

    issuer: Annotated[ObjectName, Field(examples=["letsencrypt"])]
    """Name of the issuer."""

    issuer_kind: Literal["ClusterIssuer", "Issuer"] = "ClusterIssuer"
    """Kind of the issuer: ClusterIssuer or Issuer."""


class SelfSignedTls(Settings):
    """A certificate that the stack signs itself. Connections are encrypted, but browsers show a warning."""

    kind: Literal["self_signed"]
    """A certificate that the stack signs itself."""

    valid_days: Annotated[int, Field(ge=1, le=825)] = 365
    """Lifetime of the certificate, in days. `pulumi up` renews it during its last 30 days."""


Tls = Annotated[SecretTls | CertManagerTls | SelfSignedTls, Field(discriminator="kind")]


class Gate(Settings):
    """The OIDC proxy: oauth2-proxy in front of the gateway. People without an account at the issuer do not even see Zeppelin's login page.
    It is no single sign-on: people log in to Zeppelin afterwards.
    """

    issuer_url: Annotated[Url, Field(examples=["https://iam.example.org/"])]
    """Address of the OpenID Connect issuer. It needs an egress rule for `gate` in `outside.egress`."""

    client_id: Annotated[ObjectName, Field(examples=["gaia-dmp"])]
    """Client id at the issuer. The redirect address is https://<hostname>/oauth2/callback."""

    client_secret: Annotated[ConfigKey, Field(examples=["gate-client-secret"])]
    """Name of the config key that holds the client secret: pulumi config set --secret gaia-dmp:<this name>."""

    email_domains: Annotated[tuple[Hostname, ...], Field(strict=False)] = ()
    """E-mail domains whose people may pass; by default everybody with an account at the issuer."""


class LoadBalancerEntry(Settings):
    """An unprivileged nginx gateway behind a load balancer."""

    kind: Literal["load_balancer"]
    """A gateway behind a load balancer."""

    hostname: Annotated[Hostname, Field(examples=["zeppelin.gaia.example.org"])]
    """Public DNS name of the platform. Zeppelin accepts only browsers that use this name."""

    tls: Tls
    """Where the certificate comes from: secret, cert_manager or self_signed."""

    allowed_cidrs: Annotated[tuple[IPv4Network, ...], Field(strict=False)] = ()
    """IPv4 networks that may reach the gateway; by default every address may."""

    gate: Gate | None = None
    """OIDC proxy (oauth2-proxy) in front of the gateway; none by default."""


class IngressEntry(Settings):
    """An Ingress of a class that exists in the cluster."""

    kind: Literal["ingress"]
    """An Ingress of an existing class."""

    hostname: Annotated[Hostname, Field(examples=["zeppelin.gaia.example.org"])]
    """Public DNS name of the platform. Zeppelin accepts only browsers that use this name."""

    class_name: Annotated[ObjectName, Field(examples=["nginx"])]
    """Name of the IngressClass."""

    tls: Tls
    """Where the certificate comes from: secret, cert_manager or self_signed."""

    gate: Gate | None = None
    """OIDC proxy (oauth2-proxy) in front of the gateway; none by default."""


class NoEntry(Settings):
    """No public address: `kubectl port-forward` to the gateway."""

    kind: Literal["none"]
    """No public address."""


Entry = Annotated[LoadBalancerEntry | IngressEntry | NoEntry, Field(discriminator="kind")]
