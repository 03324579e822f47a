"""Settings of Spark: sizes of driver and executors, and the bounds of what all notebooks may use together."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from settings.vocabulary import Cores, GiB, Name, Problem, Settings


class PodSize(Settings):
    """The size of one Spark Pod. Requests equal limits."""

    cores: Annotated[Cores, Field(examples=[4])]
    """Processor cores of the Pod."""

    memory_gib: Annotated[GiB, Field(examples=[12])]
    """Heap of the JVM, in GiB."""

    overhead_gib: Annotated[GiB, Field(examples=[4])]
    """Memory beside the heap, in GiB: Python workers, Arrow, native buffers. PySpark wants about 40 % of the heap."""

    scratch_gib: Annotated[GiB, Field(examples=[20])]
    """Local disk of the Pod, in GiB: shuffles, spills, temporary files, and in a driver 2 GiB of Zeppelin; who writes more is evicted."""

    @property
    def total_memory_gib(self) -> int:
        """Memory that Kubernetes must give to the Pod, in GiB."""
        return self.memory_gib + self.overhead_gib


class Quota(Settings):
    """What all Pods of namespace gaia-spark may request together."""

    cores: Annotated[Cores, Field(examples=[64])]
    """Processor cores."""

    memory_gib: Annotated[GiB, Field(examples=[240])]
    """Memory, in GiB."""

    scratch_gib: Annotated[GiB, Field(examples=[400])]
    """Local disk, in GiB."""

    pods: Annotated[int, Field(ge=2, le=5000)] = 200
    """Number of Pods."""


class SparkSettings(Settings):
    """How Spark runs on demand."""

    pool: Annotated[Name, Field(examples=["spark"])]
    """Pool that drivers and executors run on: the name of a pool, or default-worker."""

    driver: PodSize
    """Size of a driver, which is also the size of any other interpreter."""

    executor: PodSize
    """Size of an executor."""

    max_executors: Annotated[int, Field(ge=1, le=2000, examples=[12])]
    """Most executors of one notebook (spark.dynamicAllocation.maxExecutors)."""

    quota: Quota
    """What all notebooks may use together."""

    executor_idle_seconds: Annotated[int, Field(ge=10, le=86400)] = 60
    """Seconds after which an idle executor is released."""

    cached_idle_seconds: Annotated[int, Field(ge=10, le=604800)] = 900
    """Seconds after which an idle executor that holds cached or shuffle data is released."""

    interpreter_idle_minutes: Annotated[int, Field(ge=1, le=10080)] = 60
    """Minutes after which an idle interpreter, and so its driver, is released."""

    def problems(self) -> Iterator[Problem]:
        whole = (("driver",), ("executor",), ("max_executors",), ("quota",))
        driver, executor, quota = self.driver, self.executor, self.quota
        for key, of_driver, of_executor, limit in (
            ("cores", driver.cores, executor.cores, quota.cores),
            ("memory_gib", driver.total_memory_gib, executor.total_memory_gib, quota.memory_gib),
            ("scratch_gib", driver.scratch_gib, executor.scratch_gib, quota.scratch_gib),
            ("pods", 1, 1, quota.pods),
        ):
            wanted = of_driver + self.max_executors * of_executor
            if wanted > limit:
                fit = max((limit - of_driver) // of_executor, 0)
                yield Problem(
                    ("max_executors",),
                    f"asks for {wanted} {key} with its driver, over quota.{key} {limit}: Spark would retry for ever",
                    f"at most {fit} for this quota" if fit else f"a quota.{key} of at least {of_driver + of_executor}",
                    whole,
                )
