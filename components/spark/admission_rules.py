"""Admission rules in CEL: what drivers, the Zeppelin server and the cleaner may write. Plain functions, no resource.

A rule is an expression that must hold, and the message of a refusal.
"""

import json

from components.names import DRIVER_ACCOUNT, EXECUTOR, HISTORY_CLAIM, INTERPRETER, MANAGER, POD_STAGING_FOLDER, SPARK_NAMESPACE, USER_CLAIM
from components.spark.gpus import GPU, GPU_CLASS
from components.spark.notebook_pods import NotebookPods

USER_NAME = "request.userInfo.username"
_POD = "request.userInfo.extra['authentication.kubernetes.io/pod-name'][0]"
_UID = "request.userInfo.extra['authentication.kubernetes.io/pod-uid'][0]"
_CREATE = "request.operation != 'CREATE'"
_NOT_PODS = f"{_CREATE} || request.resource.resource != 'pods'"
_POD_KIND = "request.resource.resource == 'pods'"
_CONTAINERS = "(object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : []))"
_PEOPLE = "variables.people"
"""The variable of a policy that holds the names of all people. An expression of CEL has at most 100,000 signs (cel-go:
parser/options.go), and the names of 2,000 people take 88,000, so no expression has them twice."""
_WITH_GPU = f"{_CONTAINERS}.exists(c, c.?resources.?limits[?{json.dumps(GPU)}].hasValue())"


def variables(pods: NotebookPods) -> dict[str, str]:
    """What the rules for drivers and for the server name: variable to CEL."""
    return {_PEOPLE.removeprefix("variables."): cel(list(pods.identities.people.values()))}


def user_of(namespace: str, account: str) -> str:
    """An account as the API server's authentication names it."""
    return f"system:serviceaccount:{namespace}:{account}"


def cel(value: object) -> str:
    """A value in CEL, which has the same strings, lists and maps as JSON."""
    return json.dumps(value)


def _claims(pods: NotebookPods) -> list[str]:
    return [mount.claim for mount in pods.mounts]


def _label(key: str, item: str = "object") -> str:
    """The value of a label, or the empty text."""
    return f"{item}.metadata.?labels[?{cel(key)}].orValue('')"


def _owned(item: str) -> str:
    """Whether `item` belongs to the Pod whose token asks, and to nothing else."""
    owners = f"{item}.metadata.ownerReferences"
    return f"has({owners}) && {owners}.size() == 1 && {owners}.all(o, o.kind == 'Pod' && o.name == {_POD} && o.uid == {_UID})"


def _volumes(pods: NotebookPods, person: str, more: str) -> str:
    """Which volumes a Pod may have. person: CEL for `-alice`, or the empty text. more: CEL for further volumes."""
    data = f"v.persistentVolumeClaim.claimName in {cel(_claims(pods))} && v.persistentVolumeClaim.?readOnly.orValue(false)"
    # A person's own space, which they may write: whose Pod it is decides, not what the Pod asks for.
    own = f"{person} != '' && v.persistentVolumeClaim.claimName == {cel(USER_CLAIM)} + {person}"
    claims = f"(({data}) || ({own}))" if pods.user_space else data
    # The token that the API server itself adds to a Pod that asks for one.
    sources = "has(s.serviceAccountToken) || has(s.configMap) || has(s.downwardAPI)"
    token = f"v.name.startsWith('kube-api-access-') && v.projected.sources.all(s, {sources})"
    if pods.web_identity:
        # What the provider's webhook adds: a token that opens the provider's storage, and no Kubernetes.
        audience = f"has(s.serviceAccountToken) && s.serviceAccountToken.?audience.orValue('') == {cel(pods.web_identity)}"
        token = f"({token}) || (v.name == 'aws-iam-token' && v.projected.sources.all(s, {audience}))"
    allowed = f"has(v.emptyDir) || has(v.configMap) || (has(v.persistentVolumeClaim) && {claims}) || (has(v.projected) && ({token})){more}"
    return f"{_NOT_PODS} || !has(object.spec.volumes) || object.spec.volumes.all(v, {allowed})"


