"""The checks, in the order in which they are shown. Each asks the cloud and changes nothing.

Facts behind them: shared notes of the first deployment, Magnum's drivers (magnum-capi-helm, magnum-cluster-api), Manila's CephFS driver.
"""

import datetime as dt
import os
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any, cast

import requests
from os_service_types import ServiceTypes

from doctor.credential import NotAcceptedError, OtherProjectError, open_project
from doctor.visit import ASKING_FAILS, PATIENCE, Finding, Visit, reason
from settings.values.cloud import OpenStackProject
from settings.values.cluster import Flavour, NamedTemplate
from settings.values.dataset import AdoptedShare, CreatedShare
from settings.values.entry import LoadBalancerEntry
from settings.values.own_share import OwnShare
from settings.values.sites import CephPort, CephRouter
from settings.values.zeppelin import AdoptedNotebooks, PersonShares

DRIVERS = {"capi-helm": "k8s_capi_helm", "vexxhost": "k8s_cluster_api", "heat": "k8s_fedora_coreos"}
"""Setting to how the entry points of that Magnum driver begin."""

END_OF_LIFE = {
    "1.30": dt.date(2025, 6, 28),
    "1.31": dt.date(2025, 10, 28),
    "1.32": dt.date(2026, 2, 28),
    "1.33": dt.date(2026, 6, 28),
    "1.34": dt.date(2026, 10, 27),
    "1.35": dt.date(2027, 2, 28),
    "1.36": dt.date(2027, 6, 28),
    "1.37": dt.date(2027, 10, 28),
}
"""Last day of each minor version of Kubernetes (kubernetes.io/releases)."""

SERVICES: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("network", "Neutron", "/networks?limit=1", {}),
    ("compute", "Nova", "/flavors?limit=1", {}),
    ("image", "Glance", "/images?limit=1", {}),
    # Without 1.9 there are no node groups, without 2.45 no keys of access rules.
    ("container_infrastructure_management", "Magnum", "/clusters", {"OpenStack-API-Version": "container-infra 1.9"}),
    ("shared_file_system", "Manila", "/shares?limit=1", {"X-OpenStack-Manila-API-Version": "2.45"}),
    ("load_balancer", "Octavia", "/lbaas/providers", {}),
)
"""Service as openstacksdk calls it, as people do, a request that it must answer, and the version in which."""


def credentials(visit: Visit) -> Iterator[Finding]:
    """Each credential opens the project that the stack names, and may do what Magnum wants. Fills `visit.projects`."""
    for role, project in visit.roles().items():
        yield from _credential(visit, role, project)
    competing = sorted(name for name in os.environ if name.startswith("OS_") and name not in {"OS_CLIENT_CONFIG_FILE", "OS_CLOUD"})
    if competing:
        says = f"are set and compete with the entries of clouds.yaml: {', '.join(competing)}"
        yield Finding("variables OS_*", "bad", says, f"unset {' '.join(competing)}")


def _credential(visit: Visit, role: str, project: OpenStackProject) -> Iterator[Finding]:
    subject = f"credential {project.clouds_yaml}"
    setting = {"compute": "cloud", "data": "cloud.data_project", "buckets": "object_store"}[role]
    try:
        opened = open_project(project)
    except NotAcceptedError as error:
        places = "OS_CLIENT_CONFIG_FILE, this folder, ~/.config/openstack"
        region = f", {setting}.region" if project.region else ""
        fix = f"{setting}.clouds_yaml{region}, or an entry {project.clouds_yaml} in clouds.yaml ({places})"
        yield Finding(subject, "bad", f"was not accepted: {error}", fix)
        return
    except OtherProjectError as error:
        says = f"opens project {error.name} ({error.identity}), but {setting}.project is {project.project}"
        yield Finding(subject, "bad", says, f"another entry in {setting}.clouds_yaml, or {setting}.project: {error.name}")
        return
    visit.projects[role] = opened.connection
    application = opened.application_credential
    if application and application.get("restricted") and role == "compute":
        says = "is a restricted application credential, with which Magnum's drivers cannot make one of their own"
        yield Finding(
            subject, "bad", says, "openstack application credential create --unrestricted <name>, and its id and secret in clouds.yaml"
        )
    elif application and role == "compute":
        says = f"opens project {opened.name}; unrestricted application credential"
        yield Finding(subject, "ok", says)
        fix = "with a Magnum up to 2026.1 on a Keystone of 2026-05 or later, a password or OIDC entry: trusts are refused to any other"
        yield Finding(subject, "unknown", "whether this Keystone lets an application credential make trusts cannot be asked", fix)
    else:
        yield Finding(subject, "ok", f"opens project {opened.name}")


