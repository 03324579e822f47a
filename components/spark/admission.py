"""What no Role can say: whose Pods a driver may make and delete, and what the Pods of drivers and of the server may look like."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.admissionregistration import v1 as admission
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.spark.interpreter_files import EXECUTOR, HISTORY_CLAIM, INTERPRETER, MANAGER, USER_CLAIM


@dataclass(frozen=True, kw_only=True)
class SparkAdmissionArgs:
    """What the policies need; all of it is also what `interpreter_files` writes into the templates.

    title: begins the names of the policies, which belong to the whole cluster. namespace: where notebooks compute, a Namespace
    resource, and its name. server_user, cleaner_user: users `system:serviceaccount:<namespace>:<account>`.
    driver_account, executor_account, interpreter_account: ServiceAccounts. driver_priority, executor_priority: PriorityClasses.
    people: names of people, as part of names of objects. spark_image, zeppelin_image: the images that may run.
    claims: the claims that may be mounted, read-only. user_space: whether a person's Pods may mount and write the person's claim.
    hadoop_conf: the Secret that drivers may mount, or None. history: whether drivers may mount their person's folder of event logs.
    kueue: whether Kueue marks Pods as its own. web_identity: audience of the tokens that the provider adds to Pods, or None.
    node_selector: labels of the Spark nodes.
    """

    title: str
    namespace: core.Namespace
    namespace_name: str
    server_user: str
    cleaner_user: str
    driver_account: str
    executor_account: str
    interpreter_account: str
    driver_priority: str
    executor_priority: str
    people: Sequence[str] = ()
    spark_image: str
    zeppelin_image: str
    claims: Sequence[str] = ()
    user_space: bool = False
    hadoop_conf: str | None = None
    history: bool = False
    kueue: bool = False
    web_identity: str | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)


class SparkAdmission(pulumi.ComponentResource):
    """ValidatingAdmissionPolicies, without any webhook, for the three accounts that may write in the namespace of notebooks.

    Creates: a ValidatingAdmissionPolicy and its binding for drivers, for the Zeppelin server and for the cleaner. They fail closed.

    Source: a driver's token is bound to its Pod, and the API server puts the Pod's name and uid into the user's extra fields
    `authentication.kubernetes.io/pod-name` and `pod-uid` (kubernetes: pkg/serviceaccount/claims.go).
    """

    policies: tuple[str, ...]
    """Names of the policies."""

    def __init__(self, name: str, args: SparkAdmissionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:SparkAdmission", name, {}, opts)
        drivers = f"system:serviceaccount:{args.namespace_name}:{args.driver_account}"
        self.policies = (
            self._policy(name, args, "driver", f"{_USER} == {_q(drivers)} || {_USER}.startsWith({_q(drivers + '-')})", driver_rules(args)),
            self._policy(name, args, "server", f"{_USER} == {_q(args.server_user)}", server_rules(args)),
            self._policy(name, args, "cleaner", f"{_USER} == {_q(args.cleaner_user)}", cleaner_rules()),
        )
        self.register_outputs({"policies": self.policies})

    def _policy(self, name: str, args: SparkAdmissionArgs, role: str, who: str, rules: Sequence[tuple[str, str]]) -> str:
        """One policy over whatever `who` writes, and its binding to the namespace. rules: (CEL expression, message)."""
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
                    namespace_selector=meta.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": args.namespace.metadata["name"]})
                ),
            ),
            opts=child,
        )
        return title


_USER = "request.userInfo.username"
_POD = "request.userInfo.extra['authentication.kubernetes.io/pod-name'][0]"
_UID = "request.userInfo.extra['authentication.kubernetes.io/pod-uid'][0]"
_CREATE = "request.operation != 'CREATE'"
_NOT_PODS = f"{_CREATE} || request.resource.resource != 'pods'"
_POD_KIND = "request.resource.resource == 'pods'"
_CONTAINERS = "(object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : []))"


def _q(value: object) -> str:
    """A value as CEL writes it; JSON's strings, lists and maps are CEL's too."""
    return json.dumps(value)


def _label(key: str, item: str = "object") -> str:
    """The value of a label, or the empty text."""
    return f"{item}.metadata.?labels[?{_q(key)}].orValue('')"


def _owned(item: str) -> str:
    """Whether `item` belongs to the Pod whose token asks, and to nothing else."""
    owners = f"{item}.metadata.ownerReferences"
    return f"has({owners}) && {owners}.size() == 1 && {owners}.all(o, o.kind == 'Pod' && o.name == {_POD} && o.uid == {_UID})"


def _volumes(args: SparkAdmissionArgs, person: str, more: str) -> str:
    """Which volumes a Pod may have. person: CEL for `-alice`, or the empty text. more: CEL for further volumes."""
    data = f"v.persistentVolumeClaim.claimName in {_q(list(args.claims))} && v.persistentVolumeClaim.?readOnly.orValue(false)"
    # A person's own space, which they may write: whose Pod it is decides, not what the Pod asks for.
    own = f"{person} != '' && v.persistentVolumeClaim.claimName == {_q(USER_CLAIM)} + {person}"
    claims = f"(({data}) || ({own}))" if args.user_space else data
    # The token that the API server itself adds to a Pod that asks for one.
    sources = "has(s.serviceAccountToken) || has(s.configMap) || has(s.downwardAPI)"
    token = f"v.name.startsWith('kube-api-access-') && v.projected.sources.all(s, {sources})"
    if args.web_identity:
        # What the provider's webhook adds: a token that opens the provider's storage, and no Kubernetes.
        audience = f"has(s.serviceAccountToken) && s.serviceAccountToken.?audience.orValue('') == {_q(args.web_identity)}"
        token = f"({token}) || (v.name == 'aws-iam-token' && v.projected.sources.all(s, {audience}))"
    allowed = f"has(v.emptyDir) || has(v.configMap) || (has(v.persistentVolumeClaim) && {claims}) || (has(v.projected) && ({token})){more}"
    return f"{_NOT_PODS} || !has(object.spec.volumes) || object.spec.volumes.all(v, {allowed})"


def _of_every_pod(args: SparkAdmissionArgs, person: str, more: str = "") -> list[tuple[str, str]]:
    """What holds for Pods of drivers and of the server alike. person, more: see `_volumes`."""
    spaces = ", and its person's own space" if args.user_space else ""
    selector = _q(dict(args.node_selector))
    no_secrets = "!has(c.envFrom) && (!has(c.env) || c.env.all(e, !has(e.valueFrom) || !has(e.valueFrom.secretKeyRef)))"
    tolerations = "object.spec.tolerations.all(t, has(t.key) && t.key.startsWith('node.kubernetes.io/'))"
    return [
        (
            _volumes(args, person, more),
            f"a Pod here mounts emptyDir, ConfigMap and, read-only, the claims {', '.join(args.claims) or '(none)'}{spaces}",
        ),
        (f"{_NOT_PODS} || {_CONTAINERS}.all(c, {no_secrets})", "a Pod here takes nothing from a Secret"),
        (
            f"{_NOT_PODS} || (has(object.spec.nodeSelector) ? object.spec.nodeSelector : {{}}) == {selector}",
            f"a Pod here runs on the Spark nodes, {selector}",
        ),
        (f"{_NOT_PODS} || !has(object.spec.nodeName)", "a Pod here is placed by the scheduler"),
        (f"{_NOT_PODS} || !has(object.spec.tolerations) || {tolerations}", "a Pod here tolerates no taint of a node"),
        (
            f"{_CREATE} || !has(object.metadata.finalizers)"
            + (f" || ({_POD_KIND} && object.metadata.finalizers == ['kueue.x-k8s.io/managed'])" if args.kueue else ""),
            "an object here has no finalizer",
        ),
        (
            f"{_NOT_PODS} || !has(object.metadata.annotations) || "
            "object.metadata.annotations.all(k, !k.startsWith('k8s.v1.cni.cncf.io/') && !k.startsWith('v1.multus-cni.io/'))",
            "a Pod here has one network",
        ),
        (f"{_NOT_PODS} || object.spec.terminationGracePeriodSeconds <= 120", "a Pod here goes within two minutes"),
        (f"{_NOT_PODS} || !has(object.spec.ephemeralContainers)", "a Pod here has no ephemeral container"),
    ]


def driver_rules(args: SparkAdmissionArgs) -> list[tuple[str, str]]:
    """What a driver may write: executors of its own, and their ConfigMap."""
    base = f"system:serviceaccount:{args.namespace_name}:{args.driver_account}"
    person = f"{_USER}.substring({len(base)})"
    label = _label("gaia-dmp/user")
    return [
        ("'authentication.kubernetes.io/pod-name' in request.userInfo.extra", "a driver's token is bound to its Pod; this one is not"),
        (
            "request.resource.resource in ['pods', 'configmaps'] && request.operation in ['CREATE', 'DELETE'] "
            "&& (!has(request.subResource) || request.subResource == '')",
            "a driver makes and deletes executors and their ConfigMap, and changes nothing",
        ),
        (f"{_CREATE} || ({_owned('object')})", "a driver makes what its own Pod owns"),
        (f"request.operation != 'DELETE' || ({_owned('oldObject')})", "a driver deletes what its own Pod owns"),
        (
            f"{_CREATE} || request.resource.resource != 'configmaps' || object.metadata.name.startsWith('spark-exec-')",
            "a driver's ConfigMap is that of its executors, spark-exec-...",
        ),
        (
            f"{_NOT_PODS} || (object.spec.serviceAccountName == {_q(args.executor_account)} "
            "&& has(object.spec.automountServiceAccountToken) && !object.spec.automountServiceAccountToken)",
            f"an executor has the account {args.executor_account} and no token",
        ),
        (
            f"{_NOT_PODS} || ({_CONTAINERS}.size() == 1 && object.spec.containers[0].image == {_q(args.spark_image)})",
            f"an executor has one container, of image {args.spark_image}",
        ),
        (
            f"{_NOT_PODS} || ({_label('spark-role')} == 'executor' "
            f"&& {_label('app.kubernetes.io/name')} == {_q(EXECUTOR)} && {_label('app')} == '')",
            "an executor is labelled as one, and as nothing else that a Service or a network policy looks for",
        ),
        # Every name is `<account><nothing or -person>`: whose driver asks is whose executor it is.
        (
            f"{_NOT_PODS} || object.spec.?priorityClassName.orValue('') == {_q(args.executor_priority)} + {person}",
            "an executor has the PriorityClass, and so the quota, of its driver's person",
        ),
        (
            f"{_NOT_PODS} || ({person} == '' ? !({label} in {_q(list(args.people))}) : '-' + {label} == {person})",
            "an executor is labelled with its driver's person",
        ),
        *_of_every_pod(args, person),
    ]


def server_rules(args: SparkAdmissionArgs) -> list[tuple[str, str]]:
    """What the Zeppelin server may write: interpreters as our template makes them, and their Services."""
    label = _label("gaia-dmp/user")
    suffix = f"({label} in {_q(list(args.people))} ? '-' + {label} : '')"
    account = "object.spec.serviceAccountName"
    token = "object.spec.?automountServiceAccountToken.orValue(true)"  # noqa: S105 - CEL
    # Drivers, and nobody else, read Hadoop's configuration with the keys of buckets.
    hadoop = f"has(v.secret) && v.secret.secretName == {_q(args.hadoop_conf)} && {_label('gaia-dmp/group')} == 'spark'"
    more = f" || ({hadoop})" if args.hadoop_conf else ""
    logs = f"has(v.persistentVolumeClaim) && v.persistentVolumeClaim.claimName == {_q(HISTORY_CLAIM)}"
    if args.history:
        more += f" || ({logs} && {_label('gaia-dmp/group')} == 'spark')"
    mine = f"{_label('app.kubernetes.io/managed-by')} == {_q(MANAGER)}"
    theirs = f"{_label('app.kubernetes.io/managed-by', 'oldObject')} == {_q(MANAGER)}"
    return [
        (
            "request.resource.resource in ['pods', 'services'] && request.operation in ['CREATE', 'DELETE'] "
            "&& (!has(request.subResource) || request.subResource == '')",
            "the server makes and deletes interpreters and their Services, and changes nothing",
        ),
        (f"{_CREATE} || {mine}", "what the server makes is labelled as managed by it"),
        (f"request.operation != 'DELETE' || {theirs}", "the server deletes what is managed by it"),
        (
            f"{_NOT_PODS} || ({_label('app.kubernetes.io/name')} == {_q(INTERPRETER)} "
            f"&& {_label('app')} == object.metadata.name && {_label('spark-role')} == '')",
            "an interpreter is labelled as one, by its own name",
        ),
        (
            f"{_NOT_PODS} || ({account} == {_q(args.interpreter_account)} && !{token}) || "
            f"({account} == {_q(args.driver_account)} + {suffix} && {_label('gaia-dmp/group')} == 'spark')",
            "an interpreter has no token; a Spark driver has the account of its person",
        ),
        (
            f"{_NOT_PODS} || object.spec.?priorityClassName.orValue('') == {_q(args.driver_priority)} + {suffix}",
            "an interpreter has the PriorityClass, and so the quota, of its person",
        ),
        (
            f"{_NOT_PODS} || (object.spec.containers.all(c, c.image == {_q(args.spark_image)}) "
            f"&& object.spec.?initContainers.orValue([]).all(c, c.image == {_q(args.zeppelin_image)}))",
            f"an interpreter runs {args.spark_image}, with Zeppelin of {args.zeppelin_image} copied in",
        ),
        (f"{_NOT_PODS} || !has(object.metadata.ownerReferences)", "an interpreter is owned by nothing"),
        (f"{_NOT_PODS} || object.spec.restartPolicy == 'Never'", "an interpreter is not restarted"),
        (
            f"{_CREATE} || request.resource.resource != 'services' || (object.spec.?clusterIP.orValue('') == 'None' "
            "&& object.spec.?type.orValue('ClusterIP') == 'ClusterIP' && !has(object.spec.externalIPs) "
            "&& has(object.spec.selector) && object.spec.selector == {'app': object.metadata.name})",
            "an interpreter's Service is headless and leads to its own Pod",
        ),
        *(
            [
                (
                    f"{_NOT_PODS} || !has(object.spec.volumes) || object.spec.volumes.all(v, "
                    f"!({logs}) || ({label} != '' && {_CONTAINERS}.all(c, "
                    f"!has(c.volumeMounts) || c.volumeMounts.all(m, m.name != v.name || m.?subPath.orValue('') == {label}))))",
                    "a driver mounts its person's own folder of event logs, and no other",
                )
            ]
            if args.history
            else []
        ),
        *_of_every_pod(args, suffix, more),
    ]


def cleaner_rules() -> list[tuple[str, str]]:
    """What the cleaner may write: it deletes finished interpreters and Services of interpreters, and gives up Pods that wait."""
    theirs = f"{_label('app.kubernetes.io/managed-by', 'oldObject')} == {_q(MANAGER)}"
    return [
        (
            "request.operation == 'DELETE' ? request.resource.resource in ['pods', 'services'] : "
            "(request.operation == 'UPDATE' && request.resource.resource == 'pods' && request.subResource == 'status')",
            "the cleaner deletes Pods and Services, and gives up Pods",
        ),
        (theirs, "the cleaner touches what Zeppelin manages"),
        (
            "request.operation != 'DELETE' || request.resource.resource != 'pods' || oldObject.status.phase in ['Succeeded', 'Failed']",
            "the cleaner deletes Pods that have ended",
        ),
        (
            "request.operation != 'UPDATE' || (oldObject.status.phase == 'Pending' && object.status.phase == 'Failed')",
            "the cleaner gives up Pods that wait, and those alone",
        ),
    ]
