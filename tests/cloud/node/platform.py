"""A recorded stack on a real node: its images under the names that its Pods use, its volumes, and Jobs made from its CronJobs.

What differs from a cluster is what one machine lacks. A volume is a folder of the node in place of a share. Pods whose image nobody can
make from package registries are left out: WITHOUT_IMAGE names them.
"""

import contextlib
import copy
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from images import build
from tests.cloud import deployed
from tests.cloud.api import Api, ApiError, Object, collection
from tests.cloud.kube import Kube
from tests.cloud.node import config, zeppelin_image
from tests.cloud.node.cluster import API, Cluster
from tests.cloud.node.node import Node
from tests.cloud.node.pods import gone, kubectl
from tests.support.eventually import eventually
from tests.support.stack_files import document

RECIPES = {
    "docker.io/apache/spark": "spark",
    "registry.example.org/gaia-dmp/spark": "spark-3.5",
    "registry.example.org/gaia-dmp/yarn": "yarn",
    "registry.example.org/gaia/spark": "spark",
    "registry.example.org/gaia/mlflow": "mlflow",
    "docker.io/nginxinc/nginx-unprivileged": "gateway",
    "docker.io/restic/restic": "restic",
    "quay.io/prometheus/prometheus": "prometheus",
    "quay.io/prometheus/alertmanager": "alertmanager",
    "quay.io/prometheus/node-exporter": "node-exporter",
    "quay.io/prometheuscommunity/json-exporter": "json-exporter",
    "registry.k8s.io/kube-state-metrics/kube-state-metrics": "kube-state-metrics",
}
"""Image, as a stack names it, to the recipe of `images/` that stands in for it."""
ZEPPELIN = "docker.io/apache/zeppelin"
REAL_ZEPPELIN = "localhost/gaia-dmp/zeppelin"
"""What a stack names whose Zeppelin is that of ZEPPELIN_HOME."""
WITHOUT_IMAGE = {"zeppelin-server": "Zeppelin", "cephfs-node-plugin": "Ceph CSI", "grafana": "Grafana"}
"""Workloads that have no image here, to what they run."""
_LABEL = {"capi.stackhpc.com/node-group": "spark"}
_SECRETS = {
    "notebook-backup-secret": {"password": "a password that nobody guesses"},
    "smoke-test-login": {"user": "smoke-test", "password": "made up"},
    "hadoop-conf": {"core-site.xml": "<configuration/>"},
}
"""Beginning of a Secret's name to what a recording masks."""
_CLUSTER_WIDE = (
    "PersistentVolume",
    "PriorityClass",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicy",
    "ClusterRoleBinding",
    "ClusterRole",
    "CSIDriver",
)