def services(visit: Visit) -> Iterator[Finding]:
    """Every service is in the catalogue, answers, and is new enough."""
    for name, title, path, headers in SERVICES:
        version = next((value.split()[-1] for value in headers.values()), "")
        if not _offered(visit.compute, name):
            fix = f"ask the site for {title}, or for a region that has it (cloud.region)"
            yield Finding(title, "bad", f"is not in the service catalogue of region {visit.compute.config.region_name}", fix)
            continue
        try:
            proxy = getattr(visit.compute, name)
            answer = proxy.get(path, headers=headers, raise_exc=False)
        except ASKING_FAILS as error:
            yield _silent(title, error)
            continue
        if answer.status_code == 406:
            yield Finding(title, "bad", f"does not speak version {version} of its API", f"a newer {title}, by the site")
        elif answer.status_code != 200:
            yield Finding(title, "bad", f"answers {path} with HTTP {answer.status_code}: {answer.text[:200]}", SILENT)
        else:
            yield Finding(title, "ok", f"answers at {proxy.get_endpoint()}" + (f", in version {version}" if version else ""))


def _offered(project: Any, name: str) -> bool:
    """Whether the catalogue that the credential sees has a service, under any of the names that clouds give it."""
    kind = name.replace("_", "-")
    catalogue = project.session.auth.get_access(project.session).service_catalog.catalog
    return bool({entry["type"] for entry in catalogue} & set(ServiceTypes().get_all_types(kind)))


SILENT = "try again; if it stays, tell the site. What hangs on it has not been checked"


def _silent(subject: str, error: Exception) -> Finding:
    return Finding(subject, "bad", f"could not be asked: {reason(error)}", SILENT)


def template(visit: Visit) -> Iterator[Finding]:
    """Image or named template, Magnum driver, version of Kubernetes."""
    cluster = visit.cloud.cluster
    wanted = cluster.template
    driver = ""
    if isinstance(wanted, NamedTemplate):
        found = visit.compute.container_infrastructure_management.get(f"/clustertemplates/{wanted.name}")
        if found.status_code != 200:
            fix = "cloud.cluster.template.name: openstack coe cluster template list has them"
            yield Finding(f"template {wanted.name}", "bad", f"is not to be had (HTTP {found.status_code})", fix)
            return
        body = found.json()
        driver, image_name = body.get("driver") or "", body["image_id"]
        if body["network_driver"] != wanted.network_driver:
            says = f"has network driver {body['network_driver']}, not {wanted.network_driver}"
            yield Finding(f"template {wanted.name}", "bad", says, f"cloud.cluster.template.network_driver: {body['network_driver']}")
        else:
            yield Finding(f"template {wanted.name}", "ok", f"is there, with {wanted.network_driver}")
    else:
        image_name = wanted.image
    image = visit.compute.image.find_image(image_name, ignore_missing=True)
    if image is None:
        fix = "cloud.cluster.template.image: openstack image list --property os_distro=ubuntu, or a template of the site's, `kind: named`"
        yield Finding(f"image {image_name}", "bad", "is not there, or there are several", fix)
        return
    yield from _image(visit, image)
    yield _driver(visit, driver or image.properties.get("magnum_driver", ""))


def _image(visit: Visit, image: Any) -> Iterator[Finding]:
    cluster, subject = visit.cloud.cluster, f"image {image.name}"
    version = (image.properties.get("kube_version") or "").removeprefix("v")
    if image.status != "active":
        yield Finding(subject, "bad", f"is {image.status}", "an image that is active")
    elif not image.os_distro:
        yield Finding(
            subject,
            "bad",
            "has no property os_distro, by which Magnum picks its driver",
            "openstack image set --property os_distro=ubuntu ...",
        )
    elif cluster.driver == "capi-helm" and not version:
        fix = f"openstack image set --property kube_version=v{cluster.kubernetes_version} ..."
        yield Finding(subject, "bad", "has no property kube_version, from which magnum-capi-helm takes the version", fix)
    elif cluster.driver == "capi-helm" and not same_version(version, cluster.kubernetes_version):
        says = f"has Kubernetes {version}, but the stack says {cluster.kubernetes_version}"
        yield Finding(subject, "bad", says, f'cloud.cluster.kubernetes_version: "{version}", or another image')
    else:
        yield Finding(subject, "ok", f"is active, {image.os_distro}" + (f", Kubernetes {version}" if version else ""))


