"""The namespace in which notebooks compute, with the bounds of what they may use."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.scheduling import v1 as scheduling

from components.kubernetes.namespace import NamespaceRef, secured_namespace
from components.names import NOTEBOOKS_QUOTA, SPARK_NAMESPACE, person_quota
from components.spark import dataset_check, history_server
from components.spark.gpus import GPU, GPU_CLASS
from components.spark.notebook_pods import Priorities
from components.spark.templates import DRIVER_BURST, LANGUAGE_BURST
from settings.values.spark import PodSize, SparkSettings

_PRIORITIES = {"server": (100_000, "PreemptLowerPriority"), "driver": (10_000, "PreemptLowerPriority"), "executor": (1_000, "Never")}
"""Role to value and preemption policy."""


@dataclass(frozen=True, kw_only=True)
class SparkNamespaceArgs:
    """What the namespace needs."""

    spark: SparkSettings
    """Quota, sizes, and what one person may have."""

    people: Sequence[str] = ()
    """Those who have limits of their own, as part of names of objects."""

    check_pods: int = 0
    """How many Pods of DatasetCheck may run besides notebooks."""

    history: bool = False
    """Whether the history server runs there, too."""

    login: pulumi.Input[str] | None = None
    """docker config.json (secret) for the registry, or None."""


class SparkNamespace(pulumi.ComponentResource):
    """The namespace of interpreters and executors.

    Creates: Namespace (Pod Security `restricted`), ResourceQuota, LimitRange, PriorityClasses (server, driver, executor), and a pull
    secret where the registry wants one. No other secret ever stands here: an account that may create Pods may mount all of them.

    A person has PriorityClasses of their own, of the same value, because a quota can be scoped by nothing else that a Pod carries; one
    ResourceQuota bounds their interpreters, another their executors, a third those with a GPU. SparkAdmission sees to it that nobody
    borrows another's class.
    """

    namespace: NamespaceRef
    """The namespace."""

    priorities: Priorities
    """Its PriorityClasses."""

    def __init__(self, name: str, args: SparkNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:SparkNamespace", name, {}, opts)
        self.namespace = secured_namespace(name, SPARK_NAMESPACE, "restricted", self, args.login)
        where, quota = self.namespace.title, args.spark.quota
        inside = pulumi.ResourceOptions(parent=self, deleted_with=self.namespace.resource)
        # Room for the checks on top: notebooks come in whole cores and GiB, and cannot fill it.
        checks, history = args.check_pods, int(args.history)
        own_cpu = checks * dataset_check.CPU_MILLI + history * history_server.CPU_MILLI
        amounts = {
            "cpu": f"{quota.cores * 1000 + own_cpu}m",
            "memory": f"{quota.memory_gib * 1024 + checks * dataset_check.MEMORY_MIB + history * history_server.MEMORY_MIB}Mi",
            "ephemeral-storage": (
                f"{quota.scratch_gib * 1024 + checks * dataset_check.SCRATCH_MIB + history * history_server.SCRATCH_MIB}Mi"
            ),
        }
        core.ResourceQuota(
            f"{name}-quota",
            metadata=meta.ObjectMetaArgs(name=NOTEBOOKS_QUOTA, namespace=where),
            spec=core.ResourceQuotaSpecArgs(
                hard={f"{kind}.{key}": amount for kind in ("requests", "limits") for key, amount in amounts.items()}
                | {
                    # What an interpreter may use beyond its request is of cores that are idle: requests say how many there are.
                    "limits.cpu": f"{max(DRIVER_BURST, LANGUAGE_BURST) * quota.cores * 1000 + own_cpu}m",
                    "pods": str(quota.pods + checks + history),
                    "persistentvolumeclaims": "1000",
                    "services.loadbalancers": "0",
                    "services.nodeports": "0",
                }
                | ({f"requests.{GPU}": str(quota.gpus)} if args.spark.gpu_sizes else {})
            ),
            opts=inside,
        )
        core.LimitRange(
            f"{name}-limits",
            metadata=meta.ObjectMetaArgs(name=NOTEBOOKS_QUOTA, namespace=where),
            # A container that states nothing gets this, because under a quota it would be refused.
            spec=core.LimitRangeSpecArgs(
                limits=[
                    core.LimitRangeItemArgs(
                        type="Container",
                        default={"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "1Gi"},
                        default_request={"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "256Mi"},
                    )
                ]
            ),
            opts=inside,
        )
        self.priorities = Priorities(**{role: self._priority(name, role, role) for role in _PRIORITIES})
        if args.spark.gpu_sizes:
            self._priority(name, "executor", f"executor{GPU_CLASS}")
        for person in args.people:
            self._person(name, args.spark, person, inside)
        self.register_outputs(
            {
                "namespace": self.namespace.resource,
                "namespace_name": where,
                "server_priority": self.priorities.server,
                "driver_priority": self.priorities.driver,
                "executor_priority": self.priorities.executor,
                "pull_secret": self.namespace.pull_secret_name,
            }
        )

    def _person(self, name: str, spark: SparkSettings, person: str, inside: pulumi.ResourceOptions) -> None:
        """The classes and quotas of one person."""
        executors = [(size.max_executors, size.executor) for size in spark.plain_sizes]
        bounded = [
            ("driver", person, {"pods": str(spark.per_person.interpreters)}),
            ("executor", person, _most(spark.executors_per_person, [*executors, (spark.executors_per_person, spark.executor)])),
        ]
        if spark.gpu_sizes:
            executors = [(spark.gpus_per_person, size.executor) for size in spark.gpu_sizes]
            bounded.append(("executor", person + GPU_CLASS, _most(spark.gpus_per_person, executors)))
        for role, whose, hard in bounded:
            title = self._priority(name, role, f"{role}-{whose}")
            bounds = {key if key == "pods" else f"{kind}.{key}": amount for key, amount in hard.items() for kind in ("requests", "limits")}
            core.ResourceQuota(
                f"{name}-quota-{role}-{whose}",
                metadata=meta.ObjectMetaArgs(name=person_quota(role, whose), namespace=self.namespace.title),
                spec=core.ResourceQuotaSpecArgs(
                    hard=bounds,
                    scope_selector=core.ScopeSelectorArgs(
                        match_expressions=[
                            core.ScopedResourceSelectorRequirementArgs(scope_name="PriorityClass", operator="In", values=[title])
                        ]
                    ),
                ),
                opts=inside,
            )

    def _priority(self, name: str, role: str, whose: str) -> str:
        """Make one PriorityClass, which belongs to the whole cluster, and return its name. whose: the role, or `<role>-<person>`."""
        title, (value, policy) = f"{SPARK_NAMESPACE}-{whose}", _PRIORITIES[role]
        scheduling.PriorityClass(
            f"{name}-priority-{whose}",
            metadata=meta.ObjectMetaArgs(name=title),
            value=value,
            preemption_policy=policy,
            global_default=False,
            description=f"{whose} Pods of {SPARK_NAMESPACE}",
            opts=pulumi.ResourceOptions(parent=self),
        )
        return title


def _most(pods: int, wanted: Sequence[tuple[int, PodSize]]) -> dict[str, str]:
    """What all executors of one person may request together: as many as they may have, each of the size that asks for most.

    wanted: number and size of those that may be there at the same time. A quota scoped by PriorityClass takes no `ephemeral-storage`
    (kube-apiserver refuses it).
    """
    return {
        "pods": str(pods),
        "cpu": str(max(count * size.cores for count, size in wanted)),
        "memory": f"{max(count * size.total_memory_gib for count, size in wanted)}Gi",
    }
