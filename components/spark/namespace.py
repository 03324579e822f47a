"""The namespace in which notebooks compute, with the bounds of what they may use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.scheduling import v1 as scheduling

from components.kubernetes.namespace import PULL_SECRET, pull_secret, secured_namespace
from components.spark import dataset_check, history_server

_PRIORITIES = {"server": (100_000, "PreemptLowerPriority"), "driver": (10_000, "PreemptLowerPriority"), "executor": (1_000, "Never")}
"""Role to value and preemption policy."""


@dataclass(frozen=True, kw_only=True)
class SparkNamespaceArgs:
    """What the namespace needs.

    namespace: its name. cores, memory_gib, scratch_gib, pods: what all Pods of notebooks may request together.
    check_pods: how many Pods of DatasetCheck there may be beside them. history: whether the history server is beside them, too.
    people: names of people, as part of names of objects. person_interpreters: interpreters of one person at a time.
    person_executors: what all executors of one person may request together, `pods`, `cpu`, `memory`; a quota scoped by PriorityClass
    takes no `ephemeral-storage` (kube-apiserver refuses it).
    pull_secret: docker config.json (secret) for the registry, or None.
    """

    namespace: str
    cores: int
    memory_gib: int
    scratch_gib: int
    pods: int
    check_pods: int = 0
    history: bool = False
    people: Sequence[str] = ()
    person_interpreters: int
    person_executors: Mapping[str, str]
    pull_secret: pulumi.Input[str] | None = None


class SparkNamespace(pulumi.ComponentResource):
    """The namespace of interpreters and executors.

    Creates: Namespace (Pod Security `restricted`), ResourceQuota, LimitRange, PriorityClasses (server, driver, executor), and a pull
    secret where the registry wants one. No other secret ever stands here: whoever may create Pods may mount every Secret of the namespace.

    A person has PriorityClasses of their own, of the same value, because a quota can be scoped by nothing else that a Pod carries; one
    ResourceQuota bounds their interpreters, another their executors. SparkAdmission sees to it that nobody borrows another's class.
    """

    namespace: core.Namespace
    """The namespace, for whatever must live and die in it."""

    namespace_name: pulumi.Output[str]
    """Its name."""

    server_priority: str
    """PriorityClass of the Zeppelin server."""

    driver_priority: str
    """PriorityClass of drivers and other interpreters; that of a person is `<it>-<person>`."""

    executor_priority: str
    """PriorityClass of executors, which wait rather than push anything out; that of a person is `<it>-<person>`."""

    pull_secret: str | None
    """Name of the pull secret, or None."""

    def __init__(self, name: str, args: SparkNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:SparkNamespace", name, {}, opts)
        self.namespace = secured_namespace(name, args.namespace, "restricted", self)
        self.namespace_name = self.namespace.metadata["name"]
        inside = pulumi.ResourceOptions(parent=self, deleted_with=self.namespace)
        # Room for the checks on top: notebooks come in whole cores and GiB, and cannot fill it.
        checks, history = args.check_pods, int(args.history)
        amounts = {
            "cpu": f"{args.cores * 1000 + checks * dataset_check.CPU_MILLI + history * history_server.CPU_MILLI}m",
            "memory": f"{args.memory_gib * 1024 + checks * dataset_check.MEMORY_MIB + history * history_server.MEMORY_MIB}Mi",
            "ephemeral-storage": (
                f"{args.scratch_gib * 1024 + checks * dataset_check.SCRATCH_MIB + history * history_server.SCRATCH_MIB}Mi"
            ),
        }
        core.ResourceQuota(
            f"{name}-quota",
            metadata=meta.ObjectMetaArgs(name="notebooks", namespace=self.namespace_name),
            spec=core.ResourceQuotaSpecArgs(
                hard={f"{kind}.{key}": amount for kind in ("requests", "limits") for key, amount in amounts.items()}
                | {
                    "pods": str(args.pods + checks + history),
                    "persistentvolumeclaims": "1000",
                    "services.loadbalancers": "0",
                    "services.nodeports": "0",
                }
            ),
            opts=inside,
        )
        core.LimitRange(
            f"{name}-limits",
            metadata=meta.ObjectMetaArgs(name="notebooks", namespace=self.namespace_name),
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
        self.server_priority, self.driver_priority, self.executor_priority = (
            self._priority(name, args.namespace, role, value, policy) for role, (value, policy) in _PRIORITIES.items()
        )
        for person in args.people:
            self._person(name, args, person, inside)
        self.pull_secret = PULL_SECRET if pull_secret(name, self.namespace, args.pull_secret, self) else None
        self.register_outputs(
            {
                "namespace": self.namespace,
                "namespace_name": self.namespace_name,
                "server_priority": self.server_priority,
                "driver_priority": self.driver_priority,
                "executor_priority": self.executor_priority,
                "pull_secret": self.pull_secret,
            }
        )

    def _person(self, name: str, args: SparkNamespaceArgs, person: str, inside: pulumi.ResourceOptions) -> None:
        """The classes and quotas of one person."""
        for role, hard in (("driver", {"pods": str(args.person_interpreters)}), ("executor", args.person_executors)):
            value, policy = _PRIORITIES[role]
            title = self._priority(name, args.namespace, f"{role}-{person}", value, policy)
            bounds = {key if key == "pods" else f"{kind}.{key}": amount for key, amount in hard.items() for kind in ("requests", "limits")}
            core.ResourceQuota(
                f"{name}-quota-{role}-{person}",
                metadata=meta.ObjectMetaArgs(name=f"{role}-{person}", namespace=self.namespace_name),
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

    def _priority(self, name: str, namespace: str, role: str, value: int, policy: str) -> str:
        """Make one PriorityClass, which belongs to the whole cluster, and return its name."""
        title = f"{namespace}-{role}"
        scheduling.PriorityClass(
            f"{name}-priority-{role}",
            metadata=meta.ObjectMetaArgs(name=title),
            value=value,
            preemption_policy=policy,
            global_default=False,
            description=f"{role} Pods of {namespace}",
            opts=pulumi.ResourceOptions(parent=self),
        )
        return title
