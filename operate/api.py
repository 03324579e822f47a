"""The Kubernetes API of a stack, object by object, of any kind that its discovery knows."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import httpx2
import yaml
from lightkube import KubeConfig
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.core.exceptions import ConfigError

Object = dict[str, Any]
APPLY = "application/apply-patch+yaml"
_EVERYBODY = ("system:serviceaccounts", "system:authenticated", "system:unauthenticated")
_OF_EVERY_CLUSTER = ("system:basic-user", "system:discovery", "system:public-info-viewer", "system:service-account-issuer-discovery")
"""Bindings that an API server creates and repairs itself (kubernetes.io, Using RBAC Authorization, Default roles)."""


class ClusterError(Exception):
    """The cluster cannot be reached; the message says why."""


class RefusedError(ClusterError):
    """The API server answered with an error. code: HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Kind(NamedTuple):
    """One kind of object, from discovery. version: `apps/v1`. plural: its name in paths."""

    version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def root(self) -> str:
        """The path of its version."""
        return _root(self.version)


class Api:
    """An API server. text: kubeconfig. context: its name, or None for the current one. Raises ClusterError if the text is no kubeconfig."""

    def __init__(self, text: str, context: str | None = None) -> None:
        try:
            config = KubeConfig.from_dict(yaml.safe_load(text)).get(context)
            self._http = Client(cast("Any", config), ConnectionParams(timeout=httpx2.Timeout(60)))
        except (yaml.YAMLError, ConfigError, KeyError, TypeError, AttributeError, OSError, AssertionError) as error:
            # Without the error's own text, which may show a line of the file.
            raise ClusterError(f"the stack's kubeconfig cannot be used ({type(error).__name__})") from None

    @functools.cached_property
    def kinds(self) -> Mapping[tuple[str, str], Kind]:
        """Every kind that can be listed, by version and kind. Raises ClusterError."""
        groups = self._call("GET", "/apis")["groups"]
        kinds = {}
        for version in ["v1", *(version["groupVersion"] for group in groups for version in group["versions"])]:
            try:
                found = self._call("GET", _root(version))["resources"]
            except RefusedError:
                # An aggregated API, such as that of metrics, may be down.
                continue
            for each in found:
                if "list" in each["verbs"] and "/" not in each["name"]:
                    kinds[version, each["kind"]] = Kind(version, each["kind"], each["name"], each["namespaced"])
        return kinds

    def kind(self, item: Object) -> Kind | None:
        """The kind of an object from discovery, or None if the cluster does not have it."""
        return self.kinds.get((item["apiVersion"], item["kind"]))

    def get(self, item: Object) -> Object | None:
        """The live object of that kind, namespace and name, or None. Raises ClusterError."""
        if self.kind(item) is None:
            return None
        return self._call("GET", self._path(item), missing=HTTPStatus.NOT_FOUND)

    def items(self, kind: Kind, namespace: str | None = None) -> Iterator[Object]:
        """Every live object of a kind, in one namespace or in all. Raises ClusterError."""
        where = f"/namespaces/{namespace}" if namespace else ""
        for item in self._call("GET", f"{kind.root}{where}/{kind.plural}")["items"]:
            yield {"apiVersion": kind.version, "kind": kind.kind} | item

    def replace(self, item: Object, *, dry_run: bool) -> Object | None:
        """Replace the live object, or only return what it would become. None if a field cannot change, or if the live object has just
        changed. Raises ClusterError.
        """
        try:
            return self._call("PUT", self._path(item), item, {"dryRun": "All"} if dry_run else {})
        except RefusedError as error:
            if error.code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT):
                return None
            raise

    def apply(self, item: Object, manager: str) -> None:
        """Server-side apply for a field manager, which owns the whole object afterwards. Raises ClusterError."""
        self._call("PATCH", self._path(item), item, {"fieldManager": manager, "force": "true"}, content_type=APPLY)

    def delete(self, item: Object) -> None:
        """Delete an object. Raises ClusterError."""
        self._call("DELETE", self._path(item))

    def _path(self, item: Object) -> str:
        kind = self.kind(item)
        if kind is None:
            raise ClusterError(f"the cluster has no {item['kind']} of {item['apiVersion']}")
        where = f"/namespaces/{item['metadata']['namespace']}" if kind.namespaced else ""
        return f"{kind.root}{where}/{kind.plural}/{item['metadata']['name']}"

    def _call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        params: Mapping[str, str] | None = None,
        *,
        missing: int | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """The server's answer; None if its code is `missing`."""
        try:
            response = self._http.request(method, path, json=body, params=dict(params or {}), headers={"Content-Type": content_type})
        except (httpx2.TransportError, ConfigError, OSError) as error:
            raise ClusterError(f"the Kubernetes API does not answer: {error}") from None
        if response.status_code == missing:
            return None
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise RefusedError(response.status_code, f"{method} {path}: HTTP {response.status_code} {response.text[:400]}")
        return response.json()


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def names_account(binding: Object, namespaces: Sequence[str]) -> bool:
    """Whether a RoleBinding or ClusterRoleBinding names accounts of some namespaces."""
    users = tuple(f"system:serviceaccount:{each}:" for each in namespaces)
    groups = {f"system:serviceaccounts:{each}" for each in namespaces}
    return any(
        (subject["kind"] == "ServiceAccount" and subject.get("namespace") in namespaces)
        or (subject["kind"] == "Group" and subject["name"] in groups)
        or (subject["kind"] == "User" and subject["name"].startswith(users))
        for subject in binding.get("subjects") or []
    )


def names_everybody(binding: Object) -> bool:
    """Whether a binding gives rights to everybody with an account, beyond the default ones of every cluster."""
    return binding["metadata"]["name"] not in _OF_EVERY_CLUSTER and any(
        subject["kind"] == "Group" and subject["name"] in _EVERYBODY for subject in binding.get("subjects") or []
    )
