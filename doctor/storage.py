"""Shares (Manila: https://docs.openstack.org/manila/latest/admin/cephfs_driver.html), buckets, and volumes that nodes boot from."""

from collections.abc import Iterator
from email.utils import formatdate
from typing import Any, cast

import requests

from doctor.quotas import own_homes, room
from doctor.services import offered
from doctor.visit import PATIENCE, Finding, Visit
from settings.values.dataset import CreatedShare


def shares(visit: Visit) -> Iterator[Finding]:
    """The share types of shares that the stack creates, and the shares that it adopts."""
    site = visit.cloud.site
    created = [(data.source.project, data.source.share_type) for data in visit.settings.datasets if isinstance(data.source, CreatedShare)]
    created += [("compute", home.share_type) for home in own_homes(visit)]
    for role, name in sorted({(role, own or site.share_type or "") for role, own in created}):
        if role in visit.projects:
            yield _share_type(visit, role, name)
    for setting, role, name in visit.settings.adopted_shares():
        if role in visit.projects:
            yield _adopted(visit, role, setting, name)


def buckets(visit: Visit) -> Iterator[Finding]:
    """The buckets' project has an object store, and the S3 address answers."""
    store, project = visit.settings.object_store, visit.projects.get("buckets")
    if store is None or project is None:
        return
    if not offered(project, "object_store"):
        fix = "ask the site for Swift or RadosGW, or use datasets of kind s3 with your own keys"
        yield Finding("object store", "bad", f"is not in the service catalogue of project {store.project}", fix)
        return
    application = cast("Any", project.session.auth).get_access(project.session)._data["token"].get("application_credential")  # noqa: SLF001
    if application:
        says = "is an application credential; newer Keystones refuse EC2 credentials to these"
        yield Finding(f"credential {store.clouds_yaml}", "unknown", says, "use a password or OIDC entry of a member of that project")
    # A key that nobody has: S3 refuses it in its own XML. Without a key, Swift takes the request for one of its own API.
    headers = {"Authorization": "AWS nobody:nothing", "Date": formatdate(usegmt=True)}
    answer = requests.get(store.endpoint, headers=headers, timeout=PATIENCE)
    if "<Error>" in answer.text:
        yield Finding("S3", "ok", f"answers at {store.endpoint}")
    else:
        yield Finding(
            "S3", "bad", f"does not answer at {store.endpoint}: HTTP {answer.status_code}, not in S3's form", "set object_store.endpoint"
        )


def _share_type(visit: Visit, role: str, name: str) -> Finding:
    subject = f"share type {name}"
    project: Any = visit.projects[role]
    types = {each["name"]: each.get("extra_specs", {}) for each in project.shared_file_system.get("/types").json()["share_types"]}
    if name not in types:
        seen = f"to one of {', '.join(sorted(types))}" if types else "; this project sees no share type, so ask the site"
        return Finding(
            subject, "bad", f"does not exist in the {role} project", f"set cloud.site.share_type, or share_type of the share, {seen}"
        )
    if types[name].get("driver_handles_share_servers", "False").lower() == "true":
        return Finding(
            subject, "bad", "needs share networks, which native CephFS does not have", "use a share type that serves native CephFS"
        )
    # Manila does not tell a project the protocol of a type, but shows it for the project's shares of that type.
    listings: list[Any] = [cast("Any", each).shared_file_system.shares(details=True) for each in visit.projects.values()]
    protocols = {share.share_protocol for listing in listings for share in listing if name in {share.share_type, share.share_type_name}}
    if not protocols:
        says = "exists, but there is no share of it yet that would show its protocol"
        return Finding(subject, "unknown", says, "ask the site whether it serves native CephFS")
    if protocols != {"CEPHFS"}:
        return Finding(subject, "bad", f"serves {', '.join(sorted(protocols))}, not CEPHFS", "use a share type that serves native CephFS")
    return Finding(subject, "ok", f"exists in the {role} project and serves CEPHFS")


def _adopted(visit: Visit, role: str, setting: str, name: str) -> Finding:
    subject = f"share {name}"
    project: Any = visit.projects[role]
    found = [each for each in project.shared_file_system.shares(details=True) if name in {each.name, each.id}]
    if len(found) != 1:
        says = "exists several times" if found else f"does not exist in project {project.current_project.name}"
        names = ", ".join(sorted({each.name for each in project.shared_file_system.shares()})) or "none"
        return Finding(subject, "bad", says, f"set {setting}; shares of the project: {names}")
    share = found[0]
    if share.share_protocol.upper() != "CEPHFS":
        return Finding(subject, "bad", f"serves {share.share_protocol}, not CEPHFS", "use a share on native CephFS, or `kind: nfs`")
    if share.status != "available":
        return Finding(subject, "bad", f"has status {share.status}, not available", "ask its owner, or use another share")
    if (share.metadata or {}).get("stack") == visit.title:
        fix = f"if the state does not hold it (`pulumi stack export`): openstack share unset --property stack {share.id}"
        return Finding(subject, "bad", f"is this very stack's, which {setting} cannot adopt", fix)
    return Finding(subject, "ok", f"is available, {share.size} GiB")


def volumes(visit: Visit) -> Iterator[Finding]:
    """Nodes that boot from volumes need Cinder, and room in its quota."""
    size = int(visit.cloud.cluster.labels.get("boot_volume_size", "0"))
    if not size:
        return
    if not offered(visit.compute, "block_storage"):
        says = f"is not in the service catalogue, but the label boot_volume_size ({size} GiB) makes nodes boot from volumes"
        yield Finding("Cinder", "bad", says, "use flavours with disks instead of the label, or ask the site")
        return
    capacity = visit.settings.capacity()
    limits = visit.compute.block_storage.get("/limits").json()["limits"]["absolute"]
    most, used = limits["maxTotalVolumeGigabytes"], limits["totalGigabytesUsed"]
    yield room("quota of volume space (GiB)", most, used, capacity["idle"]["nodes"] * size, capacity["full"]["nodes"] * size)
