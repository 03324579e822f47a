"""A stack on Yarn's machines: what stands, who reaches whom, where keys are, what stays, and which stack files are refused."""

import base64
import datetime as dt
import io
import json
import re
import tarfile
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from components.yarn.machines import checked
from policy import rules
from recording import SECRET, Recording
from review.compare import compare
from review.restarts import restarts
from tests.support.machines import files, told
from tests.support.programs import record_data, record_for_review
from tests.support.stack_files import MACHINES, changed, document, refusal, settings_of, with_machines

TODAY = dt.date(2026, 11, 23)
STACKS = ("dev", "prod")


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> tuple[str, Recording]:
    return request.param, record_data(with_machines(document(request.param)), "update")


def inputs(recording: Recording, kind: str) -> dict[str, Mapping[str, Any]]:
    """Inputs by name, of one kind of resource."""
    return {each.name: each.inputs for each in recording.resources if each.type.endswith(f":{kind}")}


def test_there_are_machines_and_no_cluster(stack):
    _, recording = stack
    assert sorted(inputs(recording, "Instance")) == ["yarn-gateway", "yarn-worker-0", "yarn-worker-1"]
    assert [each.type for each in recording.resources if "kubernetes" in each.type or "containerinfra" in each.type] == []
    assert recording.outputs["capacity"]["full"]["nodes"] == 3
    assert recording.outputs["capacity"]["full"]["vcpus"] == 32
    assert recording.outputs["serving"] is True


def test_every_rule_holds(stack):
    _, recording = stack
    assert [each.text for each in rules.broken(rules.check(recording, rules.waivers(), TODAY))] == []


def test_a_machine_keeps_its_address_when_it_is_a_new_one(stack):
    """The port stands by itself, and the server goes before its successor: Neutron gives a port to one server at a time."""
    _, recording = stack
    assert {name: port["fixedIps"][0]["ipAddress"] for name, port in inputs(recording, "Port").items() if name.startswith("yarn-")} == {
        "yarn-gateway-port": "10.10.0.20",
        "yarn-worker-0-port": "10.10.0.21",
        "yarn-worker-1-port": "10.10.0.22",
    }
    servers = [each for each in recording.resources if each.type.endswith((":Instance", ":VolumeAttach"))]
    assert [each.options.get("deleteBeforeReplace") for each in servers] == [True] * 6
    assert {server["schedulerHints"][0].keys() == {"group"} for server in inputs(recording, "Instance").values()} == {True}
    (group,) = inputs(recording, "ServerGroup").values()
    assert group["policies"] == "soft-anti-affinity"


def test_another_flavour_or_image_is_another_machine(stack):
    """The provider would resize a server, or rebuild it (pulumi_openstack 5.5: compute/instance.py)."""
    title, _ = stack
    before = record_for_review(with_machines(document(title)))
    larger = {"flavor": "vm.v1.xlarge", "vcpus": 16, "memory_gib": 64, "disk_gib": 60}
    for backend, wanted in (
        ({"worker": larger}, {"yarn-worker-0", "yarn-worker-1"}),
        ({"image": "debian-12-newer"}, {"yarn-gateway", "yarn-worker-0", "yarn-worker-1"}),
    ):
        changes = list(compare(before, record_for_review(with_machines(document(title), **backend))))
        assert {each.name for each in changes if each.operation == "replace" and each.type.endswith(":Instance")} == wanted
        assert {line.split(":")[0] for line in restarts(changes)} == wanted


def test_nobody_logs_in_to_a_machine(stack):
    _, recording = stack
    for name, server in inputs(recording, "Instance").items():
        assert "keyPair" not in server
        assert server["userData"] == SECRET
        data = told(stack[0], name)
        assert [user for user in data["users"] if user == "default" or not user["lock_passwd"] or "ssh_authorized_keys" in user] == []
        assert (data["ssh_pwauth"], data["disable_root"]) == (False, True)


