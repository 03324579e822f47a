"""A recorded stack whose shares are real: made by Manila on the cloud of the tests, and mounted on a node by the CSI plug-in of the tests.

Nothing stands in for a volume here. The OpenStack half of the recording is made by the real APIs. A second recording, with what these
answered, has the Kubernetes half: monitors, paths and Ceph ids are those of the program, and so are DaemonSet, ConfigMap and volumes.
"""

import contextlib
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from components.names import CEPH_PLUGIN, CEPHFS_DRIVER, CSI_NAMESPACE, DATASET_CHECK
from components.openstack.cephfs_share import parse_export_path
from preview import answers
from tests.cloud import deployed
from tests.cloud.api import Api, Object
from tests.cloud.ceph import PORTS, Ceph
from tests.cloud.ceph_mount import Mount
from tests.cloud.csi import image
from tests.cloud.kube import die_with_parent
from tests.cloud.node import platform
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.node import Node
from tests.cloud.node.platform import Platform
from tests.cloud.node.pods import gone
from tests.cloud.openstack.apply import applied
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.tools import ROOT
from tests.support import programs
from tests.support.eventually import eventually
from tests.support.programs import record_data

_RULE = "openstack:sharedfilesystem/shareAccess:ShareAccess"
_KINDS = ("pulumi:providers:openstack", "openstack:sharedfilesystem/share:Share", _RULE)
_DAEMONS = (CEPH_PLUGIN, DATASET_CHECK)
_LEFT_OUT = ("Deployment", "CronJob", "DaemonSet")


class Key(NamedTuple):
    """What a Secret of a volume holds."""

    ceph_id: str
    key: str


def path_of(shares: Any, share: Any) -> str:
    """The export location of a share. shares: Manila, as the share's owner."""
    (location,) = shares.get(f"/shares/{share.id}/export_locations", microversion="2.45").json()["export_locations"]
    return location["path"]


def key_of(shares: Any, share: Any, ceph_id: str, level: str) -> str:
    """Let a Ceph id in, and return its key."""
    rule = shares.create_access_rule(share.id, access_type="cephx", access_to=ceph_id, access_level=level)
    found: list[Any] = []

    def active() -> bool:
        found[:] = [each for each in shares.access_rules(share.id) if each.id == rule.id]
        return found[0].state == "active"

    eventually(active, 60)
    return found[0].access_key


def owned(cloud: Cloud, shares: Any, name: str, folder: Path) -> Mount:
    """A share of the stack, as its owner mounts it on this machine. shares: Manila, as the owner. name: the end of the share's. folder:
    an empty one."""
    share, who = shares.find_share(f"gaia-dmp-{deployed.STACK}-{name}"), f"owner-{name}-{folder.name}"
    path, key = parse_export_path(path_of(shares, share)).root_path, key_of(shares, share, who, "rw")
    return Mount(cloud.ceph.conf, folder / "mount", path, who, key)


@contextlib.contextmanager
def made(cloud: Cloud, data: dict[str, Any], brought: Mapping[str, Key]) -> Iterator[list[Object]]:
    """The shares of a stack, for the time of a `with`; its Kubernetes objects, with their keys. brought: key by path."""
    recording = record_data(data, "update", deployed.STACK)
    recording.resources = [each for each in recording.resources if each.type in _KINDS]
    with applied(recording, cloud.clouds_yaml):
        yield objects(cloud, data, brought)


@contextlib.contextmanager
def rotated(cloud: Cloud, data: dict[str, Any]) -> Iterator[list[Object]]:
    """The objects of a stack whose shares stand, with the rules that it has not got yet, for the time of a `with`."""
    recording = record_data(data, "update", deployed.STACK)
    shares: Any = connect(cloud.clouds_yaml, "iris-gaia-red").shared_file_system
    found = {share.name: share.id for share in shares.shares()}
    there = {rule.access_to for share in found.values() for rule in shares.access_rules(share)}
    made = {answers.identifier(each.urn): found[each.inputs["name"]] for each in recording.resources if each.type == _KINDS[1]}
    recording.resources = [
        replace(each, inputs=each.inputs | {"shareId": made[each.inputs["shareId"]]}) if each.type == _RULE else each
        for each in recording.resources
        if each.type == _KINDS[0] or (each.type == _RULE and each.inputs["accessTo"] not in there)
    ]
    with applied(recording, cloud.clouds_yaml):
        yield objects(cloud, data, {}, there)


