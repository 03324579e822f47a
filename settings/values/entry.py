"""Settings of the way in: how a browser reaches Zeppelin."""

from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from settings.values.vocabulary import ConfigKey, Hostname, ObjectName, Settings, Url


class SecretTls(Settings):
    """A certificate that you have."""

    kind: Literal["secret"]
    """A certificate and key given as secrets."""

    certificate_secret: Annotated[ConfigKey, Field(examples=["tls-certificate"])]
    """Name of the config key that holds the PEM certificate chain."""

    key_secret: Annotated[ConfigKey, Field(examples=["tls-key"])]
    """Name of the config key that holds the PEM private key."""


class CertManagerTls(Settings):
    """A certificate that cert-manager, which the cluster has, gets from an issuer, which exists."""

    kind: Literal["cert_manager"]
    """A certificate from cert-manager."""

    issuer: Annotated[ObjectName, Field(examples=["letsencrypt"])]
    """Name of the issuer."""

    issuer_kind: Literal["ClusterIssuer", "Issuer"] = "ClusterIssuer"
    """Kind of the issuer: ClusterIssuer or Issuer."""


class SelfSignedTls(Settings):
    """A certificate that the stack signs itself: encrypted, but browsers warn."""

    kind: Literal["self_signed"]
    """A certificate that the stack signs itself."""

    valid_days: Annotated[int, Field(ge=1, le=825)] = 365
    """Life time of the certificate, in days; `pulumi up` renews it in its last 30 days."""


Tls = Annotated[SecretTls | CertManagerTls | SelfSignedTls, Field(discriminator="kind")]


class Gate(Settings):
    """oauth2-proxy in front of everything: who has no account at the issuer does not even see Zeppelin's login. It is a gate and no single
    sign-on: Zeppelin's own login comes after it.
    """

    issuer_url: Annotated[Url, Field(examples=["https://iam.example.org/"])]
    """OpenID Connect issuer. Let `outside.egress` lead the gate there."""

    client_id: Annotated[ObjectName, Field(examples=["gaia-dmp"])]
    """Client id at the issuer; its redirect address is https://<hostname>/oauth2/callback."""

    client_secret: Annotated[ConfigKey, Field(examples=["gate-client-secret"])]
    """Name of the config key that holds the client secret: pulumi config set --secret gaia-dmp:<this name>."""

    email_domains: Annotated[tuple[Hostname, ...], Field(strict=False)] = ()
    """E-mail domains that may pass; everybody whom the issuer knows where none is given."""


class LoadBalancerEntry(Settings):
    """An unprivileged nginx gateway behind a load balancer."""

    kind: Literal["load_balancer"]
    """A gateway behind a load balancer."""

    hostname: Annotated[Hostname, Field(examples=["zeppelin.gaia.example.org"])]
    """Public name of the platform; Zeppelin accepts browsers that come by it alone."""

    tls: Tls
    """Where the certificate comes from: secret, cert_manager or self_signed."""

    allowed_cidrs: Annotated[tuple[IPv4Network, ...], Field(strict=False)] = ()
    """IPv4 networks that may reach the gateway; everybody where none is given."""

    gate: Gate | None = None
    """oauth2-proxy in front of everything; none by default."""


class IngressEntry(Settings):
    """An Ingress of a class that the cluster has."""

    kind: Literal["ingress"]
    """An Ingress of an existing class."""

    hostname: Annotated[Hostname, Field(examples=["zeppelin.gaia.example.org"])]
    """Public name of the platform; Zeppelin accepts browsers that come by it alone."""

    class_name: Annotated[ObjectName, Field(examples=["nginx"])]
    """Name of the IngressClass."""

    tls: Tls
    """Where the certificate comes from: secret, cert_manager or self_signed."""

    gate: Gate | None = None
    """oauth2-proxy in front of everything; none by default."""


class NoEntry(Settings):
    """No public address: `kubectl port-forward` to the gateway."""

    kind: Literal["none"]
    """No public address."""


Entry = Annotated[LoadBalancerEntry | IngressEntry | NoEntry, Field(discriminator="kind")]