def _placed(pods: NotebookPods, *, gpus: bool) -> list[tuple[str, str]]:
    """Where Pods may run. gpus: whether some may have one."""
    where, selector = "(has(object.spec.nodeSelector) ? object.spec.nodeSelector : {})", cel(dict(pods.node_selector))
    nodes, own = f"{where} == {selector}", "t.key.startsWith('node.kubernetes.io/')"
    if gpus:
        # In CEL a list knows its maps.
        nodes = f"({_WITH_GPU} ? {where} in {cel([dict(labels) for labels in pods.gpu_nodes.values()])} : {nodes})"
        own = f"({own} || ({_WITH_GPU} && t.key == {cel(GPU)}))"
    tolerations = f"object.spec.tolerations.all(t, has(t.key) && {own})"
    return [
        (f"{_NOT_PODS} || {nodes}", f"a Pod here must run on the Spark nodes, {selector}" + (", with a GPU on those of GPUs" * gpus)),
        (f"{_NOT_PODS} || !has(object.spec.tolerations) || {tolerations}", "a Pod here must not tolerate taints of nodes"),
    ]


def _gpus(pods: NotebookPods, *, executors: bool) -> list[tuple[str, str]]:
    """Who may have a GPU, where the stack has any. executors: whether the Pods are executors."""
    if not pods.gpu_nodes:
        return []
    # By this variable NVIDIA's device plug-in says which GPU it is.
    unchosen = f"{_NOT_PODS} || {_CONTAINERS}.all(c, !has(c.env) || c.env.all(e, e.name != 'NVIDIA_VISIBLE_DEVICES'))"
    if not executors:
        return [
            (f"{_NOT_PODS} || !{_WITH_GPU}", "an interpreter must have no GPU: executors have them"),
            (unchosen, "an interpreter must not choose a GPU"),
        ]
    return [
        # The quota of its person counts Pods.
        (f"{_NOT_PODS} || !{_WITH_GPU} || {_CONTAINERS}.all(c, string(c.resources.limits[{cel(GPU)}]) == '1')", "an executor has one GPU"),
        (unchosen, "an executor must not choose its GPU"),
    ]


def _of_every_pod(pods: NotebookPods, person: str, more: str = "", *, gpus: bool = False) -> list[tuple[str, str]]:
    """What holds for Pods of drivers and of the server alike. person, more: see `_volumes`. gpus: whether some may have a GPU."""
    spaces = ", and its person's own space" if pods.user_space else ""
    nodes, taints = _placed(pods, gpus=gpus)
    # A device may have several names (nvidia.com/gpu.shared, nvidia.com/mig-1g.5gb), and a quota counts one.
    counted = ["cpu", "memory", "ephemeral-storage", *([GPU] if gpus else [])]
    no_secrets = "!has(c.envFrom) && (!has(c.env) || c.env.all(e, !has(e.valueFrom) || !has(e.valueFrom.secretKeyRef)))"
    return [
        (
            _volumes(pods, person, more),
            f"a Pod here may mount only emptyDir, ConfigMap and, read-only, the claims {', '.join(_claims(pods)) or '(none)'}{spaces}",
        ),
        (f"{_NOT_PODS} || {_CONTAINERS}.all(c, {no_secrets})", "a Pod here must not use a Secret in its environment"),
        (
            f"{_NOT_PODS} || {_CONTAINERS}.all(c, !has(c.resources) || !has(c.resources.limits) || "
            f"c.resources.limits.all(k, k in {cel(counted)}))",
            f"a Pod here may ask only for {', '.join(counted)}",
        ),
        nodes,
        (f"{_NOT_PODS} || !has(object.spec.nodeName)", "a Pod here must not set nodeName"),
        taints,
        (
            f"{_CREATE} || !has(object.metadata.finalizers)"
            + (f" || ({_POD_KIND} && object.metadata.finalizers == ['kueue.x-k8s.io/managed'])" if pods.queue else ""),
            "an object here must not have a finalizer",
        ),
        (
            f"{_NOT_PODS} || !has(object.metadata.annotations) || "
            "object.metadata.annotations.all(k, !k.startsWith('k8s.v1.cni.cncf.io/') && !k.startsWith('v1.multus-cni.io/'))",
            "a Pod here must not ask for a second network",
        ),
        (f"{_NOT_PODS} || object.spec.terminationGracePeriodSeconds <= 120", "a Pod here must end within two minutes"),
        (f"{_NOT_PODS} || !has(object.spec.ephemeralContainers)", "a Pod here must not have an ephemeral container"),
    ]


