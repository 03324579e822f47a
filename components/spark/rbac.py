"""Who may do what in the namespace of notebooks. Everything exists before Zeppelin starts; nothing grants rights at run time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.rbac import v1 as rbac

from components.kubernetes.namespace import NamespaceRef
from components.names import CLEANER, DRIVER_ACCOUNT, EXECUTOR_ACCOUNT, INTERPRETER_ACCOUNT, ZEPPELIN_ACCOUNT, ZEPPELIN_NAMESPACE

DRIVER_RULES: Sequence[tuple[str, tuple[str, ...]]] = (
    ("pods", ("create", "get", "list", "watch", "delete", "deletecollection")),
    ("configmaps", ("create", "deletecollection")),
)
"""What a client-mode driver calls with the settings of `spark_properties`: allocate, hold, scale, stop (test_spark.py, by the audit
log of an API server)."""

SERVER_RULES: Sequence[tuple[str, tuple[str, ...]]] = (
    ("pods", ("create", "get", "list", "watch", "delete")),
    ("services", ("create", "get", "delete")),
)
"""What Zeppelin's launcher calls to make and remove interpreters (K8sRemoteInterpreterProcess, 0.12.1; seen with a real server), and `list`
for the server's neighbours: `rpc_filter.py` looks up whose Pod has an address, `close_lost.py` which interpreters there are."""


CLEANER_RULES: Sequence[tuple[str, tuple[str, ...]]] = (
    ("pods", ("list", "delete")),
    ("pods/status", ("patch",)),
    ("services", ("list", "delete")),
)
"""What `files/clean_interpreters.py` calls."""


@dataclass(frozen=True, kw_only=True)
class SparkRBACArgs:
    """What the rights need."""

    namespace: NamespaceRef
    """Where notebooks compute."""

    people: Sequence[str] = ()
    """Those whose drivers have accounts of their own, as part of names of objects."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    """Annotations of the accounts of drivers and executors, by which a provider knows them."""


class SparkRBAC(pulumi.ComponentResource):
    """ServiceAccounts for drivers, executors and other interpreters; Roles for drivers, for the Zeppelin server and for the cleaner.

    Creates: three ServiceAccounts and one more for the drivers of each person (no token by itself: only a driver's Pod asks for one),
    three Roles, three RoleBindings. Executors and other interpreters have no rights. Nothing here is cluster-wide, nothing may touch roles.
    What a Role cannot say, whose Pods a driver may touch, SparkAdmission says.
    """

    def __init__(self, name: str, args: SparkRBACArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:SparkRBAC", name, {}, opts)
        self._inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        self._namespace = args.namespace.title
        drivers = [DRIVER_ACCOUNT, *(f"{DRIVER_ACCOUNT}-{person}" for person in args.people)]
        for account in (*drivers, EXECUTOR_ACCOUNT):
            self._account(name, account, args.annotations)
        self._account(name, INTERPRETER_ACCOUNT, {})
        self._grant(name, DRIVER_ACCOUNT, DRIVER_RULES, drivers, self._namespace)
        self._grant(name, ZEPPELIN_ACCOUNT, SERVER_RULES, [ZEPPELIN_ACCOUNT], ZEPPELIN_NAMESPACE)
        self._grant(name, CLEANER, CLEANER_RULES, [CLEANER], ZEPPELIN_NAMESPACE)
        self.register_outputs(
            {
                "driver_account": DRIVER_ACCOUNT,
                "executor_account": EXECUTOR_ACCOUNT,
                "interpreter_account": INTERPRETER_ACCOUNT,
            }
        )

    def _account(self, name: str, title: str, annotations: Mapping[str, str]) -> None:
        core.ServiceAccount(
            f"{name}-{title}",
            metadata=meta.ObjectMetaArgs(
                name=title,
                namespace=self._namespace,
                annotations=dict(annotations) or None,
            ),
            automount_service_account_token=False,
            opts=self._inside,
        )

    def _grant(
        self,
        name: str,
        title: str,
        rules: Sequence[tuple[str, tuple[str, ...]]],
        accounts: Sequence[str],
        accounts_namespace: pulumi.Input[str],
    ) -> None:
        """A Role of these rules, bound to accounts of one namespace."""
        role = rbac.Role(
            f"{name}-{title}-role",
            metadata=meta.ObjectMetaArgs(name=title, namespace=self._namespace),
            rules=[rbac.PolicyRuleArgs(api_groups=[""], resources=[resource], verbs=list(verbs)) for resource, verbs in rules],
            opts=self._inside,
        )
        rbac.RoleBinding(
            f"{name}-{title}-binding",
            metadata=meta.ObjectMetaArgs(name=title, namespace=self._namespace),
            role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata["name"]),
            subjects=[rbac.SubjectArgs(kind="ServiceAccount", name=account, namespace=accounts_namespace) for account in accounts],
            opts=self._inside,
        )
