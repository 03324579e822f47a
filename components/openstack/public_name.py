"""The public name of the platform, and which stack it leads to."""

from dataclasses import dataclass

import pulumi
from pulumi_openstack import dns

from settings.values.network import DnsRecord


@dataclass(frozen=True, kw_only=True)
class PublicNameArgs:
    """What the name needs."""

    record: DnsRecord
    """Zone and name. For its `ttl` some browsers still come to the stack that was live before."""

    address: pulumi.Input[str]
    """Address of the live stack."""


class PublicName(pulumi.ComponentResource):
    """One address record, which a switch changes in place: at no moment is there no record, and never are there two.

    Creates: RecordSet. It belongs to no platform's stack, because its owner can delete it.
    """

    address: pulumi.Output[str]
    """Where the name leads."""

    def __init__(self, name: str, args: PublicNameArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:openstack:PublicName", name, {}, opts)
        query = pulumi.InvokeOutputOptions(parent=self)
        zone = dns.get_dns_zone_output(name=f"{args.record.zone}.", opts=query)
        dns.RecordSet(
            f"{name}-record",
            zone_id=zone.id,
            name=f"{args.record.name}.",
            type="A",
            records=[args.address],
            ttl=args.record.ttl,
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )
        self.address = pulumi.Output.from_input(args.address)
        self.register_outputs({"address": self.address})
