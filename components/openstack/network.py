"""The network of the platform: our own from subnet to public address, with a second router to Ceph."""

from dataclasses import dataclass

import pulumi
from pulumi_openstack import dns, networking

from components.openstack.first_look import before_create
from settings.values.network import DnsRecord, NetworkSettings
from settings.values.sites import CephRouter, Site


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What a network needs."""

    title: str
    """Begins the names that people see on the cloud, such as gaia-dmp-dev."""

    network: NetworkSettings
    """Addresses of the subnet, its router and the Ceph router, and the DNS record."""

    site: Site
    """External network, resolvers, and the way to Ceph."""

    public_address: bool
    """Whether the platform gets a floating IP."""

    first_look: pulumi.ResourceHook | None = None
    """A hook before network, routers and floating IP are made, or None."""


class Network(pulumi.ComponentResource):
    """Network, subnet, router and its interface; on demand a Ceph router with its port, interface and routes, a floating IP
    and its DNS record.

    A resource that takes `node_subnet_id` waits for everything that a node must find when it boots: a node learns routes from DHCP
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
        # What Neutron itself would make twice; it refuses a second subnet, port or interface of the same addresses.
        self._single = pulumi.ResourceOptions(parent=self, hooks=before_create(args.first_look))
        self._query = pulumi.InvokeOptions(parent=self)
        network = networking.Network(f"{name}-network", name=args.title, tags=[args.title], opts=self._single)
        pool, site = args.network.allocation_pool, args.site
        subnet = networking.Subnet(
            f"{name}-subnet",
            name=args.title,
            tags=[args.title],
            network_id=network.id,
            cidr=str(args.network.subnet),
            gateway_ip=str(args.network.gateway_address),
            ip_version=4,
            allocation_pools=[networking.SubnetAllocationPoolArgs(start=str(pool.start), end=str(pool.end))] if pool else None,
            dns_nameservers=[str(address) for address in site.dns_nameservers] or None,
            opts=child,
        )
        self.external_network_id = networking.get_network_output(name=site.external_network, external=True, opts=self._query).id
        router = networking.Router(
            f"{name}-router", name=args.title, external_network_id=self.external_network_id, tags=[args.title], opts=self._single
        )
        interface = networking.RouterInterface(f"{name}-router-interface", router_id=router.id, subnet_id=subnet.id, opts=child)
        routed = [interface.id]
        if isinstance(site.ceph, CephRouter):
            routed += self._ceph_router(name, args, site.ceph, network, subnet)
        self.network_id = network.id
        self.node_subnet_id = pulumi.Output.all(subnet.id, *routed).apply(lambda ids: ids[0])
        self.public_address = pulumi.Output.from_input(None)
        if args.public_address:
            address = networking.FloatingIp(
                f"{name}-public-address",
                pool=site.external_network,
                description=f"{args.title}: public address",
                tags=[args.title],
                opts=self._single,
            )
            self.public_address = address.address
            if args.network.dns_record:
                self._dns_record(name, args.network.dns_record, address.address)
        self.register_outputs(
            {
                "network_id": self.network_id,
                "node_subnet_id": self.node_subnet_id,
                "external_network_id": self.external_network_id,
                "public_address": self.public_address,
            }
        )

    def _ceph_router(
        self, name: str, args: NetworkArgs, ceph: CephRouter, network: networking.Network, subnet: networking.Subnet
    ) -> list[pulumi.Output[str]]:
        """Make the second router and return what nodes must wait for."""
        child = pulumi.ResourceOptions(parent=self)
        title, address = args.title, str(args.network.ceph_router_address)
        outside = networking.get_network_output(name=ceph.network, opts=self._query).id
        router = networking.Router(
            f"{name}-ceph-router", name=f"{title}-ceph", external_network_id=outside, tags=[title], opts=self._single
        )
        port = networking.Port(
            f"{name}-ceph-port",
            name=f"{title}-ceph",
            tags=[title],
            network_id=network.id,
            fixed_ips=[networking.PortFixedIpArgs(subnet_id=subnet.id, ip_address=address)],
            opts=child,
        )
        interface = networking.RouterInterface(f"{name}-ceph-router-interface", router_id=router.id, port_id=port.id, opts=child)
        routed = [interface.id]
        for index, route in enumerate(ceph.routes):
            if route.next_hop:
                hop = networking.RouterRoute(
                    f"{name}-ceph-router-route-{index}",
                    router_id=router.id,
                    destination_cidr=str(route.destination),
                    next_hop=str(route.next_hop),
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[interface]),
                )
                routed.append(hop.id)
            # The subnet's host route: nodes learn it by DHCP, and Magnum's own router never hears of Ceph.
            learnt = networking.SubnetRoute(
                f"{name}-ceph-subnet-route-{index}",
                subnet_id=subnet.id,
                destination_cidr=str(route.destination),
                next_hop=address,
                opts=child,
            )
            routed.append(learnt.id)
        return routed

    def _dns_record(self, name: str, args: DnsRecord, address: pulumi.Output[str]) -> None:
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
