"""What stands of a stack already: whether this is its first `up`, and whether a killed one left something twice."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from doctor.visit import Finding, Visit
from settings.values.cluster import same_version


def standing(visit: Visit) -> Iterator[Finding]:
    """What stands of the names that an `up` would make. The state, which alone tells whose it is, is not read here."""
    found = [*_in_compute(visit), *_shares(visit), *_buckets(visit)]
    counts = Counter(found)
    twice = [each for each, count in counts.items() if count > 1]
    for word, name in twice:
        ids = f"openstack {word} list --name {name}" if word != "coe cluster" else "openstack coe cluster list"
        fix = f"{ids}; `pulumi stack export` names the one in use; once the other holds nothing: openstack {word} delete <id>"
        yield Finding(f"{word} {name}", "bad", f"stands {counts[word, name]} times: an `up` was killed that was making one", fix)
    if found:
        words = ", ".join(f"{word} {name}" for word, name in sorted(set(found)))
        fix = "nothing, if this stack is up; otherwise `pulumi up` refuses each, with the commands that take it over or remove it"
        yield Finding(visit.title, "unknown", f"stands already in part: {words}", fix)
    else:
        yield Finding(visit.title, "ok", "nothing of this name stands yet")
    yield from _version(visit)


def _in_compute(visit: Visit) -> Iterator[tuple[str, str]]:
    """Word and name of networks, routers, clusters."""
    network, project, titles = visit.compute.network, visit.compute.current_project_id, (visit.title, f"{visit.title}-ceph")
    for title in titles:
        yield from (("network", each.name) for each in network.networks(name=title, project_id=project))
        yield from (("router", each.name) for each in network.routers(name=title, project_id=project))
    yield from (("coe cluster", each["name"]) for each in _clusters(visit))


def _clusters(visit: Visit) -> list[Any]:
    if visit.settings.machines:
        return []
    clusters = visit.compute.container_infrastructure_management.get("/clusters").json()["clusters"]
    return [each for each in clusters if each["name"] == visit.title]


def _shares(visit: Visit) -> Iterator[tuple[str, str]]:
    """Shares with the mark of this stack, in either project."""
    for role in visit.projects.keys() & {"compute", "data"}:
        shares: Any = visit.projects[role].shared_file_system
        mine = (each for each in shares.shares(details=True) if (each.metadata or {}).get("stack") == visit.title)
        yield from (("share", each.name) for each in mine)


def _buckets(visit: Visit) -> Iterator[tuple[str, str]]:
    store = visit.settings.object_store
    if store is None or "buckets" not in visit.projects:
        return
    swift: Any = visit.projects["buckets"].object_store
    for bucket in store.buckets:
        if swift.head(f"/{visit.title}-{bucket.name}", raise_exc=False).status_code != 404:
            yield "container", f"{visit.title}-{bucket.name}"


def _version(visit: Visit) -> Iterator[Finding]:
    """What a cluster that stands runs, where the stack file says another version."""
    for each in _clusters(visit):
        found = visit.compute.container_infrastructure_management.get(f"/clusters/{each['uuid']}").json().get("coe_version") or ""
        version, stated = found.removeprefix("v"), visit.cloud.kubernetes_version
        if version and not same_version(version, stated):
            fix = f'nothing before an upgrade; otherwise cloud.cluster.kubernetes_version: "{version}", with the image or template of it'
            yield Finding(f"coe cluster {visit.title}", "unknown", f"runs Kubernetes {version}, the stack file says {stated}", fix)
