"""The security settings of Pods and namespaces, and which of them are weaker than before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policy.objects import metadata, objects
from recording import RecordedResource, Recording

WORKLOADS = ("Pod", "Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob")
PSS = ("privileged", "baseline", "restricted")
TOKEN = "a token of its account"  # noqa: S105 - words


@dataclass(frozen=True)
class Workload:
    """A Pod of a controller. pod: its specification. resource: the controller."""

    resource: RecordedResource
    pod: Mapping[str, Any]

    @property
    def title(self) -> str:
        """`gaia-spark/Deployment zeppelin`."""
        about = metadata(self.resource)
        return f"{about.get('namespace', '')}/{self.resource.inputs.get('kind')} {about.get('name')}"

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """Of all kinds, in their order."""
        return [each for key in ("initContainers", "containers") for each in self.pod.get(key) or () if isinstance(each, dict)]


def workloads(recording: Recording | None) -> Iterator[Workload]:
    """Every kind of Pod that the stack runs."""
    for resource in objects(recording, *WORKLOADS):
        spec = resource.inputs.get("spec") or {}
        if resource.inputs["kind"] == "CronJob":
            spec = (spec.get("jobTemplate") or {}).get("spec") or {}
        pod = spec if resource.inputs["kind"] == "Pod" else (spec.get("template") or {}).get("spec")
        yield Workload(resource, pod if isinstance(pod, dict) else {})


def weak_points(workload: Workload) -> Iterator[str]:
    """Where a Pod does not meet `restricted` (Kubernetes: Pod Security Standards), or has a token."""
    pod = workload.pod
    context = pod.get("securityContext") or {}
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield key
    for volume in pod.get("volumes") or ():
        if isinstance(volume, dict) and volume.get("hostPath"):
            yield f"hostPath {volume['hostPath'].get('path')}"
    if pod.get("automountServiceAccountToken") is not False:
        yield TOKEN
    for container in workload.containers:
        name, own = container.get("name"), container.get("securityContext") or {}
        if own.get("privileged"):
            yield f"{name}: privileged"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: allowPrivilegeEscalation"
        if (own.get("runAsNonRoot", context.get("runAsNonRoot"))) is not True:
            yield f"{name}: may run as root"
        capabilities = own.get("capabilities") or {}
        yield from (f"{name}: capability {added}" for added in capabilities.get("add") or ())
        if "ALL" not in (capabilities.get("drop") or ()):
            yield f"{name}: keeps capabilities"
        if not (own.get("seccompProfile") or context.get("seccompProfile")):
            yield f"{name}: no seccomp profile"


def weakened(before: Recording | None, after: Recording | None) -> list[str]:
    """What is less secure than before, as lines: levels of namespaces, and Pods."""
    levels = {metadata(each).get("name"): _level(each) for each in objects(before, "Namespace")}
    lines = []
    for namespace in objects(after, "Namespace"):
        name, now = metadata(namespace).get("name"), _level(namespace)
        then = levels.get(name)
        if then is not None and PSS.index(now) < PSS.index(then):
            lines.append(f"namespace {name}: Pod Security {now}, was {then}")
        elif then is None and before is not None and now != PSS[-1]:
            lines.append(f"namespace {name} is new: Pod Security {now}")
    old = {(each.resource.name, point) for each in workloads(before) for point in weak_points(each)}
    new = [(each, point) for each in workloads(after) for point in weak_points(each)]
    return lines + [f"{each.title}: {point}" for each, point in new if (each.resource.name, point) not in old]


def _level(namespace: RecordedResource) -> str:
    level = str((metadata(namespace).get("labels") or {}).get("pod-security.kubernetes.io/enforce", PSS[0]))
    return level if level in PSS else PSS[0]
