"""Pods as Zeppelin and Spark make them, for tests that ask what is allowed."""

import copy
import functools
import json
import subprocess
from typing import Any

import yaml

from tests.cloud.api import Api, ApiError, Object, collection
from tests.cloud.deployed import DRIVER_IMAGE, NOTEBOOKS, one
from tests.cloud.kube import die_with_parent
from tests.cloud.tools import jinjava

BINDINGS = {
    "zeppelin.k8s.interpreter.user": "alice",
    "zeppelin.k8s.interpreter.pod.name": "spark-alice-2abcdefgh-abcdef",
    "zeppelin.k8s.interpreter.group.id": "spark-alice-2ABCDEFGH",
    "zeppelin.k8s.interpreter.group.name": "spark",
    "zeppelin.k8s.interpreter.setting.name": "spark",
    "zeppelin.k8s.envs": {"INTERPRETER_GROUP_ID": "spark-alice-2ABCDEFGH"},
}
"""What Zeppelin's launcher tells the template (K8sRemoteInterpreterProcess.getTemplateBindings)."""


def rendered(items: list[Object], *changes: dict[str, Any]) -> list[list[Object]]:
    """Pod and Service of the stack's own template by jinjava, once for each set of changed bindings."""
    template = next(item["data"]["100-interpreter.yaml"] for item in items if "100-interpreter.yaml" in item.get("data", {}))
    renderer = _renderer()
    assert renderer.stdin
    assert renderer.stdout
    renderer.stdin.write(json.dumps({"template": template, "properties": [BINDINGS | change for change in changes]}) + "\n")
    renderer.stdin.flush()
    answer = renderer.stdout.readline()
    assert answer, f"the renderer ended with {renderer.wait()}"
    results = json.loads(answer)
    assert [result["errors"] for result in results] == [[] for _ in changes]
    return [[document for document in yaml.safe_load_all(result["output"]) if document] for result in results]


@functools.cache
def _renderer() -> subprocess.Popen[str]:
    """A renderer that ends with this process. Only the first template waits for Java to start."""
    return subprocess.Popen(jinjava(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", preexec_fn=die_with_parent)


def executor(items: list[Object], driver: Object, name: str = "exec-1", person: str = "alice", setting: str = "spark") -> Object:
    """An executor's Pod as Spark makes it from the stack's template, owned by the driver's Pod."""
    suffix = f"-{person}" if person else ""
    files = one(items, "ConfigMap", "zeppelin-interpreter-files")
    text = files["data"][f"executor-{setting}{'.person' if person else ''}.yaml"]
    pod = yaml.safe_load(text.replace("@priority@", f"{NOTEBOOKS}-executor{suffix}").replace("@user@", person or "guest.carol"))
    pod |= {"apiVersion": "v1", "kind": "Pod"}
    pod["metadata"] |= {"name": name, "namespace": NOTEBOOKS, "ownerReferences": [owner(driver)]}
    pod["metadata"]["labels"] |= {"spark-role": "executor", "spark-app-selector": "spark-1", "spark-exec-id": "1"}
    pod["spec"] |= {"restartPolicy": "Never", "hostname": name}
    container = pod["spec"]["containers"][0]
    container |= {"image": DRIVER_IMAGE, "args": ["executor"]}
    for kind in ("requests", "limits"):
        container["resources"][kind] |= {"cpu": "1", "memory": "2Gi"}
    return pod


def makes(api: Api, pod: Object) -> bool:
    """Whether somebody could make this Pod now."""
    try:
        api.call("POST", collection(pod), pod, {"dryRun": "All"})
    except ApiError:
        return False
    return True


def config_map(driver: Object, name: str = "spark-exec-1-conf-map") -> Object:
    """The ConfigMap that a driver makes for its executors."""
    metadata = {"name": name, "namespace": NOTEBOOKS, "labels": {"spark-role": "executor"}, "ownerReferences": [owner(driver)]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"spark.properties": ""}}


def owner(driver: Object) -> Object:
    """The owner reference of whatever a driver makes."""
    metadata = driver["metadata"]
    return {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"], "controller": True}


def changed(item: Object, path: str, value: Any) -> Object:
    """A copy with one field set, `spec/containers/0/image`; `+` adds to a list, `~` stands for the slash of a key, None removes."""
    result = copy.deepcopy(item)
    *parents, last = (part.replace("~", "/") for part in path.split("/"))
    target: Any = result
    for part in parents:
        target = target[int(part)] if isinstance(target, list) else target.setdefault(part, {})
    if isinstance(target, list):
        if last == "+":
            target.append(value)
        else:
            target[int(last)] = value
    elif value is None:
        target.pop(last, None)
    else:
        target[last] = value
    return result
