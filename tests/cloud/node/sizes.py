"""What containers hold of memory, against what they request and may have."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.cloud.api import Object
from tests.cloud.node.platform import Platform, amount

_MIB = 2**20


@dataclass
class Size:
    """A container of a workload, in MiB. request, limit: None where there is none. rest, work: the most that was seen."""

    request: int | None
    limit: int | None
    rest: int | None = None
    work: int | None = None

    @property
    def verdict(self) -> str:
        """What a reader should look at, or nothing."""
        most = max(self.rest or 0, self.work or 0)
        if self.limit and most > 0.8 * self.limit:
            return "over 80 % of its limit"
        return "under 20 % of its request" if self.request and most < 0.2 * self.request else ""


class Sizes:
    """What is seen of a platform. found: by namespace, workload and container."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.found: dict[tuple[str, str, str], Size] = {}

    def look(self, *, working: bool) -> None:
        """Take what the kubelet says now. working: whether somebody uses the platform."""
        used = self._platform.memory()
        for pod in self._platform.api.items("/api/v1/pods"):
            place = pod["metadata"]
            for container in pod["spec"]["containers"]:
                held = used.get((place["namespace"], place["name"], container["name"]))
                if held is None or not place["namespace"].startswith("gaia-"):
                    continue
                size = self.found.setdefault((place["namespace"], workload(pod), container["name"]), _of(container))
                if working:
                    size.work = max(size.work or 0, held // _MIB)
                else:
                    size.rest = max(size.rest or 0, held // _MIB)

    def lines(self) -> Iterator[str]:
        """A table in Markdown."""
        yield "| namespace | workload | container | request | limit | at rest | at work | |"
        yield "|---|---|---|---|---|---|---|---|"
        for (namespace, name, container), size in sorted(self.found.items()):
            amounts = ("" if each is None else str(each) for each in (size.request, size.limit, size.rest, size.work))
            yield f"| {namespace} | {name} | {container} | {' | '.join(amounts)} | {size.verdict} |"


def _of(container: Object) -> Size:
    resources = container["resources"]

    def of(kind: str) -> int | None:
        text = resources.get(kind, {}).get("memory")
        return amount(text) // _MIB if text else None

    return Size(request=of("requests"), limit=of("limits"))


def workload(pod: Object) -> str:
    """What a Pod is part of, without what differs from one Pod to the next."""
    place = pod["metadata"]
    labels = place.get("labels", {})
    if labels.get("app.kubernetes.io/name") == "zeppelin-interpreter":
        return f"{labels['gaia-dmp/group']} interpreter"
    if labels.get("spark-role") == "executor":
        return "executor"
    owner = place.get("ownerReferences", [{"name": place["name"], "kind": "Pod"}])[0]
    return re.sub(r"-[a-z0-9]+$", "", owner["name"]) if owner["kind"] == "ReplicaSet" else owner["name"]
