"""Services: each is in the catalogue, answers, and is new enough."""

from collections.abc import Iterator
from typing import Any

from os_service_types import ServiceTypes

from doctor.visit import ASKING_FAILS, Finding, Visit, reason

SERVICES: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("network", "Neutron", "/networks?limit=1", {}),
    ("compute", "Nova", "/flavors?limit=1", {}),
    ("image", "Glance", "/images?limit=1", {}),
    # Without 1.9 there are no node groups, without 2.45 no keys of access rules.
    ("container_infrastructure_management", "Magnum", "/clusters", {"OpenStack-API-Version": "container-infra 1.9"}),
    ("shared_file_system", "Manila", "/shares?limit=1", {"X-OpenStack-Manila-API-Version": "2.45"}),
    ("load_balancer", "Octavia", "/lbaas/providers", {}),
)
"""Service: openstacksdk's name, its usual name, a request that it must answer, and the version of the API for that request."""


OF_CLUSTERS = ("container_infrastructure_management", "load_balancer")
"""Services that a stack on machines does not need."""


def services(visit: Visit) -> Iterator[Finding]:
    """Every service is in the catalogue, answers, and is new enough."""
    for name, title, path, headers in SERVICES:
        if visit.settings.machines and name in OF_CLUSTERS:
            continue
        version = next((value.split()[-1] for value in headers.values()), "")
        if not offered(visit.compute, name):
            fix = f"ask the site for {title}, or for a region that has it (cloud.region)"
            yield Finding(title, "bad", f"is not in the service catalogue of region {visit.compute.config.region_name}", fix)
            continue
        try:
            proxy = getattr(visit.compute, name)
            answer = proxy.get(path, headers=headers, raise_exc=False)
        except ASKING_FAILS as error:
            yield silent(title, error)
            continue
        if answer.status_code == 406:
            yield Finding(title, "bad", f"does not support version {version} of its API", f"ask the site for a newer {title}")
        elif answer.status_code != 200:
            yield Finding(title, "bad", f"answers {path} with HTTP {answer.status_code}: {answer.text[:200]}", SILENT)
        else:
            yield Finding(title, "ok", f"answers at {proxy.get_endpoint()}" + (f", in version {version}" if version else ""))


def offered(project: Any, name: str) -> bool:
    """Whether the credential's service catalogue has a service, under any of its usual names."""
    kind = name.replace("_", "-")
    catalogue = project.session.auth.get_access(project.session).service_catalog.catalog
    return bool({entry["type"] for entry in catalogue} & set(ServiceTypes().get_all_types(kind)))


SILENT = "try again; if it stays so, tell the site. What depends on it was not checked"


def silent(subject: str, error: Exception) -> Finding:
    return Finding(subject, "bad", f"did not answer: {reason(error)}", SILENT)
