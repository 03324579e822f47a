"""Machines of Yarn: their image, and the volumes beside their disks."""

from collections.abc import Iterator

from doctor.quotas import room
from doctor.services import offered
from doctor.visit import Finding, Visit


def machines(visit: Visit) -> Iterator[Finding]:
    """The image exists once and is active; Cinder has the type of volume, and room."""
    wanted = visit.settings.machines
    if wanted is None:
        return
    found = list(visit.compute.image.images(name=wanted.image))
    if len(found) != 1:
        says = "exists several times" if found else "does not exist"
        fix = "set spark.backend.image to the name of one that `openstack image list` shows"
        yield Finding(f"image {wanted.image}", "bad", says, fix)
    elif found[0].status != "active":
        yield Finding(f"image {wanted.image}", "bad", f"is {found[0].status}", "use an image that is active")
    else:
        yield Finding(f"image {wanted.image}", "ok", "is active")
    if not offered(visit.compute, "block_storage"):
        says = "is not in the service catalogue, and each machine has a volume"
        yield Finding("Cinder", "bad", says, "ask the site, or use backend yarn")
        return
    cinder = visit.compute.block_storage
    if wanted.volume_type:
        names = sorted(each.name for each in cinder.types())
        subject, setting = f"volume type {wanted.volume_type}", "spark.backend.volume_type"
        if wanted.volume_type in names:
            yield Finding(subject, "ok", "exists")
        else:
            yield Finding(subject, "bad", "does not exist", f"set {setting} to one of {', '.join(names) or 'none'}, or leave it out")
    limits, count = cinder.get("/limits").json()["limits"]["absolute"], 1 + wanted.workers
    yield room("quota of volumes", limits["maxTotalVolumes"], limits["totalVolumesUsed"], count, count)
    size = count * wanted.scratch_gib
    yield room("quota of volume space (GiB)", limits["maxTotalVolumeGigabytes"], limits["totalGigabytesUsed"], size, size)
