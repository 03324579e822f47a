"""The cluster: image or template, Magnum driver, version of Kubernetes, flavours.

Sources: magnum-capi-helm (https://opendev.org/openstack/magnum-capi-helm), magnum-cluster-api
(https://github.com/vexxhost/magnum-cluster-api), and https://kubernetes.io/releases.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from doctor.visit import Finding, Visit
from settings.values.cluster import Flavour, NamedTemplate, same_version

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


def template(visit: Visit) -> Iterator[Finding]:
    """Image or named template, Magnum driver, version of Kubernetes."""
    cluster = visit.cloud.cluster
    wanted = cluster.template
    driver = ""
    if isinstance(wanted, NamedTemplate):
        found = visit.compute.container_infrastructure_management.get(f"/clustertemplates/{wanted.name}")
        if found.status_code != 200:
            fix = "set cloud.cluster.template.name to one that `openstack coe cluster template list` shows"
            yield Finding(f"template {wanted.name}", "bad", f"cannot be read (HTTP {found.status_code})", fix)
            return
        body = found.json()
        driver, image_name = body.get("driver") or "", body["image_id"]
        if body["network_driver"] != wanted.network_driver:
            says = f"has network driver {body['network_driver']}, not {wanted.network_driver}"
            yield Finding(f"template {wanted.name}", "bad", says, f"set cloud.cluster.template.network_driver: {body['network_driver']}")
        else:
            yield Finding(f"template {wanted.name}", "ok", f"exists, with {wanted.network_driver}")
    else:
        image_name = wanted.image
    image = visit.compute.image.find_image(image_name, ignore_missing=True)
    if image is None:
        fix = "set cloud.cluster.template.image to one that `openstack image list` shows, or use a template of the site, `kind: named`"
        yield Finding(f"image {image_name}", "bad", "does not exist, or there are several of this name", fix)
        return
    yield from _image(visit, image)
    yield _driver(visit, driver or image.properties.get("magnum_driver", ""))


def _image(visit: Visit, image: Any) -> Iterator[Finding]:
    cluster, subject = visit.cloud.cluster, f"image {image.name}"
    version = (image.properties.get("kube_version") or "").removeprefix("v")
    if image.status != "active":
        yield Finding(subject, "bad", f"is {image.status}", "use an image that is active")
    elif not image.os_distro:
        yield Finding(
            subject,
            "bad",
            "has no property os_distro, from which Magnum chooses its driver",
            "openstack image set --property os_distro=ubuntu ...",
        )
    elif cluster.driver == "capi-helm" and not version:
        fix = f"openstack image set --property kube_version=v{cluster.kubernetes_version} ..."
        yield Finding(subject, "bad", "has no property kube_version, from which magnum-capi-helm takes the version", fix)
    elif cluster.driver == "capi-helm" and not same_version(version, cluster.kubernetes_version):
        says = f"has Kubernetes {version}, but the stack file says {cluster.kubernetes_version}"
        yield Finding(subject, "bad", says, f'set cloud.cluster.kubernetes_version: "{version}", or use another image')
    else:
        yield Finding(subject, "ok", f"is active, {image.os_distro}" + (f", Kubernetes {version}" if version else ""))


def _driver(visit: Visit, found: str) -> Finding:
    stated = visit.cloud.cluster.driver
    if not found:
        says = f"is the site's default, because neither template nor image names one; the stack file says {stated}"
        return Finding("Magnum driver", "unknown", says, "ask the site, or create a template by hand and read its field `driver`")
    if not found.startswith(DRIVERS[stated]):
        known = next((name for name, begin in DRIVERS.items() if found.startswith(begin)), "")
        fix = f"set cloud.cluster.driver: {known}" if known else f"this program supports only {', '.join(DRIVERS)}"
        return Finding("Magnum driver", "bad", f"is {found}, but the stack file says {stated}", fix)
    return Finding("Magnum driver", "ok", found)


def kubernetes_version(visit: Visit) -> Iterator[Finding]:
    """The version still gets security fixes."""
    version = visit.cloud.kubernetes_version
    minor = ".".join(version.split(".")[:2])
    end = END_OF_LIFE.get(minor)
    today = dt.datetime.now(dt.UTC).date()
    subject = f"Kubernetes {version}"
    newer = [each for each, last in END_OF_LIFE.items() if last > today + dt.timedelta(days=60)]
    fix = (
        f"upgrade cloud.cluster.kubernetes_version to {' or '.join(newer)}, with its image"
        if newer
        else "use a newer release of this program"
    )
    if end is None:
        yield Finding(subject, "unknown", "has no known end of support in this program", "see kubernetes.io/releases")
    elif end < today:
        yield Finding(subject, "bad", f"has had no security fixes since {end}", fix)
    elif end < today + dt.timedelta(days=60):
        yield Finding(subject, "unknown", f"gets security fixes only until {end}", fix)
    else:
        yield Finding(subject, "ok", f"gets security fixes until {end}")


def flavours(visit: Visit) -> Iterator[Finding]:
    """Every flavour exists and has the size that the stack file states."""
    cluster, machines = visit.cloud.cluster, visit.settings.machines
    stated: list[tuple[str, Flavour]] = [("cloud.cluster.control_plane", cluster.control_plane), ("cloud.cluster.workers", cluster.workers)]
    stated += [(f"cloud.cluster.pools[{index}]", pool) for index, pool in enumerate(cluster.pools)]
    sizes = {each.name: each for each in visit.compute.compute.flavors()}
    volume = int(cluster.labels.get("boot_volume_size", "0"))
    if machines:
        stated, volume = [("spark.backend.gateway", machines.gateway), ("spark.backend.worker", machines.worker)], 0
    for setting, flavour in stated:
        subject = f"flavour {flavour.flavor}"
        found = sizes.get(flavour.flavor)
        if found is None:
            yield Finding(subject, "bad", f"of {setting} does not exist", f"set {setting}.flavor to one of {', '.join(sorted(sizes))}")
            continue
        disk = volume or found.disk
        wrong = {
            "vcpus": (flavour.vcpus, found.vcpus),
            "memory_gib": (flavour.memory_gib, found.ram // 1024),
            "disk_gib": (flavour.disk_gib, disk),
        }
        wrong = {name: pair for name, pair in wrong.items() if pair[0] != pair[1]}
        if disk == 0:
            fix = "use a flavour with a disk" if machines else 'set cloud.cluster.labels: {boot_volume_size: "<GiB>"}'
            yield Finding(subject, "bad", f"of {setting} has no disk", fix)
        elif wrong:
            says = ", ".join(f"{name} is {real}, not {stated}" for name, (stated, real) in wrong.items())
            fix = ", ".join(f"{setting}.{name}: {real}" for name, (_, real) in wrong.items())
            yield Finding(subject, "bad", f"of {setting}: {says}", f"set {fix}")
        else:
            yield Finding(subject, "ok", f"of {setting}: {found.vcpus} vCPU, {found.ram // 1024} GiB, disk {disk} GiB")
