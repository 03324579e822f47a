"""How long `pulumi up` takes, on the OpenStack services and the Kubernetes API server of the tests. `make bench-engine`.

It needs Pulumi on PATH. Floors, taken in the same run: for a stack from nothing the time until its cluster stands; for one that does not
change the bare import of the provider modules that its program imports. No machine boots and no image is pulled here.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pulumi.automation.events import EngineEvent
from rich.console import Console
from rich.table import Table

from benchmarks.preview import floor, seconds
from tests.cloud.openstack.cloud import running
from tests.engine.platform import Platform
from tests.support.stack_files import document

RUNS = 3


class Clock:
    """Seconds since its making at which the engine began and ended each resource, by its name."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}

    def __call__(self, event: EngineEvent) -> None:
        now = time.monotonic() - self._start
        if event.resource_pre_event:
            self.began.setdefault(event.resource_pre_event.metadata.urn.split("::")[-1], now)
        elif event.res_outputs_event:
            self.ended[event.res_outputs_event.metadata.urn.split("::")[-1]] = now

    def slowest(self, count: int) -> list[tuple[str, float]]:
        """The resources that took longest, with their seconds."""
        took = {name: self.ended[name] - begin for name, begin in self.began.items() if name in self.ended}
        return sorted(took.items(), key=lambda each: -each[1])[:count]


def up(platform: Platform, **options: Any) -> tuple[float, Clock]:
    """Seconds of `pulumi up`, without a preview, and when each resource began and ended."""
    stack, clock, begin = platform.stack(), Clock(), time.monotonic()
    stack.up(color="never", on_event=clock, **options)
    return time.monotonic() - begin, clock


def main() -> None:
    """Print every figure."""
    if shutil.which("pulumi") is None:
        sys.exit("pulumi is not on PATH; docs/how-to/install.md says how it gets there")
    table = Table("", "seconds", "floor", "seconds", "ratio", title="pulumi up of dev")
    with tempfile.TemporaryDirectory() as folder, running() as cloud, Console(stderr=True).status("Running pulumi up ..."):
        platform = Platform(cloud.clouds_yaml, Path(folder) / "dev", "dev", document("dev"))
        whole, clock = up(platform)
        cluster = max(end for name, end in clock.ended.items() if name.startswith("cluster-"))
        table.add_row("from nothing", f"{whole:.1f}", "its cluster stands", f"{cluster:.1f}", f"{whole / cluster:.2f}")
        import_all, title = floor("dev"), "bare import of its provider modules"
        imports = min(seconds(import_all) for _ in range(RUNS))
        unchanged = min(up(platform)[0] for _ in range(RUNS))
        table.add_row("without a change", f"{unchanged:.1f}", title, f"{imports:.1f}", f"{unchanged / imports:.2f}")
        begin = time.monotonic()
        platform.plain("up", "--yes")
        previewed = time.monotonic() - begin
        table.add_row("the same, with its preview", f"{previewed:.1f}", title, f"{imports:.1f}", f"{previewed / imports:.2f}")
        platform.data = {**platform.data, "gaia-dmp:protection": "off"}
        platform.up()
        platform.destroy()
    console = Console()
    console.print(table)
    slowest = Table("resource", "seconds", title="What took longest, from nothing")
    for name, took in clock.slowest(10):
        slowest.add_row(name, f"{took:.1f}")
    console.print(slowest)


if __name__ == "__main__":
    main()