def driver_rules(pods: NotebookPods) -> list[tuple[str, str]]:
    """What a driver may write: executors of its own, and their ConfigMap."""
    base, identities = user_of(SPARK_NAMESPACE, DRIVER_ACCOUNT), pods.identities
    person = f"{USER_NAME}.substring({len(base)})"
    label = _label("gaia-dmp/user")
    with_gpu = f" + ({_WITH_GPU} ? {cel(GPU_CLASS)} : '')" if pods.gpu_nodes else ""
    return [
        ("'authentication.kubernetes.io/pod-name' in request.userInfo.extra", "a driver's token must be bound to its Pod"),
        (
            "request.resource.resource in ['pods', 'configmaps'] && request.operation in ['CREATE', 'DELETE'] "
            "&& (!has(request.subResource) || request.subResource == '')",
            "a driver may only create and delete executors and their ConfigMap",
        ),
        (f"{_CREATE} || ({_owned('object')})", "a driver may only create objects that its own Pod owns"),
        (f"request.operation != 'DELETE' || ({_owned('oldObject')})", "a driver may only delete objects that its own Pod owns"),
        (
            f"{_CREATE} || request.resource.resource != 'configmaps' || object.metadata.name.startsWith('spark-exec-')",
            "a driver's ConfigMap must be named spark-exec-...",
        ),
        (
            f"{_NOT_PODS} || (object.spec.serviceAccountName == {cel(identities.executor)} "
            "&& has(object.spec.automountServiceAccountToken) && !object.spec.automountServiceAccountToken)",
            f"an executor must have the account {identities.executor} and no token",
        ),
        (
            f"{_NOT_PODS} || ({_CONTAINERS}.size() == 1 && object.spec.containers[0].image == {cel(pods.spark_image)})",
            f"an executor must have one container, of image {pods.spark_image}",
        ),
        (
            f"{_NOT_PODS} || ({_label('spark-role')} == 'executor' "
            f"&& {_label('app.kubernetes.io/name')} == {cel(EXECUTOR)} && {_label('app')} == '')",
            "an executor must have the labels of an executor, and none that another Service or network policy selects",
        ),
        # Every name is `<account><nothing or -person>`: whose driver asks is whose executor it is.
        (
            f"{_NOT_PODS} || object.spec.?priorityClassName.orValue('') == {cel(identities.priorities.executor)} + {person}{with_gpu}",
            "an executor must have the PriorityClass, and so the quota, of its driver's person",
        ),
        (
            f"{_NOT_PODS} || ({person} == '' ? !({label} in {_PEOPLE}) : '-' + {label} == {person})",
            "an executor must be labelled with its driver's person",
        ),
        *_gpus(pods, executors=True),
        *_of_every_pod(pods, person, gpus=bool(pods.gpu_nodes)),
    ]


