"""What must hold of every stack: plain functions over a recording, for the offline preview, the diff and Pulumi's policy pack.

A rule that a resource breaks on purpose is waived in policy/waivers.yaml, by name, with a reason and a day on which the waiver ends.
How each rule is broken stands in policy/breaks.py.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from policy import breaks
from policy.breaks import NODE_NAMESPACES, Breaks
from recording import Recording

WAIVERS = Path(__file__).resolve().parent / "waivers.yaml"

Level = Literal["mandatory", "advisory"]
"""Whether a break ends a preview with an error, or is told and no more; words of Pulumi's policy packs."""


@dataclass(frozen=True)
class Rule:
    """id: as waivers name it. holds: what it asks for. reason, fix: for whoever broke it. check: finds each break."""

    id: str
    holds: str
    reason: str
    fix: str
    check: Callable[[Recording], Breaks]
    level: Level = "mandatory"


@dataclass(frozen=True)
class Finding:
    """One break of a rule. urn, name: of the resource. setting: the key of the stack file that mends it, or "". fix: what to do.
    waived: the reason of its waiver, or "".
    """

    rule: str
    urn: str
    name: str
    message: str
    fix: str
    waived: str = ""
    setting: str = ""
    level: Level = "mandatory"

    @property
    def text(self) -> str:
        """The whole finding in one line."""
        where = f" (setting {self.setting})" if self.setting else ""
        return f"{self.rule}: {self.name}: {self.message}; {self.fix}{where}"


class Waiver(BaseModel):
    """One exception. resource: its name. stack: where it holds. until: its last day."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rule: str
    resource: str
    stack: str
    reason: str = Field(min_length=20)
    until: dt.date


class WaiversError(Exception):
    """policy/waivers.yaml is wrong; the message says where."""


RULES: Sequence[Rule] = (
    Rule(
        "data-kept",
        "whatever holds data is protected where the cluster is, and volumes are retained",
        "notebooks were once lost in a rebuild",
        "protect it, and set persistentVolumeReclaimPolicy to Retain",
        breaks.data_kept,
    ),
    Rule(
        "no-secret-in-clear",
        "no secret stands in clear",
        "state, previews and ConfigMaps are read by many",
        "read it by require_secret, or wrap it in pulumi.Output.secret",
        breaks.no_secret_in_clear,
    ),
    Rule(
        "restricted",
        f"Pods are `restricted` everywhere but in {' and '.join(NODE_NAMESPACES)}",
        "people run code of their own here",
        "set the security context that Pod Security asks for",
        breaks.restricted,
    ),
    Rule(
        "no-wildcard",
        "no Role has a wildcard",
        "a wildcard grants what comes with the next version, too",
        "name verbs, resources and groups",
        breaks.no_wildcard,
    ),
    Rule(
        "no-needless-token",
        "only who calls the Kubernetes API has a token",
        "a token is what an attacker looks for first",
        "set automountServiceAccountToken to false",
        breaks.no_needless_token,
    ),
    Rule(
        "images-pinned",
        "every image has a fixed tag or a digest",
        "what is tested must be what runs",
        "name a version or a digest",
        breaks.images_pinned,
    ),
    Rule(
        "requests-and-limits",
        "every container states what it asks for and what it may take",
        "one Pod must not starve a node",
        "set requests of cpu and memory, and a limit of memory",
        breaks.requests_and_limits,
    ),
    Rule(
        "closed-to-the-world",
        "nothing but the entry is open to the world",
        "notebooks are shells",
        "name who may come, or reach it through the entry",
        breaks.closed_to_the_world,
    ),
    Rule(
        "kubernetes-api-closed",
        "the Kubernetes API is reached from named networks alone",
        "whoever has a credential, lost or stolen, needs a network as well",
        "name the networks that may reach it, or give it no public address by cloud.cluster.api_floating_ip: false",
        breaks.api_closed,
        # A newcomer's first stack knows no networks yet, and the API asks for a client certificate in any case.
        level="advisory",
    ),
    Rule(
        "quotas-and-policies",
        "every namespace is closed by a NetworkPolicy; where accounts make Pods, quota, limits and admission bound them",
        "rights alone bound neither number nor size nor reach",
        "add the missing object",
        breaks.quotas_and_policies,
    ),
    Rule(
        "tags",
        "what is made in a project, and every namespace, says whose it is",
        "operators ask before they delete what nobody claims",
        "set tags, metadata or the label to the stack's title",
        breaks.tags,
    ),
)


def waivers(path: Path = WAIVERS) -> list[Waiver]:
    """The waivers of a file. Raises WaiversError."""
    try:
        found = TypeAdapter(list[Waiver]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or [])
    except (ValidationError, yaml.YAMLError) as error:
        raise WaiversError(f"{path.name}: {error}") from None
    ids = [rule.id for rule in RULES]
    for each in found:
        if each.rule not in ids:
            raise WaiversError(f"{path.name}: rule {each.rule} is unknown; accepted: {', '.join(ids)}")
    return found


def check(recording: Recording, allowed: Sequence[Waiver], today: dt.date, rules: Sequence[Rule] = RULES) -> list[Finding]:
    """Every break of every rule; those with a waiver that has not ended carry its reason. A waiver that waives nothing is a finding,
    too.
    """
    here = [each for each in allowed if each.stack == recording.stack]
    found: list[Finding] = []
    used: set[int] = set()
    for rule in rules:
        for each_break in rule.check(recording):
            resource, message = each_break.resource, each_break.message
            fits = [each for each in here if (each.rule, each.resource) == (rule.id, resource.name)]
            used |= {id(each) for each in fits}
            ended = "".join(f" (its waiver ended on {each.until})" for each in fits if each.until < today)
            reason = next((f"{each.reason} (until {each.until})" for each in fits if each.until >= today), "")
            said = message + ("" if reason else ended)
            found.append(Finding(rule.id, resource.urn, resource.name, said, rule.fix, reason, each_break.setting, rule.level))
    asked = {rule.id for rule in rules}
    found += [
        Finding(each.rule, "", each.resource, "has a waiver that waives nothing", "take it out of policy/waivers.yaml")
        for each in here
        if id(each) not in used and each.rule in asked
    ]
    return found


def broken(findings: Sequence[Finding]) -> list[Finding]:
    """Those of mandatory rules without a waiver: what ends a preview with an error."""
    return [each for each in findings if each.level == "mandatory" and not each.waived]


def advised(findings: Sequence[Finding]) -> list[Finding]:
    """Those of advisory rules without a waiver."""
    return [each for each in findings if each.level == "advisory" and not each.waived]
