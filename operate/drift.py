"""Where the cloud differs from the state, and how many days certificates are still valid.

The engine compares what it made in OpenStack, and undeclared.py looks beside that; the Kubernetes API is asked for its own objects
(live.py says why).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from doctor.visit import connect, roles
from operate.api import ClusterError
from operate.deadlines import WARNING_DAYS, Deadline, of_address, of_kubeconfig
from operate.engine import outputs, resources, run
from operate.live import Live, server
from operate.undeclared import undeclared
from recording import STACK_TYPE
from review.compare import compare
from review.plan import steps
from review.risks import TITLES, Risk, risks_of
from settings import load_file
from settings.values.cloud import OpenStackCloud


@dataclass(frozen=True)
class Difference:
    """One resource that differs from the state.

    operation: `update`, `delete` if it is gone from the cloud, `create` if the stack does not declare it. fields: those that differ.
    """

    name: str
    kind: str
    operation: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Drift:
    """What was found. wider: what the cluster grants or lets through beyond the state, worst first. mended: what was restored."""

    differences: Sequence[Difference]
    wider: Sequence[Risk]
    deadlines: Sequence[Deadline]
    mended: Sequence[str] = field(default=())
    unseen: str = ""
    """Why the cluster was not compared, or ""."""

    @property
    def found(self) -> bool:
        """Whether somebody must act."""
        return bool(self.differences) or any(each.near for each in self.deadlines)


def differences(text: str, stack: str) -> list[Difference]:
    """What `pulumi refresh --preview-only --json` found outside Kubernetes. Raises RevisionError if the text is something else."""
    found = []
    for step in steps(text, stack):
        urn = str(step["urn"])
        kind = urn.split("::")[2].rsplit("$", maxsplit=1)[-1]
        if kind == STACK_TYPE or kind.startswith("kubernetes:") or step["op"] in ("same", "refresh", "read"):
            continue
        found.append(Difference(urn.rsplit("::", maxsplit=1)[-1], kind, str(step["op"]), tuple(sorted(step.get("detailedDiff") or {}))))
    return found


_WORDS = {"delete": ("gone", "bold red"), "create": ("not declared", "red")}


def show(drift: Drift, stack: str, console: Console) -> None:
    """Print what is wider than declared, what differs, what was restored, and when certificates expire."""
    if drift.wider:
        for category, title in TITLES.items():
            lines = [risk.text for risk in drift.wider if risk.category == category]
            if lines:
                console.print(Text(title, "bold red"))
            for line in lines:
                console.print(f"  {line}", markup=False)
        console.print()
    if drift.differences:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for title in ("differs", "resource", "type", "in"):
            table.add_column(title, overflow="fold")
        for each in drift.differences:
            table.add_row(Text(*_WORDS.get(each.operation, ("changed", "yellow"))), each.name, each.kind, ", ".join(each.fields) or "-")
        console.print(table)
    elif not drift.unseen:
        console.print("No drift: the cloud matches the state.")
    for line in drift.mended:
        console.print(line, markup=False)
    if drift.differences:
        console.print(
            f"\n`gaia drift {stack} --mend` restores Kubernetes objects and removes rights that the stack does not declare; "
            "`pulumi up --refresh` restores the rest; `pulumi refresh` accepts the changes in OpenStack."
        )
    console.print()
    for each in drift.deadlines:
        left = each.says or f"{each.days} days left"
        style = "bold red" if each.days is not None and each.days <= WARNING_DAYS // 6 else "yellow" if each.near else "green"
        console.print(Text(f"{each.title}: {left}", style))
        if each.near:
            console.print(f"  see {each.runbook}")


def look(stack: str, folder: Path, *, mend: bool = False) -> Drift:
    """What differs, and what expires when. folder: of the program. mend: put objects of Kubernetes back.

    Raises StackFileError, EngineError, ValueError where the engine's answer is none, and what an OpenStack service that refuses ends in.
    """
    settings = load_file(folder, stack).settings
    text = run(stack, "refresh", "--preview-only", "--json", folder=folder)
    known = outputs(stack, folder)
    now = dt.datetime.now(dt.UTC)
    deadlines = [*of_kubeconfig(known.get("kubeconfig") or "", now), *of_address(known.get("zeppelin_url") or "", now)]
    found = differences(text, stack)
    state = resources(stack, folder, secrets=True)
    beside: list[Risk] = []
    if isinstance(settings.cloud, OpenStackCloud):
        clouds = {name: connect(project) for name, project in roles(settings, settings.cloud).items()}
        for each in undeclared(clouds, state):
            found.append(Difference(each.name, each.kind, "create", ()))
            beside.append(Risk(each.category, each.says))
    try:
        objects, wider, mended = of_cluster(Live(server(state), state), mend=mend)
    except ClusterError as error:
        return Drift(found, beside, deadlines, unseen=str(error))
    return Drift([*found, *objects], [*beside, *wider], deadlines, mended)


def of_cluster(live: Live, *, mend: bool) -> tuple[list[Difference], list[Risk], list[str]]:
    """Kubernetes objects that differ, what is wider because of that, and what was restored before. Raises ClusterError."""
    mended = list(live.mend()) if mend else []
    declared, found = live.recordings()
    changes = compare(declared, found)
    wider = risks_of(changes, declared, found, whole=True, offline=True, broken=())
    differ = [
        Difference(
            each.name, each.type, "update" if each.before and each.after else each.operation, tuple(part.path for part in each.fields)
        )
        # Undeclared objects come first, missing ones last.
        for each in sorted(changes, key=lambda change: (change.before is not None, change.after is None, change.name))
    ]
    return differ, wider, mended
