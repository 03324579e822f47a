"""The gateway's certificate: given, from cert-manager, or signed by the stack itself."""

from dataclasses import dataclass

import pulumi
import pulumi_tls as tls
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import NamespaceRef
from settings.values.entry import CertManagerTls, SelfSignedTls


@dataclass(frozen=True, kw_only=True)
class GivenTls:
    """A certificate that exists."""

    certificate: pulumi.Input[str]
    """PEM chain (secret)."""

    key: pulumi.Input[str]
    """PEM private key (secret)."""


Certificate = GivenTls | CertManagerTls | SelfSignedTls


def make_certificate(
    name: str, choice: Certificate | None, hostname: str, namespace: NamespaceRef, parent: pulumi.ComponentResource
) -> tuple[pulumi.Input[str], list[pulumi.Resource]]:
    """The Secret with the certificate, by its name, and what must be there before it is used. An empty name where there is none.

    name: of the gateway's component. hostname: public name of the platform.
    """
    inside = pulumi.ResourceOptions(parent=parent, deleted_with=namespace.resource)

    def secret(certificate: pulumi.Input[str], key: pulumi.Input[str]) -> core.Secret:
        return core.Secret(
            f"{name}-tls",
            metadata=meta.ObjectMetaArgs(namespace=namespace.title),
            type="kubernetes.io/tls",
            string_data={"tls.crt": pulumi.Output.secret(certificate), "tls.key": pulumi.Output.secret(key)},
            opts=inside,
        )

    match choice:
        case None:
            return "", []
        case GivenTls() | SelfSignedTls():
            given = certificate_files(name, choice, hostname, parent)
            return secret(given.certificate, given.key).metadata["name"], []
        case CertManagerTls(issuer=issuer, issuer_kind=issuer_kind):
            title = "gateway-certificate"
            certificate = CustomResource(
                f"{name}-certificate",
                api_version="cert-manager.io/v1",
                kind="Certificate",
                metadata=meta.ObjectMetaArgs(name=title, namespace=namespace.title),
                spec={"secretName": title, "dnsNames": [hostname], "issuerRef": {"name": issuer, "kind": issuer_kind}},
                opts=inside,
            )
            return title, [certificate]


def certificate_files(name: str, choice: GivenTls | SelfSignedTls, hostname: str, parent: pulumi.ComponentResource) -> GivenTls:
    """A certificate and its key, which the stack makes where nobody gives them. name: of the gateway's component."""
    if isinstance(choice, GivenTls):
        return choice
    child, days = pulumi.ResourceOptions(parent=parent), choice.valid_days
    key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=child)
    signed = tls.SelfSignedCert(
        f"{name}-certificate",
        private_key_pem=key.private_key_pem,
        subject=tls.SelfSignedCertSubjectArgs(common_name=hostname),
        dns_names=[hostname],
        validity_period_hours=days * 24,
        early_renewal_hours=min(30, days // 2 + 1) * 24,
        allowed_uses=["digital_signature", "key_encipherment", "server_auth"],
        opts=child,
    )
    return GivenTls(certificate=signed.cert_pem, key=key.private_key_pem)
