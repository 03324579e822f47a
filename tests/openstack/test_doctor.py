"""The doctor on a real cloud with each thing broken in turn: it names what is wrong and the fix, and changes nothing.

Invariants: a sound cloud has no finding that is bad; every fault has a finding of its own, and only faults do.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.main import main
from doctor import visit as doctor_visit
from doctor.checks import examine
from doctor.visit import Finding, Visit
from settings.values.cloud import OpenStackCloud
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.drivers.gaia_dmp_cloud.faults import Fault
from tests.cloud.openstack.inventory import held
from tests.cloud.openstack.quotas import limited
from tests.cloud.openstack.seed import IMAGE, SHARE_TYPE
from tests.support.eventually import eventually
from tests.support.stack_files import changed, document, settings_of, write

Break = Callable[[Cloud], AbstractContextManager[Any]]


@pytest.fixture(autouse=True)
def credential(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))


def findings(data: dict[str, Any], stack: str = "dev") -> list[Finding]:
    settings = settings_of(data)
    assert isinstance(settings.cloud, OpenStackCloud)
    return list(examine(Visit(settings, settings.cloud, f"gaia-dmp-{stack}"), lambda _title: None))


def bad(found: list[Finding]) -> list[Finding]:
    return [each for each in found if each.verdict == "bad"]


def test_a_sound_cloud_has_nothing_wrong_and_is_left_as_it_was(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    project = connect(cloud.clouds_yaml, "iris-gaia-red")
    before = held(project)
    assert main(["doctor", "dev"]) == 0
    shown = capsys.readouterr().out
    assert "✓  credential iris-gaia-red" in shown
    assert "0 wrong" in shown
    assert held(project) == before


def test_prod_is_examined_in_both_projects(cloud: Cloud) -> None:
    data = document("prod")
    found = findings(data, "prod")
    subjects = {each.subject: each.verdict for each in found}
    assert subjects["credential iris-gaia-data"] == "ok"
    assert subjects["share aglais-data-gaia-edr3-2048"] == "ok"
    assert subjects[f"share type {SHARE_TYPE}"] == "ok"
    assert subjects["quota of volume space (GiB)"] == "ok"
    assert bad(found) == []


def test_buckets_spaces_backups_and_adopted_shares_are_examined(cloud: Cloud) -> None:
    data = document("prod")
    owner: Any = connect(cloud.clouds_yaml, "iris-gaia-data")
    share = next(each for each in owner.shared_file_system.shares() if each.name == data["gaia-dmp:datasets"][0]["source"]["share"])
    data["gaia-dmp:datasets"][0]["source"]["share"] = share.id
    data["gaia-dmp:zeppelin"] |= {
        "user_space": {"kind": "share"},
        "backup": {"target": {"kind": "share"}, "password_secret": "p"},
        "notebooks": {"kind": "adopt", "share": "gone"},
    }
    store = {"project": "iris-gaia-buckets", "clouds_yaml": "iris-gaia-buckets", "buckets": [{"name": "results"}]}
    data["gaia-dmp:object_store"] = store | {"endpoint": f"http://127.0.0.1:{cloud.ports['swift']}"}
    found = {each.subject: each for each in findings(data, "prod")}
    assert found[f"share {share.id}"].verdict == "ok"
    assert (found["share gone"].verdict, "zeppelin.notebooks.share" in found["share gone"].fix) == ("bad", True)
    assert found["credential iris-gaia-buckets"].verdict == "ok"
    assert found["S3"].verdict == "ok", found["S3"]
    # Three people and the test user, a share each; one of backups, one of event logs.
    assert "needs 6" in found["quota of shares"].says
    data["gaia-dmp:object_store"]["endpoint"] = f"http://127.0.0.1:{cloud.ports['glance']}"
    (wrong,) = [each for each in findings(data, "prod") if each.subject == "S3"]
    assert (wrong.verdict, wrong.fix) == ("bad", "set object_store.endpoint")


def test_the_network_of_second_ports_is_looked_for(cloud: Cloud) -> None:
    site = {"external_network": "CUDN-Internet", "share_type": SHARE_TYPE}
    data = changed("dev", "cloud.site", site | {"ceph": {"kind": "port", "network": "nowhere", "cidr": "10.9.0.0/16"}})
    data["gaia-dmp:cloud"]["network"].pop("ceph_router_address")
    (finding,) = bad(findings(data))
    assert (finding.subject, finding.says) == ("network nowhere", "does not exist, or this project may not see it")
    data["gaia-dmp:cloud"]["site"]["ceph"]["network"] = "cephfs"
    assert bad(findings(data)) == []


@pytest.mark.parametrize(
    ("path", "value", "subject", "says", "fix"),
    [
        ("cloud.clouds_yaml", "nobody", "credential nobody", "was not accepted", "clouds.yaml"),
        (
            "cloud.clouds_yaml",
            "iris-gaia-blue",
            "credential iris-gaia-blue",
            "is for project iris-gaia-blue",
            "cloud.project: iris-gaia-blue",
        ),
        ("cloud.region", "elsewhere", "credential iris-gaia-red", "Region elsewhere is not", "cloud.region"),
        ("cloud.site", {"external_network": "no-such-network"}, "network no-such-network", "does not exist", "CUDN-Internet"),
        ("cloud.site", {"octavia_provider": "ovn"}, "Octavia provider ovn", "does not exist; the site has amphora", "amphora"),
        ("cloud.site", {"share_type": "fast"}, "share type fast", "does not exist", SHARE_TYPE),
        ("cloud.cluster.template.image", "no-such-image", "image no-such-image", "does not exist", "template.image"),
        ("cloud.cluster.kubernetes_version", "1.36.3", f"image {IMAGE}", "has Kubernetes 1.35.4", 'kubernetes_version: "1.35.4"'),
        ("cloud.cluster.kubernetes_version", "1.33.4", "Kubernetes 1.33.4", "no security fixes since 2026-06-28", "1.36"),
        ("cloud.cluster.workers.flavor", "vm.v9", "flavour vm.v9", "of cloud.cluster.workers does not exist", "vm.v1.small"),
        ("cloud.cluster.workers.vcpus", 16, "flavour vm.v1.large", "vcpus is 8, not 16", "cloud.cluster.workers.vcpus: 8"),
        ("cloud.cluster.workers.disk_gib", 100, "flavour vm.v1.large", "disk_gib is 60, not 100", "cloud.cluster.workers.disk_gib: 60"),
        (
            "cloud.cluster.template",
            {"kind": "named", "name": "no-such-template"},
            "template no-such-template",
            "cannot be read",
            "template list",
        ),
        (
            "datasets.0.source",
            {"kind": "adopt", "share": "no-such-share", "project": "compute"},
            "share no-such-share",
            "does not exist in project iris-gaia-red",
            "source.share",
        ),
        ("cloud.cluster.pools.0.count", 60, "quota of cores", "the stack needs", "ask the site"),
    ],
)
def test_a_stack_file_that_this_cloud_does_not_bear_out(cloud: Cloud, path: str, value: Any, subject: str, says: str, fix: str) -> None:
    if path == "cloud.site":
        site = settings_of(document("dev")).cloud.site.model_dump(mode="json")  # type: ignore[union-attr]
        value = site | value
    data = changed("dev", path, value)
    if path == "cloud.cluster.kubernetes_version":
        # By its id: a name that tells another version is refused before anybody asks the cloud.
        data["gaia-dmp:cloud"]["cluster"]["template"]["image"] = _admin(cloud).image.find_image(IMAGE).id
    found = [each for each in bad(findings(data)) if each.subject == subject]
    assert found, findings(data)
    if says != "the stack needs":
        assert says in found[0].says
    assert fix in found[0].fix


def _admin(cloud: Cloud) -> Any:
    return connect(cloud.clouds_yaml, "admin")


def without(kind: str) -> Break:
    @contextmanager
    def broken(cloud: Cloud) -> Iterator[None]:
        identity = _admin(cloud).identity
        service = next(each for each in identity.services() if each.type == kind)
        identity.update_service(service, is_enabled=False)
        yield
        identity.update_service(service, is_enabled=True)

    return broken


def image_with(**properties: Any) -> Break:
    @contextmanager
    def broken(cloud: Cloud) -> Iterator[None]:
        admin = _admin(cloud)
        image = admin.image.find_image(IMAGE)
        changes = [{"op": "remove" if new is None else "replace", "path": f"/{key}", "value": new} for key, new in properties.items()]
        patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        admin.image.patch(f"/images/{image.id}", json=changes, headers=patch).raise_for_status()
        yield
        back = [{"op": "add", "path": f"/{key}", "value": {"os_distro": "ubuntu", "kube_version": "v1.35.4"}[key]} for key in properties]
        admin.image.patch(f"/images/{image.id}", json=back, headers=patch).raise_for_status()

    return broken


@contextmanager
def image_deactivated(cloud: Cloud) -> Iterator[None]:
    admin = _admin(cloud)
    image = admin.image.find_image(IMAGE)
    admin.image.deactivate_image(image)
    yield
    admin.image.reactivate_image(image)


def test_nodes_that_boot_from_volumes_need_cinder_and_room_there(cloud: Cloud) -> None:
    data = changed("dev", "cloud.cluster.labels", {"boot_volume_size": "60"})
    # Four nodes of 60 GiB when idle.
    with quota("block_storage", gigabytes=239)(cloud):
        full = [each.says for each in bad(findings(data)) if each.subject == "quota of volume space (GiB)"]
    assert full == ["239 free of 239, the stack needs 240"]
    with without("volumev3")(cloud):
        (found,) = [each for each in bad(findings(data)) if each.subject == "Cinder"]
    assert "is not in the service catalogue" in found.says
    assert found.fix.startswith("use flavours with disks")


@contextmanager
def no_cluster_allowed(cloud: Cloud) -> Iterator[None]:
    magnum = _admin(cloud).container_infrastructure_management
    project = connect(cloud.clouds_yaml, "iris-gaia-red").current_project_id
    body = {"project_id": project, "resource": "Cluster", "hard_limit": 0}
    magnum.post("/quotas", json=body).raise_for_status()
    yield
    magnum.delete(f"/quotas/{project}/Cluster", json={"project_id": project, "resource": "Cluster"}).raise_for_status()


def quota(service: str, **limits: int) -> Break:
    return lambda cloud: limited(cloud.clouds_yaml, "iris-gaia-red", service, **limits)


def ours(count: int) -> Break:
    @contextmanager
    def broken(cloud: Cloud) -> Iterator[None]:
        network: Any = connect(cloud.clouds_yaml, "iris-gaia-red").network
        made = [network.create_network(name="gaia-dmp-dev") for _ in range(count)]
        yield
        for each in made:
            network.delete_network(each)

    return broken


@contextmanager
def our_share(cloud: Cloud) -> Iterator[None]:
    shares: Any = connect(cloud.clouds_yaml, "iris-gaia-red").shared_file_system
    body = {"name": "gaia-dmp-dev-notebooks", "share_proto": "CEPHFS", "size": 1, "share_type": SHARE_TYPE}
    made = shares.post("/shares", json={"share": body | {"metadata": {"stack": "gaia-dmp-dev"}}}).json()["share"]["id"]
    eventually(lambda: shares.get_share(made).status == "available")
    yield
    shares.delete_share(made)
    eventually(lambda: not list(shares.shares()))


def fault(**fields: Any) -> Break:
    @contextmanager
    def broken(cloud: Cloud) -> Iterator[None]:
        cloud.faults(Fault(**fields))
        yield
        cloud.faults()

    return broken


@pytest.mark.parametrize(
    ("broken", "subject", "verdict", "says"),
    [
        (without("load-balancer"), "Octavia", "bad", "is not in the service catalogue"),
        (image_with(os_distro=None), f"image {IMAGE}", "bad", "no property os_distro"),
        (image_with(kube_version=None), f"image {IMAGE}", "bad", "no property kube_version"),
        (image_with(kube_version="v1.34.2"), f"image {IMAGE}", "bad", "has Kubernetes 1.34.2"),
        (image_deactivated, f"image {IMAGE}", "bad", "is deactivated"),
        (quota("compute", cores=20), "quota of cores", "bad", "20 free of 20, the stack needs 28"),
        (quota("compute", ram=65536), "quota of memory (GiB)", "bad", "64 free of 64, the stack needs 112"),
        (quota("compute", instances=3), "quota of instances", "bad", "3 free of 3, the stack needs 4"),
        (quota("network", router=1), "quota of routers", "bad", "1 free of 1, the stack needs 2"),
        (quota("network", floatingip=0), "quota of floating ips", "bad", "0 free of 0, the stack needs 1"),
        (
            quota("shared_file_system", gigabytes=10),
            "quota of share space (GiB)",
            "bad",
            "10 free of 10, the stack needs 15",
        ),
        (quota("shared_file_system", shares=1), "quota of shares", "bad", "1 free of 1, the stack needs 2"),
        (quota("load_balancer", load_balancer=0), "quota of load balancers", "bad", "0 free of 0, the stack needs 1"),
        (no_cluster_allowed, "quota of clusters", "bad", "0 free of 0, the stack needs 1"),
        (ours(1), "gaia-dmp-dev", "unknown", "stands already in part: network gaia-dmp-dev"),
        (ours(2), "network gaia-dmp-dev", "bad", "stands 2 times"),
        (our_share, "gaia-dmp-dev", "unknown", "share gaia-dmp-dev-notebooks"),
        (fault(service="keystone", request="^POST /v3/auth/tokens", status=500), "credential iris-gaia-red", "bad", "was not accepted"),
        (fault(service="manila", request="^GET /v2/", status=500, message="ordered"), "Manila", "bad", "HTTP 500"),
        (fault(service="magnum", request="^GET /v1/clusters", status=406), "Magnum", "bad", "does not support version 1.9"),
        (fault(service="manila", request="^GET /v2/shares", status=406), "Manila", "bad", "does not support version 2.45"),
        (fault(service="octavia", request="^GET ", seconds=5), "Octavia", "bad", "did not answer"),
        (fault(service="glance", request="^GET /v2/images", status=500), "Glance", "bad", "HTTP 500"),
    ],
)
def test_a_cloud_with_one_thing_broken(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, broken: Break, subject: str, verdict: str, says: str
) -> None:
    if says == "did not answer":
        # All others get their time: a busy machine's Glance once took more than two seconds.
        monkeypatch.setattr(doctor_visit, "PATIENCE", 2)
    with broken(cloud):
        found = [each for each in findings(document("dev")) if each.subject == subject]
    assert [(each.verdict, says in each.says) for each in found] == [(verdict, True)], found
    assert found[0].fix


@pytest.mark.parametrize("kind", ["restricted", "unrestricted"])
def test_an_application_credential_must_be_unrestricted(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    restricted = kind == "restricted"
    red: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    body = {"application_credential": {"name": f"doctor-{kind}", "unrestricted": not restricted}}
    made = red.identity.post(f"/users/{red.current_user_id}/application_credentials", json=body).json()["application_credential"]
    clouds = yaml.safe_load(cloud.clouds_yaml.read_text())
    clouds["clouds"]["iris-gaia-red"] |= {
        "auth_type": "v3applicationcredential",
        "auth": {
            "auth_url": cloud.auth_url,
            "application_credential_id": made["id"],
            "application_credential_secret": made["secret"],
        },
    }
    file = tmp_path / "clouds.yaml"
    file.write_text(yaml.safe_dump(clouds))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    found = [each for each in findings(document("dev")) if each.subject == "credential iris-gaia-red"]
    assert found[0].verdict == ("bad" if restricted else "ok")
    assert ("--unrestricted" in found[0].fix) == restricted


def test_a_wrong_password_is_said(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(cloud.clouds_yaml.read_text().replace("password: pw", "password: wrong"))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    assert [(each.subject, "401" in each.says) for each in findings(document("dev"))] == [("credential iris-gaia-red", True)]


def test_variables_that_compete_with_clouds_yaml_are_named(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PROJECT_NAME", "somewhere")
    (found,) = bad(findings(document("dev")))
    assert "OS_PROJECT_NAME" in found.says
    assert found.fix == "unset OS_PROJECT_NAME"


@pytest.mark.parametrize(
    ("network_driver", "driver", "verdicts"),
    [
        ("calico", "capi-helm", ["ok", "ok", "ok"]),
        ("cilium", "capi-helm", ["bad", "ok", "ok"]),
        ("calico", "vexxhost", ["ok", "ok", "bad"]),
    ],
)
def test_a_named_template_is_read(cloud: Cloud, network_driver: str, driver: str, verdicts: list[str]) -> None:
    red: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    outside = red.network.find_network("CUDN-Internet", ignore_missing=False).id
    # A name of its own: Magnum answers 409 for a name that two templates have.
    name = f"site-{network_driver}-{driver}"
    body = {"name": name, "coe": "kubernetes", "server_type": "vm", "image_id": IMAGE, "external_network_id": outside}
    made = red.container_infrastructure_management.post("/clustertemplates", json=body | {"network_driver": "calico"}).json()["uuid"]
    data = changed("dev", "cloud.cluster.template", {"kind": "named", "name": name, "network_driver": network_driver})
    data["gaia-dmp:cloud"]["cluster"]["driver"] = driver
    found = [each for each in findings(data) if each.subject in {f"template {name}", f"image {IMAGE}", "Magnum driver"}]
    red.container_infrastructure_management.delete(f"/clustertemplates/{made}").raise_for_status()
    assert [each.verdict for each in found] == verdicts, found
    if verdicts[-1] == "bad":
        assert found[-1].fix == "set cloud.cluster.driver: capi-helm"


def test_a_share_of_this_very_stack_is_not_adopted(cloud: Cloud) -> None:
    """As somebody's space; one of another stack is."""
    shares: Any = connect(cloud.clouds_yaml, "iris-gaia-red").shared_file_system
    data = document("dev")
    made = {
        stack: shares.create_share(
            name=f"gaia-dmp-{stack}-user-alice",
            size=1,
            share_protocol="CEPHFS",
            share_type=SHARE_TYPE,
            metadata={"stack": f"gaia-dmp-{stack}"},
        )
        for stack in ("dev", "other")
    }
    for share in made.values():
        shares.wait_for_status(share, "available", failures=["error"], interval=0.2, wait=60)
    people = [{"name": name, "space_share": share.id} for name, share in zip(("alice", "bob"), made.values(), strict=True)]
    data["gaia-dmp:zeppelin"] |= {"people": people, "user_space": {"kind": "share", "size_gib": 1}}
    found = {each.subject: each for each in findings(data)}
    ours = found[f"share {made['dev'].id}"]
    assert (ours.verdict, ours.says) == ("bad", "is this very stack's, which zeppelin.people[0].space_share cannot adopt")
    assert ours.fix.endswith(f"openstack share unset --property stack {made['dev'].id}")
    assert found[f"share {made['other'].id}"].verdict == "ok"
    for share in made.values():
        shares.delete_share(share.id)
    eventually(lambda: not list(shares.shares()), 60)


