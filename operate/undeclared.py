"""What OpenStack lets through for a stack and nobody declared: the engine compares what it made, and sees nothing beside it.

Looked at are the access rules of the stack's shares, and what the project's default security group lets in: ports that name no group
are in it. Groups that Magnum's driver makes for its nodes are its own affair.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import BadRequestException, NotFoundException

from review.risks import Category

_SHARE, _RULE = "openstack:sharedfilesystem/share:Share", "openstack:sharedfilesystem/shareAccess:ShareAccess"
_LEVELS = {"ro": "read", "rw": "read and write"}


@dataclass(frozen=True)
class Undeclared:
    """One thing. name, kind: as a table shows them. category: of review.risks. says: what it lets through, and the command that ends it."""

    name: str
    kind: str
    category: Category
    says: str


def undeclared(clouds: Mapping[str, Connection], state: Sequence[Mapping[str, Any]]) -> Iterator[Undeclared]:
    """Everything, of the projects of a stack by role. state: the resources of the stack. Raises what a service that refuses ends in."""
    declared = {each.get("id") for each in state if each["type"] == _RULE}
    for share in state:
        # An adopted share is read by its id; who else may read it is its owner's affair.
        if share["type"] == _SHARE and not share.get("external") and not share.get("delete") and role(share) in clouds:
            # The refresh tells of a share that somebody deleted. Manila calls the question for its rules a bad one.
            with suppress(NotFoundException, BadRequestException):
                yield from _rules(clouds[role(share)], share, declared)
    if "compute" in clouds:
        yield from _default_group(clouds["compute"])


def role(resource: Mapping[str, Any]) -> str:
    """The project of a resource, by its provider: `compute`, `data`, `buckets`, or something else that is no project."""
    provider = resource.get("provider", "").split("::")
    return provider[-2].removeprefix("openstack-") if len(provider) > 1 else ""


def _rules(cloud: Connection, share: Mapping[str, Any], declared: set[Any]) -> Iterator[Undeclared]:
    shares: Any = cloud.shared_file_system
    for rule in shares.access_rules(share["id"]):
        if rule.id not in declared:
            name, level = share["outputs"]["name"], _LEVELS.get(rule.access_level, rule.access_level)
            ends = f"openstack share access delete {share['id']} {rule.id}"
            yield Undeclared(f"{name}: {rule.access_to}", "access rule", "rights", f"{rule.access_to} may {level} share {name}: {ends}")


def _default_group(cloud: Connection) -> Iterator[Undeclared]:
    """Rules of ingress that neither Neutron nor the site gives every project: Neutron's own let in what is in the group itself."""
    network: Any = cloud.network
    usual = {_opening(each) for each in _of_every_project(network)}
    for group in network.security_groups(name="default", project_id=cloud.current_project_id):
        for rule in group.security_group_rules:
            if rule["direction"] == "ingress" and rule["remote_group_id"] != group.id and _opening(rule) not in usual:
                what, source = _opening(rule)
                ends = f"openstack security group rule delete {rule['id']}"
                says = f"security group default lets in {what} from {source}: {ends}"
                yield Undeclared(f"default: {what}", "security group rule", "network", says)


def _of_every_project(network: Any) -> list[Any]:
    """The rules that the site puts into every new default group; none where Neutron is older than these."""
    try:
        return [each for each in network.default_security_group_rules() if each["used_in_default_sg"] and each["direction"] == "ingress"]
    except NotFoundException:
        return []


def _opening(rule: Mapping[str, Any]) -> tuple[str, str]:
    """What a rule lets in, and from where."""
    what = " ".join(filter(None, [rule["protocol"] or "everything", _ports(rule)]))
    return what, rule["remote_ip_prefix"] or rule["remote_group_id"] or "anywhere"


def _ports(rule: Mapping[str, Any]) -> str:
    first, last = rule["port_range_min"], rule["port_range_max"]
    return "" if first is None else str(first) if first == last else f"{first}-{last}"
