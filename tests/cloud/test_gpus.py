"""Executors with a GPU: what a real Spark asks a real API server for, where they may run, how many, and how Spark finds the GPU.

No machine of these tests has a GPU. KWOK's node says that it has two, and a program in nvidia-smi's place says which one is an executor's.
"""

import contextlib
import copy
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.files import text
from tests.cloud import deployed, driver, pods
from tests.cloud.api import Api, ApiError, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.driver import Driver
from tests.cloud.kube import running
from tests.cloud.kubelet import Kubelet
from tests.support.eventually import eventually
from tests.support.stack_files import with_gpus

PODS = f"/api/v1/namespaces/{NOTEBOOKS}/pods"
GPU = "nvidia.com/gpu"
POOL = "capi.stackhpc.com/node-group"


@pytest.fixture(scope="module")
def items() -> list[Object]:
    return deployed.objects(with_gpus(deployed.stack()))


@pytest.fixture(scope="module")
def api(items: list[Object]) -> Iterator[Api]:
    with running() as cluster:
        deployed.spark_nodes(cluster)
        cluster.node("gpu-0", {POOL: "gpu"}, gpus=2)
        # As GKE does with its nodes, and other clouds' operators.
        taint = {"key": GPU, "value": "present", "effect": "NoSchedule"}
        cluster.api.call("PATCH", "/api/v1/nodes/gpu-0", {"spec": {"taints": [taint]}}, kind="application/merge-patch+json")
        deployed.apply(cluster.api, items)
        yield cluster.api


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gpus")


@pytest.fixture(scope="module")
def find(folder: Path) -> Path:
    """The script that an executor asks, beside a program in the place of nvidia-smi."""
    path = folder / "find-gpus.sh"
    path.write_text(text("spark/files/find-gpus.sh"))
    smi = folder / "nvidia-smi"
    smi.write_text('#!/bin/sh\n[ "$*" = "--query-gpu=index --format=csv,noheader" ] && echo 0\n')
    for program in (path, smi):
        program.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def spark(api: Api, items: list[Object], folder: Path, find: Path) -> Iterator[Driver]:
    """A driver of alice's with the settings of `%spark-gpu`."""
    runner = Kubelet(api, "4.0", folder / "executors")
    with pytest.MonkeyPatch.context() as patch:
        # Executors are processes of this machine, with its environment.
        patch.setenv("PATH", str(folder), prepend=":")
        runner.start()
        other = {"spark.executor.resource.gpu.discoveryScript": str(find)}
        with driver.running(api, items, folder / "driver", setting="spark-gpu", hostile=other) as found:
            yield found
        runner.stop()


@pytest.fixture(scope="module")
def executors(api: Api, spark: Driver) -> list[Object]:
    """The executors of a job with more tasks than GPUs."""
    assert spark("shuffle(8, 1.0)") == 49995000
    return api.items(PODS, labelSelector="spark-role=executor")


def test_an_executor_has_one_gpu_on_a_node_of_the_pool(api, executors):
    assert len(executors) == 2
    for pod in executors:
        resources = pod["spec"]["containers"][0]["resources"]
        assert (resources["limits"][GPU], resources["requests"][GPU]) == ("1", "1")
        assert (pod["spec"]["nodeName"], pod["spec"]["nodeSelector"]) == ("gpu-0", {POOL: "gpu"})
        assert pod["spec"]["priorityClassName"] == "gaia-spark-executor-alice.gpu"
    (interpreter,) = api.items(PODS, labelSelector="app.kubernetes.io/name=zeppelin-interpreter")
    assert GPU not in interpreter["spec"]["containers"][0]["resources"]["limits"]
    assert interpreter["spec"]["nodeSelector"] == {POOL: "spark"}


def test_spark_gives_each_task_its_gpu(spark, executors):
    """By the stack's own settings, but for where the script is: it is a ConfigMap's."""
    addresses = "list(__import__('pyspark').TaskContext.get().resources()['gpu'].addresses)"
    assert spark(f"sc.parallelize(range(4), 4).map(lambda _: {addresses}).collect()") == [["0"]] * 4
    assert spark("sc.getConf().get('spark.task.resource.gpu.amount')") == "1"


def test_the_script_is_where_the_settings_say(items, executors):
    (properties,) = [driver.properties(items, "spark-gpu")]
    place, _, name = properties["spark.executor.resource.gpu.discoveryScript"].rpartition("/")
    (volume,) = [each for each in executors[0]["spec"]["volumes"] if each["name"] == "gpu"]
    (mounted,) = [each for each in executors[0]["spec"]["containers"][0]["volumeMounts"] if each["name"] == "gpu"]
    assert mounted["mountPath"] == place
    assert volume["configMap"]["defaultMode"] == 0o555
    assert deployed.one(items, "ConfigMap", volume["configMap"]["name"])["data"].keys() == {name}
    assert [key for key in driver.properties(items, "spark") if ".resource.gpu" in key] == []


