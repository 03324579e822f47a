"""What an engineer reads when the cloud fails, and that `pulumi up` goes on once it does not: one stack that meets every fault in turn."""

from collections.abc import Callable
from typing import Any

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.drivers.gaia_dmp_cloud.faults import Fault
from tests.cloud.openstack.inventory import held
from tests.engine.platform import Platform
from tests.support.stack_files import document

_NO_NETWORKS = Fault(service="neutron", request="^POST /v2.0/networks", status=500, message="ordered: no networks today")

STOPS: list[tuple[list[Fault], list[str]]] = [
    (
        [Fault(service="keystone", request="^POST /v3/auth/tokens", status=500, message="ordered: identity is down")],
        ["gaia-dmp:cloud.clouds_yaml: iris-gaia-red: the credential was not accepted; nothing was registered"],
    ),
    (
        [_NO_NETWORKS, Fault(service="manila", operation="create_share", message="ordered: no space in the pool")],
        ["network-network", "ordered: no networks today", "data-sample-share", "error"],
    ),
    (
        [_NO_NETWORKS, Fault(service="manila", operation="add_access", message="ordered: rule refused")],
        ["data-sample-access-", "error"],
    ),
    (
        [Fault(service="magnum", request="^GET /v1/clusters/[0-9a-f-]+$", status=400, message="ordered: master_count 0", times=1)],
        ["cluster-cluster", "ordered: master_count 0"],
    ),
    (
        [Fault(service="magnum", operation="create_cluster", message="Failed to create trustee or trust for Cluster", times=1)],
        ["cluster-cluster", "CREATE_FAILED"],
    ),
]
"""Faults that stop `pulumi up`, and what the engineer must find in its output. Without networks nothing later is reached."""

PASSES = [
    Fault(service="magnum", operation="create_cluster", seconds=25, times=1),
    Fault(service="magnum", request="^GET /v1/clusters/", status=401, message="ordered: the token has expired", times=1),
    Fault(service="manila", request="^GET /v2/", seconds=20, times=1),
]
"""What an `up` has to sit out: a slow create, an expired token, an API that hangs for a while."""


def test_a_stack_survives_every_fault(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    project = connect(cloud.clouds_yaml, "iris-gaia-red")
    dev = platform("dev", document("dev"))
    for faults, words in STOPS:
        cloud.faults(*faults)
        stopped = dev.up()
        assert stopped.error, faults
        assert [word for word in words if word not in stopped.output] == [], (faults, stopped.output[-3000:])
    cloud.faults(*PASSES)
    whole = dev.up()
    assert not whole.error, whole.output[-3000:]
    found = held(project)
    assert (found["networks"], found["clusters"]) == (["gaia-dmp-dev"], ["gaia-dmp-dev"])
    assert found["shares"] == ["gaia-dmp-dev-notebooks", "gaia-dmp-dev-sample"]
    assert dev.up().ops == {}
    _quota(cloud, dev)
    assert not dev.destroy().error
    assert held(project) == {}


def _quota(cloud: Cloud, dev: Platform) -> None:
    """A quota that is full: what stands stays, the message has the service's words, and room makes it go on."""
    admin, project = connect(cloud.clouds_yaml, "admin"), connect(cloud.clouds_yaml, "iris-gaia-red")
    shares: Any = admin.shared_file_system
    path, ids = f"/quota-sets/{project.current_project_id}", dev.ids()
    shares.put(path, json={"quota_set": {"gigabytes": 15}}, microversion="2.7").raise_for_status()
    data = {**dev.data, "gaia-dmp:datasets": [{**dev.data["gaia-dmp:datasets"][0]}]}
    data["gaia-dmp:datasets"][0] |= {"source": {"kind": "create", "size_gib": 40, "on_destroy": "delete"}}
    dev.data = data
    full = dev.up()
    assert full.error
    assert "data-sample-share" in full.output
    assert "uota" in full.output, full.output[-3000:]
    shares.put(path, json={"quota_set": {"gigabytes": 1000}}, microversion="2.7").raise_for_status()
    room = dev.up()
    assert not room.error, room.output[-3000:]
    assert {name: dev.ids()[name] for name in ("data-sample-share", "notebooks-share")} == {
        name: ids[name] for name in ("data-sample-share", "notebooks-share")
    }