def test_a_share_in_error_is_not_adopted(cloud: Cloud) -> None:
    admin: Any = _admin(cloud)
    data: Any = connect(cloud.clouds_yaml, "iris-gaia-data")
    share = next(each for each in data.shared_file_system.shares() if each.name.startswith("aglais-data-gaia-edr3"))
    action = f"/shares/{share.id}/action"
    admin.shared_file_system.post(action, json={"reset_status": {"status": "error"}}, microversion="2.7").raise_for_status()
    try:
        found = [each for each in bad(findings(document("prod"), "prod")) if each.subject == f"share {share.name}"]
        assert [each.says for each in found] == ["has status error, not available"]
    finally:
        admin.shared_file_system.post(action, json={"reset_status": {"status": "available"}}, microversion="2.7").raise_for_status()


def test_the_program_ends_with_1_where_something_is_wrong(cloud: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "dev", changed("dev", "cloud.cluster.workers.flavor", "vm.v9"))
    assert main(["doctor", "dev", "--folder", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "✗  flavour vm.v9" in shown
    assert "fix: set cloud.cluster.workers.flavor to one of" in shown


def test_a_stack_on_a_cluster_that_exists_is_not_examined(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "local"]) == 0
    assert "checks only OpenStack clouds" in capsys.readouterr().err