def same_version(found: str, stated: str) -> bool:
    """Whether a full version is the one that is stated, perhaps without its patch number."""
    return found.split(".")[: stated.count(".") + 1] == stated.split(".")


def _driver(visit: Visit, found: str) -> Finding:
    stated = visit.cloud.cluster.driver
    if not found:
        says = f"neither template nor image names one, so the site's default counts; the stack says {stated}"
        return Finding("Magnum driver", "unknown", says, "ask the site, or make a template by hand and read its field `driver`")
    if not found.startswith(DRIVERS[stated]):
        known = next((name for name, begin in DRIVERS.items() if found.startswith(begin)), "one that is not known here")
        return Finding("Magnum driver", "bad", f"is {found}, but the stack says {stated}", f"cloud.cluster.driver: {known}")
    return Finding("Magnum driver", "ok", found)


def kubernetes_version(visit: Visit) -> Iterator[Finding]:
    """The version gets security fixes for a while yet."""
    version = visit.cloud.kubernetes_version
    minor = ".".join(version.split(".")[:2])
    end = END_OF_LIFE.get(minor)
    today = dt.datetime.now(dt.UTC).date()
    subject = f"Kubernetes {version}"
    newer = [each for each, last in END_OF_LIFE.items() if last > today + dt.timedelta(days=60)]
    fix = f"cloud.cluster.kubernetes_version, with an image of {' or '.join(newer)}" if newer else "a newer release of this program"
    if end is None:
        yield Finding(subject, "unknown", "is not among the versions whose end is known here", "kubernetes.io/releases")
    elif end < today:
        yield Finding(subject, "bad", f"has had no fixes since {end}", fix)
    elif end < today + dt.timedelta(days=60):
        yield Finding(subject, "unknown", f"gets fixes until {end} only", fix)
    else:
        yield Finding(subject, "ok", f"gets fixes until {end}")


