"""The drill of docs/how-to/fall-back.md: executors move to Yarn in one `up` and back in another, and nothing that holds data changes."""

from collections.abc import Callable

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.inventory import held
from tests.engine.platform import Platform
from tests.support.stack_files import document, with_yarn

DAEMONS = {"yarn-manager", "yarn-worker", "yarn-manager-service", "yarn-worker-service", "yarn-manager-files", "yarn-worker-files"}


def test_the_drill(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    data = document("dev")
    data["gaia-dmp:spark"]["history"] = {"kind": "share", "size_gib": 1}
    dev = platform("dev", data)
    made = dev.up()
    assert not made.error, made.output[-3000:]
    project = connect(cloud.clouds_yaml, "iris-gaia-red")
    held_before, ids = held(project), dev.ids()
    # Shares of a dataset, notebooks and event logs. A second volume of the last two is for the Job that makes their root writable.
    kinds = {"share:Share": 3, "ShareAccess": 3, "PersistentVolume": 5, "PersistentVolumeClaim": 5}
    holding = {urn for urn in dev.urns() for kind in kinds if f"{kind}::" in urn}
    assert {kind: sum(f"{kind}::" in urn for urn in holding) for kind in kinds} == kinds

    def keeps(changed: set[str]) -> None:
        """Nothing of OpenStack has changed, no volume and no claim, and the next `up` finds nothing to do."""
        assert held(project) == held_before
        names = {urn.split("::")[-1] for urn in holding}
        assert changed & names == set()
        now = dev.ids()
        assert {name: now[name] for name in names} == {name: ids[name] for name in names}
        assert dev.up().ops == {}

    dev.data = with_yarn(data)
    there = dev.up()
    assert not there.error, there.output[-3000:]
    assert {name for name, op in there.ops.items() if op == "create"} >= DAEMONS
    keeps(set(there.ops))
    assert dev.ids().keys() >= DAEMONS

    dev.data = data
    back = dev.up()
    assert not back.error, back.output[-3000:]
    assert {name for name, op in back.ops.items() if op == "delete"} >= DAEMONS
    keeps(set(back.ops))
    assert dev.ids().keys() & DAEMONS == set()
    assert dev.ids().keys() == ids.keys()
