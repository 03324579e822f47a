"""The ways in which the cloud fails when a test orders it: what the engine tests and the doctor rely on."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.drivers.gaia_dmp_cloud.faults import Fault
from tests.cloud.openstack.inventory import held
from tests.cloud.openstack.seed import IMAGE, SHARE_TYPE
from tests.support.eventually import eventually


@pytest.fixture
def project(cloud: Cloud) -> Any:
    return connect(cloud.clouds_yaml, "iris-gaia-red")


@pytest.fixture
def cluster(project: Any) -> Iterator[Callable[[], str]]:
    """Makes a cluster without waiting for it; returns its path."""
    magnum = project.container_infrastructure_management
    outside = project.network.find_network("CUDN-Internet", ignore_missing=False).id
    key = project.compute.create_keypair(name="faults")
    body = {"name": "faults", "coe": "kubernetes", "server_type": "vm", "image_id": IMAGE, "external_network_id": outside}
    sizes = {"keypair_id": key.name, "flavor_id": "vm.v1.large", "master_flavor_id": "vm.v1.small", "network_driver": "calico"}
    template = magnum.post("/clustertemplates", json=body | sizes).json()["uuid"]
    made: list[str] = []

    def make() -> str:
        made.append(f"/clusters/{magnum.post('/clusters', json={'name': 'faults', 'cluster_template_id': template}).json()['uuid']}")
        return made[-1]

    yield make
    for path in made:
        magnum.delete(path)
        eventually(lambda path=path: magnum.get(path).status_code == 404)
    magnum.delete(f"/clustertemplates/{template}")
    project.compute.delete_keypair(key)


@pytest.fixture
def share(project: Any) -> Iterator[Callable[[], Any]]:
    """Makes a share without waiting for it."""
    shares = project.shared_file_system
    made: list[Any] = []

    def make() -> Any:
        made.append(shares.create_share(name="faults", size=1, share_protocol="CEPHFS", share_type=SHARE_TYPE))
        return made[-1]

    yield make
    for each in made:
        shares.delete_share(each.id)
        eventually(lambda: "shares" not in held(project))


def test_a_cluster_fails_with_its_reason_after_a_while(cloud: Cloud, project: Any, cluster: Callable[[], str]) -> None:
    cloud.faults(Fault(service="magnum", operation="create_cluster", message="Failed to create trustee", seconds=5, times=1))
    path = cluster()
    magnum = project.container_infrastructure_management
    begin = time.monotonic()
    eventually(lambda: magnum.get(path).json().get("status") == "CREATE_FAILED")
    assert time.monotonic() - begin > 3
    assert magnum.get(path).json()["status_reason"] == "Failed to create trustee"


def test_the_first_poll_may_fail(cloud: Cloud, project: Any, cluster: Callable[[], str]) -> None:
    cloud.faults(Fault(service="magnum", request="^GET /v1/clusters/[0-9a-f-]+$", status=400, message="master_count 0", times=1))
    magnum = project.container_infrastructure_management
    path = cluster()
    first, second = magnum.get(path, raise_exc=False), magnum.get(path, raise_exc=False)
    assert (first.status_code, "master_count 0" in first.text) == (400, True)
    assert (second.status_code, second.json()["status"]) == (200, "CREATE_IN_PROGRESS")


def test_a_share_may_end_in_error(cloud: Cloud, project: Any, share: Callable[[], Any]) -> None:
    cloud.faults(Fault(service="manila", operation="create_share", message="no space", times=1))
    made = share()
    eventually(lambda: project.shared_file_system.get_share(made.id).status == "error")


def test_a_rule_may_be_refused(cloud: Cloud, project: Any, share: Callable[[], Any]) -> None:
    shares = project.shared_file_system
    made = share()
    eventually(lambda: shares.get_share(made.id).status == "available")
    cloud.faults(Fault(service="manila", operation="add_access", message="refused", times=1))
    rule = shares.create_access_rule(made.id, access_type="cephx", access_to="reader", access_level="ro")
    eventually(lambda: [each.state for each in shares.access_rules(made.id) if each.id == rule.id] == ["error"])


def test_an_expired_token_is_renewed_and_nobody_notices(cloud: Cloud, project: Any) -> None:
    assert project.shared_file_system.get("/shares").status_code == 200
    cloud.faults(Fault(service="manila", request="^GET /v2/shares", status=401, message="expired", times=1))
    assert project.shared_file_system.get("/shares").status_code == 200


def test_an_api_may_answer_500_or_hang_as_often_as_ordered(cloud: Cloud, project: Any) -> None:
    network = project.network
    cloud.faults(Fault(service="neutron", request="^GET /v2.0/routers", status=500, message="ordered", times=2))
    codes = [network.get("/routers", raise_exc=False).status_code for _ in range(3)]
    assert codes == [500, 500, 200]
    cloud.faults(Fault(service="neutron", request="^GET /v2.0/routers", seconds=2, times=1))
    begin = time.monotonic()
    assert network.get("/routers").status_code == 200
    assert time.monotonic() - begin >= 2


def test_a_quota_is_manilas_own(cloud: Cloud, project: Any) -> None:
    admin: Any = connect(cloud.clouds_yaml, "admin").shared_file_system
    path = f"/quota-sets/{project.current_project_id}"
    admin.put(path, json={"quota_set": {"gigabytes": 5}}, microversion="2.7").raise_for_status()
    body = {"share": {"name": "large", "size": 6, "share_proto": "CEPHFS", "share_type": SHARE_TYPE}}
    refused = project.shared_file_system.post("/shares", json=body, raise_exc=False)
    admin.delete(path, microversion="2.7").raise_for_status()
    assert (refused.status_code, "exceed" in refused.text.lower()) == (413, True)
