"""Moments at which something went wrong, as tests saw them: what was lost, what stood twice, what was told, what mended it.

An engine run writes one file per test into tests/recorded/faults/. tests/support/pages.py makes docs/reference/faults.md of them.
"""

import datetime as dt
import json
import re
import subprocess
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from openstack.connection import Connection

from tests.cloud.openstack.connections import NODE_GROUPS
from tests.support.stack_files import ROOT

FOLDER = ROOT / "tests" / "recorded" / "faults"
LONG = 420
"""Characters of a message that the page shows."""

_MASKS = (
    (r"\x1b\[[0-9;]*m", ""),
    (r"req-[0-9a-f-]{36}", "<request>"),
    (r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "<id>"),
    (r"\b[0-9a-f]{32}\b", "<project>"),
    (r"http://127\.0\.0\.1:\d+", "<service>"),
    (r"https://127\.0\.0\.1:\d+", "<cluster>"),
    (r"127\.0\.0\.1:\d+", "<address>"),
    (r"(?:file://)?/(?:tmp|root|work)/\S*?/(?=\.pulumi|state)", ".../"),
    (r"/tmp/\S+", "<file>"),
    (r"\(pid \d+\)", "(pid <number>)"),
    (r"\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)", "<time>"),
    (r"(cluster-(?:keypair|template))-[0-9a-f]{7}", r"\1-<random>"),
)


@dataclass(frozen=True)
class Moment:
    """One moment. mended: commands, in their order. lost, twice: what of the cloud, or of the state."""

    when: str
    told: str
    mended: Sequence[str]
    lost: Sequence[str]
    twice: Sequence[str]


class Moments:
    """The moments of one test.

    name: of its file. title, text: heading and introduction on the page. project: whose things are counted.
    """

    def __init__(self, name: str, title: str, text: str, project: Connection) -> None:
        self.name, self.title, self.text, self.project = name, title, text, project
        self.seen: list[Moment] = []

    def stands(self) -> dict[str, str]:
        """What the project has: id to kind and name."""
        return standing(self.project)

    def saw(
        self,
        when: str,
        told: str,
        mended: Sequence[str],
        before: Mapping[str, str],
        *,
        goes: Collection[str] = (),
        two: Collection[str] = (),
    ) -> None:
        """Note a moment that has been mended.

        before: what stood before it. goes: kinds and names of what was meant to go. two: of what is meant to stand twice for a while.
        """
        after = self.stands()
        lost = sorted(title for identity, title in before.items() if identity not in after and title not in goes)
        twice = sorted(title for title, count in Counter(after.values()).items() if count > 1)
        self.seen.append(Moment(when, told, list(mended), lost, twice))

    def write(self) -> None:
        """Replace the file of this test."""
        FOLDER.mkdir(exist_ok=True)
        engine = subprocess.run(["pulumi", "version"], capture_output=True, text=True, check=True).stdout.strip()
        plain = {"title": self.title, "text": self.text, "engine": engine, "day": dt.datetime.now(dt.UTC).date().isoformat()}
        text = json.dumps(plain | {"moments": [asdict(each) for each in self.seen]}, indent=1)
        (FOLDER / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")

    def well(self) -> None:
        """Raises AssertionError where something was lost or stood twice, or where nobody was told anything."""
        assert [each for each in self.seen if each.lost or each.twice or not each.told] == []


def standing(project: Connection) -> dict[str, str]:
    """What a project has: id to kind and name, such as `share gaia-dmp-dev-sample`. Random ends of names are left out."""
    shares, magnum = project.shared_file_system, project.container_infrastructure_management
    mine, found = project.current_project_id, {}

    def add(kind: str, identity: Any, name: Any) -> None:
        found[str(identity)] = f"{kind} {masked(str(name))}"

    plain: Any = project.network
    for kind, things in (
        ("network", plain.networks(project_id=mine)),
        ("subnet", plain.subnets(project_id=mine)),
        ("router", plain.routers(project_id=mine)),
        ("floating ip", plain.ips(project_id=mine)),
        ("security group", plain.security_groups(project_id=mine)),
        ("server", project.compute.servers()),
        ("server group", project.compute.server_groups()),
        ("volume", project.block_storage.volumes()),
    ):
        for each in things:
            add(kind, each.id, each.name if kind != "floating ip" else each.description)
    for each in plain.ports(project_id=mine):
        # Those of routers and of DHCP have no name.
        if each.name:
            add("port", each.id, each.name)
    for each in project.compute.keypairs():
        add("keypair", f"keypair {each.name}", each.name)
    manila: Any = shares
    for share in manila.shares(details=True):
        if share.status != "deleting":
            add("share", share.id, share.name)
            for rule in manila.access_rules(share.id):
                add("rule", rule.id, f"{share.name}: {rule.access_to}")
    for each in magnum.get("/clustertemplates").json()["clustertemplates"]:
        add("template", each["uuid"], each["name"])
    for cluster in magnum.get("/clusters").json()["clusters"]:
        if cluster["status"] == "DELETE_IN_PROGRESS":
            continue
        add("coe cluster", cluster["uuid"], cluster["name"])
        for group in magnum.get(f"/clusters/{cluster['uuid']}/nodegroups", headers=NODE_GROUPS).json()["nodegroups"]:
            add("node group", group["uuid"], group["name"])
    return found


def masked(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, word in _MASKS:
        text = re.sub(pattern, word, text)
    return text


def said(output: str, *names: str) -> str:
    """What a person reads of some resources in the engine's output, shortened; every error where none is named."""
    _, _, diagnostics = output.partition("Diagnostics:")
    blocks = [block for block in re.split(r"\n(?=  \S)", diagnostics or output) if "error:" in block]
    wanted = [block for block in blocks if not names or any(f"({name}" in block for name in names)]
    lines = [line.strip() for block in wanted for line in block.split("\nResources:")[0].splitlines()]
    text = " ".join(line for line in lines if line and line != "error: update failed")
    # Of a traceback its end says what happened.
    text = re.sub(r"Traceback \(most recent call last\):.*(?=\b[\w.]+(?:Error|Exception|Unauthorized)\b)", "", text)
    return short(text or ("the engine says nothing of it" if names else output))


def short(text: str) -> str:
    """A message as the page shows it: on one line, masked, and cut."""
    plain = " ".join(masked(text).split())
    return plain if len(plain) <= LONG else plain[: LONG - 2].rsplit(" ", 1)[0] + " …"
