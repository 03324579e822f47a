"""The network of the platform: our own from subnet to public address, with a second router to Ceph."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_openstack import dns, networking


@dataclass(frozen=True, kw_only=True)
class CephRouteArgs:
    """One route from the subnet to Ceph.

    destination: network of Ceph servers, such as 10.4.200.0/24.
    next_hop: gateway inside the Ceph network that leads there, or None where the Ceph router's own gateway does.
    """

    destination: str
    next_hop: str | None = None


@dataclass(frozen=True, kw_only=True)
class CephRouterArgs:
    """The second router, whose gateway is the site's Ceph network.

    network: name of the external network that leads to Ceph.
    address: fixed address of the router on our subnet, outside the allocation pool.
    routes: what every node learns.
    """

    network: str
    address: str
    routes: Sequence[CephRouteArgs]


@dataclass(frozen=True, kw_only=True)
class DnsRecordArgs:
    """An address record for the public floating IP.

    zone: Designate zone, without the final dot. name: full name of the record, without the final dot. ttl: seconds.
    """

    zone: str
    name: str
    ttl: int


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What a network needs.

    title: begins the names that people see on the cloud, such as gaia-dmp-dev.
    external_network: name of the external network: gateway of the router and pool of the floating IP.
    subnet: range of the subnet, such as 10.10.0.0/24.
    gateway: address of the router on the subnet.
    allocation_pool: first and last address for DHCP, or None for all that are free.
    dns_nameservers: resolvers, as addresses.
    ceph: the second router, or None where Ceph is not reached by one.
    public_address: whether the platform gets a floating IP.
    dns_record: record for the floating IP, or None.
    """

    title: str
    external_network: str
    subnet: str
    gateway: str
    allocation_pool: tuple[str, str] | None = None
    dns_nameservers: Sequence[str] = ()
    ceph: CephRouterArgs | None = None
    public_address: bool = False
    dns_record: DnsRecordArgs | None = None


class Network(pulumi.ComponentResource):
    """Network, subnet, router and its interface; on demand a Ceph router with its port, interface and routes, a floating IP
    and its DNS record.

    Whoever takes `node_subnet_id` waits for everything that a node must find when it boots: a node learns routes from DHCP
    once, so they stand before it does (openstack/neutron: neutron/agent/linux/dhcp.py, classless-static-route).
    """

    network_id: pulumi.Output[str]
    """Id of the network."""

    node_subnet_id: pulumi.Output[str]
    """Id of the subnet, known once it is routed to the world and to Ceph."""

    external_network_id: pulumi.Output[str]
    """Id of the external network."""

    public_address: pulumi.Output[str | None]
    """The floating IP of the platform, or None. It survives the cluster."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:openstack:Network", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._query = pulumi.InvokeOptions(parent=self)
        network = networking.Network(f"{name}-network", name=args.title, tags=[args.title], opts=child)
        pool = args.allocation_pool
        subnet = networking.Subnet(
            f"{name}-subnet",
            name=args.title,
            tags=[args.title],
            network_id=network.id,
            cidr=args.subnet,
            gateway_ip=args.gateway,
            ip_version=4,
            allocation_pools=[networking.SubnetAllocationPoolArgs(start=pool[0], end=pool[1])] if pool else None,
            dns_nameservers=list(args.dns_nameservers) or None,
            opts=child,
        )
        self.external_network_id = networking.get_network_output(name=args.external_network, external=True, opts=self._query).id
        router = networking.Router(
            f"{name}-router", name=args.title, external_network_id=self.external_network_id, tags=[args.title], opts=child
        )
        interface = networking.RouterInterface(f"{name}-router-interface", router_id=router.id, subnet_id=subnet.id, opts=child)
        routed = [interface.id]
        if args.ceph:
            routed += self._ceph_router(name, args.title, args.ceph, network, subnet)
        self.network_id = network.id
        self.node_subnet_id = pulumi.Output.all(subnet.id, *routed).apply(lambda ids: ids[0])
        self.public_address = pulumi.Output.from_input(None)
        if args.public_address:
            address = networking.FloatingIp(
                f"{name}-public-address",
                pool=args.external_network,
                description=f"{args.title}: public address",
                tags=[args.title],
                opts=child,
            )
            self.public_address = address.address
            if args.dns_record:
                self._dns_record(name, args.dns_record, address.address)
        self.register_outputs(
            {
                "network_id": self.network_id,
                "node_subnet_id": self.node_subnet_id,
                "external_network_id": self.external_network_id,
                "public_address": self.public_address,
            }
        )

    def _ceph_router(
        self, name: str, title: str, args: CephRouterArgs, network: networking.Network, subnet: networking.Subnet
    ) -> list[pulumi.Output[str]]:
        """Make the second router and return what nodes must wait for."""
        child = pulumi.ResourceOptions(parent=self)
        outside = networking.get_network_output(name=args.network, opts=self._query).id
        router = networking.Router(f"{name}-ceph-router", name=f"{title}-ceph", external_network_id=outside, tags=[title], opts=child)
        port = networking.Port(
            f"{name}-ceph-port",
            name=f"{title}-ceph",
            tags=[title],
            network_id=network.id,
            fixed_ips=[networking.PortFixedIpArgs(subnet_id=subnet.id, ip_address=args.address)],
            opts=child,
        )
        interface = networking.RouterInterface(f"{name}-ceph-router-interface", router_id=router.id, port_id=port.id, opts=child)
        routed = [interface.id]
        for index, route in enumerate(args.routes):
            if route.next_hop:
                hop = networking.RouterRoute(
                    f"{name}-ceph-router-route-{index}",
                    router_id=router.id,
                    destination_cidr=route.destination,
                    next_hop=route.next_hop,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[interface]),
                )
                routed.append(hop.id)
            # The subnet's host route: nodes learn it by DHCP, and Magnum's own router never hears of Ceph.
            learnt = networking.SubnetRoute(
                f"{name}-ceph-subnet-route-{index}",
                subnet_id=subnet.id,
                destination_cidr=route.destination,
                next_hop=args.address,
                opts=child,
            )
            routed.append(learnt.id)
        return routed

    def _dns_record(self, name: str, args: DnsRecordArgs, address: pulumi.Output[str]) -> None:
        zone = dns.get_dns_zone_output(name=f"{args.zone}.", opts=self._query)
        dns.RecordSet(
            f"{name}-dns-record",
            zone_id=zone.id,
            name=f"{args.name}.",
            type="A",
            records=[address],
            ttl=args.ttl,
            opts=pulumi.ResourceOptions(parent=self),
        )
