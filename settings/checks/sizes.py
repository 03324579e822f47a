"""Sizes of Spark: whether drivers, executors and the quota fit on the nodes of the pool."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.cloud import NodeSize, OpenStackCloud
from settings.values.spark import NotebookSize, PodSize, SparkSettings
from settings.values.vocabulary import KeyPath, Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings


def problems(stack: "StackSettings") -> Iterator[Problem]:
    spark, reserve = stack.spark, stack.cloud.reserve
    pools = {pool.name: pool for pool in stack.cloud.node_sizes()}
    pool = pools.get(spark.pool)
    nodes = ("cloud", "cluster") if isinstance(stack.cloud, OpenStackCloud) else ("cloud", "pools")
    if pool is None:
        yield Problem(("spark", "pool"), "is not a pool of this stack", ", ".join(pools), (nodes,))
        return
    room = {
        "cores": pool.vcpus - reserve.vcpus,
        "memory_gib": pool.memory_gib - reserve.memory_gib,
        "scratch_gib": pool.disk_gib - reserve.disk_gib,
    }
    for setting, sizes in spark.sizes().items():
        yield from _fit(spark, setting, sizes, room, pool=pool, nodes=nodes)
    for key, free in room.items():
        if getattr(spark.languages, key) > free:
            yield Problem(
                ("spark", "languages", key),
                f"does not fit on a node of pool {pool.name}, which has {max(free, 0)} after the reserve",
                f"at most {free}" if free > 0 else "a larger flavour, or a smaller reserve",
                (nodes, ("spark", "pool")),
            )
        most = max(free, 0) * pool.maximum
        if getattr(spark.quota, key) > most:
            yield Problem(
                ("spark", "quota", key),
                f"is more than pool {pool.name} has at full size: {pool.maximum} nodes with {max(free, 0)} each after the reserve",
                f"at most {most}" if most else "a larger flavour, more nodes, or a smaller reserve",
                (nodes, ("spark", "pool")),
            )


def _fit(
    spark: SparkSettings, setting: str, sizes: NotebookSize, room: dict[str, int], *, pool: NodeSize, nodes: KeyPath
) -> Iterator[Problem]:
    """Whether the driver and executors of one interpreter setting fit on the nodes of the pool, each of them and all together."""
    paths = {key: ("spark", *spark.paths(setting, key)) for key in ("driver", "executor", "max_executors")}
    involved = (nodes, ("spark", "pool"), *paths.values())
    for role, size in (("driver", sizes.driver), ("executor", sizes.executor)):
        if setting != "spark" and paths[role][1] != "profiles":
            continue  # reported for `spark` itself already
        wanted = _of(size)
        for key, free in room.items():
            if wanted[key] > free:
                extra = " (heap and overhead)" if key == "memory_gib" else ""
                yield Problem(
                    (*paths[role], key),
                    f"takes {wanted[key]}{extra}, but a node of pool {pool.name} has only {max(free, 0)} after the reserve",
                    f"at most {free}" if free > 0 else "a larger flavour, or a smaller reserve",
                    involved,
                )
    per_node = min(free // _of(sizes.executor)[key] for key, free in room.items())
    if per_node > 0 and sizes.max_executors > per_node * pool.maximum:
        yield Problem(
            paths["max_executors"],
            f"does not fit: pool {pool.name} has {pool.maximum} nodes at full size, and {per_node} executors of {setting} fit on each",
            f"at most {per_node * pool.maximum}",
            involved,
        )


def _of(size: PodSize) -> dict[str, int]:
    return {"cores": size.cores, "memory_gib": size.total_memory_gib, "scratch_gib": size.scratch_gib}