class Platform:
    """A stack on a node. items: its objects as they were applied."""

    def __init__(self, cluster: Cluster, items: Sequence[Object]) -> None:
        self.cluster, self.items = cluster, list(items)
        self.node = cluster.nodes["node-1"]

    @property
    def api(self) -> Api:
        return self.cluster.kube.api

    @property
    def kube(self) -> Kube:
        return self.cluster.kube

    def folder(self, claim: str, namespace: str) -> Path:
        """The folder that is the volume of a claim, as this machine sees it."""
        (path,) = [
            (item["spec"].get("hostPath") or item["spec"]["local"])["path"]
            for item in self.items
            if item["kind"] == "PersistentVolume"
            and (item["spec"]["claimRef"]["namespace"], item["spec"]["claimRef"]["name"]) == (namespace, claim)
        ]
        return Path(path)

    def pods(self, namespace: str, labels: Mapping[str, str]) -> list[Object]:
        """Pods by their labels."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        return self.api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)

    def switch(self, items: Sequence[Object], secrets: Mapping[str, Mapping[str, str]]) -> None:
        """Make another version of the stack of this one, as `pulumi up` does: what is new or changed, then away with what is not in it."""
        after = _prepared(_named_anew(self.items, items), self.node, secrets, None)
        deployed.apply(self.api, after)
        kept = {_path(item) for item in after}
        for item in self.items:
            if _path(item) not in kept:
                self.api.delete(_path(item))
        self.items = after

    def run(self, cronjob: str, namespace: str, name: str, environment: Mapping[str, str] | None = None) -> tuple[str, str]:
        """Make a Job from a CronJob as `kubectl create job --from` does, and wait for its end; (Complete or Failed, what it logged).

        environment: variables in place of the recorded ones.
        """
        spec: dict[str, Any] = copy.deepcopy(deployed.one(self.items, "CronJob", cronjob)["spec"]["jobTemplate"]["spec"])
        for container in spec["template"]["spec"]["containers"]:
            for variable in container.get("env", []):
                variable["value"] = (environment or {}).get(variable["name"], variable.get("value"))
        self.api.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": namespace}, "spec": spec})
        return self.job(name, namespace), kubectl(self.kube, "logs", f"--namespace={namespace}", f"job/{name}")

    def job(self, name: str, namespace: str) -> str:
        """Wait until a Job has ended; Complete or Failed."""
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}"

        def ends() -> list[str]:
            conditions = self.api.get(path)["status"].get("conditions", [])
            return [each["type"] for each in conditions if each["type"] in ("Complete", "Failed") and each["status"] == "True"]

        eventually(lambda: bool(ends()), 300)
        return ends()[0]

    def memory(self, node: str = "node-1") -> dict[tuple[str, str, str], int]:
        """Bytes that each container of a Pod of a node holds and cannot give back, by namespace, Pod and container, as the kubelet counts
        them."""
        summary = self.api.get(f"/api/v1/nodes/{node}/proxy/stats/summary")
        return {
            (pod["podRef"]["namespace"], pod["podRef"]["name"], container["name"]): container["memory"]["workingSetBytes"]
            for pod in summary["pods"]
            for container in pod.get("containers", [])
            if "workingSetBytes" in container.get("memory", {})
        }

    def crowded(self, share: float) -> list[str]:
        """Containers that hold more than a share of their memory limit."""
        limits = {
            (pod["metadata"]["namespace"], pod["metadata"]["name"], container["name"]): container["resources"]["limits"]["memory"]
            for pod in self.api.items("/api/v1/pods")
            for container in pod["spec"]["containers"]
            if "memory" in container["resources"].get("limits", {})
        }
        return [
            f"{'/'.join(key)} holds {used} of {limits[key]}"
            for key, used in self.memory().items()
            if key in limits and used > share * amount(limits[key])
        ]


def local() -> dict[str, Any]:
    """The local stack, with what its comments ask of whoever deploys it: where this cluster's API server, Pods and Services are."""
    data = document("local")
    data["gaia-dmp:cloud"] |= {
        "api_server": {"cidrs": [f"{API}/32"], "ports": [6443]},
        "pod_cidrs": [config.PODS],
        "service_cidrs": [config.SERVICES],
    }
    return data


def amount(text: str) -> int:
    """Bytes of an amount of memory as Kubernetes writes it."""
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    return int(text[:-2]) * units[text[-2:]] if text[-2:] in units else int(text)


def pod_specs(items: Sequence[Object]) -> list[Object]:
    """The PodSpec of everything that makes Pods."""
    specs = [item["spec"] for item in items if item["kind"] in ("Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob")]
    return [spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"] for spec in specs]


def images_of(items: Sequence[Object]) -> list[str]:
    """Names of all images of some objects."""
    containers = [each for spec in pod_specs(items) for each in (*spec.get("initContainers", []), *spec["containers"])]
    return sorted({each["image"] for each in containers})


def load_images(node: Node, items: Sequence[Object], folder: Path) -> None:
    """Load every image of some objects that can be made here and is not there yet. folder: an empty one for what is packed."""
    names: dict[str, list[str]] = {}
    for image in images_of(items):
        title, _, digest = image.partition("@")
        title = title.rpartition(":")[0]
        # The kubelet looks for an image that is named by tag and digest under its digest alone.
        names.setdefault(title, []).append(f"{title}@{digest}" if digest else image)
    known = node.images()
    for title, references in sorted(names.items()):
        if known.issuperset(references):
            continue
        if title == ZEPPELIN:
            (reference,) = references
            node.load(zeppelin_image.stand_in(folder, reference))
        elif title == REAL_ZEPPELIN:
            (reference,) = references
            node.load(zeppelin_image.real(folder, reference, Path(os.environ["ZEPPELIN_HOME"])))
        elif title in RECIPES:
            node.load(build.archive(RECIPES[title], references))


def _filled(item: Object, secrets: Mapping[str, Mapping[str, str]]) -> Object:
    """A Secret with the keys that its Pods mount."""
    known = next((data for begin, data in secrets.items() if item["metadata"]["name"].startswith(begin)), None)
    return item | {"stringData": known} if item["kind"] == "Secret" and known else item


def _without_image(workload: Object) -> bool:
    images = {container["image"].rpartition(":")[0] for container in workload["spec"]["template"]["spec"]["containers"]}
    return workload["metadata"]["name"] in WITHOUT_IMAGE and REAL_ZEPPELIN not in images


def _volumes(items: Sequence[Object], node: Node) -> list[Object]:
    """The volumes of all claims, as folders of the node.

    Two volumes of one share are one folder, as the shares' own are: it is root's until its Job has prepared it. A volume of a storage
    class gets its group from the kubelet.
    """
    found = {item["metadata"]["name"]: item for item in items if item["kind"] == "PersistentVolume"}
    volumes = []
    for claim in (item for item in items if item["kind"] == "PersistentVolumeClaim"):
        place, spec = claim["metadata"], claim["spec"]
        given = found.get(spec.get("volumeName", ""))
        title = given["metadata"]["name"] if given else f"{place['namespace']}-{place['name']}"
        share = given["spec"]["csi"]["volumeAttributes"]["rootPath"].rpartition("/")[2] if given else title
        folder = node.folder / "volumes" / share
        folder.mkdir(parents=True, exist_ok=True)
        volumes.append(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": title},
                "spec": {
                    "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                    "accessModes": spec["accessModes"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": spec.get("storageClassName", ""),
                    "claimRef": {
                        "apiVersion": "v1",
                        "kind": "PersistentVolumeClaim",
                        "namespace": place["namespace"],
                        "name": place["name"],
                    },
                    **({"hostPath": {"path": str(folder)}} if given else _local(folder, node)),
                },
            }
        )
    return volumes


