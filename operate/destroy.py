"""Destroy a stack, and list what is kept in the cloud and how to find it.

Checked before the engine runs: the name is typed twice, the stack is not protected, and each credential is for the project that the stack
file names. `pulumi destroy` itself runs no program. In a cloud that knows none of the ids, it would conclude that all is gone already.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from doctor.projects import NotAcceptedError, OtherProjectError, open_project
from doctor.visit import SETTINGS, roles
from operate.engine import resources, run
from settings import StackSettings, load_file
from settings.values.cloud import OpenStackCloud, OpenStackProject


class RefusedError(Exception):
    """The stack is not destroyed; the message says why. Nothing was changed."""


@dataclass(frozen=True)
class Kept:
    """What stays in the cloud. find: the command that shows it."""

    name: str
    kind: str
    identity: str
    find: str


def check(stack: str, confirm: str, folder: Path) -> StackSettings:
    """The settings of a stack that may be destroyed. Raises RefusedError, or StackFileError if its file is wrong."""
    if not confirm:
        raise RefusedError(
            f"stack {stack} is not destroyed unless you repeat its name: gaia destroy {stack} --confirm {stack}, "
            f"or make destroy STACK={stack} CONFIRM={stack}"
        )
    if confirm != stack:
        raise RefusedError(f"stack {stack} is not destroyed: --confirm must be {stack!r}, not {confirm!r}; nothing was changed")
    file = load_file(folder, stack)
    settings = file.settings
    if settings.protected:
        raise RefusedError(
            f"stack {stack} is protected: set gaia-dmp:protection to off in {file.name}, have that reviewed, "
            f"run `pulumi up --stack {stack}`, then try again"
        )
    if isinstance(settings.cloud, OpenStackCloud):
        for role, project in roles(settings, settings.cloud).items():
            _same_project(SETTINGS[role], project, file.name)
    return settings


def _same_project(setting: str, named: OpenStackProject, file: str) -> None:
    """Check that the credential of an entry is for the project that the stack file names. Raises RefusedError."""
    where = f"{file}: gaia-dmp:{setting}"
    try:
        open_project(named)
    except NotAcceptedError as error:
        raise RefusedError(f"{where}.clouds_yaml: the credential {named.clouds_yaml} was not accepted: {error}") from None
    except OtherProjectError as error:
        raise RefusedError(
            f"{where}.project is {named.project!r}, but the credential of clouds.yaml entry {named.clouds_yaml!r} {error}; "
            "nothing was changed"
        ) from None


_FIND = {
    "openstack:sharedfilesystem/share:Share": ("share", "openstack share show {id}"),
    "openstack:objectstorage/container:Container": ("bucket", "openstack container show {id}"),
}


def kept(state: Sequence[dict[str, Any]]) -> list[Kept]:
    """What stays in the cloud after a destruction, from the state before it. Adopted shares are not listed: they belong to others."""
    found = []
    for each in state:
        if each.get("retainOnDelete") and each.get("custom", True) and not each.get("external") and each["type"] in _FIND:
            kind, find = _FIND[each["type"]]
            title = (each.get("outputs") or {}).get("name") or each["urn"].split("::")[-1]
            found.append(Kept(str(title), kind, each["id"], find.format(id=each["id"])))
    return found


def show(found: Sequence[Kept], stack: str, console: Console) -> None:
    """Print a table of what is kept."""
    if not found:
        console.print(f"Stack {stack} is destroyed. Nothing of it is left in the cloud.")
        return
    console.print(f"Stack {stack} is destroyed. Kept in the cloud, with their contents:\n")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("kept", "name", "id", "how to find it"):
        table.add_column(title, overflow="fold")
    for each in found:
        table.add_row(each.kind, each.name, each.identity, each.find)
    console.print(table)
    console.print("\nAnother stack can adopt each of them: `source: {kind: adopt, share: <name>}`, docs/how-to/datasets.md and backups.md.")


def destroy(stack: str, confirm: str, folder: Path, say: Callable[[str], None]) -> list[Kept]:
    """Destroy a stack; returns what is kept. confirm: its name again. folder: of the program. say: called before it begins.

    Raises RefusedError, StackFileError, EngineError.
    """
    check(stack, confirm, folder)
    found = kept(resources(stack, folder))
    say(f"Destroying stack {stack}; it takes minutes ...")
    # With its preview, which refuses before anything changes (docs/how-to/when-up-fails.md).
    run(stack, "destroy", "--yes", folder=folder)
    return found
