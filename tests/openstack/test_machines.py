"""A stack on Yarn's machines, on real Nova, Neutron, Cinder and Placement. The hypervisors are Nova's fake ones: no machine boots.

Invariants: the services take what the program asks for; machines run apart, with the addresses, rules and volumes of the stack file;
another machine in the place of one has its address; the doctor says beforehand what a service would refuse; nothing is left.
"""

from dataclasses import replace
from typing import Any

import pytest
from openstack.exceptions import ConflictException, HttpException

from doctor.checks import examine
from doctor.visit import Finding, Visit
from recording import Recording
from settings.values.cloud import OpenStackCloud
from tests.cloud.openstack.apply import applied
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.inventory import held
from tests.cloud.openstack.quotas import limited
from tests.cloud.openstack.seed import MACHINE_IMAGE, SHARE_TYPE
from tests.support.machines import recorded
from tests.support.programs import named
from tests.support.stack_files import document, settings_of, with_machines

PROJECT = "iris-gaia-red"
ADDRESSES = {"gateway": "10.10.0.20", "worker-0": "10.10.0.21", "worker-1": "10.10.0.22"}


def split(recording: Recording, *names: str) -> tuple[Recording, Recording]:
    """A recording without some resources, and one of these alone, with the providers of both."""
    rest = [each for each in recording.resources if each.name not in names]
    some = [each for each in recording.resources if each.name in names or each.type.startswith("pulumi:providers:")]
    return replace(recording, resources=rest), replace(recording, resources=some)


def address(project: Any, server: str) -> str:
    """The one address of a server inside the network."""
    (port,) = project.network.ports(device_id=server)
    return port.fixed_ips[0]["ip_address"]


def test_a_stack_stands_and_goes(cloud: Cloud) -> None:
    recording, project = recorded(with_machines(document("dev")), "dev"), connect(cloud.clouds_yaml, PROJECT)
    assert held(project) == {}
    with applied(recording, cloud.clouds_yaml) as ids:
        names = {short: f"gaia-dmp-dev-{short}" for short in ADDRESSES}
        now = held(project)
        assert now["servers"] == now["volumes"] == sorted(names.values())
        assert (now["security groups"], now["server groups"]) == (["gaia-dmp-dev-gateway", "gaia-dmp-dev-worker"], ["gaia-dmp-dev"])
        servers = {short: project.compute.find_server(name, details=True, ignore_missing=False) for short, name in names.items()}
        assert {server.status for server in servers.values()} == {"ACTIVE"}
        assert {short: address(project, server.id) for short, server in servers.items()} == ADDRESSES
        assert [server.key_name for server in servers.values()] == [None] * 3
        _check_apart(cloud, project, {server.id for server in servers.values()})
        for short, server in servers.items():
            (attached,) = project.compute.volume_attachments(server)
            volume = project.block_storage.get_volume(attached.volume_id)
            assert (volume.name, volume.size, volume.status) == (names[short], 200, "in-use")
        public = project.network.get_ip(ids[named(recording, "network-public-address").urn])
        assert public.fixed_ip_address == ADDRESSES["gateway"]
    assert held(project) == {}


def _check_apart(cloud: Cloud, project: Any, servers: set[str]) -> None:
    """All machines are of one server group, and the scheduler has spread them; only an administrator sees hosts."""
    (group,) = project.compute.server_groups()
    assert (group.policy, set(group.member_ids)) == ("soft-anti-affinity", servers)
    admin: Any = connect(cloud.clouds_yaml, "admin")
    assert {admin.compute.get_server(each).hypervisor_hostname for each in servers} == {"host-1", "host-2", "host-3"}


