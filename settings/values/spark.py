"""Settings of Spark: sizes of drivers and executors, and the limits for each person and for all notebooks together."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.values.backend import Backend, PodBackend
from settings.values.own_share import RestingShare
from settings.values.vocabulary import Cores, GiB, KeyPath, Name, ObjectName, Problem, Settings


class PodSize(Settings):
    """The size of one Spark Pod. The Pod gets all of it; a driver may use twice its cores while other Pods leave them idle."""

    cores: Annotated[Cores, Field(examples=[4])]
    """Processor cores of the Pod."""

    memory_gib: Annotated[GiB, Field(examples=[12])]
    """Heap of the JVM, in GiB."""

    overhead_gib: Annotated[GiB, Field(examples=[4])]
    """Memory besides the heap, in GiB, for Python workers, Arrow and native buffers. PySpark needs about 40 % of the heap."""

    scratch_gib: Annotated[GiB, Field(examples=[20])]
    """Local disk of the Pod, in GiB, for shuffles, spills, temporary files, and in a driver 2 GiB for Zeppelin. A Pod that writes more is
evicted."""

    @property
    def total_memory_gib(self) -> int:
        """Memory that the Pod requests from Kubernetes, in GiB."""
        return self.memory_gib + self.overhead_gib


class LanguageSize(Settings):
    """The size of an interpreter other than Spark: Markdown, Python, a shell. It requests a quarter of its cores: it mostly waits."""

    cores: Cores = 1
    """Processor cores that it may use."""

    memory_gib: GiB = 1
    """Memory, in GiB. Python without Spark keeps its data here."""

    scratch_gib: Annotated[int, Field(ge=3, le=2**20)] = 4
    """Local disk, in GiB, of which Zeppelin needs 2."""


class Quota(Settings):
    """What all Pods of namespace gaia-spark may request together."""

    cores: Annotated[int, Field(ge=1, le=100_000, examples=[64])]
    """Processor cores."""

    memory_gib: Annotated[GiB, Field(examples=[240])]
    """Memory, in GiB."""

    scratch_gib: Annotated[GiB, Field(examples=[400])]
    """Local disk, in GiB."""

    pods: Annotated[int, Field(ge=2, le=20_000)] = 200
    """Number of Pods."""

    gpus: Annotated[int, Field(ge=0, le=10_000)] = 0
    """GPUs, for profiles with `gpu`."""


class ExecutorGpu(Settings):
    """One GPU for each executor of a profile. Drivers have none."""

    pool: Annotated[Name, Field(examples=["gpu"])]
    """Node pool for the executors of this profile, with `gpus`. It is another one than `spark.pool`."""

    tasks: Annotated[int, Field(ge=1, le=64)] = 1
    """Tasks that share a GPU at the same time. An executor runs no more than this, whatever its cores."""


class Profile(Settings):
    """Another size of Spark, which a notebook uses as `%spark-<name>`. Settings that it leaves out are those of `%spark`."""

    name: Annotated[Name, Field(max_length=12, examples=["large"])]
    """Name of the profile, unique in the stack."""

    driver: PodSize | None = None
    """Size of a driver."""

    executor: PodSize | None = None
    """Size of an executor."""

    max_executors: Annotated[int, Field(ge=1, le=2000)] | None = None
    """Maximum number of executors for one notebook."""

    gpu: ExecutorGpu | None = None
    """A GPU for each executor; none by default."""


class PerPerson(Settings):
    """What one person may use at the same time."""

    interpreters: Annotated[int, Field(ge=1, le=500)] = 6
    """Interpreters, one per notebook and language. `quota` must have room for this many drivers of the largest size and one executor."""

    executors: Annotated[int, Field(ge=1, le=5000)] | None = None
    """Executors without a GPU of all their notebooks together; by default the largest `max_executors` of all profiles without `gpu`."""

    gpus: Annotated[int, Field(ge=1, le=5000)] | None = None
    """The same of executors with a GPU."""


KeepDays = Annotated[int, Field(ge=1, le=3650)]


class HistoryShare(RestingShare):
    """Spark's event logs on their own Manila share, which outlives the cluster."""

    size_gib: Annotated[GiB, Field(examples=[50])] = 50
    """Quota of the share, in GiB. It may grow, in place. The oldest logs are deleted when nine tenths of it are full."""

    keep_days: KeepDays = 90
    """Days for which an event log is kept."""