def objects(cloud: Cloud, data: dict[str, Any], brought: Mapping[str, Key], old: Collection[str] = ()) -> list[Object]:
    """The Kubernetes objects of a stack whose shares stand, each Secret with the key of its share's one rule that is not old."""
    recording = record_data(data, "update", deployed.STACK)
    ours = {each.inputs["accessTo"] for each in recording.resources if each.type == _RULE}.difference(old)
    paths, keys = dict[str, str](), dict(brought)
    for project in ("iris-gaia-red", "iris-gaia-data"):
        shares: Any = connect(cloud.clouds_yaml, project).shared_file_system
        for share in shares.shares():
            path = paths[share.name] = path_of(shares, share)
            for rule in (rule for rule in shares.access_rules(share.id) if rule.access_to in ours):
                keys[parse_export_path(path).root_path] = Key(rule.access_to, rule.access_key)
    # A recording is kept, but this one has other answers.
    with patch.object(answers, "_export_path", paths.__getitem__), patch.object(programs, "_recorded", programs._recorded.__wrapped__):
        items = deployed.objects(data)
    volumes = [item["spec"]["csi"] for item in items if item["kind"] == "PersistentVolume"]
    secrets = {csi["nodeStageSecretRef"]["name"]: keys[csi["volumeAttributes"]["rootPath"]] for csi in volumes}
    return [_with_key(item, secrets.get(item["metadata"]["name"])) for item in items]


def _with_key(item: Object, key: Key | None) -> Object:
    return item | {"stringData": {"userID": key.ceph_id, "userKey": key.key}} if item["kind"] == "Secret" and key else item


@contextlib.contextmanager
def joined(node: Node, cloud: Cloud, items: list[Object], folder: Path) -> Iterator[None]:
    """A node that has the images of a stack and reaches Ceph, for the time of a `with`. folder: an empty one for images."""
    plugin = deployed.one(items, "DaemonSet", CEPH_PLUGIN)
    main, registrar = (container["image"] for container in plugin["spec"]["template"]["spec"]["containers"])
    platform.load_images(node, items, folder)
    node.load(image.make(folder / "csi", main, registrar))
    with reached(node, cloud.ceph):
        yield


@contextlib.contextmanager
def reached(node: Node, ceph: Ceph) -> Iterator[None]:
    """A node that reaches the Ceph of this machine, for the time of a `with`: its own loopback leads there, port by port."""
    command = (sys.executable, "-m", "tests.cloud.node.inward", str(node.pid), str(ceph.first_port), str(PORTS))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            process.kill()


def _registered(api: Api) -> set[str]:
    """Nodes whose kubelet knows the plug-in."""
    found = api.items("/apis/storage.k8s.io/v1/csinodes")
    return {each["metadata"]["name"] for each in found for driver in each["spec"].get("drivers") or () if driver["name"] == CEPHFS_DRIVER}


@contextlib.contextmanager
def running(cluster: Cluster, cloud: Cloud, items: list[Object], folder: Path, beside: Collection[str] = ()) -> Iterator[Platform]:
    """What of a stack mounts shares, checks them and computes, on the nodes of a cluster.

    folder: an empty one for images. beside: Deployments and CronJobs that are there as well.
    """
    api = cluster.kube.api
    kept = [item for item in items if item["kind"] not in _LEFT_OUT or item["metadata"]["name"] in {*_DAEMONS, *beside}]
    volumes = [item for item in kept if item["kind"] == "PersistentVolume"]
    with contextlib.ExitStack() as stack:
        for node in cluster.nodes.values():
            (folder / node.name).mkdir()
            stack.enter_context(joined(node, cloud, items, folder / node.name))
        found = stack.enter_context(platform.running(cluster, kept, volumes=volumes))
        try:
            eventually(lambda: _registered(api) == cluster.nodes.keys(), 120)
            yield found
        finally:
            # Without the plug-in nothing could be unmounted, and its Pods would stay for ever.
            spaces = [item["metadata"]["name"] for item in kept if item["kind"] == "Namespace"]
            others = [f"/api/v1/namespaces/{name}" for name in spaces if name != CSI_NAMESPACE]
            for path in others:
                api.delete(path)
            eventually(lambda: all(gone(api, path) for path in others), 180)
