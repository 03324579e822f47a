"""The checks behind policy/rules.py: one function per rule, from a recording to its violations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from components import names
from policy.objects import objects
from policy.openings import ANYBODY, openings, openings_of
from policy.pods import PSS, TOKEN, weak_points, workloads
from policy.rights import grants
from recording import SECRET, UNKNOWN, RecordedResource, Recording

NODE_NAMESPACES = (names.CSI_NAMESPACE, names.NODES_NAMESPACE)
"""A privileged Pod of a CSI plug-in mounts volumes, and the node exporter reads a node's files. Both have their own namespaces, and the
network of the node."""

SHARE, BUCKET = "openstack:sharedfilesystem/share:Share", "openstack:objectstorage/container:Container"
GROUP_RULE = "openstack:networking/secGroupRule:SecGroupRule"
CLUSTER = "openstack:containerinfra/cluster:Cluster"
_HIDDEN = (SECRET, UNKNOWN)


@dataclass(frozen=True)
class Break:
    """One violation of a rule. message: what is wrong with the resource. setting: the key of the stack file that corrects it; "" if the
    program must change.
    """

    resource: RecordedResource
    message: str
    setting: str = ""


Breaks = Iterator[Break]


def _custom(recording: Recording, *types: str) -> list[RecordedResource]:
    return [each for each in recording.resources if each.custom and each.type in types and "read" not in each.options]


def data_kept(recording: Recording) -> Breaks:
    clusters = _custom(recording, CLUSTER)
    production = any(cluster.options.get("protect") for cluster in clusters)
    for each in _custom(recording, SHARE, BUCKET) if production else ():
        if not each.options.get("protect"):
            yield Break(each, "holds data but is not protected, although the cluster is", "protection")
    for volume in objects(recording, "PersistentVolume"):
        policy = (volume.inputs.get("spec") or {}).get("persistentVolumeReclaimPolicy")
        if policy != "Retain":
            yield Break(volume, f"persistentVolumeReclaimPolicy is {policy}: the data is deleted with the claim")


_SECRET_NAME = re.compile(r"passw|secret.?key|private.?key|access.?key$|api.?key|\btoken$|credential.?secret", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bAQ[A-Za-z0-9+/]{36}==|\bgh[pousr]_[A-Za-z0-9]{36}|\$shiro1\$|client-key-data:"
)


def no_secret_in_clear(recording: Recording) -> Breaks:
    for each in recording.resources:
        for path, value in _texts(each.inputs, ""):
            last = re.split(r"[.\]]", path)[-1]
            # Names of Secrets, files and settings say where a secret is; they are not secret themselves.
            tells = _SECRET_NAME.search(last) and not re.search(r"(name|ref|file|path|secretkey)$", last, re.IGNORECASE)
            if _SECRET_TEXT.search(value) or (tells and value and value not in _HIDDEN):
                yield Break(each, f"{path} looks like a secret in plain text")
        if each.inputs.get("kind") == "Secret":
            values = [value for key in ("data", "stringData") for _, value in _texts({"": each.inputs.get(key) or {}}, key)]
            if values and not set(_HIDDEN) & set(values):
                yield Break(each, "no value of this Secret is marked as a secret")


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            # The name of an environment variable says what its value is.
            key = value["name"] if key == "value" and isinstance(value.get("name"), str) else key  # noqa: PLW2901
            yield from _texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")


def _namespace(resource: RecordedResource) -> str:
    return str((resource.inputs.get("metadata") or {}).get("namespace", ""))


def restricted(recording: Recording) -> Breaks:
    for namespace in objects(recording, "Namespace"):
        metadata = namespace.inputs.get("metadata") or {}
        level = (metadata.get("labels") or {}).get("pod-security.kubernetes.io/enforce")
        if level != PSS[-1] and metadata.get("name") not in NODE_NAMESPACES:
            yield Break(namespace, f"Pod Security enforces {level or 'nothing'}")
    for each in workloads(recording):
        if _namespace(each.resource) not in NODE_NAMESPACES:
            for point in weak_points(each):
                if point != TOKEN:
                    yield Break(each.resource, point)


def no_wildcard(recording: Recording) -> Breaks:
    for role in objects(recording, "Role", "ClusterRole"):
        for rule in role.inputs.get("rules") or ():
            for key in ("verbs", "resources", "apiGroups"):
                if "*" in (rule.get(key) or ()):
                    yield Break(role, f"{key}: * grants more than anybody has considered")


def no_needless_token(recording: Recording) -> Breaks:
    entitled = {grant.account for grant in grants(recording)}
    for each in workloads(recording):
        account = f"{_namespace(each.resource)}/{each.pod.get('serviceAccountName', 'default')}"
        if each.pod.get("automountServiceAccountToken") is not False and account not in entitled:
            yield Break(each.resource, f"its Pods get a token of {account}, which has no rights and so needs none")


def images_pinned(recording: Recording) -> Breaks:
    for each in workloads(recording):
        for container in each.containers:
            image = str(container.get("image", ""))
            if not re.search(r"@sha256:[0-9a-f]{64}$|:[A-Za-z0-9_][\w.-]*$", image) or image.endswith(":latest"):
                yield Break(each.resource, f"image {image} of {container.get('name')} has neither a fixed tag nor a digest", "images")


def requests_and_limits(recording: Recording) -> Breaks:
    for each in workloads(recording):
        for container in each.containers:
            resources = container.get("resources") or {}
            missing = [
                f"requests.{key}" for key in ("cpu", "memory") if key not in (resources.get("requests") or resources.get("limits") or {})
            ]
            missing += ["limits.memory"] if "memory" not in (resources.get("limits") or {}) else []
            if missing:
                yield Break(each.resource, f"{container.get('name')} has no {', '.join(missing)}")


def closed_to_the_world(recording: Recording) -> Breaks:
    # One entry is intended: people reach the platform through it.
    entry: tuple[str, str] | None = None
    for policy in objects(recording, "NetworkPolicy"):
        for opening in openings_of(policy):
            if opening.direction == "ingress" and _anybody(opening.peer):
                pods = opening.namespace, opening.pods
                entry = entry or pods
                if pods != entry:
                    yield Break(policy, f"{opening.pods} accept connections from anywhere, and {entry[1]} in {entry[0]} do so already")
                    break
    # On machines the entry is one group of security, by the ports of browsers.
    for rule in _custom(recording, GROUP_RULE):
        if rule.inputs.get("direction") == "ingress" and not rule.inputs.get("remoteGroupId"):
            ports = {rule.inputs.get("portRangeMin"), rule.inputs.get("portRangeMax")}
            if rule.inputs.get("protocol") != "tcp" or len(ports) != 1 or not ports <= {80, 443}:
                yield Break(rule, "opens a port that is no browser's to what is no machine of this stack")
    public = [each for each in objects(recording, "Service") if (each.inputs.get("spec") or {}).get("type") in {"LoadBalancer", "NodePort"}]
    public += list(objects(recording, "Ingress"))
    for each in public[1:]:
        yield Break(each, f"opens a second entry besides {public[0].name}", "entry.kind")


def api_closed(recording: Recording) -> Breaks:
    for cluster in _custom(recording, CLUSTER):
        labels = cluster.inputs.get("labels") or {}
        if cluster.inputs.get("floatingIpEnabled") and not any(
            labels.get(key) for key in labels if key.endswith("master_lb_allowed_cidrs")
        ):
            yield Break(cluster, "the Kubernetes API has a public address that everybody can reach", "cloud.cluster.api_allowed_cidrs")


def _anybody(peer: str) -> bool:
    return peer == ANYBODY or peer.startswith(("0.0.0.0/0", "::/0"))


def quotas_and_policies(recording: Recording) -> Breaks:
    _, closed = openings(recording)
    namespaces = {str((each.inputs.get("metadata") or {}).get("name")): each for each in objects(recording, "Namespace")}
    for name, namespace in namespaces.items():
        if name not in NODE_NAMESPACES:
            for direction in ("ingress", "egress"):
                if (name, "all Pods", direction) not in closed:
                    yield Break(namespace, f"no NetworkPolicy closes {direction} for all Pods")
    filled = {grant.namespace for grant in grants(recording) if grant.resource in {"pods", "*"} and grant.verb in {"create", "*"}}
    # Rights in all namespaces include ours.
    here = sorted(namespaces.keys() if "*" in filled else filled & namespaces.keys())
    for name in here:
        for kind in ("ResourceQuota", "LimitRange"):
            if name not in {_namespace(each) for each in objects(recording, kind)}:
                yield Break(namespaces[name], f"accounts may create Pods in it, but it has no {kind}")
    if here and not list(objects(recording, "ValidatingAdmissionPolicyBinding")):
        yield Break(namespaces[here[0]], "accounts may create Pods in it, but no admission policy is bound")


_TAGGED = {
    "openstack:networking/network:Network": "tags",
    "openstack:networking/subnet:Subnet": "tags",
    "openstack:networking/router:Router": "tags",
    "openstack:networking/port:Port": "tags",
    "openstack:networking/secGroup:SecGroup": "tags",
    "openstack:compute/instance:Instance": "metadata",
    "openstack:blockstorage/volume:Volume": "metadata",
    "openstack:networking/floatingIp:FloatingIp": "tags",
    SHARE: "metadata",
}


def tags(recording: Recording) -> Breaks:
    for each in recording.resources:
        key = _TAGGED.get(each.type)
        if key and "read" not in each.options and not each.inputs.get(key):
            yield Break(each, f"{key} is empty")
    for namespace in objects(recording, "Namespace"):
        if "app.kubernetes.io/part-of" not in ((namespace.inputs.get("metadata") or {}).get("labels") or {}):
            yield Break(namespace, "has no label app.kubernetes.io/part-of")
