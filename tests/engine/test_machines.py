"""Yarn on machines under the real engine: machines are replaced, and the drill of docs/how-to/fall-back.md there and back.

Servers are those of Nova's fake hypervisors: nothing boots.
"""

import copy
from collections.abc import Callable
from typing import Any

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.inventory import held
from tests.engine.platform import Platform
from tests.support.eventually import eventually
from tests.support.stack_files import document, with_machines

PROJECT = "iris-gaia-red"
ADDRESSES = {"gateway": "10.10.0.20", "worker-0": "10.10.0.21", "worker-1": "10.10.0.22"}
MACHINES = {f"yarn-{machine}" for machine in ADDRESSES}
LARGER = {"flavor": "vm.v1.xlarge", "vcpus": 16, "memory_gib": 64, "disk_gib": 60}


SECRETS = {"gaia-dmp:tls-certificate": "certificate", "gaia-dmp:tls-key": "key"}


def on_machines(data: dict[str, Any], **backend: Any) -> dict[str, Any]:
    """A configuration on machines whose certificate is given: the plug-in that signs one is not everywhere."""
    found = with_machines(data, **backend)
    tls = {"kind": "secret", "certificate_secret": "tls-certificate", "key_secret": "tls-key"}
    return found | {"gaia-dmp:entry": found["gaia-dmp:entry"] | {"tls": tls}}


def machines(project: Any, stack: str) -> dict[str, tuple[str, str, str]]:
    """Address, status and volume of each machine of a stack."""
    found = {}
    for server in project.compute.servers():
        if server.name.startswith(f"{stack}-"):
            (port,) = project.network.ports(device_id=server.id)
            (disk,) = project.compute.volume_attachments(server)
            volume = project.block_storage.get_volume(disk.volume_id)
            found[server.name.removeprefix(f"{stack}-")] = (port.fixed_ips[0]["ip_address"], server.status, volume.name)
    return found


def standing(stack: str) -> dict[str, tuple[str, str, str]]:
    return {machine: (address, "ACTIVE", f"{stack}-{machine}") for machine, address in ADDRESSES.items()}


def test_machines_stand_are_replaced_and_go(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    project: Any = connect(cloud.clouds_yaml, PROJECT)
    dev = platform("dev", on_machines(document("dev")))
    dev.secrets = SECRETS
    made = dev.up()
    assert not made.error, made.output[-3000:]
    assert machines(project, "gaia-dmp-dev") == standing("gaia-dmp-dev")
    assert dev.up().ops == {}
    assert not dev.refresh(expect_no_changes=True).error

    def changed(data: dict[str, Any], new: set[str]) -> None:
        """These machines are new ones with the old addresses, and no other is."""
        before, dev.data = dev.ids(), data
        done = dev.up()
        assert not done.error, done.output[-3000:]
        after = dev.ids()
        assert {name for name in MACHINES if after[name] != before[name]} == new
        assert {name for name, op in done.ops.items() if op == "replace"} == new | {f"{name}-disk" for name in new}
        assert machines(project, "gaia-dmp-dev") == standing("gaia-dmp-dev")
        (public,) = project.network.ips()
        assert public.fixed_ip_address == ADDRESSES["gateway"]
        assert dev.up().ops == {}

    changed(on_machines(document("dev"), worker=LARGER), MACHINES - {"yarn-gateway"})
    person = copy.deepcopy(dict(dev.data))
    person["gaia-dmp:zeppelin"]["people"] = [{"name": "alice"}]
    # Limits of people concern the ResourceManager alone.
    changed(person, {"yarn-gateway"})

    gone = dev.destroy()
    assert not gone.error, gone.output[-3000:]
    # Event logs are kept unless a stack file says otherwise.
    (kept,) = project.shared_file_system.shares()
    assert held(project) == {"shares": ["gaia-dmp-dev-history"]}
    project.shared_file_system.delete_share(kept.id)
    eventually(lambda: held(project) == {})


def test_the_drill_there_and_back(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    """The cluster is given up, machines take over its notebooks and its dataset, and hand them back."""
    project: Any = connect(cloud.clouds_yaml, PROJECT)
    shares: Any = project.shared_file_system
    data = document("dev")
    dev = platform("dev", data)
    made = dev.up()
    assert not made.error, made.output[-3000:]
    held_by_dev = {share.name: share.id for share in shares.shares()}
    notebooks = held_by_dev["gaia-dmp-dev-notebooks"]

    def writers() -> dict[str, str]:
        return {rule.access_to: rule.id for rule in shares.access_rules(notebooks) if rule.access_level == "rw"}

    (key,) = writers().values()
    shares.delete_access_rule(key, notebooks)
    eventually(lambda: writers() == {})
    there = platform("spare", adopting(data))
    there.secrets = SECRETS
    before = dev.ids()
    taken = there.up()
    assert not taken.error, taken.output[-3000:]
    assert set(writers()) == {"gaia-dmp-spare-notebooks"}
    assert machines(project, "gaia-dmp-spare") == standing("gaia-dmp-spare")
    assert [each.fixed_ip_address for each in project.network.ips()].count(ADDRESSES["gateway"]) == 1
    assert there.up().ops == {}

    there.data = {**there.data, "gaia-dmp:zeppelin": there.data["gaia-dmp:zeppelin"] | {"standby": True}}
    back = there.up()
    assert not back.error, back.output[-3000:]
    assert {name for name in MACHINES if back.ops.get(name) == "replace"} == {"yarn-gateway"}
    assert not dev.refresh().error
    returned = dev.up()
    assert not returned.error, returned.output[-3000:]
    assert set(writers()) == {"gaia-dmp-dev-notebooks", "gaia-dmp-spare-notebooks"}
    after = dev.ids()
    assert {name for name in before if after.get(name) != before[name]} == {"notebooks-access-gaia-dmp-dev-notebooks"}

    assert not there.destroy().error
    assert set(writers()) == {"gaia-dmp-dev-notebooks"}
    assert held_by_dev.items() <= {share.name: share.id for share in shares.shares()}.items()
    assert dev.up().ops == {}


def adopting(data: dict[str, Any]) -> dict[str, Any]:
    """The stack file of machines that take over the notebooks and the datasets of the stack dev."""
    found = on_machines(copy.deepcopy(data))
    found["gaia-dmp:zeppelin"] |= {"notebooks": {"kind": "adopt", "share": "gaia-dmp-dev-notebooks", "project": "compute"}}
    for dataset in found["gaia-dmp:datasets"]:
        dataset["source"] = {"kind": "adopt", "share": f"gaia-dmp-dev-{dataset['name']}", "project": "compute"}
    return found
