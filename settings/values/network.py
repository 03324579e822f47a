"""Settings of the network that the stack creates."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import Field

from settings.values.vocabulary import Hostname, Problem, Settings

METADATA = IPv4Network("169.254.169.254/32")
"""Where a cloud serves a node its secrets (OpenStack: the Nova metadata service). No Pod may reach it."""


class AllocationPool(Settings):
    """The addresses that DHCP gives to nodes and load balancers."""

    start: Annotated[IPv4Address, Field(examples=["10.10.0.50"])]
    """First address, as an IPv4 address."""

    end: Annotated[IPv4Address, Field(examples=["10.10.0.250"])]
    """Last address, as an IPv4 address."""


class DnsRecord(Settings):
    """An address record for the public floating IP, in a zone of Designate."""

    zone: Annotated[Hostname, Field(examples=["gaia.example.org"])]
    """The Designate zone, without the final dot."""

    name: Annotated[Hostname, Field(examples=["zeppelin.gaia.example.org"])]
    """The full name of the record, without the final dot; inside the zone."""

    ttl: Annotated[int, Field(ge=30, le=86400)] = 300
    """How long caches may keep the record, in seconds."""

    def problems(self) -> Iterator[Problem]:
        if not self.name.endswith(f".{self.zone}"):
            yield Problem(("name",), f"is not inside the zone {self.zone}", f"a name that ends in .{self.zone}", (("zone",),))


class NetworkSettings(Settings):
    """The network, subnet and routers."""

    cidr: Annotated[IPv4Network, Field(examples=["10.10.0.0/16"])] = IPv4Network("10.10.0.0/16")
    """Range reserved for this platform, as an IPv4 network. The subnet must be inside it."""

    subnet: Annotated[IPv4Network, Field(examples=["10.10.0.0/24"])] = IPv4Network("10.10.0.0/24")
    """Subnet of the nodes, as an IPv4 network of /16 to /28."""

    gateway: IPv4Address | None = None
    """Address of the router on the subnet; by default the subnet's first address."""

    allocation_pool: AllocationPool | None = None
    """Addresses for nodes and load balancers; required with a Ceph router."""

    ceph_router_address: IPv4Address | None = None
    """Fixed address of the Ceph router on the subnet, outside the allocation pool; required where the site reaches Ceph by a router."""

    dns_record: DnsRecord | None = None
    """DNS record for the public floating IP; none by default."""

    @property
    def gateway_address(self) -> IPv4Address:
        """The router's address on the subnet."""
        return self.gateway or self.subnet.network_address + 1

    def problems(self) -> Iterator[Problem]:
        if not self.subnet.subnet_of(self.cidr):
            yield Problem(("subnet",), f"is not inside cidr {self.cidr}", f"an IPv4 network inside {self.cidr}", (("cidr",),))
        if not 16 <= self.subnet.prefixlen <= 28:
            yield Problem(("subnet",), f"has a prefix of /{self.subnet.prefixlen}", "a prefix from /16 to /28")
            return
        first, last = self.subnet.network_address + 1, self.subnet.broadcast_address - 1
        hosts = f"an address from {first} to {last}"
        if self.gateway and not first <= self.gateway <= last:
            yield Problem(("gateway",), f"is not a host address of subnet {self.subnet}", hosts, (("subnet",),))
        pool, ceph = self.allocation_pool, self.ceph_router_address
        if pool:
            involved = (("subnet",), ("allocation_pool",))
            for key, address in (("start", pool.start), ("end", pool.end)):
                if not first <= address <= last:
                    yield Problem(("allocation_pool", key), f"is not a host address of subnet {self.subnet}", hosts, (("subnet",),))
            if pool.start > pool.end:
                yield Problem(("allocation_pool", "end"), f"is before start {pool.start}", f"an address from {pool.start} on", involved)
            if pool.start <= self.gateway_address <= pool.end:
                yield Problem(
                    ("allocation_pool",),
                    f"contains the gateway {self.gateway_address}",
                    "a range without the gateway",
                    (("gateway",), *involved),
                )
        if ceph:
            if not first <= ceph <= last:
                yield Problem(("ceph_router_address",), f"is not a host address of subnet {self.subnet}", hosts, (("subnet",),))
            if ceph == self.gateway_address:
                yield Problem(
                    ("ceph_router_address",), "is the gateway's address", "another address of the subnet", (("gateway",), ("subnet",))
                )
            if pool is None:
                yield Problem(
                    ("allocation_pool",),
                    f"is missing, so DHCP could give {ceph}, the Ceph router's address, to a node",
                    "start and end of a range without the Ceph router's address",
                )
            elif pool.start <= ceph <= pool.end:
                yield Problem(
                    ("ceph_router_address",),
                    f"is inside the allocation pool {pool.start} to {pool.end}, so a node could get it first",
                    "an address of the subnet outside the pool",
                    (("allocation_pool",),),
                )
