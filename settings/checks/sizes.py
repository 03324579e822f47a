"""Sizes of Spark: whether drivers, executors and the quota fit on the nodes of the pool."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.cloud import KubernetesCloud, NodeSize, OpenStackCloud
from settings.values.spark import NotebookSize, PodSize
from settings.values.vocabulary import KeyPath, Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings


def problems(stack: "StackSettings") -> Iterator[Problem]:
    spark = stack.spark
    pools = {pool.name: pool for pool in stack.cloud.node_sizes()}
    pool = pools.get(spark.pool)
    nodes = ("cloud", "cluster") if isinstance(stack.cloud, OpenStackCloud) else ("cloud", "pools")
    if pool is None:
        yield Problem(("spark", "pool"), "is not a pool of this stack", ", ".join(pools), (nodes,))
        return
    yield from _apart(stack, pool)
    with_gpus: list[NodeSize] = []
    for index, profile in enumerate(spark.profiles):
        if profile.gpu is None:
            continue
        found, path = pools.get(profile.gpu.pool), ("spark", "profiles", index, "gpu", "pool")
        able = [each.name for each in pools.values() if each.gpus]
        if found is None or not found.gpus:
            message = "is a pool without gpus" if found else "is not a pool of this stack"
            yield Problem(path, message, ", ".join(able) or "the name of a pool, with its gpus", (nodes,))
            return
        with_gpus += [found] * (found not in with_gpus)
    for setting, sizes in spark.sizes().items():
        yield from _fit(stack, setting, sizes, pool=pool, on=pools[sizes.gpu.pool] if sizes.gpu else pool, nodes=nodes)
    gpus = sum(each.maximum * each.gpus for each in with_gpus)
    if with_gpus and spark.quota.gpus > gpus:
        message = f"is more than {' and '.join(each.name for each in with_gpus)} have at full size"
        yield Problem(("spark", "quota", "gpus"), message, f"at most {gpus}", (nodes, ("spark", "profiles")))
    room = _room(stack, pool)
    used = [pool, *with_gpus]
    for key, free in room.items():
        if getattr(spark.languages, key) > free:
            yield Problem(
                ("spark", "languages", key),
                f"does not fit on a node of pool {pool.name}, which has {max(free, 0)} after the reserve",
                f"at most {free}" if free > 0 else "a larger flavour, or a smaller reserve",
                (nodes, ("spark", "pool")),
            )
        most = sum(max(_room(stack, each)[key], 0) * each.maximum for each in used)
        if getattr(spark.quota, key) > most:
            have = (f"pool {each.name} has at full size: {each.maximum} nodes with {max(_room(stack, each)[key], 0)} each" for each in used)
            yield Problem(
                ("spark", "quota", key),
                f"is more than {', and '.join(have)} after the reserve",
                f"at most {most}" if most else "a larger flavour, more nodes, or a smaller reserve",
                (nodes, ("spark", "pool")),
            )


def _apart(stack: "StackSettings", pool: NodeSize) -> Iterator[Problem]:
    """Drivers, and executors without a GPU, do not run on nodes that have some, whether or not a profile asks for these.

    pool: theirs.
    """
    ordinary = "so drivers and executors without a GPU would run on nodes with GPUs"
    if pool.gpus:
        others = [each.name for each in stack.cloud.node_sizes() if not each.gpus]
        yield Problem(("spark", "pool"), f"is a pool with gpus, {ordinary}", " or ".join(others) or "another pool, without gpus")
    elif isinstance(stack.cloud, KubernetesCloud):
        index, labels = next((index, each.node_selector.items()) for index, each in enumerate(stack.cloud.pools) if each.name == pool.name)
        for other, each in enumerate(stack.cloud.pools):
            theirs = each.node_selector.items()
            if each.gpus and (labels <= theirs or theirs <= labels):
                message = f"selects nodes of pool {each.name}, too, {ordinary}"
                path = ("cloud", "pools", index, "node_selector")
                yield Problem(path, message, "a label of both pools, with different values", (("cloud", "pools", other),))


def _room(stack: "StackSettings", pool: NodeSize) -> dict[str, int]:
    """What a node of a pool has for Spark."""
    reserve = stack.cloud.reserve
    return {
        "cores": pool.vcpus - reserve.vcpus,
        "memory_gib": pool.memory_gib - reserve.memory_gib,
        "scratch_gib": pool.disk_gib - reserve.disk_gib,
    }


def _fit(stack: "StackSettings", setting: str, sizes: NotebookSize, *, pool: NodeSize, on: NodeSize, nodes: KeyPath) -> Iterator[Problem]:
    """Whether the driver and executors of one interpreter setting fit on the nodes, each of them and all together.

    pool: of drivers. on: that of executors.
    """
    spark = stack.spark
    paths = {key: ("spark", *spark.paths(setting, key)) for key in ("driver", "executor", "max_executors")}
    involved = (nodes, ("spark", "pool"), *paths.values())
    for role, size, place in (("driver", sizes.driver, pool), ("executor", sizes.executor, on)):
        if setting != "spark" and paths[role][1] != "profiles" and place is pool:
            continue  # reported for `spark` itself already
        wanted = _of(size)
        for key, free in _room(stack, place).items():
            if wanted[key] > free:
                extra = " (heap and overhead)" if key == "memory_gib" else ""
                yield Problem(
                    (*paths[role], key),
                    f"takes {wanted[key]}{extra}, but a node of pool {place.name} has only {max(free, 0)} after the reserve",
                    f"at most {free}" if free > 0 else "a larger flavour, or a smaller reserve",
                    involved,
                )
    per_node = min(free // _of(sizes.executor)[key] for key, free in _room(stack, on).items())
    per_node = min(per_node, on.gpus) if sizes.gpu else per_node
    if per_node > 0 and sizes.max_executors > per_node * on.maximum:
        yield Problem(
            paths["max_executors"],
            f"does not fit: pool {on.name} has {on.maximum} nodes at full size, and {per_node} executors of {setting} fit on each",
            f"at most {per_node * on.maximum}",
            involved,
        )


def _of(size: PodSize) -> dict[str, int]:
    return {"cores": size.cores, "memory_gib": size.total_memory_gib, "scratch_gib": size.scratch_gib}
