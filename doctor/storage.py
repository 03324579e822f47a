"""Shares (Manila: https://docs.openstack.org/manila/latest/admin/cephfs_driver.html), buckets, and volumes that nodes boot from."""

from collections.abc import Iterator
from email.utils import formatdate
from typing import Any, cast

import requests

from doctor.quotas import own_homes, room
from doctor.services import offered
from doctor.visit import PATIENCE, Finding, Visit
from settings.values.dataset import AdoptedShare, CreatedShare
from settings.values.zeppelin import AdoptedNotebooks


def shares(visit: Visit) -> Iterator[Finding]:
    """Share types of what is created, shares that are adopted."""
    site = visit.cloud.site
    created = [(data.source.project, data.source.share_type) for data in visit.settings.datasets if isinstance(data.source, CreatedShare)]
    created += [("compute", home.share_type) for home in own_homes(visit)]
    for role, name in sorted({(role, own or site.share_type or "") for role, own in created}):
        if role in visit.projects:
            yield _share_type(visit, role, name)
    for data in visit.settings.datasets:
        if isinstance(data.source, AdoptedShare) and data.source.project in visit.projects:
            yield _adopted(visit.projects[data.source.project], f"datasets[{data.name}].source.share", data.source.share)
    notebooks = visit.settings.zeppelin.notebooks
    if isinstance(notebooks, AdoptedNotebooks) and notebooks.project in visit.projects:
        yield _adopted(visit.projects[notebooks.project], "zeppelin.notebooks.share", notebooks.share)


def buckets(visit: Visit) -> Iterator[Finding]:
    """The buckets' project has an object store, and the S3 address answers."""
    store, project = visit.settings.object_store, visit.projects.get("buckets")
    if store is None or project is None:
        return
    if not offered(project, "object_store"):
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
        return Finding(subject, "bad", "needs share networks, which native CephFS has not", "a share type that serves native CephFS")
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


def volumes(visit: Visit) -> Iterator[Finding]:
    """Nodes that boot from volumes want Cinder and room in it."""
    size = int(visit.cloud.cluster.labels.get("boot_volume_size", "0"))
    if not size:
        return
    if not offered(visit.compute, "block_storage"):
        says = f"is not in the service catalogue, but the label boot_volume_size ({size} GiB) makes nodes boot from volumes"
        yield Finding("Cinder", "bad", says, "flavours with disks in place of the label, or ask the site")
        return
    capacity = visit.settings.capacity()
    limits = visit.compute.block_storage.get("/limits").json()["limits"]["absolute"]
    most, used = limits["maxTotalVolumeGigabytes"], limits["totalGigabytesUsed"]
    yield room("quota of volume space (GiB)", most, used, capacity["idle"]["nodes"] * size, capacity["full"]["nodes"] * size)
