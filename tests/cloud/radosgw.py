"""A real RadosGW on the cloud's Ceph, with the cloud's Keystone: objects by S3 and by Swift's API, in Swift's place in the catalogue."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.cloud.ceph import HOST, CephError
from tests.cloud.kube import die_with_parent
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.services import PASSWORD
from tests.support.certificates import self_signed
from tests.support.eventually import eventually
from tests.support.servers import free_ports

_NAME = "client.rgw.a"
_SETTINGS = """
[{name}]
rgw frontends = beast endpoint={host}:{plain} ssl_endpoint={host}:{secure} ssl_certificate={certificate} ssl_private_key={key}
rgw keystone url = {keystone}
rgw keystone api version = 3
rgw keystone admin user = swift
rgw keystone admin password = {password}
rgw keystone admin domain = Default
rgw keystone admin project = service
rgw keystone accepted roles = admin, member
rgw keystone implicit tenants = true
rgw s3 auth use keystone = true
rgw swift account in url = true
"""
"""As Ceph's documentation asks for it (https://docs.ceph.com/en/pacific/radosgw/keystone/)."""


class Store(NamedTuple):
    """Where S3 is asked. certificate: what its server is trusted by, or None without TLS."""

    endpoint: str
    certificate: Path | None


def missing() -> str:
    """Why no RadosGW can run on this machine, or ""."""
    return "" if shutil.which("radosgw") else "RadosGW needs Debian's radosgw"


@contextlib.contextmanager
def running(cloud: Cloud) -> Iterator[Store]:
    """A RadosGW for the time of a `with`, where the catalogue leads to in place of Swift.

    S3 is asked by TLS: without it clients sign what they send piece by piece, which a RadosGW with keys from Keystone refuses (501).
    """
    plain, secure = free_ports(2)
    folder, ceph = cloud.folder / "ceph", cloud.ceph
    key = ceph.command("auth", "get-or-create", _NAME, "mon", "allow rw", "mgr", "allow rw", "osd", "allow rwx")[0]["key"]
    (folder / f"{_NAME}.keyring").write_text(f"[{_NAME}]\n\tkey = {key}\n")
    certificate, private = self_signed(folder)
    where = {"host": HOST, "plain": plain, "secure": secure, "certificate": certificate, "key": private}
    settings = _SETTINGS.format(name=_NAME, **where, keystone=cloud.auth_url.removesuffix("/v3"), password=PASSWORD)
    conf = folder / "radosgw.conf"
    conf.write_text(ceph.conf.read_text() + settings)
    address = f"http://{HOST}:{plain}"
    log = cloud.folder / "log" / "radosgw.log"
    with log.open("wb") as target:
        process = subprocess.Popen(
            ("radosgw", "--conf", str(conf), "--name", _NAME, "-f"),
            stdin=subprocess.DEVNULL,
            stdout=target,
            stderr=target,
            cwd=folder,
            preexec_fn=die_with_parent,
        )
    try:

        def answers() -> bool:
            if process.poll() is not None:
                raise CephError(f"radosgw has ended:\n{log.read_text(errors='replace')[-3000:]}")
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(address, timeout=20, trust_env=False).status_code == 200
            return False

        eventually(answers, 120)
        with _in_catalogue(cloud, f"{address}/swift/v1/AUTH_%(project_id)s"):
            yield Store(f"https://{HOST}:{secure}", certificate)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _in_catalogue(cloud: Cloud, url: str) -> Iterator[None]:
    """Another address of the object store, for the time of a `with`."""
    identity: Any = connect(cloud.clouds_yaml, "admin").identity
    service = identity.find_service("swift")
    found = [(each, each.url) for each in identity.endpoints() if each.service_id == service.id]
    for endpoint, _ in found:
        identity.update_endpoint(endpoint.id, url=url)
    try:
        yield
    finally:
        for endpoint, before in found:
            identity.update_endpoint(endpoint.id, url=before)
