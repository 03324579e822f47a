"""The rules for every stack: plain functions over a recording, for the offline preview, the diff and Pulumi's policy pack.

Where a resource violates a rule on purpose, policy/waivers.yaml has a waiver: its name, a reason, and the day on which the waiver ends.
policy/breaks.py has the check of each rule.
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
"""Whether a violation makes a preview fail, or is only reported. The words are those of Pulumi's policy packs."""


@dataclass(frozen=True)
class Rule:
    """id: its name in waivers. holds: what it requires. reason, fix: why, and how to comply. check: finds each violation."""

    id: str
    holds: str
    reason: str
    fix: str
    check: Callable[[Recording], Breaks]
    level: Level = "mandatory"


@dataclass(frozen=True)
class Finding:
    """One violation of a rule. urn, name: of the resource. setting: the key of the stack file that corrects it, or "". fix: what to do.
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
    """One exception. resource: its name. stack: the stack that it is for. until: its last day."""

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
        "everything that holds data is protected if the cluster is, and volumes are retained",
        "notebooks were once lost in a rebuild",
        "protect it, and set persistentVolumeReclaimPolicy to Retain",
        breaks.data_kept,
    ),
    Rule(
        "no-secret-in-clear",
        "no secret is in plain text",
        "many people read state, previews and ConfigMaps",
        "read it with require_secret, or wrap it in pulumi.Output.secret",
        breaks.no_secret_in_clear,
    ),
    Rule(
        "restricted",
        f"Pods are `restricted` everywhere except in {' and '.join(NODE_NAMESPACES)}",
        "people run their own code here",
        "set the security context that Pod Security requires",
        breaks.restricted,
    ),
    Rule(
        "no-wildcard",
        "no Role has a wildcard",
        "a wildcard also grants whatever the next version adds",
        "name verbs, resources and groups",
        breaks.no_wildcard,
    ),
    Rule(
        "no-needless-token",
        "only Pods that call the Kubernetes API have a token",
        "a token is the first thing that an attacker looks for",
        "set automountServiceAccountToken to false",
        breaks.no_needless_token,
    ),
    Rule(
        "images-pinned",
        "every image has a fixed tag or a digest",
        "the tested image must be the one that runs",
        "give it a version or a digest",
        breaks.images_pinned,
    ),
    Rule(
        "requests-and-limits",
        "every container has requests and limits",
        "one Pod must not starve a node",
        "set requests for cpu and memory, and a limit for memory",
        breaks.requests_and_limits,
    ),
    Rule(
        "closed-to-the-world",
        "only the gateway is open to the world",
        "a notebook is a shell",
        "allow named networks only, or go through the gateway",
        breaks.closed_to_the_world,
    ),
    Rule(
        "kubernetes-api-closed",
        "only named networks can reach the Kubernetes API",
        "then a lost or stolen credential alone is not enough",
        "name the networks that may reach it, or remove its public address with cloud.cluster.api_floating_ip: false",
        breaks.api_closed,
        # The networks are unknown for a newcomer's first stack, and the API requires a client certificate in any case.
        level="advisory",
    ),
    Rule(
        "quotas-and-policies",
        "a NetworkPolicy closes every namespace; where accounts create Pods, a quota, limits and admission restrict them",
        "rights restrict neither the number nor the size nor the connections of Pods",
        "add the missing object",
        breaks.quotas_and_policies,
    ),
    Rule(
        "tags",
        "resources in a project, and namespaces, name their stack",
        "operators delete what nobody claims",
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
    """Every violation of every rule, with the reason of its waiver unless that has ended. A waiver that waives nothing is a finding,
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
        Finding(each.rule, "", each.resource, "has a waiver that waives nothing", "remove it from policy/waivers.yaml")
        for each in here
        if id(each) not in used and each.rule in asked
    ]
    return found


def broken(findings: Sequence[Finding]) -> list[Finding]:
    """Violations of mandatory rules without a waiver: they make a preview fail."""
    return [each for each in findings if each.level == "mandatory" and not each.waived]


def advised(findings: Sequence[Finding]) -> list[Finding]:
    """Violations of advisory rules without a waiver."""
    return [each for each in findings if each.level == "advisory" and not each.waived]
