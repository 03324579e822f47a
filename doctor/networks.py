"""Networks and load balancers."""

from collections.abc import Iterator

from doctor.visit import Finding, Visit
from settings.values.sites import CephPort, CephRouter


def networks(visit: Visit) -> Iterator[Finding]:
    """The external networks: the world, and Ceph."""
    site = visit.cloud.site
    wanted = [(site.external_network, "site.external_network")]
    if isinstance(site.ceph, CephRouter):
        wanted.append((site.ceph.network, "site.ceph.network"))
    if isinstance(site.ceph, CephPort):
        yield _port_network(visit, site.ceph.network)
    for name, setting in wanted:
        found = list(visit.compute.network.networks(name=name))
        outside = [each for each in found if each.is_router_external]
        if len(outside) == 1:
            yield Finding(f"network {name}", "ok", "exists and is external")
        else:
            others = ", ".join(sorted(each.name for each in visit.compute.network.networks(is_router_external=True))) or "none"
            says = "is not external" if found and not outside else "exists several times" if outside else "does not exist"
            yield Finding(f"network {name}", "bad", says, f"set cloud.{setting}; external networks that this project sees: {others}")


def _port_network(visit: Visit, name: str) -> Finding:
    """The network on which every node gets a second port."""
    found = list(visit.compute.network.networks(name=name))
    if len(found) == 1:
        return Finding(f"network {name}", "ok", "exists, for second ports of nodes")
    says = "exists several times" if found else "does not exist, or this project may not see it"
    others = ", ".join(sorted(each.name for each in visit.compute.network.networks())) or "none"
    return Finding(f"network {name}", "bad", says, f"set cloud.site.ceph.network; networks that this project sees: {others}")


def load_balancers(visit: Visit) -> Iterator[Finding]:
    """The Octavia provider for the load balancers of cluster and gateway."""
    provider = visit.cloud.site.octavia_provider
    names = sorted(each.name for each in visit.compute.load_balancer.providers())
    if provider in names:
        yield Finding(f"Octavia provider {provider}", "ok", "exists")
    else:
        fix = f"set cloud.site.octavia_provider: {' or '.join(names)}" if names else "ask the site"
        yield Finding(f"Octavia provider {provider}", "bad", f"does not exist; the site has {', '.join(names) or 'none'}", fix)
