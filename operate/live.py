"""The objects of a stack in its cluster: what each would be if the state were applied again, and what it is.

A dry run on the API server gives the former, with every default and complete lists. The engine's refresh cannot: pulumi-kubernetes reduces
what it reads to the declared fields, so a rule, subject or container that somebody added would not be seen.
"""

import base64
import copy
import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import yaml

from components.names import RESTORE, SPARK_NAMESPACE, ZEPPELIN_NAMESPACE
from operate.api import Api, ClusterError, Kind, Object, RefusedError, names_account, names_everybody
from recording import SIGNATURE, RecordedResource, Recording

PROVIDER = "pulumi:providers:kubernetes"
RELEASE = "kubernetes:helm.sh/v3:Release"
RIGHTS = ("Role", "RoleBinding", "ClusterRoleBinding", "NetworkPolicy")
"""Kinds without data: undeclared objects of these kinds may be deleted."""

_GROUPS = ("v1", "apps/v1", "batch/v1", "policy/v1", "autoscaling/v2", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1")
"""API groups of objects that people create by hand. Policies of a container network are compared, too."""
_JOBS = Kind("batch/v1", "Job", "jobs", namespaced=True)
_PASSING = ("Event", "Endpoints", "PodTemplate")
"""Kinds that come and go without a declaration."""
_MADE_BY_HAND = (*RIGHTS, "ServiceAccount", "Secret")
"""Kinds that no controller creates here, whatever owner such an object names."""
_OF_NOTEBOOKS = ("Pod", "Service", "ConfigMap", "PersistentVolumeClaim")
"""Kinds that notebooks create. Admission decides what they may be."""
_ASSIGNED: Mapping[str, Sequence[str]] = {
    "Service": ("spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy", "spec.healthCheckNodePort"),
    "PersistentVolume": ("spec.claimRef.uid", "spec.claimRef.resourceVersion", "spec.claimRef.apiVersion", "spec.claimRef.kind"),
    "PersistentVolumeClaim": ("spec.volumeName",),
    "Job": ("spec.selector", "spec.template.metadata.labels"),
    "Namespace": ("spec.finalizers",),
    "ServiceAccount": ("secrets",),
}
"""Fields that the cluster sets, by kind. They stay as they are unless they are declared."""
_FOREIGN = (
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "batch.kubernetes.io/",
    "kubectl.kubernetes.io/last-applied-configuration",
    "loadbalancer.openstack.org/load-balancer-",
    "pulumi.com/",
    "meta.helm.sh/",
)
"""Prefixes of annotations that the cluster, the engine or Helm writes, and that change nothing."""
_HELM = "helm.sh/release.v1"


@dataclass(frozen=True)
class Declared:
    """One object that the state declares. urn: of its resource. manager: the engine's field manager, or "" for Helm's objects."""

    urn: str
    body: Object
    manager: str = ""


def plain(value: Any) -> Any:
    """A value of an exported state, secrets in clear (pulumi: sdk/go/common/resource/sig.go; the text of a secret is JSON)."""
    if isinstance(value, dict):
        if SIGNATURE in value and "plaintext" in value:
            return json.loads(value["plaintext"])
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def server(resources: Sequence[Mapping[str, Any]]) -> Api:
    """The API server of a stack. resources: of its exported state, secrets in clear. Raises ClusterError."""
    for each in resources:
        inputs = plain(each.get("inputs") or {}) if each["type"] == PROVIDER and not each.get("delete") else {}
        if inputs.get("kubeconfig"):
            return Api(inputs["kubeconfig"], inputs.get("context"))
    raise ClusterError("the state has no kubeconfig: the cluster does not exist yet")


class Live:
    """A stack's objects on an API server. resources: of its exported state, secrets in clear."""

    def __init__(self, api: Api, resources: Sequence[Mapping[str, Any]]) -> None:
        self._api = api
        self._releases: list[str] = []
        self._declared = list(self._declare(resources))
        self._known = {_identity(each.body) for each in self._declared}
        self._namespaces = sorted(each.body["metadata"]["name"] for each in self._declared if each.body["kind"] == "Namespace")

    def recordings(self) -> tuple[Recording, Recording]:
        """The declared objects as they would be, and all objects that exist, declared or not. Raises ClusterError."""
        before, after = Recording("", "", "update"), Recording("", "", "update")
        for each in self._declared:
            found = self._api.get(each.body)
            would = self._would(each.body, found) if found else each.body
            before.resources.append(_resource(each.urn, would))
            if found:
                after.resources.append(_resource(each.urn, found))
        after.resources += [_resource("", each) for each in self._undeclared()]
        return before, after

    def mend(self) -> Iterator[str]:
        """Remove undeclared rights, and restore what differs or is gone. Yields what was done, and what could not be. Raises ClusterError
        while notebooks are being restored, because the server must stay stopped then.
        """
        for job in self._api.items(_JOBS, ZEPPELIN_NAMESPACE):
            ended = {each["type"] for each in job.get("status", {}).get("conditions") or []} & {"Complete", "Failed"}
            if job["metadata"]["name"].startswith(RESTORE) and not ended:
                raise ClusterError(
                    f"Job {job['metadata']['name']} is restoring notebooks with Zeppelin stopped; use --mend after it has ended"
                )
        for found in self._undeclared(RIGHTS):
            if self._ours(found) or names_account(found, self._namespaces):
                try:
                    self._api.delete(found)
                    yield f"removed {title(found)}"
                except RefusedError as error:
                    yield f"could not remove {title(found)}: {error}"
        for each in self._declared:
            found = self._api.get(each.body)
            if not found or _clean(self._would(each.body, found)) != _clean(found):
                try:
                    self._put_back(each, found)
                    yield f"restored {title(each.body)}"
                except RefusedError as error:
                    yield f"could not restore {title(each.body)}: {error}"

    def _put_back(self, wanted: Declared, found: Object | None) -> None:
        if wanted.manager or not found:
            # The engine's field manager must own everything again. A field with another owner would make the engine's next change fail.
            self._api.apply(wanted.body, wanted.manager or "helm")
            found = self._api.get(wanted.body)
        if found and self._api.replace(self._body(wanted.body, found), dry_run=False) is None:
            raise RefusedError(
                HTTPStatus.UNPROCESSABLE_ENTITY, "a field cannot change: delete the object, then `pulumi up --refresh` creates it again"
            )

    def _declare(self, resources: Sequence[Mapping[str, Any]]) -> Iterator[Declared]:
        for each in resources:
            if each.get("delete"):
                # It was replaced, and the engine still has to delete it.
                continue
            inputs, outputs = plain(each.get("inputs") or {}), plain(each.get("outputs") or {})
            if each["type"] == RELEASE:
                yield from self._charted(str(each["urn"]), outputs.get("status") or {})
            elif each["type"].startswith("kubernetes:") and "apiVersion" in inputs and not each.get("external"):
                # The engine generates names that were left out.
                known = {key: value for key, value in (outputs.get("metadata") or {}).items() if key in ("name", "namespace")}
                body = {key: value for key, value in inputs.items() if not key.startswith("__")}
                body["metadata"] = (inputs.get("metadata") or {}) | known
                yield Declared(str(each["urn"]), body, str(outputs.get("__fieldManager") or ""))

    def _charted(self, urn: str, status: Mapping[str, Any]) -> Iterator[Declared]:
        """Objects of a chart, from the Secret in which Helm keeps a release (helm: pkg/storage/driver/util.go)."""
        namespace = status.get("namespace")
        if not status.get("name") or not namespace:
            return
        self._releases.append(f"sh.helm.release.v1.{status['name']}.v")
        place = {"name": f"sh.helm.release.v1.{status['name']}.v{status.get('revision')}", "namespace": namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "type": _HELM, "metadata": place}
        kept = self._api.get(secret)
        yield Declared(urn, kept or secret)
        if kept is None:
            return
        release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(kept["data"]["release"]))))
        for item in yaml.safe_load_all(release["manifest"]):
            kind = self._api.kind(item) if item else None
            if kind:
                if kind.namespaced:
                    item["metadata"].setdefault("namespace", namespace)
                yield Declared(f"{urn}/{item['kind']}/{item['metadata']['name']}", item)

    def _undeclared(self, only: Sequence[str] = ()) -> Iterator[Object]:
        """Objects in the stack's namespaces, or with rights for its accounts, that are not in the state. only: these kinds."""
        for kind in self._api.kinds.values():
            if only and kind.kind not in only:
                continue
            if kind.kind in ("RoleBinding", "ClusterRoleBinding"):
                found = [
                    each
                    for each in self._api.items(kind)
                    if self._ours(each) or names_account(each, self._namespaces) or names_everybody(each)
                ]
            elif kind.namespaced and _looked_at(kind):
                found = [each for space in self._namespaces for each in self._api.items(kind, space) if not _generated(each)]
            elif kind.plural.endswith("networkpolicies"):
                # Cluster-wide policies may override all of ours.
                found = list(self._api.items(kind))
            else:
                continue
            yield from (each for each in found if _identity(each) not in self._known and not self._noted_by_helm(each))

    def _noted_by_helm(self, item: Object) -> bool:
        """Whether it is an earlier revision of a release, which Helm keeps."""
        return item.get("type") == _HELM and item["metadata"]["name"].startswith(tuple(self._releases))

    def _ours(self, item: Object) -> bool:
        return item["metadata"].get("namespace") in self._namespaces

    def _would(self, wanted: Object, found: Object) -> Object:
        """A declared object as the API server would store it; unchanged if the server refuses it, or if a differing field cannot change."""
        for live in (found, None):
            # The object may change between the two calls.
            body = self._body(wanted, live or self._api.get(wanted) or found)
            try:
                would = self._api.replace(body, dry_run=True)
            except RefusedError:
                return body
            if would:
                return would
        return body

    def _body(self, wanted: Object, found: Object) -> Object:
        """A declared object, with which to replace the live one."""
        body, live = copy.deepcopy(wanted), found["metadata"]
        body["metadata"] = {key: live[key] for key in ("uid", "resourceVersion", "finalizers", "ownerReferences") if key in live}
        body["metadata"] |= {key: wanted["metadata"][key] for key in ("name", "namespace") if key in wanted["metadata"]}
        body["metadata"]["labels"] = wanted["metadata"].get("labels") or {}
        mine, theirs = (item["metadata"].get("annotations") or {} for item in (wanted, found))
        body["metadata"]["annotations"] = {key: value for key, value in theirs.items() if _foreign(key)} | mine
        for path in _ASSIGNED.get(wanted["kind"], ()):
            _carry(body, found, path.split("."))
        if "status" in found:
            body["status"] = found["status"]
        return body


