"""Typical changes of a stack, each with what it must be told to be: for the offline diff, for the gallery, and for a real engine."""

import copy
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.stack_files import ROOT, document

Data = dict[str, Any]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBnheIxEHN5EauZ7KRTz60TqWxkGST3V3QE47i3NFVs+ another@gaia-dmp.example"


@dataclass(frozen=True)
class Case:
    """One change.

    edit: of the stack file's data. patch: of the program, file to (old text, new text). worst: the report's one line. operations: some
    of what
    the engine must be said to do, by name of the resource. risks: parts of lines that must stand among the risks. refused: the engine
    stops.
    """

    name: str
    title: str
    worst: str
    edit: Callable[[Data], None] = lambda _: None
    patch: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    operations: Mapping[str, str] = field(default_factory=dict)
    risks: tuple[str, ...] = ()
    refused: bool = False

    def data(self) -> Data:
        """The stack file's data after the change."""
        data = copy.deepcopy(base())
        self.edit(data)
        return data


def base() -> Data:
    """The stack before: dev with one person, a dataset that stays when its stack goes, and a second pool."""
    data = document("dev")
    data["gaia-dmp:zeppelin"]["people"] = [{"name": "alice"}]
    source = {"kind": "create", "size_gib": 2, "on_destroy": "keep"}
    data["gaia-dmp:datasets"].append({"name": "kept", "mount_path": "/data/gaia/kept", "source": source})
    pool = {"name": "more", "count": 1, "flavor": "vm.v1.large", "vcpus": 8, "memory_gib": 32, "disk_gib": 60}
    data["gaia-dmp:cloud"]["cluster"]["pools"].append(pool)
    return data


