"""Yarn and Zeppelin on machines of the cloud: servers of Nova, and who reaches them."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

import pulumi
from pulumi_openstack import blockstorage, compute, networking

from components.access.certificate import GivenTls, certificate_files
from components.yarn.configuration import YarnCluster, worker_files, yarn_files
from components.yarn.machine_files import FROM_WORKERS, OF_WORKERS, CephMount, MachineArgs, firewall
from components.yarn.machine_roles import GatewayArgs, gateway_data, worker_data
from components.zeppelin.login import LoginArgs, make_login
from settings.values.backend import MachineBackend
from settings.values.cluster import Flavour
from settings.values.entry import SelfSignedTls
from settings.values.images import OutsideSettings
from settings.values.spark import SparkSettings
from settings.values.zeppelin import ZeppelinSettings

LONGEST = 65535
"""Characters of user data that Nova takes, in base64 (nova: api/openstack/compute/schemas/servers.py)."""


@dataclass(frozen=True, kw_only=True)
class YarnMachinesArgs:
    """What the machines need."""

    title: str
    """Begins the names that people see on the cloud."""

    backend: MachineBackend
    """Their sizes, addresses and software."""

    network_id: pulumi.Input[str]
    """Network."""

    subnet_id: pulumi.Input[str]
    """Subnet, routed to the world and to Ceph."""

    subnet: IPv4Network
    """Its range."""

    public_address: pulumi.Input[str]
    """Floating IP, for the gateway."""

    allowed_cidrs: Sequence[IPv4Network]
    """Networks that reach the gateway; none for every address."""

    gateway_mounts: pulumi.Input[Sequence[CephMount]]
    """Shares of the gateway, with keys (secret)."""

    worker_mounts: pulumi.Input[Sequence[CephMount]]
    """Shares of a worker, with keys that only read (secret)."""

    spark: SparkSettings
    """Sizes of drivers and executors, and people's limits."""

    people: Sequence[str]
    """Who may start applications, as Yarn knows them."""

    zeppelin: ZeppelinSettings
    """The server."""

    login: LoginArgs
    """Who logs in."""

    certificate: GivenTls | SelfSignedTls
    """Where the gateway's certificate comes from."""

    hostname: str
    """Public name of the gateway."""

    outside: OutsideSettings
    """What people's processes reach, and certificates to trust."""

    environment: Mapping[str, str]
    """What a process needs to reach the world."""


