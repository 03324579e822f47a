"""Quotas of a project, lowered for the time of a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cloud.openstack.connections import connect

_PATHS = {
    "block_storage": ("/os-quota-sets", "quota_set"),
    "compute": ("/os-quota-sets", "quota_set"),
    "load_balancer": ("/lbaas/quotas", "quota"),
    "network": ("/quotas", "quota"),
    "shared_file_system": ("/quota-sets", "quota_set"),
}


@contextmanager
def limited(file: Path, project: str, service: str, **limits: int) -> Iterator[None]:
    """Other limits than the site's. service: as openstacksdk calls it."""
    path, kind = _PATHS[service]
    proxy = getattr(connect(file, "admin"), service)
    id_ = connect(file, project).current_project_id
    version = {"microversion": "2.7"} if service == "shared_file_system" else {}
    proxy.put(f"{path}/{id_}", json={kind: limits}, **version).raise_for_status()
    try:
        yield
    finally:
        proxy.delete(f"{path}/{id_}", **version).raise_for_status()
