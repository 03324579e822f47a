"""The checks, in the order in which they are shown. Each asks the cloud and changes nothing."""

from collections.abc import Callable, Iterator

from doctor import cluster, credentials, networks, quotas, services, standing, storage
from doctor.visit import ASKING_FAILS, Finding, Visit, reason

Check = Callable[[Visit], Iterator[Finding]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("services", services.services),
    ("cluster template", cluster.template),
    ("Kubernetes version", cluster.kubernetes_version),
    ("flavours", cluster.flavours),
    ("networks", networks.networks),
    ("load balancers", networks.load_balancers),
    ("shares", storage.shares),
    ("buckets", storage.buckets),
    ("quotas", quotas.quotas),
    ("boot volumes", storage.volumes),
    ("what stands", standing.standing),
)
"""Title and check; they need `visit.projects["compute"]`."""


def examine(visit: Visit, show: Callable[[str], None]) -> Iterator[Finding]:
    """Every finding. A service that fails ends its own check and no other. show: told what is being looked at."""
    show("credentials")
    yield from credentials.credentials(visit)
    if "compute" not in visit.projects:
        return
    for title, check in CHECKS:
        show(title)
        try:
            yield from check(visit)
        except ASKING_FAILS as error:
            yield services.silent(title, error)
        except (KeyError, TypeError, ValueError) as error:
            # An answer in a form that the service's documentation does not have; a proxy's page, as a rule.
            yield Finding(title, "bad", f"answered something else than its API: {reason(error)}", "look at the endpoint in the catalogue")