class YarnMachines(pulumi.ComponentResource):
    """A gateway with Zeppelin, drivers and the ResourceManager, and workers with NodeManagers.

    Creates: two SecGroups with their rules, a ServerGroup (soft-anti-affinity); for each machine a Port with a fixed address, a Volume, an
    Instance and its VolumeAttach; FloatingIpAssociate for the gateway; passwords, and a certificate where the stack signs it.

    A machine is never changed: other user data, image or flavour makes a new one in the place of the old, with the same address. Workers
    have nothing that must be kept, and the gateway has it on shares. No machine has a key pair, and nothing reaches port 22.
    """

    passwords: pulumi.Output[dict[str, str]]
    """Passwords by login name, the administrator's first (secret)."""

    def __init__(self, name: str, args: YarnMachinesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:openstack:YarnMachines", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        gateway, *workers = args.backend.addresses()
        self._cluster = YarnCluster(
            resource_manager=str(gateway),
            workers=args.backend.workers,
            cores=args.backend.cores,
            memory_gib=args.backend.memory_gib,
            scratch="/work/scratch",
            # Spark's own release brings it along, with all that it needs in one jar.
            shuffle_jars="/opt/spark/yarn",
            spark_home="/opt/spark",
            people=args.people,
        )
        self._firewall = firewall(args.subnet, gateway, workers, args.outside.egress)
        groups = {role: self._group(role) for role in ("gateway", "worker")}
        self._rules(groups)
        self._apart = compute.ServerGroup(f"{name}-apart", name=args.title, policies="soft-anti-affinity", opts=self._child).id
        port = self._gateway(gateway, groups["gateway"])
        networking.FloatingIpAssociate(f"{name}-public-address", floating_ip=args.public_address, port_id=port.id, opts=self._child)
        files = worker_files(self._cluster, args.spark)
        for index, address in enumerate(workers):
            self._worker(index, address, groups["worker"], files)
        outputs = {"gateway": str(gateway), "workers": [str(address) for address in workers], "passwords": self.passwords}
        self.register_outputs(outputs)

    def _group(self, role: str) -> networking.SecGroup:
        return networking.SecGroup(
            f"{self._name}-{role}-group",
            name=f"{self._args.title}-{role}",
            description=f"{self._args.title}: who reaches the {role}s of Yarn"
            if role == "worker"
            else f"{self._args.title}: who reaches the gateway",
            # Neutron would let IPv6 out, which nothing here has.
            delete_default_rules=True,
            tags=[self._args.title],
            opts=self._child,
        )

    def _rules(self, groups: Mapping[str, networking.SecGroup]) -> None:
        """The world comes to the gateway's ports 80 and 443 alone, and machines to each other's ports that they need.

        Machines go out to the mirror, Debian's archive and Ceph; what people's own processes reach is for each machine's firewall.
        """
        rule = functools.partial(networking.SecGroupRule, ethertype="IPv4", opts=self._child)
        for role, group in groups.items():
            rule(f"{self._name}-{role}-out", security_group_id=group.id, direction="egress", remote_ip_prefix="0.0.0.0/0")
        for cidr in self._args.allowed_cidrs or [IPv4Network("0.0.0.0/0")]:
            for port in (80, 443):
                rule(
                    f"{self._name}-door-{port}-{str(cidr).replace('/', '-')}",
                    security_group_id=groups["gateway"].id,
                    direction="ingress",
                    protocol="tcp",
                    port_range_min=port,
                    port_range_max=port,
                    remote_ip_prefix=str(cidr),
                )
        ways = [("gateway", "worker", FROM_WORKERS), ("worker", "gateway", OF_WORKERS), ("worker", "worker", OF_WORKERS)]
        for target, source, ports in ways:
            for each in ports:
                rule(
                    f"{self._name}-{target}-from-{source}-{each.start}",
                    security_group_id=groups[target].id,
                    direction="ingress",
                    protocol="tcp",
                    port_range_min=each.start,
                    port_range_max=each.stop - 1,
                    remote_group_id=groups[source].id,
                )

    def _gateway(self, address: IPv4Address, group: networking.SecGroup) -> networking.Port:
        args, name = self._args, "gateway"
        files = yarn_files(self._cluster, args.spark)
        base, volume = self._machine_args(address, files), self._volume(name)
        login = make_login(self._name, args.login, self)
        self.passwords = login.passwords
        door = certificate_files(self._name, args.certificate, args.hostname, self)

        def rendered(given: tuple[str, Sequence[CephMount], str, str, str, str]) -> str:
            disk, mounts, ini, credentials_key, certificate, key = given
            own = GatewayArgs(
                cluster=self._cluster,
                spark=args.spark,
                zeppelin=args.zeppelin,
                origin=f"https://{args.hostname}",
                maven_mirror=args.outside.maven_mirror,
                shiro_ini=ini,
                credentials_key=credentials_key,
                certificate=certificate,
                key=key,
            )
            return checked(gateway_data(replace(base, volume=disk, mounts=mounts), own))

        told = pulumi.Output.all(volume.id, args.gateway_mounts, login.shiro_ini, login.credentials_key, door.certificate, door.key).apply(
            lambda given: rendered(tuple(given))
        )
        return self._machine(name, address, group, flavour=args.backend.gateway, volume=volume, told=told)

    def _worker(self, index: int, address: IPv4Address, group: networking.SecGroup, files: Mapping[str, str]) -> None:
        name = f"worker-{index}"
        base, volume = self._machine_args(address, files), self._volume(name)
        told = pulumi.Output.all(volume.id, self._args.worker_mounts).apply(
            lambda given: checked(worker_data(replace(base, volume=given[0], mounts=given[1])))
        )
        self._machine(name, address, group, flavour=self._args.backend.worker, volume=volume, told=told)

    def _machine_args(self, address: IPv4Address, files: Mapping[str, str]) -> MachineArgs:
        """What is known of a machine before anything is made."""
        return MachineArgs(
            address=address,
            yarn_files=files,
            volume="",
            mounts=(),
            software=self._args.backend.software,
            firewall=self._firewall,
            environment=self._args.environment,
            ca_bundle=self._args.outside.ca_bundle,
        )

    def _volume(self, name: str) -> blockstorage.Volume:
        return blockstorage.Volume(
            f"{self._name}-{name}-volume",
            name=f"{self._args.title}-{name}",
            size=self._args.backend.scratch_gib,
            volume_type=self._args.backend.volume_type,
            metadata={"stack": self._args.title},
            # Nothing on it is kept, and a new one makes a new machine.
            opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["size", "volumeType"], delete_before_replace=True),
        )

    def _machine(
        self,
        name: str,
        address: IPv4Address,
        group: networking.SecGroup,
        *,
        flavour: Flavour,
        volume: blockstorage.Volume,
        told: pulumi.Output[str],
    ) -> networking.Port:
        title = f"{self._args.title}-{name}"
        port = networking.Port(
            f"{self._name}-{name}-port",
            name=title,
            tags=[self._args.title],
            network_id=self._args.network_id,
            fixed_ips=[networking.PortFixedIpArgs(subnet_id=self._args.subnet_id, ip_address=str(address))],
            security_group_ids=[group.id],
            opts=self._child,
        )
        # A port and a volume belong to one machine at a time.
        alone = pulumi.ResourceOptions(parent=self, delete_before_replace=True)
        # The provider would resize or rebuild a server in its place. A new one begins as the first did.
        anew = pulumi.ResourceOptions(parent=self, delete_before_replace=True, replace_on_changes=["flavorName", "imageName"])
        server = compute.Instance(
            f"{self._name}-{name}",
            name=title,
            image_name=self._args.backend.image,
            flavor_name=flavour.flavor,
            networks=[compute.InstanceNetworkArgs(port=port.id)],
            scheduler_hints=[compute.InstanceSchedulerHintArgs(group=self._apart)],
            metadata={"stack": self._args.title},
            user_data=pulumi.Output.secret(told),
            opts=anew,
        )
        compute.VolumeAttach(f"{self._name}-{name}-disk", instance_id=server.id, volume_id=volume.id, opts=alone)
        return port


def checked(told: str) -> str:
    """User data, which Nova takes up to a length. Raises ValueError."""
    if (length := (len(told.encode()) + 2) // 3 * 4) > LONGEST:
        raise ValueError(
            f"user data of {length} characters is more than the {LONGEST} that Nova takes: there are too many people or shares, or "
            "outside.ca_bundle is too long"
        )
    return told
