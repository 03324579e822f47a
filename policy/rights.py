"""What accounts may do, which connections are open, how Pods are secured: what a recording grants, as sets that can be subtracted."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Any

from recording import UNKNOWN, RecordedResource, Recording

ANYBODY = "anybody"
WORKLOADS = ("Pod", "Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob")
PSS = ("privileged", "baseline", "restricted")
TOKEN = "a token of its account"  # noqa: S105 - words


@dataclass(frozen=True, order=True)
class Grant:
    """One account may use one verb on one resource. namespace: `*` for all. names: objects that it is bound to, () for all."""

    account: str
    namespace: str
    verb: str
    resource: str
    names: tuple[str, ...] = ()

    def covers(self, other: "Grant") -> bool:
        """Whether who has this has the other, too."""
        return (
            self.account == other.account
            and self.namespace in {"*", other.namespace}
            and self.verb in {"*", other.verb}
            and (self.resource in {"*", other.resource} or (self.resource.endswith("/*") and other.resource.startswith(self.resource[:-1])))
            and (not self.names or (bool(other.names) and set(other.names) <= set(self.names)))
        )


def objects(recording: Recording | None, *kinds: str) -> Iterator[RecordedResource]:
    """The Kubernetes objects of some kinds."""
    for resource in recording.resources if recording else []:
        if resource.custom and resource.inputs.get("kind") in kinds and resource.type.startswith("kubernetes:"):
            yield resource


def _metadata(resource: RecordedResource) -> Mapping[str, Any]:
    return resource.inputs.get("metadata") or {}


def grants(recording: Recording | None) -> set[Grant]:
    """Every right that bindings give, by account, namespace, verb and `group/resource` (`pods`, `apps/deployments`)."""
    roles = {
        (each.inputs["kind"], _metadata(each).get("namespace", ""), _metadata(each)["name"]): each.inputs.get("rules") or []
        for each in objects(recording, "Role", "ClusterRole")
    }
    found = set()
    for binding in objects(recording, "RoleBinding", "ClusterRoleBinding"):
        reference = binding.inputs.get("roleRef") or {}
        where = "*" if binding.inputs["kind"] == "ClusterRoleBinding" else str(_metadata(binding).get("namespace", ""))
        key = reference.get("kind"), where if reference.get("kind") == "Role" else "", reference.get("name")
        # A role that the stack does not make is named, for what it grants is not known here.
        rules = roles.get(key) or [{"verbs": [f"whatever {reference.get('kind')} {reference.get('name')} says"], "resources": ["*"]}]
        for subject in binding.inputs.get("subjects") or []:
            account = (
                f"{subject.get('namespace', '')}/{subject.get('name')}"
                if subject.get("kind") == "ServiceAccount"
                else str(subject.get("name"))
            )
            found |= {Grant(account, where, *rest) for rule in rules for rest in _of_rule(rule)}
    return found


def _of_rule(rule: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    names = tuple(sorted(rule.get("resourceNames") or ()))
    for verb in rule.get("verbs") or ():
        for resource in rule.get("resources") or ():
            for group in rule.get("apiGroups") or ("",):
                yield verb, f"{group}/{resource}" if group and group != "*" else resource, names
        for url in rule.get("nonResourceURLs") or ():
            yield verb, url, ()


def gained(before: set[Grant], after: set[Grant]) -> list[Grant]:
    """What is granted now and was not before."""
    return sorted(grant for grant in after - before if not any(other.covers(grant) for other in before))


@dataclass(frozen=True, order=True)
class Opening:
    """One kind of connection that a NetworkPolicy lets through. pods: the end that the policy selects. peer: the other end, `anybody`
    for all.
    """

    namespace: str
    pods: str
    direction: str
    peer: str
    port: str

    def covers(self, other: "Opening") -> bool:
        """Whether this lets through whatever the other does."""
        same = (self.namespace, self.direction) == (other.namespace, other.direction) and self.pods in {"all Pods", other.pods}
        return same and self.port in {"all ports", other.port} and (self.peer in {ANYBODY, other.peer} or _inside(other.peer, self.peer))

    def __str__(self) -> str:
        way = "from" if self.direction == "ingress" else "to"
        return f"{self.namespace}: {self.pods}, {self.direction} {way} {self.peer}, {self.port}"


def _inside(peer: str, other: str) -> bool:
    try:
        inner, outer = ip_network(peer), ip_network(other)
    except ValueError:
        return False
    return isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network) and inner.subnet_of(outer)


def openings(recording: Recording | None) -> tuple[set[Opening], set[tuple[str, str, str]]]:
    """What the NetworkPolicies let through; and what they close otherwise: (namespace, Pods, direction)."""
    found, closed = set(), set()
    for policy in objects(recording, "NetworkPolicy"):
        spec = policy.inputs.get("spec") or {}
        place = str(_metadata(policy).get("namespace", "")), _selector(spec.get("podSelector"))
        closed |= {(*place, str(each).lower()) for each in spec.get("policyTypes") or ("Ingress",)}
        found |= set(openings_of(policy))
    return found, closed


def openings_of(policy: RecordedResource) -> Iterator[Opening]:
    """What one NetworkPolicy lets through."""
    spec, namespace = policy.inputs.get("spec") or {}, str(_metadata(policy).get("namespace", ""))
    for direction in [str(each).lower() for each in spec.get("policyTypes") or ("Ingress",)]:
        for rule in spec.get(direction) or ():
            peers = [_peer(each, namespace) for each in rule.get("from") or rule.get("to") or ()] or [ANYBODY]
            ports = [_port(each) for each in rule.get("ports") or ()] or ["all ports"]
            for peer in peers:
                yield from (Opening(namespace, _selector(spec.get("podSelector")), direction, peer, port) for port in ports)


def _selector(selector: Any) -> str:
    labels = (selector or {}).get("matchLabels") or {}
    expressions = (selector or {}).get("matchExpressions") or []
    parts = [f"{key}={value}" for key, value in sorted(labels.items())]
    parts += [f"{each.get('key')} {each.get('operator')} {','.join(each.get('values') or ())}".strip() for each in expressions]
    return ", ".join(parts) or "all Pods"


def _port(port: Mapping[str, Any]) -> str:
    last = f"-{port['endPort']}" if port.get("endPort") else ""
    return f"{port.get('protocol', 'TCP')} {port.get('port', 'all')}{last}"


def _peer(peer: Mapping[str, Any], namespace: str) -> str:
    block = peer.get("ipBlock")
    if block:
        excepted = block.get("except")
        return f"{block.get('cidr')} but {', '.join(excepted)}" if excepted else str(block.get("cidr"))
    place = peer.get("namespaceSelector")
    where = (
        namespace if place is None else _selector(place).removeprefix("kubernetes.io/metadata.name=").replace("all Pods", "any namespace")
    )
    return f"{_selector(peer.get('podSelector'))} in {where}"


def ways_in(recording: Recording | None) -> set[Opening]:
    """What takes connections from outside the cluster: load balancers, node ports, Ingresses."""
    found = set()
    for service in objects(recording, "Service"):
        spec, metadata = service.inputs.get("spec") or {}, _metadata(service)
        if spec.get("type") in {"LoadBalancer", "NodePort"}:
            title = f"{spec['type']} {metadata.get('name')}"
            for port in spec.get("ports") or ():
                for peer in spec.get("loadBalancerSourceRanges") or (ANYBODY,):
                    found.add(Opening(str(metadata.get("namespace")), title, "ingress", str(peer), _port(port)))
    for ingress in objects(recording, "Ingress"):
        metadata = _metadata(ingress)
        for rule in (ingress.inputs.get("spec") or {}).get("rules") or ():
            host = f"host {rule.get('host', 'any')}"
            found.add(Opening(str(metadata.get("namespace")), f"Ingress {metadata.get('name')}", "ingress", ANYBODY, host))
    return found


def opened(before: Recording | None, after: Recording | None) -> list[str]:
    """Every connection that is let through now and was not before, as a line."""
    old, closed_before = openings(before)
    new, closed_after = openings(after)
    old, new = old | ways_in(before), new | ways_in(after)
    names = {str(_metadata(each).get("name")) for each in objects(after, "Namespace")}
    lines = [str(each) for each in sorted(new - old) if not any(other.covers(each) for other in old)]
    # What nothing closes any more is open to all; a namespace that goes takes its Pods along.
    return lines + [
        f"{namespace}: {pods}, {direction} is no longer closed by any policy"
        for namespace, pods, direction in sorted(closed_before - closed_after)
        if namespace in names and (namespace, "all Pods", direction) not in closed_after
    ]


@dataclass(frozen=True)
class Workload:
    """A Pod of some controller. pod: its specification. resource: the controller."""

    resource: RecordedResource
    pod: Mapping[str, Any]

    @property
    def title(self) -> str:
        """`gaia-spark/Deployment zeppelin`."""
        metadata = _metadata(self.resource)
        return f"{metadata.get('namespace', '')}/{self.resource.inputs.get('kind')} {metadata.get('name')}"

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """Of all kinds, in their order."""
        return [each for key in ("initContainers", "containers") for each in self.pod.get(key) or () if isinstance(each, dict)]


def workloads(recording: Recording | None) -> Iterator[Workload]:
    """Every Pod that the stack has run."""
    for resource in objects(recording, *WORKLOADS):
        spec = resource.inputs.get("spec") or {}
        if resource.inputs["kind"] == "CronJob":
            spec = (spec.get("jobTemplate") or {}).get("spec") or {}
        pod = spec if resource.inputs["kind"] == "Pod" else (spec.get("template") or {}).get("spec")
        yield Workload(resource, pod if isinstance(pod, dict) else {})


def weak_points(workload: Workload) -> Iterator[str]:
    """Where a Pod is less than `restricted` (Kubernetes: Pod Security Standards), or has a token."""
    pod = workload.pod
    context = pod.get("securityContext") or {}
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield key
    for volume in pod.get("volumes") or ():
        if isinstance(volume, dict) and volume.get("hostPath"):
            yield f"hostPath {volume['hostPath'].get('path')}"
    if pod.get("automountServiceAccountToken") is not False:
        yield TOKEN
    for container in workload.containers:
        name, own = container.get("name"), container.get("securityContext") or {}
        if own.get("privileged"):
            yield f"{name}: privileged"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name}: allowPrivilegeEscalation"
        if (own.get("runAsNonRoot", context.get("runAsNonRoot"))) is not True:
            yield f"{name}: may run as root"
        capabilities = own.get("capabilities") or {}
        yield from (f"{name}: capability {added}" for added in capabilities.get("add") or ())
        if "ALL" not in (capabilities.get("drop") or ()):
            yield f"{name}: keeps capabilities"
        if not (own.get("seccompProfile") or context.get("seccompProfile")):
            yield f"{name}: no seccomp profile"


def weakened(before: Recording | None, after: Recording | None) -> list[str]:
    """What is less secure than it was, as lines: levels of namespaces, and Pods."""
    levels = {_metadata(each).get("name"): _level(each) for each in objects(before, "Namespace")}
    lines = []
    for namespace in objects(after, "Namespace"):
        name, now = _metadata(namespace).get("name"), _level(namespace)
        then = levels.get(name)
        if then is not None and PSS.index(now) < PSS.index(then):
            lines.append(f"namespace {name}: Pod Security {now}, was {then}")
        elif then is None and before is not None and now != PSS[-1]:
            lines.append(f"namespace {name} is new: Pod Security {now}")
    old = {(each.resource.name, point) for each in workloads(before) for point in weak_points(each)}
    new = [(each, point) for each in workloads(after) for point in weak_points(each)]
    return lines + [f"{each.title}: {point}" for each, point in new if (each.resource.name, point) not in old]


def _level(namespace: RecordedResource) -> str:
    level = str((_metadata(namespace).get("labels") or {}).get("pod-security.kubernetes.io/enforce", PSS[0]))
    return level if level in PSS else PSS[0]


def admission_weakened(before: Recording | None, after: Recording | None) -> list[str]:
    """What admission no longer checks, or checks otherwise, as lines."""
    lines = []
    new = {str(_metadata(each).get("name")): each.inputs.get("spec") or {} for each in objects(after, "ValidatingAdmissionPolicy")}
    for policy in objects(before, "ValidatingAdmissionPolicy"):
        name, old = str(_metadata(policy).get("name")), policy.inputs.get("spec") or {}
        if name not in new:
            lines.append(f"policy {name} is gone")
            continue
        lines += [f"policy {name}: {line}" for line in _of_policy(old, new[name])]
    bound = {str(_metadata(each).get("name")): each.inputs.get("spec") or {} for each in objects(after, "ValidatingAdmissionPolicyBinding")}
    for binding in objects(before, "ValidatingAdmissionPolicyBinding"):
        name, old = str(_metadata(binding).get("name")), binding.inputs.get("spec") or {}
        now = bound.get(name)
        if now is None:
            lines.append(f"binding {name} is gone: its policy checks nothing")
        elif "Deny" in (old.get("validationActions") or ()) and "Deny" not in (now.get("validationActions") or ()):
            lines.append(f"binding {name}: denies nothing any more, {', '.join(map(str, now.get('validationActions') or ()))} only")
        elif old.get("matchResources") != now.get("matchResources") and UNKNOWN not in str(now.get("matchResources")):
            lines.append(f"binding {name}: is about other objects than before")
    return lines


def _of_policy(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old.get("failurePolicy", "Fail") == "Fail" and new.get("failurePolicy", "Fail") != "Fail":
        yield "lets everything through where it fails"
    for key, words in (("matchConstraints", "is about other objects"), ("matchConditions", "applies under other conditions")):
        if old.get(key) != new.get(key):
            yield words
    if old.get("variables") != new.get("variables"):
        yield "checks with other variables"
    kept = {each.get("expression") for each in new.get("validations") or ()}
    before = {each.get("expression") for each in old.get("validations") or ()}
    added = [_message(each) for each in new.get("validations") or () if each.get("expression") not in before][:100]
    for validation in old.get("validations") or ():
        if validation.get("expression") not in kept:
            message = _message(validation)
            # The message tells which check took its place.
            similar = difflib.get_close_matches(message, added, n=1)
            if not similar:
                yield f"no longer checks: {message}"
            else:
                yield f"checks otherwise: {message}" + (f" -> {similar[0]}" if similar[0] != message else "")


def _message(validation: Mapping[str, Any]) -> str:
    # Cut: the time that it takes to find similar ones grows with the square.
    return str(validation.get("message") or validation.get("expression"))[:500]