def _local(folder: Path, node: Node) -> Object:
    """The source of a volume that its node alone can mount."""
    term = {"matchExpressions": [{"key": "gaia-dmp-tests/node", "operator": "In", "values": [node.name]}]}
    return {"local": {"path": str(folder)}, "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}


def _named_anew(before: Sequence[Object], after: Sequence[Object]) -> list[Object]:
    """The objects after a change, with another name for each ConfigMap that says something else.

    Pulumi replaces such a one by another with a name of its own (review/replacements.py), which the Pods that
    mount it then have. In a recording both have the same name, whose end stands in for a random one.
    """
    old = {_path(item): item.get("data") for item in before if item["kind"] == "ConfigMap"}
    names = {
        item["metadata"]["name"] for item in after if item["kind"] == "ConfigMap" and old.get(_path(item), item["data"]) != item["data"]
    }
    text = json.dumps(list(after))
    for name in names:
        # A template within a ConfigMap names others, too.
        text = text.replace(name, f"{name}-2")
    return json.loads(text)


def _prepared(
    items: Sequence[Object], node: Node, secrets: Mapping[str, Mapping[str, str]], volumes: Sequence[Object] | None
) -> list[Object]:
    """What of a stack's objects is applied, in an order that a server takes. Arguments are those of `running`."""
    without = [item for item in items if item["kind"] in ("Deployment", "DaemonSet") and _without_image(item) and volumes is None]
    kept = [_filled(item, _SECRETS | dict(secrets)) for item in items if item["kind"] != "PersistentVolume" and item not in without]
    kept += _volumes(items, node) if volumes is None else list(volumes)
    return sorted(kept, key=lambda item: deployed.ORDER.index(item["kind"]) if item["kind"] in deployed.ORDER else len(deployed.ORDER))


@contextlib.contextmanager
def running(
    cluster: Cluster,
    items: Sequence[Object],
    secrets: Mapping[str, Mapping[str, str]] | None = None,
    volumes: Sequence[Object] | None = None,
) -> Iterator[Platform]:
    """The objects of a stack on the first node of a cluster, for the time of a `with`. Images are loaded by then.

    secrets: beginning of a Secret's name to what is in it, beside what every test takes. volumes: in place of folders of the node, where
    the CSI plug-in is there that mounts them.
    """
    node, api = cluster.nodes["node-1"], cluster.kube.api
    ordered = _prepared(items, node, secrets or {}, volumes)
    found = Platform(cluster, ordered)
    _label(api, node, _LABEL)
    try:
        deployed.apply(api, ordered)
        yield found
    finally:
        _remove(api, found.items)
        _label(api, node, dict.fromkeys(_LABEL))
        shutil.rmtree(node.folder / "volumes", ignore_errors=True)


def _label(api: Api, node: Node, labels: Mapping[str, str | None]) -> None:
    api.call("PATCH", f"/api/v1/nodes/{node.name}", {"metadata": {"labels": dict(labels)}}, kind="application/merge-patch+json")


def _path(item: Object) -> str:
    return f"{collection(item)}/{item['metadata']['name']}"


def _remove(api: Api, items: Sequence[Object]) -> None:
    """Remove every object, and wait until namespaces and volumes are gone."""
    paths = [_path(item) for kind in ("Namespace", *_CLUSTER_WIDE) for item in items if item["kind"] == kind]
    for path in paths:
        with contextlib.suppress(ApiError):
            api.delete(path)
    for item in items:
        if item["kind"] == "Namespace":
            # Nobody waits for what a Prometheus writes within its five minutes.
            api.delete(f"/api/v1/namespaces/{item['metadata']['name']}/pods", gracePeriodSeconds="1")

    eventually(lambda: all(gone(api, path) for path in paths), 180)
