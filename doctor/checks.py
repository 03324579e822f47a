"""The checks, in the order in which they are shown. Each asks the cloud and changes nothing."""

from collections.abc import Callable, Iterator

from doctor import cluster, credentials, gpus, machines, networks, quotas, services, standing, storage
from doctor.visit import ASKING_FAILS, Finding, Visit, reason

Check = Callable[[Visit], Iterator[Finding]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("services", services.services),
    ("cluster template", cluster.template),
    ("Kubernetes version", cluster.kubernetes_version),
    ("flavours", cluster.flavours),
    ("GPUs", gpus.gpus),
    ("machines", machines.machines),
    ("networks", networks.networks),
    ("load balancers", networks.load_balancers),
    ("shares", storage.shares),
    ("buckets", storage.buckets),
    ("quotas", quotas.quotas),
    ("boot volumes", storage.volumes),
    ("what stands", standing.standing),
)
"""Title and check; they need `visit.projects["compute"]`."""

OF_CLUSTERS = ("cluster template", "Kubernetes version", "GPUs", "load balancers", "boot volumes")
"""Those of what a stack on machines does not make."""


def examine(visit: Visit, show: Callable[[str], None]) -> Iterator[Finding]:
    """Every finding. A service that fails ends only its own check. show: called with the title of each check."""
    show("credentials")
    yield from credentials.credentials(visit)
    if "compute" not in visit.projects:
        return
    for title, check in CHECKS:
        if visit.settings.machines and title in OF_CLUSTERS:
            continue
        show(title)
        try:
            yield from check(visit)
        except ASKING_FAILS as error:
            yield services.silent(title, error)
        except (KeyError, TypeError, ValueError) as error:
            # The answer does not have the form that the service documents; usually it is the page of a proxy.
            yield Finding(title, "bad", f"did not answer like its API: {reason(error)}", "check the endpoint in the service catalogue")
