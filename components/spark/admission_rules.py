"""The rules of admission, as CEL: what drivers, the Zeppelin server and the cleaner may write. Plain functions, no resource.

A rule is an expression that must hold, and the message of a refusal.
"""

import json

from components.names import DRIVER_ACCOUNT, EXECUTOR, HISTORY_CLAIM, INTERPRETER, MANAGER, SPARK_NAMESPACE, USER_CLAIM
from components.spark.notebook_pods import NotebookPods

USER_NAME = "request.userInfo.username"
_POD = "request.userInfo.extra['authentication.kubernetes.io/pod-name'][0]"
_UID = "request.userInfo.extra['authentication.kubernetes.io/pod-uid'][0]"
_CREATE = "request.operation != 'CREATE'"
_NOT_PODS = f"{_CREATE} || request.resource.resource != 'pods'"
_POD_KIND = "request.resource.resource == 'pods'"
_CONTAINERS = "(object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : []))"


def user_of(namespace: str, account: str) -> str:
    """An account as the API server's authentication names it."""
    return f"system:serviceaccount:{namespace}:{account}"


def cel(value: object) -> str:
    """A value as CEL writes it; JSON's strings, lists and maps are CEL's too."""
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


def _of_every_pod(pods: NotebookPods, person: str, more: str = "") -> list[tuple[str, str]]:
    """What holds for Pods of drivers and of the server alike. person, more: see `_volumes`."""
    spaces = ", and its person's own space" if pods.user_space else ""
    selector = cel(dict(pods.node_selector))
    no_secrets = "!has(c.envFrom) && (!has(c.env) || c.env.all(e, !has(e.valueFrom) || !has(e.valueFrom.secretKeyRef)))"
    tolerations = "object.spec.tolerations.all(t, has(t.key) && t.key.startsWith('node.kubernetes.io/'))"
    return [
        (
            _volumes(pods, person, more),
            f"a Pod here mounts emptyDir, ConfigMap and, read-only, the claims {', '.join(_claims(pods)) or '(none)'}{spaces}",
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
            + (f" || ({_POD_KIND} && object.metadata.finalizers == ['kueue.x-k8s.io/managed'])" if pods.queue else ""),
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


def driver_rules(pods: NotebookPods) -> list[tuple[str, str]]:
    """What a driver may write: executors of its own, and their ConfigMap."""
    base, identities, people = user_of(SPARK_NAMESPACE, DRIVER_ACCOUNT), pods.identities, list(pods.identities.people.values())
    person = f"{USER_NAME}.substring({len(base)})"
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
            f"{_NOT_PODS} || (object.spec.serviceAccountName == {cel(identities.executor)} "
            "&& has(object.spec.automountServiceAccountToken) && !object.spec.automountServiceAccountToken)",
            f"an executor has the account {identities.executor} and no token",
        ),
        (
            f"{_NOT_PODS} || ({_CONTAINERS}.size() == 1 && object.spec.containers[0].image == {cel(pods.spark_image)})",
            f"an executor has one container, of image {pods.spark_image}",
        ),
        (
            f"{_NOT_PODS} || ({_label('spark-role')} == 'executor' "
            f"&& {_label('app.kubernetes.io/name')} == {cel(EXECUTOR)} && {_label('app')} == '')",
            "an executor is labelled as one, and as nothing else that a Service or a network policy looks for",
        ),
        # Every name is `<account><nothing or -person>`: whose driver asks is whose executor it is.
        (
            f"{_NOT_PODS} || object.spec.?priorityClassName.orValue('') == {cel(identities.priorities.executor)} + {person}",
            "an executor has the PriorityClass, and so the quota, of its driver's person",
        ),
        (
            f"{_NOT_PODS} || ({person} == '' ? !({label} in {cel(people)}) : '-' + {label} == {person})",
            "an executor is labelled with its driver's person",
        ),
        *_of_every_pod(pods, person),
    ]


def server_rules(pods: NotebookPods) -> list[tuple[str, str]]:
    """What the Zeppelin server may write: interpreters as our template makes them, and their Services."""
    identities, people = pods.identities, list(pods.identities.people.values())
    label = _label("gaia-dmp/user")
    suffix = f"({label} in {cel(people)} ? '-' + {label} : '')"
    account = "object.spec.serviceAccountName"
    token = "object.spec.?automountServiceAccountToken.orValue(true)"  # noqa: S105 - CEL
    # Drivers, and nobody else, read Hadoop's configuration with the keys of buckets.
    hadoop = f"has(v.secret) && v.secret.secretName == {cel(pods.hadoop_conf)} && {_label('gaia-dmp/group')} == 'spark'"
    more = f" || ({hadoop})" if pods.hadoop_conf else ""
    logs = f"has(v.persistentVolumeClaim) && v.persistentVolumeClaim.claimName == {cel(HISTORY_CLAIM)}"
    if pods.history:
        more += f" || ({logs} && {_label('gaia-dmp/group')} == 'spark')"
    mine = f"{_label('app.kubernetes.io/managed-by')} == {cel(MANAGER)}"
    theirs = f"{_label('app.kubernetes.io/managed-by', 'oldObject')} == {cel(MANAGER)}"
    return [
        (
            "request.resource.resource in ['pods', 'services'] && request.operation in ['CREATE', 'DELETE'] "
            "&& (!has(request.subResource) || request.subResource == '')",
            "the server makes and deletes interpreters and their Services, and changes nothing",
        ),
        (f"{_CREATE} || {mine}", "what the server makes is labelled as managed by it"),
        (f"request.operation != 'DELETE' || {theirs}", "the server deletes what is managed by it"),
        (
            f"{_NOT_PODS} || ({_label('app.kubernetes.io/name')} == {cel(INTERPRETER)} "
            f"&& {_label('app')} == object.metadata.name && {_label('spark-role')} == '')",
            "an interpreter is labelled as one, by its own name",
        ),
        (
            f"{_NOT_PODS} || ({account} == {cel(identities.interpreter)} && !{token}) || "
            f"({account} == {cel(identities.driver)} + {suffix} && {_label('gaia-dmp/group')} == 'spark')",
            "an interpreter has no token; a Spark driver has the account of its person",
        ),
        (
            f"{_NOT_PODS} || object.spec.?priorityClassName.orValue('') == {cel(identities.priorities.driver)} + {suffix}",
            "an interpreter has the PriorityClass, and so the quota, of its person",
        ),
        (
            f"{_NOT_PODS} || (object.spec.containers.all(c, c.image == {cel(pods.spark_image)}) "
            f"&& object.spec.?initContainers.orValue([]).all(c, c.image == {cel(pods.zeppelin_image)}))",
            f"an interpreter runs {pods.spark_image}, with Zeppelin of {pods.zeppelin_image} copied in",
        ),
        # A paragraph that ran when the server went is recovered in nobody's name (zeppelin: notebook/Paragraph.java, recover, 0.12.1).
        (
            f"{_NOT_PODS} || !({label} in ['', 'guest', 'guest.anonymous', 'guest.null'])",
            "an interpreter is somebody's who is logged in",
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
            if pods.history
            else []
        ),
        *_of_every_pod(pods, suffix, more),
    ]


def cleaner_rules() -> list[tuple[str, str]]:
    """What the cleaner may write: it deletes finished interpreters and Services of interpreters, and gives up Pods that wait."""
    theirs = f"{_label('app.kubernetes.io/managed-by', 'oldObject')} == {cel(MANAGER)}"
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
