"""The Kubernetes objects of a recorded stack, put on a real API server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from operate.live import PROVIDER
from preview import manifests
from tests.cloud.api import Api, Object
from tests.cloud.kube import Kube, running
from tests.support.eventually import eventually
from tests.support.programs import record_data
from tests.support.stack_files import document

ORDER = ("Namespace", "PriorityClass", "ServiceAccount", "ResourceQuota", "LimitRange", "Secret", "ConfigMap", "PersistentVolume")
STACK = "kube"
NOTEBOOKS, SERVER = "gaia-spark", "gaia-zeppelin"
DRIVER_IMAGE = "docker.io/apache/spark:4.0.5-scala2.13-java17-python3-ubuntu"


def stack(**sections: Any) -> dict[str, Any]:
    """The dev stack with two people and their spaces, two profiles, event logs, a bucket, backups, and room for a few small
    executors; further sections replace its own."""
    data = document("dev")
    small = {"cores": 1, "memory_gib": 1, "overhead_gib": 1, "scratch_gib": 4}
    data["gaia-dmp:spark"] |= {
        "driver": small,
        "executor": small,
        "max_executors": 3,
        "profiles": [{"name": "large", "max_executors": 4}],
        "quota": {"cores": 14, "memory_gib": 40, "scratch_gib": 60},
        "per_person": {"interpreters": 3, "executors": 4},
        "executor_idle_seconds": 10,
        "cached_idle_seconds": 12,
        "history": {"kind": "share", "size_gib": 1},
    }
    data["gaia-dmp:zeppelin"] |= {"people": [{"name": "alice"}, {"name": "bob@example.org"}], "interpreters": ["python", "md", "sh"]}
    data["gaia-dmp:zeppelin"] |= {
        "user_space": {"kind": "share"},
        "backup": {"target": {"kind": "share"}, "password_secret": "backup-password"},
    }
    data["gaia-dmp:object_store"] = {
        "project": "iris-gaia-buckets",
        "clouds_yaml": "iris-gaia-buckets",
        "endpoint": "https://object.example.org",
        "buckets": [{"name": "results"}],
    }
    for name, value in sections.items():
        data[f"gaia-dmp:{name}"] = value
    return data


def objects(data: dict[str, Any]) -> list[Object]:
    """Every Kubernetes object of a stack as one would apply it, in an order that a server takes; secrets are made up."""
    recording = record_data(data, "update", STACK)
    found = [_filled(item) for item in manifests.of(recording)]
    return sorted(found, key=lambda item: ORDER.index(item["kind"]) if item["kind"] in ORDER else len(ORDER))


_SIGNATURE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""What marks a secret in an exported state (pulumi: sdk/go/common/resource/sig.go)."""
MANAGER = "tests"
"""Who applied the stack, which is the engine's field manager in the state (pulumi-kubernetes: provider/pkg/provider/provider.go)."""


def state_of(kubeconfig: Path, items: list[Object]) -> list[dict[str, Any]]:
    """The resources of an exported state: the provider of a cluster, and a stack's objects on it."""

    def resource(item: Object) -> dict[str, Any]:
        kind = f"kubernetes:{item['apiVersion']}:{item['kind']}"
        outputs = {"metadata": item["metadata"], "__fieldManager": MANAGER}
        return {"type": kind, "urn": f"urn:pulumi:kube::gaia-dmp::{kind}::{item['metadata']['name']}", "inputs": item, "outputs": outputs}

    provider = {"kubeconfig": _SIGNATURE | {"plaintext": json.dumps(kubeconfig.read_text())}}
    return [{"type": PROVIDER, "urn": "urn:pulumi:kube::gaia-dmp::provider", "inputs": provider}, *map(resource, items)]


_MADE_UP = {"kubernetes.io/dockerconfigjson": {".dockerconfigjson": '{"auths": {}}'}, "kubernetes.io/tls": {"tls.crt": "", "tls.key": ""}}


def _filled(item: Object) -> Object:
    """A Secret with data that its type takes: a recording masks all of it."""
    if item["kind"] != "Secret":
        return item
    return item | {"stringData": _MADE_UP.get(item.get("type", ""), {"made": "up"})}


def apply(api: Api, items: list[Object]) -> None:
    """Server-side apply of all, as the Pulumi provider does."""
    for item in items:
        api.apply(item)


@contextmanager
def standing(items: list[Object]) -> Iterator[Api]:
    """An API server of its own with two nodes for Spark and these objects, for the time of a `with`."""
    with running() as cluster:
        spark_nodes(cluster)
        apply(cluster.api, items)
        yield cluster.api


def spark_nodes(cluster: Kube) -> None:
    """Two nodes of the pool on which notebooks compute."""
    for index in range(2):
        cluster.node(f"spark-{index}", {"capi.stackhpc.com/node-group": "spark"})


def one(items: list[Object], kind: str, name: str) -> Object:
    """The object of a kind whose name is, or begins with, `name`."""
    found = [item for item in items if item["kind"] == kind and item["metadata"]["name"].startswith(name)]
    assert len(found) == 1, [item["metadata"]["name"] for item in found]
    return found[0]


@contextmanager
def without(api: Api, items: list[Object], role: str, resource: str | None, verb: str | None) -> Iterator[None]:
    """The platform with one verb of one Role taken away, until the end of the `with`; an API server takes a moment to heed either."""
    whole = one(items, "Role", role)
    subject = one(items, "RoleBinding", whole["metadata"]["name"])["subjects"][0]
    user = f"system:serviceaccount:{subject['namespace']}:{subject['name']}"

    def heeded(*, allowed: bool) -> bool:
        return not (resource and verb) or api.may(user, verb, resource, NOTEBOOKS) is allowed

    rules = [rule | {"verbs": [v for v in rule["verbs"] if rule["resources"] != [resource] or v != verb]} for rule in whole["rules"]]
    api.apply(whole | {"rules": [rule for rule in rules if rule["verbs"]]})
    try:
        eventually(lambda: heeded(allowed=False))
        yield
    finally:
        api.apply(whole)
        eventually(lambda: heeded(allowed=True))
