"""What containers hold and use, against what they request and may have: read from the node's control groups, as its kubelet reads them."""

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.cloud.api import Object
from tests.cloud.node.machine import Group, place
from tests.cloud.node.platform import Platform, amount

_MIB = 2**20
_WINDOW = 10
"""Seconds over which the use of a processor is averaged."""
Place = tuple[str, str, str]
"""Namespace, workload and container."""
Kind = Literal["memory", "cpu"]


@dataclass
class Size:
    """A container of a workload: memory in MiB, processor in thousandths of a core. request, limit: without what it does not say.

    rest: the last that was seen while nobody worked. most: the most that was seen. held: seconds that it waited because its limit of
    processor was used up.
    """

    request: Mapping[Kind, int]
    limit: Mapping[Kind, int]
    rest: dict[Kind, int] = field(default_factory=dict)
    most: dict[Kind, int] = field(default_factory=dict)
    held: float = 0

    def verdict(self, kind: Kind) -> str:
        """What is not as it should be, or nothing, as of what was not seen: it had ended."""
        if kind not in self.most:
            return ""
        most = self.most[kind]
        if kind == "memory" and most > 0.8 * self.limit.get(kind, most * 2):
            return "over 80 % of its limit"
        return "under 20 % of its request" if most < 0.2 * self.request.get(kind, 0) else ""


class Sizes:
    """What is seen of a platform. found: by namespace, workload and container."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._used: dict[str, list[tuple[float, int]]] = {}
        self.found: dict[Place, Size] = {}

    @contextlib.contextmanager
    def watching(self, *, working: bool) -> Iterator[None]:
        """Look every second for the time of a `with`. working: whether somebody uses the platform."""
        end = threading.Event()
        failed: list[Exception] = []

        def watch() -> None:
            try:
                while not end.wait(1):
                    self._look(working=working)
            except Exception as error:  # noqa: BLE001 - a thread would keep it to itself
                failed.append(error)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
        if failed:
            raise failed[0]

    def _look(self, *, working: bool) -> None:
        for pod in self._platform.api.items("/api/v1/pods"):
            if not pod["metadata"]["namespace"].startswith("gaia-"):
                continue
            of = {each["name"]: each for each in (*pod["spec"].get("initContainers", []), *pod["spec"]["containers"])}
            for status in (*pod["status"].get("initContainerStatuses", []), *pod["status"].get("containerStatuses", [])):
                # A container may end at any time.
                with contextlib.suppress(FileNotFoundError, OSError):
                    if "running" in status["state"]:
                        where = (pod["metadata"]["namespace"], workload(pod), status["name"])
                        size = self.found.setdefault(where, _of(of[status["name"]]))
                        self._take(size, self._group(pod, status["containerID"].removeprefix("containerd://")), working=working)

    def _take(self, size: Size, group: Path, *, working: bool) -> None:
        """Read what a container holds and uses now. group: its control group, from the root of a hierarchy."""
        counted = dict(line.split() for line in (place("memory") / group / "memory.stat").read_text().splitlines())
        used = int((place("memory") / group / "memory.usage_in_bytes").read_text())
        # The kernel takes back what of files has not been read lately; the kubelet counts the same.
        now: dict[Kind, int] = {"memory": (used - int(counted["total_inactive_file"])) // _MIB}
        if (rate := self._rate(group)) is not None:
            now["cpu"] = rate
        throttled = dict(line.split() for line in (place("cpu") / group / "cpu.stat").read_text().splitlines())
        size.held = max(size.held, int(throttled["throttled_time"]) / 1e9)
        for kind, value in now.items():
            size.most[kind] = max(size.most.get(kind, 0), value)
            if not working:
                size.rest[kind] = value

    def _rate(self, group: Path) -> int | None:
        """Thousandths of a core that a container used of late; None where it has not run long enough."""
        seen = self._used.setdefault(str(group), [])
        seen.append((time.monotonic(), int((place("cpuacct") / group / "cpuacct.usage").read_text())))
        while len(seen) > 1 and seen[-1][0] - seen[1][0] >= _WINDOW:
            seen.pop(0)
        (begin, before), (end, after) = seen[0], seen[-1]
        return round((after - before) / (end - begin) / 1e6) if end - begin >= _WINDOW else None

    def _group(self, pod: Object, container: str) -> Path:
        quality = pod["status"]["qosClass"].lower()
        above = "kubepods" if quality == "guaranteed" else f"kubepods/{quality}"
        return Group(self._platform.node.name).path / above / f"pod{pod['metadata']['uid']}" / container

    def table(self, kind: Kind, reasons: Mapping[str, str]) -> Iterator[str]:
        """A table in Markdown. reasons: workload and container, as `executor/executor`, to why a verdict is right."""
        held = " waited for its limit, s |" if kind == "cpu" else ""
        yield f"| namespace | workload | container | request | limit | at rest | most |{held} |"
        yield f"|---|---|---|---|---|---|---|{'---|' if held else ''}---|"
        for (namespace, name, container), size in sorted(self.found.items()):
            amounts = " | ".join(str(each.get(kind, "")) for each in (size.request, size.limit, size.rest, size.most))
            waited = f" {size.held:.1f} |" if held else ""
            verdict = size.verdict(kind)
            why = ": ".join(filter(None, (verdict, reasons.get(f"{name}/{container}", "") if verdict else "")))
            yield f"| {namespace} | {name} | {container} | {amounts} |{waited} {why} |"

    def unexplained(self, kind: Kind, reasons: Mapping[str, str]) -> list[str]:
        """Containers that are not as they should be, without a reason."""
        found = ((f"{name}/{container}", size.verdict(kind)) for (_, name, container), size in sorted(self.found.items()))
        return [f"{kind} of {which} is {verdict}" for which, verdict in found if verdict and which not in reasons]


def _of(container: Object) -> Size:
    def amounts(kind: str) -> dict[Kind, int]:
        said = container["resources"].get(kind, {})
        found: dict[Kind, int] = {}
        if "memory" in said:
            found["memory"] = amount(said["memory"]) // _MIB
        if "cpu" in said:
            found["cpu"] = _milli(said["cpu"])
        return found

    return Size(request=amounts("requests"), limit=amounts("limits"))


def _milli(text: str) -> int:
    """Thousandths of a core of an amount as Kubernetes writes it."""
    return int(text[:-1]) if text.endswith("m") else int(float(text) * 1000)


def workload(pod: Object) -> str:
    """What a Pod is part of, without what differs from one Pod to the next."""
    where = pod["metadata"]
    labels = where.get("labels", {})
    if labels.get("app.kubernetes.io/name") == "zeppelin-interpreter":
        return f"{labels['gaia-dmp/group']} interpreter"
    if labels.get("spark-role") == "executor":
        return "executor"
    owner = where.get("ownerReferences", [{"name": where["name"], "kind": "Pod"}])[0]
    name = re.sub(r"-[a-z0-9]+$", "", owner["name"]) if owner["kind"] == "ReplicaSet" else owner["name"]
    # A Job is named by the time of its CronJob, or by its number.
    return re.sub(r"-([0-9]+|now|[0-9a-f]{8})$", "", name)