def test_groups_are_closed(cloud: Cloud) -> None:
    """As Neutron lists the rules. Who listens where: components/yarn; what no rule names is refused, IPv6 in both directions."""
    recording = recorded(with_machines(document("dev")), "dev")
    recording.resources = [each for each in recording.resources if "Sec" in each.type or each.type.startswith("pulumi:providers:")]
    project: Any = connect(cloud.clouds_yaml, PROJECT)
    with applied(recording, cloud.clouds_yaml) as ids:
        roles = {ids[named(recording, f"yarn-{role}-group").urn]: role for role in ("gateway", "worker")}
        found = {
            (
                roles[each.security_group_id],
                *(each.direction, each.ether_type, each.protocol, each.port_range_min, each.port_range_max),
                each.remote_ip_prefix or roles[each.remote_group_id],
            )
            for group in roles
            for each in project.network.security_group_rules(security_group_id=group)
        }
        out = (None, None, None, "0.0.0.0/0")
        tcp = ("ingress", "IPv4", "tcp")
        assert found == {
            ("gateway", "egress", "IPv4", *out),
            ("worker", "egress", "IPv4", *out),
            ("gateway", *tcp, 80, 80, "0.0.0.0/0"),
            ("gateway", *tcp, 443, 443, "0.0.0.0/0"),
            ("gateway", *tcp, 8030, 8031, "worker"),
            ("gateway", *tcp, 22321, 22421, "worker"),
            *(
                ("worker", *tcp, *ports, source)
                for source in ("gateway", "worker")
                for ports in ((8041, 8041), (17337, 17337), (22322, 22421))
            ),
        }
    assert held(project) == {}


@pytest.mark.long
@pytest.mark.parametrize("machine", ["gateway", "worker-0"])
def test_another_machine_has_the_address_and_the_volume_of_the_one_before(cloud: Cloud, machine: str) -> None:
    """What the engine does where user data is another: the old server goes, and its port and volume get the new one."""
    rest, some = split(recorded(with_machines(document("dev")), "dev"), f"yarn-{machine}", f"yarn-{machine}-disk")
    project: Any = connect(cloud.clouds_yaml, PROJECT)
    with applied(rest, cloud.clouds_yaml) as standing:
        seen: list[tuple[str, str, str, str]] = []
        for changed in ("", "# changed\n"):
            named(some, f"yarn-{machine}").inputs["userData"] += changed
            with applied(some, cloud.clouds_yaml, standing) as ids:
                server = ids[named(some, f"yarn-{machine}").urn]
                (port,) = project.network.ports(device_id=server)
                (disk,) = project.compute.volume_attachments(server)
                seen.append((server, port.id, address(project, server), disk.volume_id))
        port, volume = standing[named(rest, f"yarn-{machine}-port").urn], standing[named(rest, f"yarn-{machine}-volume").urn]
        assert [each[1:] for each in seen] == [(port, ADDRESSES[machine], volume)] * 2
        assert seen[0][0] != seen[1][0]
    assert held(project) == {}


@pytest.mark.long
def test_one_port_is_not_for_two_servers(cloud: Cloud) -> None:
    """Why a server goes before its successor comes."""
    rest, some = split(recorded(with_machines(document("dev"), workers=1), "dev"), "yarn-gateway", "yarn-gateway-disk")
    file = cloud.clouds_yaml
    with (
        applied(rest, file) as standing,
        applied(some, file, standing),
        pytest.raises(ConflictException, match="is still in use"),
        applied(some, file, standing),
    ):
        pass
    assert held(connect(file, PROJECT)) == {}


# What the doctor says.


@pytest.fixture
def credential(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))


def findings(data: dict[str, Any]) -> list[Finding]:
    settings = settings_of(data)
    assert isinstance(settings.cloud, OpenStackCloud)
    return list(examine(Visit(settings, settings.cloud, "gaia-dmp-dev"), lambda _title: None))