def test_quotas_count_them(api, executors):
    def used(name: str) -> dict[str, Any]:
        return api.call("GET", f"/api/v1/namespaces/{NOTEBOOKS}/resourcequotas/{name}")["status"]

    eventually(lambda: used("notebooks")["used"].get(f"requests.{GPU}") == "2")
    assert used("notebooks")["hard"][f"requests.{GPU}"] == "3"
    assert used("executor-alice.gpu")["used"]["pods"] == "2"
    assert used("executor-alice.gpu")["hard"] == {
        "pods": "2", "requests.cpu": "2", "limits.cpu": "2", "requests.memory": "4Gi", "limits.memory": "4Gi",
    }  # fmt: skip
    # An executor with a GPU takes none of the places of the others.
    assert used("executor-alice")["used"]["pods"] == "0"


def _limits(pod: Object, amount: str | None) -> None:
    resources = pod["spec"]["containers"][0]["resources"]
    for kind in ("limits", "requests"):
        resources[kind].pop(GPU)
        resources[kind] |= {GPU: amount} if amount else {}


CHANGES = {
    "two GPUs": (lambda pod: _limits(pod, "2"), "an executor has one GPU"),
    "no GPU on their nodes": (lambda pod: _limits(pod, None), "an executor must have the PriorityClass"),
    "no GPU, in the right class": (
        lambda pod: (_limits(pod, None), pod["spec"].update(priorityClassName="gaia-spark-executor-alice")),
        "a Pod here must run on the Spark nodes",
    ),
    "the class of those without": (
        lambda pod: pod["spec"].update(priorityClassName="gaia-spark-executor-alice"),
        "an executor must have the PriorityClass",
    ),
    "another person's class": (
        lambda pod: pod["spec"].update(priorityClassName="gaia-spark-executor-bob-example-org.gpu"),
        "an executor must have the PriorityClass",
    ),
    "nobody's class": (
        lambda pod: pod["spec"].update(priorityClassName="gaia-spark-executor.gpu"),
        "an executor must have the PriorityClass",
    ),
    "other nodes": (lambda pod: pod["spec"].update(nodeSelector={POOL: "default-worker"}), "a Pod here must run on the Spark nodes"),
    "another taint": (
        lambda pod: pod["spec"]["tolerations"].append({"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}),
        "must not tolerate taints",
    ),
    "a GPU of another name": (
        lambda pod: pod["spec"]["containers"][0]["resources"]["limits"].update({"nvidia.com/gpu.shared": "1"}),
        "a Pod here may ask only for cpu, memory, ephemeral-storage, nvidia.com/gpu",
    ),
    "all GPUs of the node": (
        lambda pod: pod["spec"]["containers"][0]["env"].append({"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}),
        "an executor must not choose its GPU",
    ),
}


@pytest.fixture(scope="module")
def asks(api: Api, spark: Driver) -> Iterator[Api]:
    """The API, asked with the token of alice's driver."""
    client = api.acting_as(api.token(NOTEBOOKS, spark.pod["spec"]["serviceAccountName"], spark.pod))
    yield client
    client.close()


def _again(pod: Object) -> Object:
    """An executor as its driver would make another."""
    found = copy.deepcopy(pod)
    keys = ("labels", "ownerReferences", "annotations", "namespace")
    found["metadata"] = {"name": "another", **{key: found["metadata"][key] for key in keys if key in found["metadata"]}}
    # What the API server itself has added.
    for key in ("nodeName", "priority", "preemptionPolicy"):
        found["spec"].pop(key, None)
    return {"apiVersion": "v1", "kind": "Pod"} | found | {"status": {}}


@pytest.mark.parametrize("title", CHANGES)
def test_an_executor_that_differs_is_refused(asks, executors, title):
    change, words = CHANGES[title]
    pod = _again(executors[0])
    change(pod)
    with pytest.raises(ApiError) as refusal:
        asks.create(pod)
    assert (refusal.value.code, words in refusal.value.message) == (403, True), refusal.value.message


def test_one_more_is_over_the_quota_of_its_person(asks, executors):
    with pytest.raises(ApiError, match=r"exceeded quota: executor-alice\.gpu") as refusal:
        asks.create(_again(executors[0]))
    assert refusal.value.code == 403


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda container: container["resources"]["limits"].update({GPU: "1"}), "an interpreter must have no GPU"),
        (
            lambda container: container["resources"]["limits"].update({"nvidia.com/mig-1g.5gb": "1"}),
            "a Pod here may ask only for cpu, memory, ephemeral-storage$",
        ),
        (lambda container: container["env"].append({"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}), "must not choose a GPU"),
    ],
    ids=["a GPU", "one of another name", "all GPUs of the node"],
)
def test_an_interpreter_has_none(api, items, change, words):
    (interpreter, _), *_ = pods.rendered(items, {"zeppelin.k8s.interpreter.pod.name": "spark-alice-2abcdefgh-aaaaaa"})
    change(interpreter["spec"]["containers"][0])
    server = api.acting_as(api.token(SERVER, "zeppelin-server"))
    with contextlib.closing(server), pytest.raises(ApiError, match=words):
        server.create(interpreter)


def test_a_node_whose_driver_is_missing_says_so(find):
    """An executor that finds no GPU ends, with these words in its log."""
    done = subprocess.run([str(find)], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert (done.returncode != 0, "nvidia-smi" in done.stderr, done.stdout) == (True, True, "")
