"""A cluster that is rebuilt by one `pulumi up`: what it made outside of itself goes while it lives, data and network stay.

And the ways on and back after a rebuild that failed.
"""

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest

from operate.api import Api, Object
from operate.resume import TAKE_OVER
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.drivers.gaia_dmp_cloud.faults import Fault
from tests.cloud.openstack.inventory import held
from tests.engine.platform import Outcome, Platform
from tests.engine.resumed import resumed
from tests.support.eventually import eventually
from tests.support.stack_files import document

STAYS = ("network-network", "network-subnet", "network-public-address", "notebooks-share", "data-sample-share")
BALANCER: Object = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "gaia-zeppelin", "name": "gateway"}}
NAMESPACE: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gaia-spark"}}
KEEPER = "gaia-dmp.example.org/octavia"
"""A finalizer, as a cloud's controller puts on a load balancer until it has removed what stands for it outside of the cluster."""


def errors(outcome: Outcome) -> str:
    """What the engine says of resources, without the stack's outputs, which are long."""
    return outcome.output.partition("Diagnostics:")[2].partition("    Outputs:")[0][:6000] or outcome.output[-3000:]


def balanced() -> dict[str, Any]:
    """Dev with a load balancer."""
    tls = {"kind": "secret", "certificate_secret": "tls-certificate", "key_secret": "tls-key"}
    return document("dev") | {"gaia-dmp:entry": {"kind": "load_balancer", "hostname": "zeppelin.example.org", "tls": tls}}


def rebuilt(data: dict[str, Any], disk: str) -> dict[str, Any]:
    result = copy.deepcopy(data)
    result["gaia-dmp:cloud"]["cluster"] |= {"rebuild": True, "labels": {"boot_volume_type": disk}}
    return result


def test_one_up_rebuilds_a_cluster_and_a_failed_one_goes_on(
    cloud: Cloud, platform: Callable[..., Platform], monkeypatch: pytest.MonkeyPatch
) -> None:
    project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    dev = platform("dev", balanced())
    dev.secrets = {"gaia-dmp:tls-certificate": "certificate", "gaia-dmp:tls-key": "key"}
    first = dev.up()
    assert not first.error, errors(first)
    ids, before = dev.ids(), held(project)

    # In one `up`, while the controller of load balancers is still there to remove its own.
    old = Api(dev.outputs()["kubeconfig"])
    service = old.get(BALANCER)
    assert service
    service["metadata"]["finalizers"] = [KEEPER]
    old.replace(service, dry_run=False)
    dev.data = rebuilt(balanced(), "ssd")
    done: list[Outcome] = []
    working = threading.Thread(target=lambda: done.append(dev.up()))
    working.start()
    eventually(lambda: bool((old.get(BALANCER) or {}).get("metadata", {}).get("deletionTimestamp")), 300)
    going = old.get(BALANCER)
    assert going
    going["metadata"]["finalizers"] = []
    old.replace(going, dry_run=False)
    working.join()
    assert not done[0].error, errors(done[0])
    assert done[0].ops["cluster-cluster"] == "replace"
    after = dev.ids()
    assert {name: after[name] for name in STAYS} == {name: ids[name] for name in STAYS}
    assert after["cluster-cluster"] != ids["cluster-cluster"]
    assert {kind: names for kind, names in held(project).items() if kind != "templates"} == {
        kind: names for kind, names in before.items() if kind != "templates"
    }
    assert Api(dev.outputs()["kubeconfig"]).get(BALANCER)
    assert dev.up().ops == {}

    _on(cloud, dev, project, monkeypatch)
    assert {name: dev.ids()[name] for name in STAYS} == {name: ids[name] for name in STAYS}
    gone = dev.destroy()
    assert not gone.error, errors(gone)
    assert held(project) == {}


def _on(cloud: Cloud, dev: Platform, project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Magnum fails on the way: the old cluster is gone, and the next `up` goes on."""
    cloud.faults(Fault(service="magnum", operation="create_cluster", message="ordered: no hosts", times=1))
    dev.data = rebuilt(balanced(), "nvme")
    failed = dev.up()
    assert failed.error
    assert "ordered: no hosts" in failed.output, errors(failed)
    told = dev.up()
    assert "has no API address: its creation failed" in told.output, errors(told)
    magnum = project.container_infrastructure_management
    (wreck,) = magnum.get("/clusters").json()["clusters"]
    magnum.delete(f"/clusters/{wreck['uuid']}")
    eventually(lambda: "clusters" not in held(project))
    assert not dev.refresh().error
    # Of the old cluster some objects are still in the state, and nobody can delete them there.
    assert "PULUMI_K8S_DELETE_UNREACHABLE=true pulumi up" in told.output
    with monkeypatch.context() as patch:
        patch.setitem(dev.environment, "PULUMI_K8S_DELETE_UNREACHABLE", "true")
        whole = dev.up()
    assert not whole.error, errors(whole)
    # The provider keeps the variable among its inputs.
    assert set(dev.up().ops) <= {"cluster-provider"}
    assert dev.up().ops == {}


def test_the_cluster_of_a_killed_rebuild_stays_where_the_setting_is_taken_back(
    cloud: Cloud, platform: Callable[..., Platform], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed while it takes down what is inside."""
    project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    dev = platform("dev", rebuilt(balanced(), "nvme"))
    dev.secrets = {"gaia-dmp:tls-certificate": "certificate", "gaia-dmp:tls-key": "key"}
    first = dev.up()
    assert not first.error, errors(first)
    for name, value in dev.environment.items():
        monkeypatch.setenv(name, value)
    ids = dev.ids()
    dev.data = rebuilt(balanced(), "ssd")
    dev.killed(lambda: dev.pending().get("spark-namespace") == "deleting")
    dev.data = rebuilt(balanced(), "nvme")
    # What the killed engine had asked for goes on; the refresh finds it gone.
    api = Api(dev.outputs()["kubeconfig"])
    eventually(lambda: not (api.get(NAMESPACE) or {}).get("metadata", {}).get("deletionTimestamp"), 120)
    told, _ = resumed(dev, project, capsys)
    for name in ("cluster-pool-spark", "cluster-provider"):
        assert f"taken over: {name}, {ids[name]}" in " ".join(told.split())
    assert f"Go on with: {' '.join(f'{name}=true' for name in TAKE_OVER)} pulumi up --refresh --stack dev" in " ".join(told.split())
    _freed(api)
    for variable in TAKE_OVER:
        monkeypatch.setitem(dev.environment, variable, "true")
    back = dev.up(refresh=True)
    assert not back.error, errors(back)
    assert {name: dev.ids()[name] for name in (*STAYS, "cluster-cluster")} == {name: ids[name] for name in (*STAYS, "cluster-cluster")}
    assert dev.up().ops == {}
    gone = dev.destroy()
    assert not gone.error, errors(gone)
    assert held(project) == {}


def _freed(api: Api) -> None:
    """What docs/how-to/take-down.md does to volumes whose claims the killed engine had deleted: no other claim gets them otherwise."""
    kind = api.kind({"apiVersion": "v1", "kind": "PersistentVolume"})
    assert kind
    released = [volume for volume in api.items(kind) if volume["status"]["phase"] == "Released"]
    assert released
    for volume in released:
        for field in ("uid", "resourceVersion"):
            del volume["spec"]["claimRef"][field]
        assert api.replace(volume, dry_run=False)
