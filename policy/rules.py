"""What must hold of every stack: plain functions over a recording, for the offline preview, the diff and Pulumi's policy pack.

A rule that a resource breaks on purpose is waived in policy/waivers.yaml, by name, with a reason and a day on which the waiver ends.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from policy.rights import ANYBODY, PSS, TOKEN, grants, objects, openings, openings_of, weak_points, workloads
from preview.recording import SECRET, UNKNOWN, RecordedResource, Recording

WAIVERS = Path(__file__).resolve().parent / "waivers.yaml"
NODE_NAMESPACES = ("gaia-csi", "gaia-nodes")
"""Mounts are made by a privileged Pod of a node plug-in, and a node's own metrics are read from its files; both have namespaces of their
own, and the network of the node."""

SHARE, BUCKET = "openstack:sharedfilesystem/share:Share", "openstack:objectstorage/container:Container"
HIDDEN = (SECRET, UNKNOWN)
CLUSTER = "openstack:containerinfra/cluster:Cluster"

Broken = Iterator[tuple[RecordedResource, str]]


@dataclass(frozen=True)
class Rule:
    """id: as waivers name it. holds: what it asks for. reason, fix: for whoever broke it. check: (resource, what is wrong) for each
    break.
    """

    id: str
    holds: str
    reason: str
    fix: str
    check: Callable[[Recording], Broken]


@dataclass(frozen=True)
class Finding:
    """One break of a rule. waived: the reason of its waiver, or ""."""

    rule: str
    urn: str
    name: str
    message: str
    fix: str
    waived: str = ""


class Waiver(BaseModel):
    """One exception. resource: its name. stack: where it holds. until: its last day."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rule: str
    resource: str
    stack: str
    reason: str = Field(min_length=20)
    until: dt.date


class WaiversError(Exception):
    """policy/waivers.yaml is wrong; the message says where."""


def _custom(recording: Recording, *types: str) -> list[RecordedResource]:
    return [each for each in recording.resources if each.custom and each.type in types and "read" not in each.options]


def _data_kept(recording: Recording) -> Broken:
    clusters = _custom(recording, CLUSTER)
    production = any(cluster.options.get("protect") for cluster in clusters)
    for each in _custom(recording, SHARE, BUCKET) if production else ():
        if not each.options.get("protect"):
            yield each, "holds data in a stack whose cluster is protected, and is not"
    for volume in objects(recording, "PersistentVolume"):
        policy = (volume.inputs.get("spec") or {}).get("persistentVolumeReclaimPolicy")
        if policy != "Retain":
            yield volume, f"persistentVolumeReclaimPolicy is {policy}: the data go with the claim"


_SECRET_NAME = re.compile(r"passw|secret.?key|private.?key|access.?key$|api.?key|\btoken$|credential.?secret", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bAQ[A-Za-z0-9+/]{36}==|\bgh[pousr]_[A-Za-z0-9]{36}|\$shiro1\$|client-key-data:"
)