def reached(recording: Recording) -> set[tuple[str, str, int, int]]:
    """(who is reached, by whom, first port, last port), as Neutron reads the rules: what no rule names is closed."""
    found = set()
    for name, rule in inputs(recording, "SecGroupRule").items():
        if rule["direction"] == "ingress":
            assert (rule["protocol"], rule["ethertype"]) == ("tcp", "IPv4")
            target = "gateway" if name.startswith(("yarn-gateway", "yarn-door")) else "worker"
            source = rule.get("remoteIpPrefix") or ("gateway" if "from-gateway" in name else "worker")
            found.add((target, source, rule["portRangeMin"], rule["portRangeMax"]))
    return found


def test_the_world_reaches_the_door_alone(stack):
    """Who listens where: hadoop 3.5.0, yarn-default.xml; spark 3.5.8, running-on-yarn.md and security.md (ports)."""
    _, recording = stack
    assert reached(recording) == {
        ("gateway", "0.0.0.0/0", 80, 80),
        ("gateway", "0.0.0.0/0", 443, 443),
        # ApplicationMasters and NodeManagers to the ResourceManager, and executors to drivers and their block managers.
        ("gateway", "worker", 8030, 8031),
        ("gateway", "worker", 22321, 22421),
        # Containers begin, shuffle files, and blocks.
        *(("worker", source, *ports) for source in ("gateway", "worker") for ports in ((8041, 8041), (17337, 17337), (22322, 22421))),
    }
    assert [group["deleteDefaultRules"] for group in inputs(recording, "SecGroup").values()] == [True, True]


def test_the_door_opens_to_named_networks_alone():
    data = with_machines(document("prod"))
    data["gaia-dmp:entry"] = data["gaia-dmp:entry"] | {"allowed_cidrs": ["192.0.2.0/24"]}
    doors = {each for each in reached(record_data(data)) if each[0] == "gateway" and each[1] != "worker"}
    assert doors == {("gateway", "192.0.2.0/24", 80, 80), ("gateway", "192.0.2.0/24", 443, 443)}


def test_workers_have_keys_that_only_read(stack):
    title, recording = stack
    levels = {rule["accessTo"]: rule["accessLevel"] for rule in inputs(recording, "ShareAccess").values()}
    keys = {
        name: {path for path in paths(told(title, name)) if path.startswith("/etc/ceph/")} for name in ("yarn-gateway", "yarn-worker-0")
    }
    by = {name: {levels[path.removeprefix("/etc/ceph/").removesuffix(".secret")] for path in found} for name, found in keys.items()}
    assert by == {"yarn-gateway": {"ro", "rw"}, "yarn-worker-0": {"ro"}}
    written = {ceph_id for ceph_id, level in levels.items() if level == "rw"}
    assert written == {"gaia-dmp-x-notebooks", "gaia-dmp-x-history"}


def paths(data: Mapping[str, Any]) -> dict[str, str]:
    """Mode by path, of what cloud-init itself writes."""
    return {each["path"]: each["permissions"] for each in data["write_files"]}


def test_what_root_alone_reads(stack):
    title, _ = stack
    for name in ("yarn-gateway", "yarn-worker-0"):
        assert set(paths(told(title, name)).values()) == {"0600"}
    clear = files(told(title, "yarn-gateway"))
    assert [path for path, contents in clear.items() if "$shiro1$" in contents or "key-of-" in contents or "PRIVATE KEY" in contents] == []


def test_shares_are_where_notebooks_look_for_them(stack):
    """The fields of fstab (fstab(5)) and the options of mount.ceph (ceph: doc/man/8/mount.ceph.rst)."""
    title, recording = stack
    for name, wanted in (
        ("yarn-gateway", {"/notebooks": "rw", "/srv/platform/history": "rw", "/staging": "rw"}),
        ("yarn-worker-0", {"/staging": "ro"}),
    ):
        lines = [line.split() for line in files(told(title, name))["/opt/platform/fstab"].splitlines()]
        mounted = {where: set(options.split(",")) for _, where, _, options, _, _ in lines}
        datasets = dict.fromkeys(recording.outputs["datasets"].values(), "ro")
        assert {path: ({"ro", "rw"} & options).pop() for path, options in mounted.items()} == datasets | wanted
        assert {kind for _, _, kind, *_ in lines} == {"ceph"}
        assert all({"_netdev", "nofail", "x-systemd.automount", "fs=cephfs"} <= options for options in mounted.values())
    sources = {where: source for source, where, *_ in lines}
    assert sources["/staging"].endswith("/.machines")
    assert sources["/staging"].startswith("192.0.2.10:6789,192.0.2.11:6789:/volumes/")