def flavours(visit: Visit) -> Iterator[Finding]:
    """Every flavour is there and as large as the stack file says."""
    cluster = visit.cloud.cluster
    stated: list[tuple[str, Flavour]] = [("control_plane", cluster.control_plane), ("workers", cluster.workers)]
    stated += [(f"pools[{index}]", pool) for index, pool in enumerate(cluster.pools)]
    sizes = {each.name: each for each in visit.compute.compute.flavors()}
    volume = int(cluster.labels.get("boot_volume_size", "0"))
    for key, flavour in stated:
        subject, setting = f"flavour {flavour.flavor}", f"cloud.cluster.{key}"
        found = sizes.get(flavour.flavor)
        if found is None:
            yield Finding(subject, "bad", f"of {setting} is not there", f"{setting}.flavor: one of {', '.join(sorted(sizes))}")
            continue
        disk = volume or found.disk
        wrong = {
            "vcpus": (flavour.vcpus, found.vcpus),
            "memory_gib": (flavour.memory_gib, found.ram // 1024),
            "disk_gib": (flavour.disk_gib, disk),
        }
        wrong = {name: pair for name, pair in wrong.items() if pair[0] != pair[1]}
        if disk == 0:
            yield Finding(subject, "bad", f"of {setting} has no disk", 'cloud.cluster.labels: {boot_volume_size: "<GiB>"}')
        elif wrong:
            says = ", ".join(f"{name} is {real}, not {said}" for name, (said, real) in wrong.items())
            yield Finding(
                subject, "bad", f"of {setting}: {says}", ", ".join(f"{setting}.{name}: {real}" for name, (_, real) in wrong.items())
            )
        else:
            yield Finding(subject, "ok", f"of {setting}: {found.vcpus} vCPU, {found.ram // 1024} GiB, disk {disk} GiB")


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
            yield Finding(f"network {name}", "ok", "is there and external")
        else:
            others = ", ".join(sorted(each.name for each in visit.compute.network.networks(is_router_external=True))) or "none"
            says = "is not external" if found and not outside else "is there several times" if outside else "is not there"
            yield Finding(f"network {name}", "bad", says, f"cloud.{setting}; external networks of this project: {others}")


def _port_network(visit: Visit, name: str) -> Finding:
    """The network on which every node gets a second port."""
    found = list(visit.compute.network.networks(name=name))
    if len(found) == 1:
        return Finding(f"network {name}", "ok", "is there for second ports of nodes")
    says = "is there several times" if found else "is not there, or this project may not see it"
    others = ", ".join(sorted(each.name for each in visit.compute.network.networks())) or "none"
    return Finding(f"network {name}", "bad", says, f"cloud.site.ceph.network; networks that this project sees: {others}")


def load_balancers(visit: Visit) -> Iterator[Finding]:
    """The Octavia provider that cluster and entry ask for."""
    provider = visit.cloud.site.octavia_provider
    names = sorted(each.name for each in visit.compute.load_balancer.providers())
    if provider in names:
        yield Finding(f"Octavia provider {provider}", "ok", "is there")
    else:
        fix = f"cloud.site.octavia_provider: {' or '.join(names) or 'ask the site'}"
        yield Finding(f"Octavia provider {provider}", "bad", f"is not among {', '.join(names) or 'none'}", fix)


def shares(visit: Visit) -> Iterator[Finding]:
    """Share types of what is created, shares that are adopted."""
    site = visit.cloud.site
    created = [(data.source.project, data.source.share_type) for data in visit.settings.datasets if isinstance(data.source, CreatedShare)]
    created += [("compute", home.share_type) for home in _own_homes(visit)]
    for role, name in sorted({(role, own or site.share_type or "") for role, own in created}):
        if role in visit.projects:
            yield _share_type(visit, role, name)
    for data in visit.settings.datasets:
        if isinstance(data.source, AdoptedShare) and data.source.project in visit.projects:
            yield _adopted(visit.projects[data.source.project], f"datasets[{data.name}].source.share", data.source.share)
    notebooks = visit.settings.zeppelin.notebooks
    if isinstance(notebooks, AdoptedNotebooks) and notebooks.project in visit.projects:
        yield _adopted(visit.projects[notebooks.project], "zeppelin.notebooks.share", notebooks.share)


def _own_homes(visit: Visit) -> list[OwnShare]:
    """What people write on shares of the compute project: notebooks, spaces (one entry for all), backups, event logs."""
    zeppelin = visit.settings.zeppelin
    homes = (zeppelin.notebooks, zeppelin.user_space, zeppelin.backup and zeppelin.backup.target, visit.settings.spark.history)
    return [home for home in homes if isinstance(home, OwnShare)]


def buckets(visit: Visit) -> Iterator[Finding]:
    """The buckets' project has an object store, and the S3 address answers."""
    store, project = visit.settings.object_store, visit.projects.get("buckets")
    if store is None or project is None:
        return
    if not _offered(project, "object_store"):
        fix = "ask the site for Swift or RadosGW, or datasets of kind s3 with keys of your own"
        yield Finding("object store", "bad", f"is not in the service catalogue of project {store.project}", fix)
        return
    application = cast("Any", project.session.auth).get_access(project.session)._data["token"].get("application_credential")  # noqa: SLF001
    if application:
        says = "is an application credential, to which newer Keystones refuse EC2 credentials"
        yield Finding(f"credential {store.clouds_yaml}", "unknown", says, "a password or OIDC entry of a member of that project")
    # Nobody's key: whatever else it says, S3 says it in its own XML. Without a key, Swift takes the request for one of its own API.
    headers = {"Authorization": "AWS nobody:nothing", "Date": formatdate(usegmt=True)}
    answer = requests.get(store.endpoint, headers=headers, timeout=PATIENCE)
    if "<Error>" in answer.text:
        yield Finding("S3", "ok", f"answers at {store.endpoint}")
    else:
        yield Finding("S3", "bad", f"{store.endpoint} answers HTTP {answer.status_code}, not as S3 does", "object_store.endpoint")


def _share_type(visit: Visit, role: str, name: str) -> Finding:
    subject = f"share type {name}"
    project: Any = visit.projects[role]
    types = {each["name"]: each.get("extra_specs", {}) for each in project.shared_file_system.get("/types").json()["share_types"]}
    if name not in types:
        fix = f"cloud.site.share_type, or share_type of the share: {', '.join(sorted(types)) or 'this project sees none, ask the site'}"
        return Finding(subject, "bad", f"is not there in the {role} project", fix)
    if types[name].get("driver_handles_share_servers", "False").lower() == "true":
        return Finding(subject, "bad", "wants share networks, which native CephFS has not", "a share type that serves native CephFS")
    # Projects are not told the protocol of a type, but see it in the shares that they have of it.
    listings: list[Any] = [cast("Any", each).shared_file_system.shares(details=True) for each in visit.projects.values()]
    protocols = {share.share_protocol for listing in listings for share in listing if name in {share.share_type, share.share_type_name}}
    if not protocols:
        says = "is there, but there is no share of it yet that would show its protocol"
        return Finding(subject, "unknown", says, "ask the site whether it is native CephFS")
    if protocols != {"CEPHFS"}:
        return Finding(subject, "bad", f"serves {', '.join(sorted(protocols))}, not CEPHFS", "a share type that serves native CephFS")
    return Finding(subject, "ok", f"is there in the {role} project, and serves CEPHFS")


def _adopted(project: Any, setting: str, name: str) -> Finding:
    subject = f"share {name}"
    found = [each for each in project.shared_file_system.shares(details=True) if name in {each.name, each.id}]
    if len(found) != 1:
        says = "is there several times" if found else f"is not in project {project.current_project.name}"
        names = ", ".join(sorted({each.name for each in project.shared_file_system.shares()})) or "none"
        return Finding(subject, "bad", says, f"{setting}; shares of the project: {names}")
    share = found[0]
    if share.share_protocol.upper() != "CEPHFS":
        return Finding(subject, "bad", f"serves {share.share_protocol}, not CEPHFS", "a share on native CephFS, or `kind: nfs`")
    if share.status != "available":
        return Finding(subject, "bad", f"is in status {share.status}", "a share in status available; its owner can say why it is not")
    return Finding(subject, "ok", f"is available, {share.size} GiB")


def quotas(visit: Visit) -> Iterator[Finding]:
    """Room for what the stack holds when nothing runs, and at full size."""
    capacity = visit.settings.capacity()
    compute = visit.compute
    limits = compute.compute.get("/limits").json()["limits"]["absolute"]
    idle, full = capacity["idle"], capacity["full"]
    for kind, key, most, used, unit in (
        ("instances", "nodes", "maxTotalInstances", "totalInstancesUsed", 1),
        ("cores", "vcpus", "maxTotalCores", "totalCoresUsed", 1),
        ("memory (GiB)", "memory_gib", "maxTotalRAMSize", "totalRAMUsed", 1024),
    ):
        yield room(f"quota of {kind}", limits[most] // unit if limits[most] >= 0 else -1, limits[used] // unit, idle[key], full[key])
    wanted = {
        "networks": 1,
        "subnets": 1,
        "routers": 2 if isinstance(visit.cloud.site.ceph, CephRouter) else 1,
        "floating_ips": idle["floating_ips"],
    }
    quota = compute.network.get_quota(compute.current_project_id, details=True)
    for name, count in wanted.items():
        found = getattr(quota, name)
        if count and isinstance(found, dict):
            yield room(f"quota of {name.replace('_', ' ')}", found["limit"], found["used"] + found.get("reserved", 0), count, count)
    yield _clusters(visit)
    balancers = 1 + isinstance(visit.settings.entry, LoadBalancerEntry)
    limit = compute.load_balancer.get(f"/lbaas/quotas/{compute.current_project_id}").json()["quota"]["load_balancer"]
    used = len(compute.load_balancer.get("/lbaas/loadbalancers").json()["loadbalancers"])
    yield room("quota of load balancers", -1 if limit is None else limit, used, balancers, balancers)
    makes = sum(isinstance(data.source, CreatedShare) and data.source.project == "compute" for data in visit.settings.datasets)
    makes += sum(len(visit.settings.spaces_gib()) if isinstance(home, PersonShares) else 1 for home in _own_homes(visit))
    if makes:
        absolute = compute.shared_file_system.get("/limits").json()["limits"]["absolute"]
        yield room("quota of shares", absolute["maxTotalShares"], absolute["totalSharesUsed"], makes, makes)
        size = idle["share_gib"]
        yield room("quota of share space (GiB)", absolute["maxTotalShareGigabytes"], absolute["totalShareGigabytesUsed"], size, size)


def _clusters(visit: Visit) -> Finding:
    """Magnum's own quota; a project that has none of its own is told so by a 404, and has the site's default."""
    magnum = visit.compute.container_infrastructure_management
    answer = magnum.get(f"/quotas/{visit.compute.current_project_id}/Cluster", raise_exc=False)
    used = len(magnum.get("/clusters").json()["clusters"])
    if answer.status_code != 200:
        return Finding(
            "quota of clusters", "unknown" if used else "ok", f"is the site's default; {used} in use", "ask the site" if used else ""
        )
    return room("quota of clusters", answer.json()["hard_limit"], used, 1, 1)


def room(subject: str, limit: int, used: int, idle: int, full: int) -> Finding:
    """limit: -1 for none. idle, full: what is wanted when nothing runs, and at most."""
    if limit < 0:
        return Finding(subject, "ok", f"has no limit; {full} wanted")
    free = limit - used
    wanted = f"{idle} wanted" if idle == full else f"{idle} wanted when idle, {full} at full size"
    says = f"{free} free of {limit}, {wanted}"
    if free < idle:
        return Finding(subject, "bad", says, f"ask the site for {used + full}, or a smaller stack")
    if free < full:
        return Finding(
            subject, "unknown", f"{says}: pools will not grow to their maximum", f"ask the site for {used + full}, or smaller pools"
        )
    return Finding(subject, "ok", says)


def leftovers(visit: Visit) -> Iterator[Finding]:
    """Nothing of this name stands already: the stack was up once, or somebody else's is."""
    found = [each.name for each in visit.compute.network.networks(name=visit.title, project_id=visit.compute.current_project_id)]
    clusters = visit.compute.container_infrastructure_management.get("/clusters").json()["clusters"]
    found += [each["name"] for each in clusters if each["name"] == visit.title]
    if found:
        fix = "nothing, if this stack is up; otherwise remove them, or give the stack another name"
        yield Finding(visit.title, "unknown", f"{len(found)} of network and cluster of this name stand already", fix)
    else:
        yield Finding(visit.title, "ok", "no network and no cluster of this name stands yet")


def volumes(visit: Visit) -> Iterator[Finding]:
    """Nodes that boot from volumes want Cinder and room in it."""
    size = int(visit.cloud.cluster.labels.get("boot_volume_size", "0"))
    if not size:
        return
    if not _offered(visit.compute, "block_storage"):
        says = f"is not in the service catalogue, but the label boot_volume_size ({size} GiB) makes nodes boot from volumes"
        yield Finding("Cinder", "bad", says, "flavours with disks in place of the label, or ask the site")
        return
    capacity = visit.settings.capacity()
    limits = visit.compute.block_storage.get("/limits").json()["limits"]["absolute"]
    most, used = limits["maxTotalVolumeGigabytes"], limits["totalGigabytesUsed"]
    yield room("quota of volume space (GiB)", most, used, capacity["idle"]["nodes"] * size, capacity["full"]["nodes"] * size)


Check = Callable[[Visit], Iterator[Finding]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("services", services),
    ("cluster template", template),
    ("Kubernetes version", kubernetes_version),
    ("flavours", flavours),
    ("networks", networks),
    ("load balancers", load_balancers),
    ("shares", shares),
    ("buckets", buckets),
    ("quotas", quotas),
    ("boot volumes", volumes),
    ("names", leftovers),
)
"""Title and check; they want `visit.projects["compute"]`."""


def examine(visit: Visit, show: Callable[[str], None]) -> Iterator[Finding]:
    """Every finding. A service that fails ends its own check and no other. show: told what is being looked at."""
    show("credentials")
    yield from credentials(visit)
    if "compute" not in visit.projects:
        return
    for title, check in CHECKS:
        show(title)
        try:
            yield from check(visit)
        except ASKING_FAILS as error:
            yield _silent(title, error)
        except (KeyError, TypeError, ValueError) as error:
            # An answer in a form that the service's documentation does not have; a proxy's page, as a rule.
            yield Finding(title, "bad", f"answered something else than its API: {reason(error)}", "look at the endpoint in the catalogue")