def server_rules(pods: NotebookPods) -> list[tuple[str, str]]:
    """What the Zeppelin server may write: interpreters as our template makes them, and their Services."""
    identities = pods.identities
    label = _label("gaia-dmp/user")
    suffix = f"({label} in {_PEOPLE} ? '-' + {label} : '')"
    account = "object.spec.serviceAccountName"
    token = "object.spec.?automountServiceAccountToken.orValue(true)"  # noqa: S105 - CEL
    # Drivers, and nobody else, read Hadoop's configuration with the keys of buckets.
    hadoop = f"has(v.secret) && v.secret.secretName == {cel(pods.hadoop_conf)} && {_label('gaia-dmp/group')} == 'spark'"
    more = f" || ({hadoop})" if pods.hadoop_conf else ""
    logs = f"has(v.persistentVolumeClaim) && v.persistentVolumeClaim.claimName == {cel(HISTORY_CLAIM)}"
    if pods.history:
        more += f" || ({logs} && {_label('gaia-dmp/group')} == 'spark')"
    # What a driver leaves for its executors on Yarn. No label begins with a dot, so the folder is nobody's own.
    staging = f" || m.?subPath.orValue('') == '{POD_STAGING_FOLDER}/' + {label}" if pods.yarn else ""
    mine = f"{_label('app.kubernetes.io/managed-by')} == {cel(MANAGER)}"
    theirs = f"{_label('app.kubernetes.io/managed-by', 'oldObject')} == {cel(MANAGER)}"
    return [
        (
            "request.resource.resource in ['pods', 'services'] && request.operation in ['CREATE', 'DELETE'] "
            "&& (!has(request.subResource) || request.subResource == '')",
            "the server may only create and delete interpreters and their Services",
        ),
        (f"{_CREATE} || {mine}", "the server's objects must be labelled as managed by it"),
        (f"request.operation != 'DELETE' || {theirs}", "the server may only delete objects that it manages"),
        (
            f"{_NOT_PODS} || ({_label('app.kubernetes.io/name')} == {cel(INTERPRETER)} "
            f"&& {_label('app')} == object.metadata.name && {_label('spark-role')} == '')",
            "an interpreter must have the labels of an interpreter, with its own name",
        ),
        (
            f"{_NOT_PODS} || ({account} == {cel(identities.interpreter)} && !{token}) || "
            f"({account} == {cel(identities.driver)} + {suffix} && {_label('gaia-dmp/group')} == 'spark')",
            "an interpreter must have no token; a Spark driver must have the account of its person",
        ),
        (
            f"{_NOT_PODS} || object.spec.?priorityClassName.orValue('') == {cel(identities.priorities.driver)} + {suffix}",
            "an interpreter must have the PriorityClass, and so the quota, of its person",
        ),
        (
            f"{_NOT_PODS} || (object.spec.containers.all(c, c.image == {cel(pods.spark_image)}) "
            f"&& object.spec.?initContainers.orValue([]).all(c, c.image == {cel(pods.zeppelin_image)}))",
            f"an interpreter must run {pods.spark_image}, with Zeppelin copied from {pods.zeppelin_image}",
        ),
        # A paragraph that ran when the server went is recovered in nobody's name (zeppelin: notebook/Paragraph.java, recover, 0.12.1).
        (
            f"{_NOT_PODS} || !({label} in ['', 'guest', 'guest.anonymous', 'guest.null'])",
            "an interpreter must belong to somebody who is logged in",
        ),
        (f"{_NOT_PODS} || !has(object.metadata.ownerReferences)", "an interpreter must not have an owner"),
        (f"{_NOT_PODS} || object.spec.restartPolicy == 'Never'", "an interpreter must have restartPolicy Never"),
        (
            f"{_CREATE} || request.resource.resource != 'services' || (object.spec.?clusterIP.orValue('') == 'None' "
            "&& object.spec.?type.orValue('ClusterIP') == 'ClusterIP' && !has(object.spec.externalIPs) "
            "&& has(object.spec.selector) && object.spec.selector == {'app': object.metadata.name})",
            "an interpreter's Service must be headless and select only its own Pod",
        ),
        *(
            [
                (
                    f"{_NOT_PODS} || !has(object.spec.volumes) || object.spec.volumes.all(v, "
                    f"!({logs}) || ({label} != '' && {_CONTAINERS}.all(c, "
                    f"!has(c.volumeMounts) || c.volumeMounts.all(m, m.name != v.name || m.?subPath.orValue('') == {label}{staging}))))",
                    "a driver may mount only its person's folder of event logs",
                )
            ]
            if pods.history
            else []
        ),
        *_gpus(pods, executors=False),
        *_of_every_pod(pods, suffix, more),
    ]


def cleaner_rules() -> list[tuple[str, str]]:
    """What the cleaner may write: it deletes finished interpreters and their Services, and marks Pods as failed that wait too long."""
    theirs = f"{_label('app.kubernetes.io/managed-by', 'oldObject')} == {cel(MANAGER)}"
    return [
        (
            "request.operation == 'DELETE' ? request.resource.resource in ['pods', 'services'] : "
            "(request.operation == 'UPDATE' && request.resource.resource == 'pods' && request.subResource == 'status')",
            "the cleaner may only delete Pods and Services, and mark Pods as failed",
        ),
        (theirs, "the cleaner may only change objects that Zeppelin manages"),
        (
            "request.operation != 'DELETE' || request.resource.resource != 'pods' || oldObject.status.phase in ['Succeeded', 'Failed']",
            "the cleaner may only delete Pods that have ended",
        ),
        (
            "request.operation != 'UPDATE' || (oldObject.status.phase == 'Pending' && object.status.phase == 'Failed')",
            "the cleaner may only mark Pods as failed that are pending",
        ),
    ]