def test_the_daemons_read_what_pods_of_yarn_read(stack):
    """One rendering: what differs is where the ResourceManager is, and where Spark lies."""
    title, _ = stack
    site = files(told(title, "yarn-worker-0"))["/etc/yarn/yarn-site.xml"]
    assert "<name>yarn.resourcemanager.hostname</name><value>10.10.0.20</value>" in site
    assert "<value>/opt/spark/yarn/*</value>" in site
    assert site == files(told(title, "yarn-gateway"))["/etc/yarn/yarn-site.xml"]
    assert "/etc/yarn/capacity-scheduler.xml" not in files(told(title, "yarn-worker-0"))


@pytest.mark.parametrize(("machine", "more"), [("yarn-gateway", {"nginx.service"}), ("yarn-worker-0", set())])
def test_a_boot_begins_the_set_up_the_firewall_and_the_way_in_alone(machine, more):
    """What needs a share begins once the set-up has mounted it."""
    data = told("dev", machine)
    scripts = [*files(data).values(), *(" ".join(line) for line in data["runcmd"])]
    enabled = {unit for text in scripts for unit in re.findall(r"^systemctl enable (?:--\S+ )*(\S+)$", text, re.MULTILINE)}
    assert enabled == {"nftables.service", "platform-setup.service"} | more


def test_a_new_person_makes_a_new_gateway_and_no_new_worker():
    data = with_machines(document("prod"))
    more = data | {"gaia-dmp:zeppelin": data["gaia-dmp:zeppelin"] | {"people": [{"name": "carol"}]}}
    assert told(data, "yarn-worker-0") == told(more, "yarn-worker-0")
    assert told(data, "yarn-gateway") != told(more, "yarn-gateway")