def copied(folder: Path, patch: Mapping[str, tuple[str, str]]) -> Path:
    """The project in a folder of its own, with a patch. A text that is not there fails."""
    for name in ("components", "layers", "settings", "recording", "preview", "schema"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__main__.py", "Pulumi.yaml", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    for file, (old, new) in patch.items():
        text = (folder / file).read_text()
        assert text.count(old) == 1, (file, old)
        (folder / file).write_text(text.replace(old, new))
    return folder


def _set(path: str, value: Any) -> Callable[[Data], None]:
    def edit(data: Data) -> None:
        first, *rest = path.split(".")
        parent: Any = data
        for part in [f"gaia-dmp:{first}", *rest][:-1]:
            parent = parent[int(part)] if isinstance(parent, list) else parent[part]
        last = rest[-1] if rest else f"gaia-dmp:{first}"
        parent[int(last) if isinstance(parent, list) else last] = value

    return edit


def _all(*edits: Callable[[Data], None]) -> Callable[[Data], None]:
    def edit(data: Data) -> None:
        for each in edits:
            each(data)

    return edit


def _dataset(data: Data) -> None:
    source = {"kind": "create", "size_gib": 1, "on_destroy": "delete"}
    data["gaia-dmp:datasets"].append({"name": "third", "mount_path": "/data/gaia/third", "source": source})


def _drop(section: str, index: int) -> Callable[[Data], None]:
    return lambda data: data[f"gaia-dmp:{section}"].pop(index)


def _drop_pool(data: Data) -> None:
    data["gaia-dmp:cloud"]["cluster"]["pools"].pop(1)


def _person(data: Data) -> None:
    data["gaia-dmp:zeppelin"]["people"].append({"name": "bob"})


def _workers(data: Data) -> None:
    data["gaia-dmp:cloud"]["cluster"]["workers"] |= {"flavor": "gaia.vm.cclake.12vcpu", "vcpus": 12, "memory_gib": 21, "disk_gib": 20}


def _subnet(data: Data) -> None:
    pool = {"start": "10.10.1.50", "end": "10.10.1.250"}
    data["gaia-dmp:cloud"]["network"] |= {"subnet": "10.10.1.0/24", "allocation_pool": pool, "ceph_router_address": "10.10.1.15"}


def _egress(data: Data) -> None:
    data["gaia-dmp:outside"]["egress"].append({"name": "database", "cidr": "192.0.2.0/24", "ports": [5432]})


def _labels(data: Data) -> None:
    data["gaia-dmp:cloud"]["cluster"]["labels"] = {"boot_volume_type": "ssd"}


CLUSTER = "cloud.cluster"
CASES = (
    Case("nothing", "Nothing", "nothing changes"),
    Case(
        "share-grows",
        "A dataset gets more room",
        "capacity and cost",
        _set("datasets.0.source.size_gib", 12),
        operations={"data-sample-share": "update"},
    ),
    Case(
        "share-shrinks",
        "A dataset gets less room",
        "the engine would refuse: 1 protected or shrinking",
        _set("datasets.0.source.size_gib", 5),
        risks=("data-sample-share would be made smaller",),
        refused=True,
    ),
    Case(
        "dataset-new",
        "A dataset more",
        "wider rights or weaker admission",
        _dataset,
        operations={"data-third-share": "create", "zeppelin-server": "update", "dataset-check-nodes": "update"},
    ),
    Case(
        "dataset-gone",
        "A dataset is taken out, and its share goes with it",
        "data at risk",
        _drop("datasets", 0),
        operations={"data-sample-share": "delete"},
        risks=("data-sample-share is deleted with all its data",),
    ),
    Case(
        "dataset-kept",
        "A dataset is taken out, and its share stays in the cloud",
        "data at risk",
        _drop("datasets", 1),
        operations={"data-kept-share": "forget"},
        risks=("data-kept-share leaves the stack and stays in the cloud",),
    ),
    Case(
        "dataset-away",
        "A dataset goes for a time, and its share is kept",
        "",
        _set("datasets.1.source.state", "away"),
        operations={"data-kept-access-gaia-dmp-dev-data-kept": "delete", "data-kept-volume": "delete", "zeppelin-server": "update"},
    ),
    Case(
        "dataset-renamed",
        "A dataset is renamed, and says so",
        "",
        _all(_set("datasets.0.name", "other"), _set("datasets.0.formerly", "sample")),
        operations={"data-other-share": "update"},
    ),
    Case(
        "dataset-renamed-badly",
        "A dataset is renamed, and does not say so",
        "data at risk",
        _set("datasets.0.name", "other"),
        operations={"data-sample-share": "delete", "data-other-share": "create"},
        risks=("data-sample-share is deleted with all its data",),
    ),
    Case(
        "share-moved",
        "A dataset moves to another availability zone",
        "data at risk",
        _set("datasets.0.source.availability_zone", "another"),
        operations={"data-sample-share": "replace", "data-sample-volume": "replace", "data-sample-claim": "replace"},
        risks=("data-sample-share is replaced by an empty one, forced by availabilityZone; its data is deleted",),
    ),
    Case(
        "share-stays",
        "The availability zone is told that the cloud had chosen",
        "data at risk",
        _set("datasets.0.source.availability_zone", "nova"),
        operations={"data-sample-share": "replace"},
        risks=("not if the cloud already chose this value",),
    ),
    Case(
        "access-mode",
        "A dataset is mounted in another way",
        "",
        _set("datasets.0.access_mode", "ReadWriteMany"),
        operations={"data-sample-volume": "replace", "data-sample-claim": "replace"},
    ),
    Case(
        "mount-path",
        "A dataset is mounted elsewhere",
        "",
        _set("datasets.0.mount_path", "/data/gaia/elsewhere"),
        operations={"zeppelin-server": "update"},
    ),
    Case(
        "person-new",
        "A person joins",
        "wider rights or weaker admission",
        _person,
        operations={"zeppelin-password-bob": "create", "zeppelin-login": "replace", "zeppelin-server": "update"},
        risks=("gaia-spark/spark-driver-bob gains create, delete, deletecollection, get, list, watch on pods in gaia-spark",),
    ),
    Case(
        "person-gone",
        "A person leaves",
        "",
        _set("zeppelin.people", []),
        operations={"zeppelin-password-alice": "delete", "spark-rbac-spark-driver-alice": "delete"},
    ),
    Case(
        "person-away",
        "A person leaves for a time",
        "",
        _set("zeppelin.people.0.state", "away"),
        operations={"zeppelin-password-alice": "delete", "spark-rbac-spark-driver-alice": "delete"},
    ),
    Case(
        "workers",
        "Workers of another flavour",
        "cluster replaced, upgraded or resized",
        _workers,
        operations={"cluster-template": "replace", "cluster-cluster": "update"},
        risks=("cluster-cluster: upgrade",),
    ),
    Case(
        "kubernetes",
        "Another version of Kubernetes",
        "cluster replaced, upgraded or resized",
        _all(_set(f"{CLUSTER}.kubernetes_version", "1.34.6"), _set(f"{CLUSTER}.template.image", "ubuntu-jammy-kube-v1.34.6")),
        operations={"cluster-template": "replace", "cluster-cluster": "update"},
        risks=("cluster-cluster: upgrade",),
    ),
    Case(
        "control-plane",
        "Three nodes for the control plane in place of one",
        "cluster replaced, upgraded or resized",
        _set(f"{CLUSTER}.control_plane.count", 3),
        operations={
            "cluster-cluster": "replace",
            "cluster-pool-spark": "replace",
            "spark-namespace": "replace",
            "data-sample-volume": "replace",
        },
        risks=("cluster-cluster is replaced with everything that runs in it: masterCount",),
    ),
    Case(
        "public-key",
        "Another public key",
        "cluster replaced, upgraded or resized",
        _set(f"{CLUSTER}.public_key", KEY),
        operations={"cluster-keypair": "replace"},
    ),
    Case(
        "subnet",
        "Another subnet",
        "cluster replaced, upgraded or resized",
        _subnet,
        operations={"network-subnet": "replace", "cluster-cluster": "replace"},
        risks=("cluster-cluster is replaced with everything that runs in it: fixedSubnet",),
    ),
    Case("create-timeout", "More patience with Magnum", "nothing changes", _set(f"{CLUSTER}.create_timeout", 90)),
    Case("labels", "Labels of a cluster that stands", "nothing changes", _labels),
    Case(
        "labels-rebuild",
        "Labels of a cluster that may be rebuilt",
        "cluster replaced, upgraded or resized",
        _all(_labels, _set(f"{CLUSTER}.rebuild", True)),
        operations={"cluster-cluster": "replace"},
        risks=("cluster-cluster is replaced with everything that runs in it: labels.boot_volume_type",),
    ),
    Case(
        "pool-new",
        "A pool more",
        "capacity and cost",
        lambda data: data["gaia-dmp:cloud"]["cluster"]["pools"].append(
            {"name": "third", "count": 1, "flavor": "vm.v1.large", "vcpus": 8, "memory_gib": 32, "disk_gib": 60}
        ),
        operations={"cluster-pool-third": "create"},
    ),
    Case(
        "pool-resized",
        "More nodes in a pool",
        "cluster replaced, upgraded or resized",
        _set(f"{CLUSTER}.pools.0.count", 3),
        operations={"cluster-pool-spark": "update"},
        risks=("cluster-pool-spark is resized",),
    ),
    Case(
        "pool-flavour",
        "A pool of another flavour",
        "cluster replaced, upgraded or resized",
        _set(f"{CLUSTER}.pools.1.flavor", "vm.v1.small"),
        operations={"cluster-pool-more": "replace"},
        risks=("cluster-pool-more is replaced with everything that runs on its nodes: flavorId",),
    ),
    Case(
        "pool-gone",
        "A pool less",
        "cluster replaced, upgraded or resized",
        _drop_pool,
        operations={"cluster-pool-more": "delete"},
        risks=("cluster-pool-more is deleted with its nodes",),
    ),
    Case(
        "egress",
        "Notebooks may reach a database",
        "wider network access",
        _egress,
        operations={"spark-network-interpreter": "update", "spark-network-executor": "update"},
        risks=("egress to 192.0.2.0/24, TCP 5432",),
    ),
    Case(
        "egress-port",
        "One more port leads out",
        "wider network access",
        _set("outside.egress.0.ports", [443, 22]),
        operations={"spark-network-interpreter": "update"},
        risks=(
            "app.kubernetes.io/name=zeppelin-interpreter, egress to 0.0.0.0/0 but 169.254.169.254/32, 172.16.0.0/13, 172.24.0.0/13, TCP 22",
        ),
    ),
    Case(
        "egress-less",
        "Nothing leads out any more",
        "",
        _set("outside.egress", []),
        operations={"spark-network-executor": "update"},
    ),
    Case("executors", "More executors for a notebook", "", _set("spark.max_executors", 5), operations={"zeppelin-files": "replace"}),
    Case("idle", "Interpreters end sooner", "", _set("spark.interpreter_idle_minutes", 20), operations={"zeppelin-server": "update"}),
    Case(
        "image",
        "Another image for Spark",
        "wider rights or weaker admission",
        _set("images", {"spark": "registry.example.org/spark:4.0.5"}),
        operations={"image-puller-pull": "update"},
        risks=("docker.io/apache/spark:4.0.5-scala2.13-java17-python3-ubuntu -> registry.example.org/spark:4.0.5",),
    ),
    Case(
        "spark-version",
        "Another version of Spark",
        "wider rights or weaker admission",
        _set(
            "images",
            {
                "spark": "docker.io/apache/spark:3.5.8-scala2.12-java17-python3-ubuntu",
                "versions": {"spark": "3.5.8", "scala": "2.12", "java": 17},
            },
        ),
        operations={"zeppelin-server": "update", "image-puller-pull": "update"},
        risks=("docker.io/apache/spark:4.0.5-scala2.13-java17-python3-ubuntu -> docker.io/apache/spark:3.5.8",),
    ),
    Case(
        "zeppelin-version",
        "Another version of Zeppelin",
        "wider rights or weaker admission",
        _set("images", {"zeppelin": "docker.io/apache/zeppelin:0.12.2", "versions": {"zeppelin": "0.12.2"}}),
        operations={"zeppelin-server": "update"},
        risks=("docker.io/apache/zeppelin:0.12.1 -> docker.io/apache/zeppelin:0.12.2",),
    ),
    Case(
        "standby", "The stack stands by while another serves", "", _set("zeppelin.standby", True), operations={"zeppelin-server": "update"}
    ),
    Case(
        "ceph-keys",
        "Every Ceph key is made anew",
        "",
        _set("rotation", {"ceph_keys": 2}),
        operations={"data-sample-access-gaia-dmp-dev-data-sample-2": "create", "data-sample-access-gaia-dmp-dev-data-sample": "delete"},
    ),
    Case(
        "ceph-keys-kept",
        "Every Ceph key is made anew, and the old ones stay for a time",
        "",
        _set("rotation", {"ceph_keys": 2, "ceph_keys_kept": 1}),
        operations={"data-sample-access-gaia-dmp-dev-data-sample-2": "create", "data-sample-ceph-key": "replace"},
    ),
    Case(
        "passwords",
        "Everybody gets a new password",
        "",
        _set("rotation", {"passwords": 2}),
        operations={"zeppelin-password-alice": "replace", "zeppelin-login": "replace"},
    ),
    Case(
        "history",
        "Event logs are kept from now on",
        "wider rights or weaker admission",
        _set("spark.history", {"kind": "share", "size_gib": 1, "on_destroy": "delete"}),
        operations={"history-share": "create", "history-server-server": "create", "zeppelin-server": "update"},
    ),
    Case("protected", "The stack is protected from now on", "only names and safeguards", _set("protection", "on")),
    Case(
        "rights",
        "A driver may read Secrets",
        "wider rights or weaker admission",
        patch={
            "components/spark/rbac.py": (
                '("configmaps", ("create", "deletecollection")),',
                '("configmaps", ("create", "deletecollection")), ("secrets", ("get",)),',
            )
        },
        operations={"spark-rbac-spark-driver-role": "update"},
        risks=("gaia-spark/spark-driver-alice gains get on secrets in gaia-spark",),
    ),
    Case(
        "admission",
        "Admission lets through what it fails to judge",
        "wider rights or weaker admission",
        patch={"components/spark/admission.py": ('failure_policy="Fail"', 'failure_policy="Ignore"')},
        operations={"spark-admission-driver": "update"},
        risks=("admission policy gaia-dmp-dev-driver: allows everything if it fails",),
    ),
    Case(
        "pod-security",
        "Notebooks need less than restricted",
        "weaker pod security",
        patch={"components/spark/namespace.py": ('SPARK_NAMESPACE, "restricted"', 'SPARK_NAMESPACE, "baseline"')},
        operations={"spark-namespace": "update"},
        risks=("namespace gaia-spark: Pod Security baseline, was restricted",),
    ),
    Case(
        "root",
        "Pods may run as root",
        "weaker pod security",
        patch={"components/kubernetes/pod.py": ("run_as_non_root=True", "run_as_non_root=False")},
        operations={"entry-gateway": "update"},
        risks=("gaia-zeppelin/Deployment gateway: nginx: may run as root",),
    ),
    Case(
        "open",
        "Nothing closes the namespaces to those who come",
        "wider network access",
        patch={"components/kubernetes/network_policies.py": ('{}, ("Ingress", "Egress")', '{}, ("Egress",)')},
        operations={"spark-network-closed": "update"},
        risks=("gaia-spark: all Pods, ingress is no longer closed by any policy",),
    ),
    Case(
        "reclaim",
        "Volumes no longer keep their data",
        "data at risk",
        patch={"components/storage/data_volume.py": ('reclaim_policy="Retain"', 'reclaim_policy="Delete"')},
        operations={"data-sample-volume": "update"},
        risks=("data-sample-volume: its data will be deleted with its claim (Delete)",),
    ),
)
"""More than thirty; those without a word for the worst are not asked for it."""
