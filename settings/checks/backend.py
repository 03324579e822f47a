"""Spark on Yarn: what it needs, and whether its workers fit on the nodes, in the quota, and around an executor."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from settings.values.backend import YARN_MANAGER, YARN_OWN_GIB, MachineBackend, YarnBackend
from settings.values.cloud import KubernetesCloud, OpenStackCloud
from settings.values.login import LocalLogin, slug
from settings.values.own_share import RestingShare
from settings.values.spark import PodSize
from settings.values.vocabulary import KeyPath, Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings

BACKEND: KeyPath = ("spark", "backend")

SPARK = "3.5"
"""Minor version of Spark in `images.yarn`. Maven Central has spark-network-yarn of 3.5 up to 3.5.5, and none for Scala 2.13."""

_BESIDE = {"scala": "2.12", "java": "17", "python": "3.11"}
"""What else is in `images.yarn`, by key of `images.versions` (images/recipes.py)."""


_ACCOUNTS = ("root", "spark")
"""Whose processes run in Yarn's Pods."""

_OTHER_PODS = 2
"""The ResourceManager, and at least one driver."""


def problems(stack: "StackSettings") -> Iterator[Problem]:
    yarn = stack.spark.backend
    if not isinstance(yarn, YarnBackend):
        return
    kind, history = (*BACKEND, "kind"), stack.spark.history
    if history is None or (isinstance(history, RestingShare) and history.state == "away"):
        message = "needs spark.history: there drivers leave what their executors fetch as they start"
        yield Problem(kind, message, "kubernetes, or a spark.history that is present", (("spark", "history"),))
    if stack.images.yarn is None:
        yield Problem(kind, "needs images.yarn, an image with Hadoop beside Spark", "kubernetes, or an images.yarn", (("images", "yarn"),))
    spark = stack.images.versions.spark
    if not spark.startswith(f"{SPARK}."):
        message = f"is {spark}, for which nobody publishes Spark's shuffle service on its own; images.yarn has that of {SPARK}"
        accepted = f"a {SPARK}, with an images.spark of it, or backend kubernetes"
        yield Problem(("images", "versions", "spark"), message, accepted, (kind,))
    for key, own in _BESIDE.items():
        if str(getattr(stack.images.versions, key)) != own:
            message = f"is not the {own} of images.yarn, so executors could not work for drivers"
            yield Problem(("images", "versions", key), message, f"{own}, or backend kubernetes", (kind,))
    if stack.spark.kueue:
        message = "does not count executors of Yarn, whose NodeManagers are in no queue"
        yield Problem(("spark", "kueue"), message, "no kueue, or backend kubernetes", (kind,))
    if isinstance(stack.cloud, KubernetesCloud) and stack.cloud.identity:
        message = "is not there for executors of Yarn, whose Pods have no account of the cloud"
        yield Problem(("cloud", "identity"), message, "no identity, or backend kubernetes", (kind,))
    for index, profile in enumerate(stack.spark.profiles):
        if profile.gpu:
            message = "is not counted by Yarn, whose NodeManagers have no GPU"
            yield Problem(("spark", "profiles", index, "gpu"), message, "no gpu, or backend kubernetes", (kind,))
    if stack.spark.connect:
        yield Problem(("spark", "connect"), "is not available with spark.backend.kind yarn", "false, or backend kubernetes", (kind,))
    yield from nobody_is(_ACCOUNTS, stack)
    yield from limits_kept(yarn)
    yield from executors_fit(stack, yarn)
    yield from _room(stack, yarn)


def nobody_is(accounts: Sequence[str], stack: "StackSettings") -> Iterator[Problem]:
    """Yarn knows people by their names, and an account of its machines as one of those who run it."""
    zeppelin, names = stack.zeppelin, dict[KeyPath, str]()
    if isinstance(zeppelin.login, LocalLogin):
        names["zeppelin", "administrator"] = zeppelin.administrator
    names |= {("zeppelin", "people", index, "name"): person.name for index, person in enumerate(zeppelin.people)}
    if stack.monitoring:
        names["monitoring", "smoke_test", "user"] = stack.monitoring.smoke_test.user
    for path, name in names.items():
        if slug(name) in accounts:
            message = f"is the name of an account that Yarn itself uses: {slug(name)}"
            yield Problem(path, message, f"another name than {', '.join(accounts)}, or backend kubernetes", ((*BACKEND, "kind"),))