@pytest.mark.parametrize(
    ("change", "new"),
    [
        ({"spark.per_person.interpreters": 7}, {"yarn-gateway"}),
        ({"spark.backend.software.zeppelin.sha512": "d" * 128}, {"yarn-gateway"}),
        ({"spark.backend.software.spark.sha512": "d" * 128}, {"yarn-gateway", "yarn-worker-0"}),
        ({"outside.egress": []}, {"yarn-gateway", "yarn-worker-0"}),
        # Firewalls have the addresses of all workers.
        ({"spark.backend.workers": 3}, {"yarn-gateway", "yarn-worker-0"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_which_machines_a_change_makes_anew(change, new):
    data = with_machines(document("prod"))
    other = edited(data, change)
    assert {name for name in ("yarn-gateway", "yarn-worker-0") if told(data, name) != told(other, name)} == new


def test_user_data_is_as_long_as_nova_takes():
    """65535 characters in base64, of which three bytes are four (nova: api/openstack/compute/schemas/servers.py)."""
    longest = "x" * 49149
    assert checked(longest) == longest
    with pytest.raises(ValueError, match=r"65536 characters is more than the 65535 that Nova takes.*outside\.ca_bundle"):
        checked(longest + "x")


def test_the_console_says_how_far_a_machine_is(stack):
    """Where Nova reads a machine's log; services write to the journal alone (systemd.exec, StandardOutput)."""
    for name in ("yarn-gateway", "yarn-worker-0"):
        there = files(told(stack[0], name))
        units = (there[f"/etc/systemd/system/platform-{unit}.service"].splitlines() for unit in ("setup", "scratch"))
        assert ["StandardOutput=journal+console" in lines for lines in units] == [True, True]


def test_a_server_that_stands_by_does_not_begin():
    data = with_machines(document("prod"))
    resting = data | {"gaia-dmp:zeppelin": data["gaia-dmp:zeppelin"] | {"standby": True}}
    enabled = [files(told(each, "yarn-gateway"))["/opt/platform/units"].split() for each in (data, resting)]
    assert set(enabled[0]) - set(enabled[1]) == {"zeppelin.service", "zeppelin-websocket.service"}
    assert "yarn-manager.service" in enabled[1]


@pytest.mark.parametrize("title", STACKS)
def test_what_holds_data_is_the_same_on_both_ways(title):
    """Going there and back changes no share, and the rules on the shares of notebooks and datasets stay."""
    machines = with_machines(document(title))
    kubernetes = machines | {"gaia-dmp:spark": {key: value for key, value in machines["gaia-dmp:spark"].items() if key != "backend"}}
    there, back = (
        {each.urn: (each.inputs, each.options.get("protect")) for each in record_data(data).resources if each.type.endswith(":Share")}
        for data in (machines, kubernetes)
    )
    assert there == back
    assert len(there) >= 3
    rules_there, rules_back = (
        {each.urn for each in record_data(data).resources if each.type.endswith(":ShareAccess")} for data in (machines, kubernetes)
    )
    assert {urn.rpartition("::")[2] for urn in rules_there - rules_back} == {"history-access-gaia-dmp-x-history-workers"}
    assert {urn.rpartition("::")[2].split("-access-")[0] for urn in rules_back - rules_there} <= {
        "backup",
        *(f"user-{name}" for name in ("admin", "alice", "bob", "smoke-test")),
    }


NETWORK = document("dev")["gaia-dmp:cloud"]["network"]
ACCOUNTS = "accepted: another name than root, spark, www-data, yarn, zeppelin, or backend kubernetes"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spark.history": None}, ["spark.backend.kind: yarn-machines", "needs spark.history as a share"]),
        ({"spark.history.state": "away"}, ["a spark.history of kind share that is present"]),
        ({"zeppelin.notebooks": {"kind": "storage_class"}}, ["zeppelin.notebooks.kind: storage_class", "share or adopt"]),
        (
            {
                "zeppelin.login": {
                    "kind": "ldap",
                    "url": "ldaps://ldap.example.org",
                    "user_dn_template": "uid={0},dc=example",
                    "group_search_base": "dc=example",
                    "administrators_group": "admins",
                }
            },
            ["zeppelin.login.kind: ldap", "accepted: local"],
        ),
        ({"entry": {"kind": "none"}}, ["entry.kind: none", "accepted: load_balancer"]),
        ({"entry.tls": {"kind": "cert_manager", "issuer": "x"}}, ["entry.tls.kind: cert_manager", "secret or self_signed"]),
        ({"spark.kueue": {"cluster_queue": "a"}}, ["spark.kueue", "no kueue, or backend kubernetes"]),
        (
            {
                "cloud.site": {"external_network": "x", "share_type": "c", "ceph": {"kind": "port", "network": "n", "cidr": "10.9.0.0/16"}},
                "cloud.network.ceph_router_address": None,
            },
            ["machines have one port"],
        ),
        ({"datasets.0.source": {"kind": "nfs", "server": "a", "path": "/b"}}, ["datasets[0].source.kind: nfs", "create, adopt or bring"]),
        (
            {"spark.backend.first_address": "10.10.0.13"},
            ["spark.backend.first_address: 10.10.0.13", "which is the address of the Ceph router"],
        ),
        ({"spark.backend.first_address": "10.10.0.49"}, ["10.10.0.49 to 10.10.0.51", "allocation pool 10.10.0.50 to 10.10.0.250"]),
        ({"spark.backend.first_address": "10.10.0.253"}, ["which are not all in subnet 10.10.0.0/24", "up to 10.10.0.252"]),
        ({"spark.backend.first_address": "255.255.255.255"}, ["which are not all in subnet 10.10.0.0/24", "up to 10.10.0.252"]),
        (
            {"spark.backend.workers": 200, "cloud.network.subnet": "10.10.0.0/28", "spark.backend.first_address": "10.10.0.3"},
            ["leads to 201 addresses", "fewer workers, or a larger subnet"],
        ),
        *(
            ({"datasets.0.mount_path": path}, [f"datasets[0].mount_path: {path}", f"is where a machine has {own} of its own"])
            for path, own in {
                "/work": "/work",
                "/work/scratch/x": "/work",
                "/notebooks": "/notebooks",
                "/staging": "/staging",
                "/srv": "/srv/platform",
            }.items()
        ),
        ({"spark.backend.cores": 9}, ["spark.backend.cores: 9", "at most 8, or a larger worker"]),
        ({"spark.backend.memory_gib": 31}, ["spark.backend.memory_gib: 31", "is more than the 30 that a worker of vm.v1.large has"]),
        ({"spark.backend.memory_gib": 8}, ["is not more than cores 8"]),
        ({"spark.backend.cores": 3}, ["is less than the 4 of an executor of spark-large"]),
        ({"spark.backend.gateway.memory_gib": 11}, ["spark.backend.gateway.memory_gib: 11", "accepted: 12 or more"]),
        ({"spark.backend.software.spark.sha512": "abc"}, ["spark.backend.software.spark.sha512: abc"]),
        *(
            ({"spark.backend.software.hadoop.file": path}, [f"spark.backend.software.hadoop.file: {path}", "such as hadoop-3.5.0.tar.gz"])
            for path in ("../x", "a/../../x", "a/..", "/x", "./x", "a//x", "a/")
        ),
        ({"spark.backend.software.mirror": "mirror.example.org"}, ["spark.backend.software.mirror: mirror.example.org"]),
        *(
            (
                {"zeppelin.people": [{"name": "bob"}, {"name": name}]},
                [f"zeppelin.people[1].name: {name}", f"is the name of an account that Yarn itself uses: {account}", ACCOUNTS],
            )
            for name, account in {
                "yarn": "yarn",
                "Yarn": "yarn",
                "root": "root",
                "zeppelin": "zeppelin",
                "spark": "spark",
                "www.data": "www-data",
            }.items()
        ),
        ({"zeppelin.administrator": "yarn"}, ["zeppelin.administrator: yarn", ACCOUNTS]),
        ({"monitoring": {"smoke_test": {"user": "root"}}}, ["monitoring.smoke_test.user: root", ACCOUNTS]),
        ({"zeppelin.people": [{"name": f"p{index}"} for index in range(100)]}, ["zeppelin.people", "are 101", "at most 100"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_stack_file_is_refused(change, words):
    message = refusal(edited(with_machines(document("dev")), change))
    assert [word for word in words if word not in message] == []


def edited(data: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with some keys set; None removes one."""
    data = json.loads(json.dumps(data))
    for path, value in change.items():
        first, *rest = path.split(".")
        *parents, last = [f"gaia-dmp:{first}", *rest]
        there: Any = data
        for part in parents:
            there = there[int(part)] if isinstance(there, list) else there[part]
        if value is None:
            del there[last]
        else:
            there[last] = value
    return data


def test_machines_need_openstack():
    data = changed("local", "spark.backend", MACHINES)
    data["gaia-dmp:spark"]["history"] = {"kind": "storage_class"}
    assert "spark.backend.kind: yarn-machines\n      needs a cloud.kind openstack" in refusal(data)


def test_the_file_of_both_ways_is_accepted():
    assert settings_of(with_machines(document("prod"))).machines is not None
    assert settings_of(document("prod")).machines is None


def test_addresses_of_machines_are_on_the_subnet():
    machines = settings_of(with_machines(document("dev"))).machines
    assert machines is not None
    assert {address in ip_network(NETWORK["subnet"]) for address in machines.addresses()} == {True}
    assert machines.addresses()[0] == ip_address("10.10.0.20")


def test_the_archive_of_files_is_the_same_bytes_each_time(stack):
    title, _ = stack
    archives = [told(title, "yarn-gateway")["write_files"][0]["content"] for _ in range(2)]
    assert archives[0] == archives[1]
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archives[0]))) as archive:
        assert {(entry.mtime, entry.uid, entry.gid) for entry in archive} == {(0, 0, 0)}


@pytest.mark.parametrize(
    "change",
    [
        {"portRangeMin": 22, "portRangeMax": 22},
        {"portRangeMax": 65535},
        {"protocol": "udp"},
        {"protocol": None, "portRangeMin": None, "portRangeMax": None},
    ],
)
def test_a_port_that_is_opened_to_the_world_breaks_a_rule(change):
    recording = record_data(with_machines(document("dev")))
    (door,) = [each for each in recording.resources if each.name.startswith("yarn-door-443")]
    door.inputs.update(change)
    found = rules.broken(rules.check(recording, rules.waivers(), TODAY))
    assert [(each.rule, each.name) for each in found] == [("closed-to-the-world", door.name)]