def title(item: Object) -> str:
    """An object's kind, namespace and name."""
    return " ".join([item["kind"], "/".join(filter(None, (item["metadata"].get("namespace"), item["metadata"]["name"])))])


def _identity(item: Object) -> tuple[str, str, str, str]:
    place = item["metadata"]
    # An object has the same name in all versions of its group.
    return item["apiVersion"].rpartition("/")[0], item["kind"], place.get("namespace", ""), place["name"]


def _looked_at(kind: Kind) -> bool:
    return (kind.version in _GROUPS or kind.plural.endswith("networkpolicies")) and kind.kind not in _PASSING


def _generated(item: Object) -> bool:
    """Whether a controller, the cluster or a notebook created an object."""
    place = item["metadata"]
    labels = place.get("labels") or {}
    if (item["kind"], place["name"]) in (("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")):
        return True
    notebook = labels.get("app.kubernetes.io/managed-by") == "zeppelin" or "spark-app-selector" in labels
    if notebook and item["kind"] in _OF_NOTEBOOKS and place["namespace"] == SPARK_NAMESPACE:
        return True
    owned = any(each.get("controller") for each in place.get("ownerReferences") or [])
    return owned and item["kind"] not in _MADE_BY_HAND


def _foreign(annotation: str) -> bool:
    return annotation.startswith(_FOREIGN)


