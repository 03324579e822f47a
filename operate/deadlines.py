"""Days until certificates expire: the kubeconfig's credential, the cluster's own certificate, and the gateway's certificate."""

import base64
import datetime as dt
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import yaml
from cryptography import x509

WARNING_DAYS = 60
_RENEW_KUBECONFIG = "docs/runbooks/kubeconfig-expired.md"
_RENEW_CERTIFICATE = "docs/runbooks/certificate-expires.md"


@dataclass(frozen=True)
class Deadline:
    """title: what expires. days: days left, or None if that is unknown. says: why it is unknown. runbook: what to do."""

    title: str
    days: int | None
    runbook: str
    says: str = ""

    @property
    def near(self) -> bool:
        """Whether somebody must act soon, or check it because the date is unknown."""
        return self.days is None or self.days <= WARNING_DAYS


def days_left(certificate: bytes, now: dt.datetime) -> int:
    """Whole days until a certificate (PEM) expires; negative if it has expired. Raises ValueError if it is not a certificate."""
    return (x509.load_pem_x509_certificate(certificate).not_valid_after_utc - now).days


def of_kubeconfig(text: str, now: dt.datetime) -> Iterator[Deadline]:
    """The certificates in a kubeconfig: of clients, and of clusters."""
    config = yaml.safe_load(text) or {}
    for section, field, key, title in (
        ("users", "user", "client-certificate-data", "credential of the kubeconfig"),
        ("clusters", "cluster", "certificate-authority-data", "certificate of the cluster"),
    ):
        for entry in config.get(section) or []:
            data = (entry.get(field) or {}).get(key)
            if data:
                try:
                    yield Deadline(title, days_left(base64.b64decode(data), now), _RENEW_KUBECONFIG)
                except ValueError as error:
                    yield Deadline(title, None, _RENEW_KUBECONFIG, f"cannot be read: {error}")


def of_address(url: str, now: dt.datetime, seconds: float = 10) -> Iterator[Deadline]:
    """The certificate that browsers get; nothing if the address has none."""
    parts = urlsplit(url)
    title = f"certificate of {parts.hostname}"
    if parts.scheme != "https" or not parts.hostname:
        return
    context = ssl.create_default_context()
    # Only its last day matters here, no matter who signed it and even if it has expired.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), timeout=seconds) as raw,
            context.wrap_socket(raw, server_hostname=parts.hostname) as tls,
        ):
            certificate = ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True) or b"").encode()
        yield Deadline(title, days_left(certificate, now), _RENEW_CERTIFICATE)
    except (OSError, ValueError) as error:
        yield Deadline(title, None, _RENEW_CERTIFICATE, f"could not be fetched: {error}")