def wrong(data: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What is bad, and what to do about it, by subject."""
    return {each.subject: (each.says, each.fix) for each in findings(data) if each.verdict == "bad"}


@pytest.mark.usefixtures("credential")
def test_a_sound_cloud_has_nothing_wrong(cloud: Cloud) -> None:
    project = connect(cloud.clouds_yaml, PROJECT)
    before = held(project)
    found = {each.subject: (each.verdict, each.says) for each in findings(with_machines(document("dev")))}
    # No share is there yet that would show its type's protocol.
    assert [subject for subject, (verdict, _) in found.items() if verdict != "ok"] == [f"share type {SHARE_TYPE}"]
    assert found[f"image {MACHINE_IMAGE}"] == ("ok", "is active")
    assert "the stack needs 3" in found["quota of volumes"][1]
    assert "the stack needs 600" in found["quota of volume space (GiB)"][1]
    # The gateway has 16 cores and 64 GiB, workers have 8 and 32 each.
    assert "the stack needs 32" in found["quota of cores"][1]
    assert "the stack needs 128" in found["quota of memory (GiB)"][1]
    assert held(project) == before


@pytest.mark.usefixtures("credential")
@pytest.mark.parametrize(
    ("backend", "subject", "says", "fix"),
    [
        ({"image": "debian-13"}, "image debian-13", "does not exist", "spark.backend.image"),
        ({"volume_type": "fast"}, "volume type fast", "does not exist", "to one of __DEFAULT__"),
        (
            {"worker": {"flavor": "vm.v9", "vcpus": 8, "memory_gib": 32, "disk_gib": 60}},
            "flavour vm.v9",
            "of spark.backend.worker does not exist",
            "vm.v1.large",
        ),
        (
            {"gateway": {"flavor": "vm.v1.xlarge", "vcpus": 16, "memory_gib": 96, "disk_gib": 60}},
            "flavour vm.v1.xlarge",
            "memory_gib is 64, not 96",
            "spark.backend.gateway.memory_gib: 64",
        ),
    ],
)
def test_a_stack_file_that_this_cloud_does_not_bear_out(backend: dict[str, Any], subject: str, says: str, fix: str) -> None:
    found = wrong(with_machines(document("dev"), **backend))
    assert found.keys() == {subject}
    assert says in found[subject][0]
    assert fix in found[subject][1]


@pytest.mark.usefixtures("credential")
def test_a_cloud_without_cinder(cloud: Cloud) -> None:
    identity: Any = connect(cloud.clouds_yaml, "admin").identity
    service = next(each for each in identity.services() if each.type == "volumev3")
    identity.update_service(service, is_enabled=False)
    found = wrong(with_machines(document("dev")))
    identity.update_service(service, is_enabled=True)
    assert found == {"Cinder": ("is not in the service catalogue, and each machine has a volume", "ask the site, or use backend yarn")}


@pytest.mark.long
@pytest.mark.usefixtures("credential")
@pytest.mark.parametrize(
    ("service", "kind", "refused", "enough", "subject", "says"),
    [
        ("compute", "instances", 2, 3, "quota of instances", "2 free of 2, the stack needs 3"),
        ("compute", "cores", 31, 32, "quota of cores", "31 free of 31, the stack needs 32"),
        ("compute", "ram", 127 * 1024, 128 * 1024, "quota of memory (GiB)", "127 free of 127, the stack needs 128"),
        ("compute", "server_groups", 0, 1, "quota of server groups", "0 free of 0, the stack needs 1"),
        ("compute", "server_group_members", 2, 3, "quota of members of a server group", "2 free of 2, the stack needs 3"),
        # Of machines, of both routers, and of what hands out addresses, which is not here.
        ("network", "port", 4, 6, "quota of ports", "4 free of 4, the stack needs 6"),
        # Every project has one already, with four rules.
        ("network", "security_group", 2, 3, "quota of security groups", "1 free of 2, the stack needs 2"),
        ("network", "security_group_rule", 15, 16, "quota of security group rules", "11 free of 15, the stack needs 12"),
        ("block_storage", "volumes", 2, 3, "quota of volumes", "2 free of 2, the stack needs 3"),
        ("block_storage", "gigabytes", 599, 600, "quota of volume space (GiB)", "599 free of 599, the stack needs 600"),
    ],
)
def test_what_a_quota_would_refuse_is_said_in_one_sentence(
    cloud: Cloud, service: str, kind: str, refused: int, enough: int, subject: str, says: str
) -> None:
    """Both ways: where the doctor says so, the service does refuse."""
    data, project = with_machines(document("dev")), connect(cloud.clouds_yaml, PROJECT)
    list(project.network.security_groups())
    with limited(cloud.clouds_yaml, PROJECT, service, **{kind: enough}):
        assert wrong(data) == {}
    with limited(cloud.clouds_yaml, PROJECT, service, **{kind: refused}):
        assert {key: words for key, (words, _) in wrong(data).items()} == {subject: says}
        with pytest.raises(HttpException, match=r"(?i)quota"), applied(recorded(data, "dev"), cloud.clouds_yaml):
            pass
    assert held(project) == {}