def _carry(body: Object, found: Object, path: Sequence[str]) -> None:
    """Copy a value of the live object at a path, unless it is declared."""
    for key in path[:-1]:
        if not isinstance(found.get(key), dict):
            return
        body, found = body.setdefault(key, {}), found[key]
    if path[-1] in found:
        body.setdefault(path[-1], found[path[-1]])


def _clean(item: Object) -> Object:
    """The parts of an object that a person or program decides; values of a Secret as hashes."""
    place = item["metadata"]
    kept = {key: place[key] for key in ("name", "namespace", "labels") if place.get(key)}
    annotations = {key: value for key, value in (place.get("annotations") or {}).items() if not _foreign(key)}
    rest = {key: value for key, value in item.items() if key not in ("metadata", "status")}
    if item["kind"] == "Secret":
        given = {key: base64.b64encode(value.encode()).decode() for key, value in (rest.pop("stringData", None) or {}).items()}
        values = (rest.pop("data", None) or {}) | given
        rest["data"] = {key: hashlib.sha256(value.encode()).hexdigest()[:12] for key, value in values.items()}
    return rest | {"metadata": kept | ({"annotations": annotations} if annotations else {})}


def _resource(urn: str, item: Object) -> RecordedResource:
    """An object in the form for the comparison of recordings. urn: of its resource, or "" if it is undeclared."""
    version, kind = item["apiVersion"], item["kind"]
    return RecordedResource(
        urn=urn or f"undeclared::{title(item)}",
        type=f"kubernetes:{version if '/' in version else f'core/{version}'}:{kind}",
        name=title(item),
        parent="",
        provider="",
        custom=True,
        inputs=_clean(item),
        secret_paths=[],
        outputs={},
        options={},
    )