def _no_secret_in_clear(recording: Recording) -> Broken:
    for each in recording.resources:
        for path, value in _texts(each.inputs, ""):
            last = re.split(r"[.\]]", path)[-1]
            # Names of Secrets, files and settings tell where a secret is, which is no secret.
            tells = _SECRET_NAME.search(last) and not re.search(r"(name|ref|file|path|secretkey)$", last, re.IGNORECASE)
            if _SECRET_TEXT.search(value) or (tells and value and value not in HIDDEN):
                yield each, f"{path} looks like a secret and stands in clear"
        if each.inputs.get("kind") == "Secret":
            values = [value for key in ("data", "stringData") for _, value in _texts({"": each.inputs.get(key) or {}}, key)]
            if values and not set(HIDDEN) & set(values):
                yield each, "a Secret of which nothing is marked as a secret"


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            # An environment variable tells by its name what its value is.
            key = value["name"] if key == "value" and isinstance(value.get("name"), str) else key  # noqa: PLW2901
            yield from _texts(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")


def _namespace(resource: RecordedResource) -> str:
    return str((resource.inputs.get("metadata") or {}).get("namespace", ""))


def _restricted(recording: Recording) -> Broken:
    for namespace in objects(recording, "Namespace"):
        metadata = namespace.inputs.get("metadata") or {}
        level = (metadata.get("labels") or {}).get("pod-security.kubernetes.io/enforce")
        if level != PSS[-1] and metadata.get("name") not in NODE_NAMESPACES:
            yield namespace, f"Pod Security enforces {level or 'nothing'}"
    for each in workloads(recording):
        if _namespace(each.resource) not in NODE_NAMESPACES:
            for point in weak_points(each):
                if point != TOKEN:
                    yield each.resource, point


def _no_wildcard(recording: Recording) -> Broken:
    for role in objects(recording, "Role", "ClusterRole"):
        for rule in role.inputs.get("rules") or ():
            for key in ("verbs", "resources", "apiGroups"):
                if "*" in (rule.get(key) or ()):
                    yield role, f"{key}: * grants what nobody has thought of"


def _no_needless_token(recording: Recording) -> Broken:
    entitled = {grant.account for grant in grants(recording)}
    for each in workloads(recording):
        account = f"{_namespace(each.resource)}/{each.pod.get('serviceAccountName', 'default')}"
        if each.pod.get("automountServiceAccountToken") is not False and account not in entitled:
            yield each.resource, f"its Pods get a token of {account}, which may do nothing"


def _images_pinned(recording: Recording) -> Broken:
    for each in workloads(recording):
        for container in each.containers:
            image = str(container.get("image", ""))
            if not re.search(r"@sha256:[0-9a-f]{64}$|:[A-Za-z0-9_][\w.-]*$", image) or image.endswith(":latest"):
                yield each.resource, f"image {image} of {container.get('name')} has neither a fixed tag nor a digest"


def _requests_and_limits(recording: Recording) -> Broken:
    for each in workloads(recording):
        for container in each.containers:
            resources = container.get("resources") or {}
            missing = [
                f"requests.{key}" for key in ("cpu", "memory") if key not in (resources.get("requests") or resources.get("limits") or {})
            ]
            missing += ["limits.memory"] if "memory" not in (resources.get("limits") or {}) else []
            if missing:
                yield each.resource, f"{container.get('name')} has no {', '.join(missing)}"


def _closed_to_the_world(recording: Recording) -> Broken:
    # One entry is what the platform is for; it is where people come in.
    entry: tuple[str, str] | None = None
    for policy in objects(recording, "NetworkPolicy"):
        for opening in openings_of(policy):
            if opening.direction == "ingress" and _anybody(opening.peer):
                pods = opening.namespace, opening.pods
                entry = entry or pods
                if pods != entry:
                    yield policy, f"{opening.pods} take connections from anybody, and {entry[1]} in {entry[0]} do so already"
                    break
    ways = [each for each in objects(recording, "Service") if (each.inputs.get("spec") or {}).get("type") in {"LoadBalancer", "NodePort"}]
    ways += list(objects(recording, "Ingress"))
    for way in ways[1:]:
        yield way, f"a second way in beside {ways[0].name}"
    for cluster in _custom(recording, CLUSTER):
        labels = cluster.inputs.get("labels") or {}
        if cluster.inputs.get("floatingIpEnabled") and not any(
            labels.get(key) for key in labels if key.endswith("master_lb_allowed_cidrs")
        ):
            yield cluster, "the Kubernetes API has a public address that everybody reaches"


def _anybody(peer: str) -> bool:
    return peer == ANYBODY or peer.startswith(("0.0.0.0/0", "::/0"))


def _quotas_and_policies(recording: Recording) -> Broken:
    _, closed = openings(recording)
    namespaces = {str((each.inputs.get("metadata") or {}).get("name")): each for each in objects(recording, "Namespace")}
    for name, namespace in namespaces.items():
        if name not in NODE_NAMESPACES:
            for direction in ("ingress", "egress"):
                if (name, "all Pods", direction) not in closed:
                    yield namespace, f"no NetworkPolicy closes {direction} of all Pods"
    filled = {grant.namespace for grant in grants(recording) if grant.resource in {"pods", "*"} and grant.verb in {"create", "*"}}
    # Whoever may everywhere, may in each of ours.
    here = sorted(namespaces.keys() if "*" in filled else filled & namespaces.keys())
    for name in here:
        for kind in ("ResourceQuota", "LimitRange"):
            if name not in {_namespace(each) for each in objects(recording, kind)}:
                yield namespaces[name], f"accounts make Pods in it, and it has no {kind}"
    if here and not list(objects(recording, "ValidatingAdmissionPolicyBinding")):
        yield namespaces[here[0]], "accounts make Pods in it, and no admission policy is bound"


_TAGGED = {
    "openstack:networking/network:Network": "tags",
    "openstack:networking/subnet:Subnet": "tags",
    "openstack:networking/router:Router": "tags",
    "openstack:networking/port:Port": "tags",
    "openstack:networking/floatingIp:FloatingIp": "tags",
    SHARE: "metadata",
}


def _tags(recording: Recording) -> Broken:
    for each in recording.resources:
        key = _TAGGED.get(each.type)
        if key and "read" not in each.options and not each.inputs.get(key):
            yield each, f"{key} is empty"
    for namespace in objects(recording, "Namespace"):
        if "app.kubernetes.io/part-of" not in ((namespace.inputs.get("metadata") or {}).get("labels") or {}):
            yield namespace, "has no label app.kubernetes.io/part-of"


RULES: Sequence[Rule] = (
    Rule(
        "data-kept",
        "whatever holds data is protected where the cluster is, and volumes are retained",
        "notebooks were once lost in a rebuild",
        "protect it, and set persistentVolumeReclaimPolicy to Retain",
        _data_kept,
    ),
    Rule(
        "no-secret-in-clear",
        "no secret stands in clear",
        "state, previews and ConfigMaps are read by many",
        "read it by require_secret, or wrap it in pulumi.Output.secret",
        _no_secret_in_clear,
    ),
    Rule(
        "restricted",
        f"Pods are `restricted` everywhere but in {' and '.join(NODE_NAMESPACES)}",
        "people run code of their own here",
        "set the security context that Pod Security asks for",
        _restricted,
    ),
    Rule(
        "no-wildcard",
        "no Role has a wildcard",
        "a wildcard grants what comes with the next version, too",
        "name verbs, resources and groups",
        _no_wildcard,
    ),
    Rule(
        "no-needless-token",
        "only who calls the Kubernetes API has a token",
        "a token is what an attacker looks for first",
        "set automountServiceAccountToken to false",
        _no_needless_token,
    ),
    Rule(
        "images-pinned",
        "every image has a fixed tag or a digest",
        "what is tested must be what runs",
        "name a version or a digest",
        _images_pinned,
    ),
    Rule(
        "requests-and-limits",
        "every container states what it asks for and what it may take",
        "one Pod must not starve a node",
        "set requests of cpu and memory, and a limit of memory",
        _requests_and_limits,
    ),
    Rule(
        "closed-to-the-world",
        "nothing but the entry is open to the world",
        "notebooks are shells",
        "name who may come, or reach it through the entry",
        _closed_to_the_world,
    ),
    Rule(
        "quotas-and-policies",
        "every namespace is closed by a NetworkPolicy; where accounts make Pods, quota, limits and admission bound them",
        "rights alone bound neither number nor size nor reach",
        "add the missing object",
        _quotas_and_policies,
    ),
    Rule(
        "tags",
        "what is made in a project, and every namespace, says whose it is",
        "operators ask before they delete what nobody claims",
        "set tags, metadata or the label to the stack's title",
        _tags,
    ),
)


def waivers(path: Path = WAIVERS) -> list[Waiver]:
    """The waivers of a file. Raises WaiversError."""
    try:
        found = TypeAdapter(list[Waiver]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or [])
    except (ValidationError, yaml.YAMLError) as error:
        raise WaiversError(f"{path.name}: {error}") from None
    ids = [rule.id for rule in RULES]
    for each in found:
        if each.rule not in ids:
            raise WaiversError(f"{path.name}: rule {each.rule} is unknown; accepted: {', '.join(ids)}")
    return found


def check(recording: Recording, allowed: Sequence[Waiver], today: dt.date, rules: Sequence[Rule] = RULES) -> list[Finding]:
    """Every break of every rule; those with a waiver that has not ended carry its reason. A waiver that waives nothing is a finding,
    too.
    """
    here = [each for each in allowed if each.stack == recording.stack]
    found: list[Finding] = []
    used: set[int] = set()
    for rule in rules:
        for resource, message in rule.check(recording):
            fits = [each for each in here if (each.rule, each.resource) == (rule.id, resource.name)]
            used |= {id(each) for each in fits}
            ended = "".join(f" (its waiver ended on {each.until})" for each in fits if each.until < today)
            reason = next((f"{each.reason} (until {each.until})" for each in fits if each.until >= today), "")
            found.append(Finding(rule.id, resource.urn, resource.name, message + ("" if reason else ended), rule.fix, reason))
    asked = {rule.id for rule in rules}
    found += [
        Finding(each.rule, "", each.resource, "has a waiver that waives nothing", "take it out of policy/waivers.yaml")
        for each in here
        if id(each) not in used and each.rule in asked
    ]
    return found


def broken(findings: Sequence[Finding]) -> list[Finding]:
    """Those without a waiver."""
    return [each for each in findings if not each.waived]


def by_id() -> Mapping[str, Rule]:
    """The rules by their id."""
    return {rule.id: rule for rule in RULES}
