"""The dev stack's life under the real engine and real APIs: it stands, stays, changes as planned, and goes without a trace."""

import copy
from collections.abc import Callable

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.inventory import held
from tests.engine.changes import Data, another_pool, grown, second_dataset
from tests.engine.platform import Platform
from tests.support.stack_files import document


def person(data: Data) -> None:
    data["gaia-dmp:zeppelin"]["people"] = [{"name": "alice"}]


def larger_workers(data: Data) -> None:
    data["gaia-dmp:cloud"]["cluster"]["workers"] |= {"flavor": "gaia.vm.cclake.12vcpu", "vcpus": 12, "memory_gib": 21, "disk_gib": 20}


def resized_pool(data: Data) -> None:
    data["gaia-dmp:cloud"]["cluster"]["pools"][0]["count"] = 3


def dataset_gone(data: Data) -> None:
    data["gaia-dmp:datasets"].pop()


def pool_gone(data: Data) -> None:
    data["gaia-dmp:cloud"]["cluster"]["pools"].pop()


def labels(data: Data) -> None:
    data["gaia-dmp:cloud"]["cluster"]["labels"] = {"boot_volume_type": "ssd"}


CHANGES: list[tuple[Callable[[Data], None], dict[str, str], set[str]]] = [
    (grown, {"data-sample-share": "update"}, {"update"}),
    (
        second_dataset,
        {"data-second-share": "create", "data-second-access-gaia-dmp-dev-data-second": "create"},
        {"create", "update", "replace"},
    ),
    (person, {"zeppelin-password-alice": "create"}, {"create", "update", "replace"}),
    (larger_workers, {"cluster-template": "replace", "cluster-cluster": "update"}, {"replace", "update"}),
    (another_pool, {"cluster-pool-more": "create"}, {"create"}),
    (resized_pool, {"cluster-pool-spark": "update"}, {"update"}),
    (pool_gone, {"cluster-pool-more": "delete"}, {"delete"}),
    (dataset_gone, {"data-second-share": "delete", "data-second-volume": "delete"}, {"delete", "update", "replace"}),
    (labels, {}, set()),
]
"""A change, what it must plan, and the kinds of operations that it may plan at all."""

KEEPS = {"data-sample-share", "notebooks-share", "cluster-cluster", "network-network", "network-subnet", "spark-namespace"}
"""Resources that no change of these may replace."""


def test_it_stands_stays_changes_and_goes(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    project = connect(cloud.clouds_yaml, "iris-gaia-red")
    dev = platform("dev", document("dev"))
    first = dev.up()
    assert not first.error, first.output[-3000:]
    assert held(project)["shares"] == ["gaia-dmp-dev-notebooks", "gaia-dmp-dev-sample"]
    assert dev.outputs()["zeppelin_url"] == "http://localhost:8080"

    again = dev.up()
    assert (again.error, again.ops) == (False, {})
    assert not dev.preview(expect_no_changes=True).error
    assert not dev.refresh(expect_no_changes=True).error

    for change, planned, kinds in CHANGES:
        before = dev.ids()
        data = copy.deepcopy(dict(dev.data))
        change(data)
        dev.data = data
        plan = dev.preview()
        assert not plan.error, f"{change.__name__}: {plan.output[-3000:]}"
        assert planned.items() <= plan.ops.items(), (change.__name__, plan.ops)
        assert set(plan.ops.values()) <= kinds, (change.__name__, plan.ops)
        done = dev.up()
        assert not done.error, f"{change.__name__}: {done.output[-3000:]}"
        after = dev.ids()
        assert {name: after[name] for name in KEEPS} == {name: before[name] for name in KEEPS}, change.__name__
        assert dev.up().ops == {}, change.__name__

    gone = dev.destroy()
    assert not gone.error, gone.output[-3000:]
    assert held(project) == {}
    assert dev.ids() == {}


def test_a_wrong_credential_is_refused_before_anything_is_registered(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    data = document("dev")
    data["gaia-dmp:cloud"]["clouds_yaml"] = "iris-gaia-blue"
    dev = platform("dev", data)
    refused = dev.preview()
    assert refused.error
    assert "opens another project" in refused.output
    assert set(refused.ops) <= {"gaia-dmp-dev", "openstack-compute"}
