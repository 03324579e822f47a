"""An engine that is killed at twenty moments of `up` and at five of `destroy`: nothing is made twice, nothing lost, nothing left over.

The steps are those of docs/runbooks/state-locked.md: `pulumi cancel`, `gaia resume`, `pulumi up`.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from cli.main import main
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.inventory import held
from tests.engine.platform import Platform
from tests.support.eventually import eventually
from tests.support.stack_files import document

MOMENTS: tuple[str, ...] = (
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

DELAYS = (0.0, 1.0, 2.5)
"""Seconds for which the engine still works on it: before it has asked the cloud, while it waits for the answer, afterwards."""

OF_DESTROY: set[str] = {"zeppelin-namespace", "data-sample-volume", "cluster-cluster", "data-sample-share", "network-router-interface"}

WHOLE = {
    "networks": ["gaia-dmp-dev"],
    "subnets": ["gaia-dmp-dev"],
    "routers": ["gaia-dmp-dev", "gaia-dmp-dev-ceph"],
    "clusters": ["gaia-dmp-dev"],
    "shares": ["gaia-dmp-dev-notebooks", "gaia-dmp-dev-sample"],
    "rules": ["gaia-dmp-dev-notebooks: gaia-dmp-dev-notebooks", "gaia-dmp-dev-sample: gaia-dmp-dev-data-sample"],
}


def test_nothing_is_made_twice_and_nothing_lost(
    cloud: Cloud, platform: Callable[..., Platform], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    dev = platform("dev", document("dev"))
    for name, value in dev.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PULUMI_K8S_UPSERT_EXISTING_OBJECTS", "true")
    magnum = project.container_infrastructure_management
    left, kills, told = set(MOMENTS), 0, ""
    while reached := _killed(dev, left, "up", DELAYS[kills % len(DELAYS)]):
        kills += 1
        again = ["resume", "dev", "--folder", str(dev.folder)]
        if main(again):
            # Killed between the creation and its tags.
            assert "--unmarked" in capsys.readouterr().err
            assert main([*again, "--unmarked"]) == 0, capsys.readouterr().err
        done = capsys.readouterr().out
        told += f"{sorted(reached)}\n{done}"
        assert dev.pending() == {}, told
        if "taken over: cluster-cluster" in done:
            eventually(lambda: magnum.get("/clusters").json()["clusters"][0]["status"] == "CREATE_COMPLETE")
            assert not dev.refresh().error
    assert kills >= 15, (left, told)
    whole = dev.up()
    assert not whole.error, whole.output[-3000:]
    found = held(project)
    assert WHOLE.items() <= found.items(), found
    assert (len(found["key pairs"]), len(found["templates"])) == (1, 1), found
    assert dev.up().ops == {}
    assert "warning" not in dev.up().output

    to_go = set(OF_DESTROY)
    while _killed(dev, to_go, "destroy", DELAYS[1]):
        pass
    gone = dev.destroy()
    assert not gone.error, gone.output[-3000:]
    assert held(project) == {}
    assert dev.ids() == {}


def _killed(dev: Platform, left: set[str], operation: str, delay: float) -> set[str]:
    """The moments at which the engine was killed, which are taken from `left`; none where it came to its end."""
    met: set[str] = set()

    def meets() -> bool:
        pending = dev.pending()
        met.update(each for each in left if any(name == each or (each.endswith("-") and name.startswith(each)) for name in pending))
        if met:
            time.sleep(delay)
        return bool(met)

    outcome = dev.killed(meets, operation)
    assert met or not outcome.error, outcome.output[-3000:]
    left.difference_update(met)
    return met
