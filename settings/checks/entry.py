"""The entry and the DNS record of the network: both must have the same name."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.cloud import OpenStackCloud
from settings.values.entry import LoadBalancerEntry
from settings.values.vocabulary import Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings


def problems(stack: "StackSettings") -> Iterator[Problem]:
    record = stack.cloud.network.dns_record if isinstance(stack.cloud, OpenStackCloud) else None
    if record is None:
        return
    involved = (("cloud", "network", "dns_record"), ("entry",))
    if not isinstance(stack.entry, LoadBalancerEntry):
        message, accepted = f"has no floating IP, which the DNS record {record.name} needs", "load_balancer, or no cloud.network.dns_record"
        yield Problem(("entry", "kind"), message, accepted, involved)
    elif record.name != stack.entry.hostname:
        yield Problem(("entry", "hostname"), f"must be the name of cloud.network.dns_record, {record.name}", record.name, involved)
