"""What an engineer reads when the cloud fails, and that `pulumi up` goes on once it does not: one stack that meets every fault in turn."""

from collections.abc import Callable
from typing import Any

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.drivers.gaia_dmp_cloud.faults import Fault
from tests.cloud.openstack.inventory import held
from tests.engine.platform import Platform
from tests.support.eventually import eventually
from tests.support.stack_files import document

_NO_NETWORKS = Fault(service="neutron", request="^POST /v2.0/networks", status=500, message="ordered: no networks today")
"""Without networks nothing later is reached."""

PASSES = [
    Fault(service="magnum", request="^GET /v1/clusters/", status=401, message="ordered: the token has expired", times=1),
    Fault(service="manila", request="^GET /v2/", seconds=20, times=1),
]
"""What an `up` has to sit out: an expired token, an API that hangs for a while. A slow create is in test_interrupted.py."""


KEPT = ("data-sample-share", "notebooks-share")
"""What no fault may cost."""


def test_a_stack_survives_every_fault(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    shares, magnum = project.shared_file_system, project.container_infrastructure_management
    dev = platform("dev", document("dev"))

    def stops(words: list[str], *faults: Fault) -> None:
        cloud.faults(*faults)
        stopped = dev.up()
        assert stopped.error, faults
        assert [word for word in words if word not in stopped.output] == [], (faults, stopped.output[-3000:])

    # The identity service is down: nothing is registered.
    refused = "gaia-dmp:cloud.clouds_yaml: iris-gaia-red: the credential was not accepted; nothing was registered"
    stops([refused], Fault(service="keystone", request="^POST /v3/auth/tokens", status=500, message="ordered: identity is down"))

    # No space for shares: the next update says which share was never made, and which commands help; they do.
    no_space = Fault(service="manila", operation="create_share", message="ordered: no space in the pool")
    stops(["network-network", "ordered: no networks today", "-share", "unexpected state 'error'"], _NO_NETWORKS, no_space)
    stops(["was never made: Manila left it in error", "openstack share delete"], _NO_NETWORKS)
    for share in shares.shares():
        shares.delete_share(share.id)
    eventually(lambda: not list(shares.shares()))
    assert not dev.refresh().error

    # A rule is refused: Manila's own words name the way out.
    stops(["-access-", "unexpected state 'error'"], Fault(service="manila", operation="add_access", message="ordered: rule refused"))
    stops(["Deny any rules in error state and try again"])
    ids = dev.ids()
    for share in shares.shares():
        for rule in shares.access_rules(share.id):
            shares.delete_access_rule(rule.id, share.id)
    eventually(lambda: "rules" not in held(project))

    # Magnum fails with its reason; the update after that does not take the wreck for a cluster.
    reason = "Failed to create trustee or trust for Cluster"
    stops(["cluster-cluster", reason], Fault(service="magnum", operation="create_cluster", message=reason, times=1))
    stops(["has no API address: its creation failed, or has not ended", "openstack coe cluster delete"])
    (wreck,) = magnum.get("/clusters").json()["clusters"]
    magnum.delete(f"/clusters/{wreck['uuid']}")
    eventually(lambda: "clusters" not in held(project))
    assert not dev.refresh().error

    # The race of Magnum and its provider: the first poll fails, the cluster is made all the same.
    race = Fault(service="magnum", request="^GET /v1/clusters/[0-9a-f-]+$", status=400, message="ordered: master_count 0", times=1)
    stops(["cluster-cluster", "ordered: master_count 0"], race)
    eventually(lambda: magnum.get("/clusters").json()["clusters"][0]["status"] == "CREATE_COMPLETE")

    cloud.faults(*PASSES)
    whole = dev.up()
    assert not whole.error, whole.output[-3000:]
    found = held(project)
    assert (found["networks"], found["clusters"]) == (["gaia-dmp-dev"], ["gaia-dmp-dev"])
    assert found["shares"] == ["gaia-dmp-dev-notebooks", "gaia-dmp-dev-sample"]
    assert {name: dev.ids()[name] for name in KEPT} == {name: ids[name] for name in KEPT}
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
    assert {name: dev.ids()[name] for name in KEPT} == {name: ids[name] for name in KEPT}
