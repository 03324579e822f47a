"""What no Role can say: whose Pods a driver may make and delete, and what the Pods of drivers and of the server may look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.admissionregistration import v1 as admission
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import NamespaceRef
from components.names import CLEANER, DRIVER_ACCOUNT, SPARK_NAMESPACE, ZEPPELIN_ACCOUNT, ZEPPELIN_NAMESPACE
from components.spark.admission_rules import USER_NAME, cel, cleaner_rules, driver_rules, server_rules, user_of, variables
from components.spark.notebook_pods import NotebookPods


@dataclass(frozen=True, kw_only=True)
class SparkAdmissionArgs:
    """What the policies need."""

    title: str
    """Begins the names of the policies, which belong to the whole cluster."""

    namespace: NamespaceRef
    """Where notebooks compute."""

    pods: NotebookPods
    """What Pods of notebooks look like."""


class SparkAdmission(pulumi.ComponentResource):
    """ValidatingAdmissionPolicies, without any webhook, for the three accounts that may write in the namespace of notebooks.

    Creates: a ValidatingAdmissionPolicy and its binding for drivers, for the Zeppelin server and for the cleaner. They fail closed.

    Source: a driver's token is bound to its Pod, and the API server puts the Pod's name and uid into the user's extra fields
    `authentication.kubernetes.io/pod-name` and `pod-uid` (kubernetes: pkg/serviceaccount/claims.go).
    """

    def __init__(self, name: str, args: SparkAdmissionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:SparkAdmission", name, {}, opts)
        drivers, pods = user_of(SPARK_NAMESPACE, DRIVER_ACCOUNT), args.pods
        server, cleaner = user_of(ZEPPELIN_NAMESPACE, ZEPPELIN_ACCOUNT), user_of(ZEPPELIN_NAMESPACE, CLEANER)
        who = f"{USER_NAME} == {cel(drivers)} || {USER_NAME}.startsWith({cel(drivers + '-')})"
        policies = (
            self._policy(name, args, "driver", who, driver_rules(pods), named=variables(pods)),
            self._policy(name, args, "server", f"{USER_NAME} == {cel(server)}", server_rules(pods), named=variables(pods)),
            self._policy(name, args, "cleaner", f"{USER_NAME} == {cel(cleaner)}", cleaner_rules(), named={}),
        )
        self.register_outputs({"policies": policies})

    def _policy(
        self, name: str, args: SparkAdmissionArgs, role: str, who: str, rules: Sequence[tuple[str, str]], *, named: Mapping[str, str]
    ) -> str:
        """One policy over whatever `who` writes, and its binding to the namespace.

        rules: (CEL expression, message). named: the variables of these expressions, to CEL.
        """
        title = f"{args.title}-{role}"
        child = pulumi.ResourceOptions(parent=self)
        policy = admission.ValidatingAdmissionPolicy(
            f"{name}-{role}",
            metadata=meta.ObjectMetaArgs(name=title),
            spec=admission.ValidatingAdmissionPolicySpecArgs(
                failure_policy="Fail",
                match_constraints=admission.MatchResourcesArgs(
                    resource_rules=[
                        admission.NamedRuleWithOperationsArgs(
                            api_groups=["*"], api_versions=["*"], resources=["*/*"], operations=["*"], scope="Namespaced"
                        )
                    ]
                ),
                match_conditions=[admission.MatchConditionArgs(name="account", expression=who)],
                variables=[admission.VariableArgs(name=key, expression=value) for key, value in named.items()] or None,
                validations=[admission.ValidationArgs(expression=rule, message=message, reason="Forbidden") for rule, message in rules],
            ),
            opts=child,
        )
        admission.ValidatingAdmissionPolicyBinding(
            f"{name}-{role}-binding",
            metadata=meta.ObjectMetaArgs(name=title),
            spec=admission.ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name=policy.metadata["name"],
                validation_actions=["Deny"],
                match_resources=admission.MatchResourcesArgs(
                    namespace_selector=meta.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": args.namespace.title})
                ),
            ),
            opts=child,
        )
        return title
