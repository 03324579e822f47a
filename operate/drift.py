"""What in the cloud is no longer what the state says, and how many days certificates still have. Changes nothing."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from operate.deadlines import WARNING_DAYS, Deadline, of_address, of_kubeconfig
from operate.engine import outputs, run
from recording import STACK_TYPE
from review.plan import steps


@dataclass(frozen=True)
class Difference:
    """One resource that is not what the state says. operation: `update`, or `delete` where the cloud has it no longer. fields: which."""

    name: str
    kind: str
    operation: str
    fields: tuple[str, ...]


def differences(text: str, stack: str) -> list[Difference]:
    """What `pulumi refresh --preview-only --json` found. Raises RevisionError where it is no such text."""
    found = []
    for step in steps(text, stack):
        urn = str(step["urn"])
        if urn.split("::")[2] == STACK_TYPE or step["op"] in ("same", "refresh", "read"):
            continue
        detail = step.get("detailedDiff") or {}
        found.append(
            Difference(
                urn.rsplit("::", maxsplit=1)[-1], urn.split("::")[2].rsplit("$", maxsplit=1)[-1], str(step["op"]), tuple(sorted(detail))
            )
        )
    return found


def show(found: Sequence[Difference], deadlines: Sequence[Deadline], console: Console) -> None:
    """Two tables: what differs, and what ends when."""
    if found:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for title in ("differs", "resource", "type", "in"):
            table.add_column(title, overflow="fold")
        for each in found:
            gone = each.operation == "delete"
            what = Text("gone", "bold red") if gone else Text(each.operation, "yellow")
            table.add_row(what, each.name, each.kind, ", ".join(each.fields) or "-")
        console.print(table)
        console.print("\n`pulumi up` puts back what the stack file says; `pulumi refresh` takes over what the cloud says.\n")
    else:
        console.print("Nothing differs: the cloud is what the state says.\n")
    for each in deadlines:
        left = each.says or f"{each.days} days left"
        style = "bold red" if each.days is not None and each.days <= WARNING_DAYS // 6 else "yellow" if each.near else "green"
        console.print(Text(f"{each.title}: {left}", style))
        if each.near:
            console.print(f"  see {each.runbook}")


def look(stack: str, folder: Path) -> tuple[list[Difference], list[Deadline]]:
    """What differs, and what ends when. folder: where the program is.

    Raises EngineError, or ValueError where the engine's answer is none.
    """
    text = run(stack, "refresh", "--preview-only", "--json", folder=folder)
    known = outputs(stack, folder)
    now = dt.datetime.now(dt.UTC)
    deadlines = [*of_kubeconfig(known.get("kubeconfig") or "", now), *of_address(known.get("zeppelin_url") or "", now)]
    return differences(text, stack), deadlines