class HistoryVolume(Settings):
    """Spark's event logs on a volume of a storage class. It is deleted with the cluster."""

    kind: Literal["storage_class"]
    """A volume of a storage class of the cluster."""

    name: Annotated[ObjectName, Field(examples=["csi-manila-cephfs"])] | None = None
    """Name of the storage class; by default the cluster's default class. Several nodes must be able to write to its volumes."""

    size_gib: Annotated[GiB, Field(examples=[50])] = 50
    """Size of the volume, in GiB. The oldest logs are deleted when nine tenths of it are full."""

    keep_days: KeepDays = 90
    """Days for which an event log is kept."""


class KueueSettings(Settings):
    """Kueue, if it is installed in the cluster: Spark's Pods wait in a queue for their share of the cluster."""

    cluster_queue: Annotated[Name, Field(examples=["astronomy"])]
    """Name of an existing ClusterQueue; the stack creates a LocalQueue for it. Kueue's Pod integration must be enabled for
    namespace gaia-spark."""


class NotebookSize(Settings):
    """The sizes behind one interpreter setting of Zeppelin, `spark` or `spark-<profile>`."""

    driver: PodSize
    executor: PodSize
    max_executors: int
    gpu: ExecutorGpu | None = None


class SparkSettings(Settings):
    """How Spark runs on demand."""

    pool: Annotated[Name, Field(examples=["spark"])]
    """Node pool for drivers and executors: the name of a pool, or default-worker."""

    driver: PodSize
    """Size of a driver."""

    languages: LanguageSize = LanguageSize()
    """Size of the other interpreters."""

    executor: PodSize
    """Size of an executor."""

    max_executors: Annotated[int, Field(ge=1, le=2000, examples=[12])]
    """Maximum number of executors for one notebook (spark.dynamicAllocation.maxExecutors)."""

    profiles: Annotated[tuple[Profile, ...], Field(strict=False, max_length=10)] = ()
    """Other sizes, used as `%spark-<name>`."""

    quota: Quota
    """What all notebooks may use together."""

    per_person: PerPerson = PerPerson()
    """What one person may use at the same time."""

    history: Annotated[HistoryShare | HistoryVolume, Field(discriminator="kind")] | None = None
    """Where event logs are kept for the Spark history server: share or storage_class. None by default, and then nothing records what a
    driver did."""

    backend: Backend = PodBackend(kind="kubernetes")
    """What starts executors: kubernetes, or as the fall-back yarn (in Pods) or yarn-machines (without Kubernetes)."""

    kueue: KueueSettings | None = None
    """Kueue; none by default."""

    connect: bool = False
    """Whether people may use the Spark of a notebook from their own machines, by Spark Connect: true or false. Needs Spark 4.0 or later."""

    executor_idle_seconds: Annotated[int, Field(ge=10, le=86400)] = 60
    """Seconds after which an idle executor is released."""

    cached_idle_seconds: Annotated[int, Field(ge=10, le=604800)] = 900
    """Seconds after which an idle executor that holds cached or shuffle data is released."""

    interpreter_idle_minutes: Annotated[int, Field(ge=1, le=10080)] = 60
    """Minutes after which an idle interpreter, with its driver, is released."""

    def sizes(self) -> dict[str, NotebookSize]:
        """The sizes by interpreter setting: `spark` first, then one `spark-<profile>` each."""
        result = {"spark": NotebookSize(driver=self.driver, executor=self.executor, max_executors=self.max_executors)}
        for profile in self.profiles:
            result[f"spark-{profile.name}"] = NotebookSize(
                driver=profile.driver or self.driver,
                executor=profile.executor or self.executor,
                max_executors=profile.max_executors or self.max_executors,
                gpu=profile.gpu,
            )
        return result

    @property
    def plain_sizes(self) -> list[NotebookSize]:
        """The sizes whose executors have no GPU: `spark`, and others."""
        return [size for size in self.sizes().values() if not size.gpu]

    @property
    def gpu_sizes(self) -> list[NotebookSize]:
        """The sizes whose executors have a GPU."""
        return [size for size in self.sizes().values() if size.gpu]

    @property
    def gpu_pools(self) -> list[str]:
        """The pools on which executors have a GPU."""
        return list(dict.fromkeys(size.gpu.pool for size in self.gpu_sizes if size.gpu))

    @property
    def executors_per_person(self) -> int:
        """Executors without a GPU that one person may have at the same time."""
        return self.per_person.executors or max(size.max_executors for size in self.plain_sizes)

    @property
    def gpus_per_person(self) -> int:
        """Executors with a GPU that one person may have at the same time; 0 where no profile has one."""
        return self.per_person.gpus or max((size.max_executors for size in self.gpu_sizes), default=0)

    def paths(self, setting: str, key: str) -> KeyPath:
        """Where the stack file says `key` (driver, executor, max_executors) of one interpreter setting."""
        for index, profile in enumerate(self.profiles):
            if setting == f"spark-{profile.name}" and getattr(profile, key) is not None:
                return ("profiles", index, key)
        return (key,)

    def problems(self) -> Iterator[Problem]:
        names = [profile.name for profile in self.profiles]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Problem(("profiles", index, "name"), "is already the name of another profile", "a unique name")
        for setting, size in self.sizes().items():
            where = self.paths(setting, "max_executors")
            involves = (*(self.paths(setting, key) for key in ("driver", "executor", "max_executors")), ("quota",))
            if setting == "spark" or any(path[0] == "profiles" for path in involves):
                yield from self._quota_problems(size, where, involves)
            key = "gpus" if size.gpu else "executors"
            bound = getattr(self.per_person, key)
            if bound and bound < size.max_executors:
                yield Problem(
                    ("per_person", key),
                    f"is less than the {size.max_executors} that one notebook of {setting} may have, so Spark would retry forever",
                    f"at least {size.max_executors}, or smaller max_executors",
                    (where,),
                )
        yield from self._gpu_problems()
        yield from self._person_problems()

    def _gpu_problems(self) -> Iterator[Problem]:
        """Whether what the section says of GPUs agrees."""
        if not self.gpu_sizes:
            for path in (("quota", "gpus"), ("per_person", "gpus")):
                if getattr(getattr(self, path[0]), path[1]):
                    yield Problem(path, "has no effect: no profile has a gpu", "no value, or a profile with gpu", (("profiles",),))
        for index, profile in enumerate(self.profiles):
            size = self.sizes()[f"spark-{profile.name}"]
            if profile.gpu and profile.gpu.tasks > size.executor.cores:
                yield Problem(
                    ("profiles", index, "gpu", "tasks"),
                    f"is more than an executor's {size.executor.cores} cores, one for each task",
                    f"at most {size.executor.cores}",
                    (self.paths(f"spark-{profile.name}", "executor"),),
                )

    def _person_problems(self) -> Iterator[Problem]:
        """Whether the quota has room for what one person may use: their idle interpreters must leave room for an executor."""
        sizes, other, promised = list(self.sizes().values()), self.languages, self.per_person.interpreters
        fits = []
        for key, of_driver, of_executor in (
            ("cores", max(other.cores, *(size.driver.cores for size in sizes)), min(size.executor.cores for size in sizes)),
            (
                "memory_gib",
                max(other.memory_gib, *(size.driver.total_memory_gib for size in sizes)),
                min(size.executor.total_memory_gib for size in sizes),
            ),
            (
                "scratch_gib",
                max(other.scratch_gib, *(size.driver.scratch_gib for size in sizes)),
                min(size.executor.scratch_gib for size in sizes),
            ),
            ("pods", 1, 1),
        ):
            limit = getattr(self.quota, key)
            fits.append(((limit - of_executor) // of_driver, key, promised * of_driver + of_executor, limit))
        fit, key, wanted, limit = min(fits)
        # If not even one fits, the finding on max_executors says so.
        if 1 <= fit < promised:
            yield Problem(
                ("per_person", "interpreters"),
                f"must fit spark.quota.{key} {limit}: {promised} drivers and an executor need {wanted}, so the idle interpreters of one "
                "person would leave no room to work",
                f"at most {fit} for this quota, or a spark.quota.{key} of at least {wanted}",
                (("quota",), ("driver",), ("executor",), ("profiles",)),
            )

    def _quota_problems(self, size: NotebookSize, where: KeyPath, involves: tuple[KeyPath, ...]) -> Iterator[Problem]:
        driver, executor, quota = size.driver, size.executor, self.quota
        for key, of_driver, of_executor, limit in (
            ("cores", driver.cores, executor.cores, quota.cores),
            ("memory_gib", driver.total_memory_gib, executor.total_memory_gib, quota.memory_gib),
            ("scratch_gib", driver.scratch_gib, executor.scratch_gib, quota.scratch_gib),
            ("pods", 1, 1, quota.pods),
            *([("gpus", 0, 1, quota.gpus)] if size.gpu else []),
        ):
            wanted = of_driver + size.max_executors * of_executor
            if wanted > limit:
                fit = max((limit - of_driver) // of_executor, 0)
                yield Problem(
                    where,
                    f"needs {wanted} {key} with its driver, but quota.{key} is {limit}: Spark would retry forever",
                    f"at most {fit} for this quota" if fit else f"a quota.{key} of at least {of_driver + of_executor}",
                    involves,
                )
