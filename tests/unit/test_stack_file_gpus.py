"""What a stack file says of GPUs agrees with itself, and a profile that asks for them never waits for ever."""

import copy
from typing import Any

import pytest

from tests.support.stack_files import document, refusal, settings_of, with_gpus, with_yarn


def gpus(pool: dict[str, Any] | None = None, profile: dict[str, Any] | None = None, **sections: dict[str, Any]) -> dict[str, Any]:
    """The dev stack with two nodes of two GPUs each, a profile of two executors, and a quota of three. None takes a key away."""
    data = with_gpus(document("dev"))
    changed = {
        "pool": (data["gaia-dmp:cloud"]["cluster"]["pools"][-1], pool or {}),
        "profile": (data["gaia-dmp:spark"]["profiles"][-1], profile or {}),
        **{key: (data["gaia-dmp:spark"].setdefault(key, {}), more) for key, more in sections.items()},
    }
    for target, more in changed.values():
        target.update(more)
        for key in [key for key, value in target.items() if value is None]:
            del target[key]
    return data


def test_sizes_and_defaults():
    spark = settings_of(gpus()).spark
    assert (spark.gpu_pools, spark.gpus_per_person, spark.executors_per_person) == (["gpu"], 2, 4)
    assert settings_of(document("dev")).spark.gpus_per_person == 0


def in_one_pool() -> dict[str, Any]:
    data = gpus()
    data["gaia-dmp:spark"]["pool"] = "gpu"
    return data


def without_profile(data: dict[str, Any]) -> dict[str, Any]:
    """Nobody asks for the GPUs that the nodes have."""
    spark = data["gaia-dmp:spark"]
    spark["profiles"] = [each for each in spark["profiles"] if "gpu" not in each]
    del spark["quota"]["gpus"]
    return data


WRONG = [
    (gpus(profile={"gpu": {"pool": "gpus"}}), ["profiles[2].gpu.pool: gpus", "is not a pool of this stack", "accepted: gpu"]),
    (gpus(profile={"gpu": {"pool": "spark"}}), ["profiles[2].gpu.pool: spark", "is a pool without gpus", "accepted: gpu"]),
    (in_one_pool(), ["spark.pool: gpu", "is a pool with gpus", "would run on nodes with GPUs", "accepted: default-worker or spark"]),
    (without_profile(in_one_pool()), ["spark.pool: gpu", "is a pool with gpus", "accepted: default-worker or spark"]),
    (gpus(pool={"gpus": None}), ["profiles[2].gpu.pool: gpu", "is a pool without gpus", "the name of a pool, with its gpus"]),
    (gpus(pool={"gpus": 17}), ["pools[1].gpus: 17", "16"]),
    (
        gpus(profile={"max_executors": 5}, quota={"gpus": 4}),
        ["max_executors: 5", "needs 5 gpus", "quota.gpus is 4", "at most 4"],
    ),
    (gpus(quota={"gpus": None}), ["needs 2 gpus with its driver, but quota.gpus is 0"]),
    (gpus(quota={"gpus": 5}), ["quota.gpus: 5", "is more than gpu have at full size", "at most 4"]),
    (gpus(profile={"gpu": {"pool": "gpu", "tasks": 3}}), ["gpu.tasks: 3", "more than an executor's 2 cores", "at most 2"]),
    (gpus(per_person={"gpus": 1}), ["per_person.gpus: 1", "is less than the 2 that one notebook of spark-gpu may have"]),
    (gpus(profile={"gpu": None}), ["quota.gpus: 3", "has no effect: no profile has a gpu"]),
    (
        gpus(profile={"executor": {"cores": 8, "memory_gib": 4, "overhead_gib": 2, "scratch_gib": 8}, "max_executors": 1}),
        ["profiles[2].executor.cores", "takes 8, but a node of pool gpu has only 7"],
    ),
    # Two GPUs of two nodes: a quarter of what their cores would bear.
    (
        gpus(pool={"gpus": 1}, profile={"max_executors": 3}),
        ["max_executors: 3", "2 nodes at full size, and 1 executors of spark-gpu"],
    ),
    (with_yarn(gpus()), ["profiles[2].gpu", "is not counted by Yarn", "backend kubernetes"]),
]


def on_kubernetes(ordinary: dict[str, str], gpu: dict[str, str]) -> dict[str, Any]:
    """The local stack with a pool of two GPUs beside its own, and the labels of the nodes of both."""
    data = copy.deepcopy(document("local"))
    pools = data["gaia-dmp:cloud"]["pools"]
    pools.append({**pools[0], "name": "gpu", "gpus": 2, "node_selector": gpu})
    pools[0]["node_selector"] = ordinary
    profile = {"name": "gpu", "max_executors": 2, "gpu": {"pool": "gpu"}}
    data["gaia-dmp:spark"] |= {"profiles": [profile], "quota": {**data["gaia-dmp:spark"]["quota"], "gpus": 2}}
    return data


WRONG_NODES = [
    ({}, {"pool": "gpu"}),
    ({"pool": "gpu"}, {"pool": "gpu"}),
    ({"zone": "a"}, {"pool": "gpu", "zone": "a"}),
    ({"zone": "a", "pool": "gpu"}, {"pool": "gpu"}),
    ({"zone": "a"}, {}),
]


@pytest.mark.parametrize("change", [lambda data: data, without_profile], ids=["with a profile", "without"])
@pytest.mark.parametrize(("ordinary", "gpu"), WRONG_NODES)
def test_ordinary_pods_do_not_select_nodes_with_gpus(ordinary, gpu, change):
    message = refusal(change(on_kubernetes(ordinary, gpu)))
    words = ["cloud.pools[0].node_selector", "selects nodes of pool gpu, too", "a label of both pools, with different values"]
    assert [word for word in words if word not in message] == [], message


def test_pools_with_labels_of_their_own_are_apart():
    assert settings_of(on_kubernetes({"pool": "spark", "zone": "a"}, {"pool": "gpu", "zone": "a"})).spark.gpu_pools == ["gpu"]


@pytest.mark.parametrize(("data", "words"), WRONG, ids=[words[0] for _, words in WRONG])
def test_what_cannot_be_is_refused(data, words):
    message = refusal(data)
    assert [word for word in words if word not in message] == [], message


def test_the_nodes_of_both_pools_bear_the_quota():
    """Two nodes of each pool, 7 cores each after the reserve."""
    assert settings_of(gpus(quota={"cores": 28})).spark.quota.cores == 28
    message = refusal(gpus(quota={"cores": 29}))
    assert "pool spark has at full size: 2 nodes with 7 each, and pool gpu has at full size: 2 nodes with 7 each after" in message
    assert "at most 28" in message
