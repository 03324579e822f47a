"""GPUs: whether the flavours of pools with GPUs give them, and what no API tells of their nodes.

Sources: https://docs.openstack.org/nova/latest/admin/pci-passthrough.html, https://docs.openstack.org/nova/latest/admin/virtual-gpu.html
and https://github.com/azimuth-cloud/capi-helm-charts (charts/cluster-addons/values.yaml, nvidiaGPUOperator).
"""

import re
from collections.abc import Iterator, Mapping

from doctor.visit import Finding, Visit
from settings.values.cluster import NamedTemplate

_WHOLE, _PART = "pci_passthrough:alias", re.compile(r"resources\w*:VGPU")


def gpus_of(properties: Mapping[str, str]) -> tuple[int, str]:
    """How many GPUs a flavour gives, and the property that says so; (0, "") for none. properties: its extra specs."""
    alias = properties.get(_WHOLE, "")
    # `name:count`, several with commas between them.
    whole = sum(int(count) for _, _, count in (each.partition(":") for each in alias.split(",")) if count.isdigit())
    if whole:
        return whole, f"{_WHOLE}={alias}"
    parts = {key: count for key, count in properties.items() if _PART.fullmatch(key)}
    return sum(map(int, parts.values())), ", ".join(f"{key}={count}" for key, count in parts.items())


def gpus(visit: Visit) -> Iterator[Finding]:
    """Every flavour of a pool with GPUs gives as many as the stack file states."""
    cluster = visit.cloud.cluster
    stated = [(f"cloud.cluster.pools[{index}]", pool) for index, pool in enumerate(cluster.pools) if pool.gpus]
    if not stated:
        return
    found = {each.name: gpus_of(each.extra_specs or {}) for each in visit.compute.compute.flavors()}
    able = ", ".join(name for name, (count, _) in sorted(found.items()) if count)
    for setting, pool in stated:
        subject, (count, told) = f"GPUs of {pool.flavor}", found.get(pool.flavor, (0, ""))
        if count == pool.gpus:
            yield Finding(subject, "ok", f"of {setting}: {told}")
        elif count:
            yield Finding(
                subject, "bad", f"of {setting}: the flavour gives {count} ({told}), not {pool.gpus}", f"set {setting}.gpus: {count}"
            )
        else:
            says = f"of {setting}: the flavour has no property {_WHOLE} or resources:VGPU"
            yield Finding(
                subject, "bad", says, f"set {setting}.flavor to one of {able}" if able else "ask the site for a flavour with a GPU"
            )
    named = cluster.template.name if isinstance(cluster.template, NamedTemplate) else cluster.template.image
    kind = "template" if isinstance(cluster.template, NamedTemplate) else "image"
    virtual = any("VGPU" in found.get(pool.flavor, (0, ""))[1] for _, pool in stated)
    driver = "NVIDIA's vGPU guest driver, with its licence," if virtual else "NVIDIA's driver with CUDA"
    fix = f"use a node image with {driver} and the NVIDIA Container Toolkit, and install NVIDIA's device plug-in"
    if cluster.driver == "capi-helm" and not virtual:
        fix = f"let the NVIDIA GPU Operator bring them (nvidiaGPUOperator of capi-helm-charts, on by default), or {fix}"
    yield Finding(f"{kind} {named}", "unknown", f"is that of GPU nodes, too: no API says whether they have {driver} and its plug-ins", fix)