def limits_kept(yarn: YarnBackend | MachineBackend) -> Iterator[Problem]:
    """A worker has the memory by which Yarn keeps the limits of people."""
    if yarn.memory_gib <= yarn.cores:
        message = f"is not more than cores {yarn.cores}, so the limits of people could not be kept"
        yield Problem((*BACKEND, "memory_gib"), message, f"{yarn.cores + 1} or more", ((*BACKEND, "cores"),))


def executors_fit(stack: "StackSettings", yarn: YarnBackend | MachineBackend) -> Iterator[Problem]:
    """Each size of executor fits in a worker."""
    for setting, sizes in stack.spark.sizes().items():
        for key in ("cores", "memory_gib"):
            if (wanted := _of(sizes.executor, key)) > getattr(yarn, key):
                where = ("spark", *stack.spark.paths(setting, "executor"))
                message = f"is less than the {wanted} of an executor of {setting}, which would never start"
                yield Problem((*BACKEND, key), message, f"{wanted} or more", (where,))


def _room(stack: "StackSettings", yarn: YarnBackend) -> Iterator[Problem]:
    """A worker fits on a node, and all of Yarn beside a driver in the quota."""
    cloud, spark = stack.cloud, stack.spark
    pool = next((pool for pool in cloud.node_sizes() if pool.name == spark.pool), None)
    if pool is None:
        return
    nodes = ("cloud", "cluster") if isinstance(cloud, OpenStackCloud) else ("cloud", "pools")
    free = {
        "cores": pool.vcpus - cloud.reserve.vcpus,
        "memory_gib": pool.memory_gib - cloud.reserve.memory_gib,
        "scratch_gib": pool.disk_gib - cloud.reserve.disk_gib,
    }
    pods = {key: getattr(yarn, key) + YARN_OWN_GIB.get(key, 0) for key in free}
    for key, room in free.items():
        pod = pods[key]
        if pod > room:
            message = f"makes Pods of {pod}, but a node of pool {pool.name} has only {max(room, 0)} after the reserve"
            yield Problem((*BACKEND, key), message, f"at most {room - YARN_OWN_GIB.get(key, 0)}", (nodes, ("spark", "pool")))
            continue
        driver = max(_of(sizes.driver, key) for sizes in spark.sizes().values())
        wanted, limit = yarn.workers * pod + YARN_MANAGER[key] + driver, getattr(spark.quota, key)
        if wanted > limit:
            fit = max((limit - YARN_MANAGER[key] - driver) // pod, 0)
            yield Problem(
                (*BACKEND, "workers"),
                f"needs {wanted} {key} with the ResourceManager and a driver, but quota.{key} is {limit}",
                f"at most {fit} for this quota" if fit else f"a quota.{key} of at least {wanted}",
                ((*BACKEND, key), ("spark", "quota"), ("spark", "driver"), ("spark", "profiles")),
            )
    whole = pool.maximum * min(room // pods[key] for key, room in free.items())
    if 0 < whole < yarn.workers:
        message = f"do not fit on pool {pool.name}: its {pool.maximum} nodes have room for {whole}, and a driver needs room as well"
        yield Problem((*BACKEND, "workers"), message, f"at most {whole}", (nodes, ("spark", "pool")))
    if yarn.workers + _OTHER_PODS > spark.quota.pods:
        message = f"needs {yarn.workers + _OTHER_PODS} Pods with the ResourceManager and a driver, but quota.pods is {spark.quota.pods}"
        accepted = f"at most {max(spark.quota.pods - _OTHER_PODS, 0)} for this quota"
        yield Problem((*BACKEND, "workers"), message, accepted, (("spark", "quota"),))


def _of(size: PodSize, key: str) -> int:
    return size.total_memory_gib if key == "memory_gib" else getattr(size, key)
