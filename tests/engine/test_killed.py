"""An engine that is killed at many moments of `up`, `refresh` and `destroy`: nothing is made twice, nothing lost, nothing left over.

The steps are those of docs/runbooks/state-locked.md: `pulumi cancel`, `gaia resume`, `pulumi up`. What was seen is written down for
docs/reference/faults.md.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.inventory import held
from tests.engine.changes import another_pool, grown, second_dataset
from tests.engine.killed import DELAYS, Killed
from tests.engine.moments import Moments
from tests.engine.platform import Platform
from tests.support.stack_files import document

OF_UP: tuple[str, ...] = (
    "network-network",
    "network-subnet",
    "network-router",
    "network-router-interface",
    "network-ceph-router",
    "network-ceph-port",
    "network-ceph-router-interface",
    "network-ceph-subnet-route-0",
    "notebooks-share",
    "notebooks-access-",
    "data-sample-share",
    "data-sample-access-",
    "cluster-keypair",
    "cluster-template",
    "cluster-cluster",
    "cluster-pool-spark",
    "data-sample-volume",
    "ceph-csi-",
    "spark-network-",
    "spark-admission-",
    "spark-rbac-",
    "zeppelin-",
    "entry-",
)
"""How the name of a resource begins, or a whole one: the engine is killed while it makes one of them, once for each."""

OF_CHANGE = ("data-sample-share", "data-second-share", "data-second-access-", "cluster-pool-more", "data-second-volume")
OF_DESTROY = (
    "entry-", "zeppelin-namespace", "data-sample-volume", "ceph-csi-", "spark-namespace", "cluster-cluster", "cluster-template",
    "cluster-keypair", "data-sample-share", "notebooks-share", "network-ceph-router-interface", "network-router-interface",
    "network-subnet", "network-network",
)  # fmt: skip
"""The same for what is deleted."""

CLOCK = (3.0, 5.0, 8.0)
"""Seconds after which a `refresh` is killed."""

WHOLE = {
    "networks": ["gaia-dmp-dev"],
    "subnets": ["gaia-dmp-dev"],
    "routers": ["gaia-dmp-dev", "gaia-dmp-dev-ceph"],
    "clusters": ["gaia-dmp-dev"],
    "shares": ["gaia-dmp-dev-notebooks", "gaia-dmp-dev-sample"],
    "rules": ["gaia-dmp-dev-notebooks: gaia-dmp-dev-notebooks", "gaia-dmp-dev-sample: gaia-dmp-dev-data-sample"],
}


@pytest.mark.parametrize("victims", ["engine", "everything"])
def test_nothing_is_made_twice_and_nothing_lost(
    cloud: Cloud, platform: Callable[..., Platform], ready: Callable[[Platform], None], capsys: pytest.CaptureFixture[str], victims: str
) -> None:
    project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    dev = platform("dev", document("dev"))
    ready(dev)
    everything = victims == "everything"
    victim = "The engine, its plug-ins and the program are killed" if everything else "The engine is killed"
    told = "The message is what `gaia resume <stack>` prints. Before it, each command says that the stack is locked."
    book = Moments("killed-everything" if everything else "killed", victim, told, project)
    killed = Killed(dev, capsys, book, everything=everything)
    try:
        kills = killed.at_each("up", OF_UP, DELAYS[1:] if everything else DELAYS, "make")
        # What was pending together is taken over together, so a slower machine has fewer kills.
        assert kills >= 8, book.seen
        whole = dev.up()
        assert not whole.error, whole.output[-3000:]
        found = held(project)
        assert WHOLE.items() <= found.items(), found
        assert (len(found["key pairs"]), len(found["templates"])) == (1, 1), found
        assert dev.up().ops == {}
        assert "pending operations" not in dev.up().output

        for seconds in CLOCK:
            killed.after("refresh", seconds)
        assert dev.up().ops == {}

        dev.data = copy.deepcopy(dict(dev.data))
        for change in (grown, second_dataset, another_pool):
            change(dev.data)
        assert killed.at_each("up", OF_CHANGE, DELAYS[1:], "make or change") >= 3
        assert dev.up().ops == {}
        assert held(project)["shares"] == ["gaia-dmp-dev-notebooks", "gaia-dmp-dev-sample", "gaia-dmp-dev-second"]

        assert killed.at_each("destroy", OF_DESTROY, DELAYS, "delete") >= 5
        gone = dev.destroy()
        assert not gone.error, gone.output[-3000:]
        assert held(project) == {}
        assert dev.ids() == {}
    finally:
        book.write()
    assert len(book.seen) >= 20
    book.well()
