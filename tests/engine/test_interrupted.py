"""Ctrl-C at three points of a first `pulumi up`: the next one goes on from there, and nothing is made twice or left over."""

from collections.abc import Callable

from tests.cloud.kube import administrator
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.drivers.gaia_dmp_cloud.faults import Fault
from tests.cloud.openstack.inventory import held
from tests.engine.platform import Platform
from tests.support.stack_files import document

ENDED = ("canceled", "cancelled", "interrupt", "error reading from server")
"""How an engine says that it was told to stop; the last where the program was asked by a hook just then, which is gone like everybody."""


def test_an_interrupted_up_is_taken_up_again(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    project = connect(cloud.clouds_yaml, "iris-gaia-red")
    clusters = cloud.folder / "clusters"
    before = set(clusters.iterdir())
    dev = platform("dev", document("dev"))

    def in_kubernetes(namespace: str) -> bool:
        """Whether the new cluster has a namespace."""
        for folder in set(clusters.iterdir()) - before:
            if (folder / "address").exists():
                api = administrator(folder)
                return namespace in {each["metadata"]["name"] for each in api.items("/api/v1/namespaces")}
        return False

    cloud.faults(Fault(service="magnum", operation="create_cluster", seconds=15))
    points: list[tuple[str, Callable[[], bool]]] = [
        ("in the network", lambda: "networks" in held(project)),
        ("while Magnum makes the cluster", lambda: "clusters" in held(project)),
        ("in Kubernetes", lambda: in_kubernetes("gaia-zeppelin")),
    ]
    for where, when in points:
        stopped = dev.interrupted_up(when)
        assert stopped.error, where
        assert any(word in stopped.output for word in ENDED), (where, stopped.output[-2000:])
    whole = dev.up()
    assert not whole.error, whole.output[-3000:]
    found = held(project)
    assert (found["clusters"], found["networks"], found["routers"]) == (
        ["gaia-dmp-dev"],
        ["gaia-dmp-dev"],
        ["gaia-dmp-dev", "gaia-dmp-dev-ceph"],
    )
    assert found["shares"] == ["gaia-dmp-dev-notebooks", "gaia-dmp-dev-sample"]
    assert dev.up().ops == {}
    assert not dev.destroy().error
    assert held(project) == {}
