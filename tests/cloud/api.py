"""A small client of the Kubernetes API: status codes and messages as they are, no retry, no cache."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

Object = dict[str, Any]
_PLURALS = {
    "NetworkPolicy": "networkpolicies",
    "Ingress": "ingresses",
    "StorageClass": "storageclasses",
    "PriorityClass": "priorityclasses",
}
_PLURALS |= {"ValidatingAdmissionPolicy": "validatingadmissionpolicies", "Endpoints": "endpoints"}


class ApiError(Exception):
    """The API server refused. code: HTTP status. message: its own words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code, self.message = code, message


@dataclass(frozen=True)
class Access:
    """Where the API server is, and who asks."""

    url: str
    ca: str
    token: str


class Api:
    """Calls to one API server as one user."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._http = httpx.Client(
            base_url=access.url,
            verify=ssl.create_default_context(cafile=access.ca),
            headers={"Authorization": f"Bearer {access.token}"},
            timeout=60,
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def acting_as(self, token: str) -> "Api":
        """The same API server, asked by another user."""
        return Api(Access(self.access.url, self.access.ca, token))

    def call(
        self, method: str, path: str, body: Any = None, params: Mapping[str, str] | None = None, kind: str = "application/json"
    ) -> Any:
        response = self._http.request(method, path, json=body, params=params, headers={"Content-Type": kind})
        if response.status_code >= 400:
            try:
                message = response.json().get("message", response.text)
            except ValueError:
                message = response.text
            raise ApiError(response.status_code, message)
        plain = "watch" in (params or {}) or not response.headers.get("content-type", "").startswith("application/json")
        return response.text if plain else response.json()

    def get(self, path: str, **params: str) -> Any:
        return self.call("GET", path, params=params)

    def items(self, path: str, **params: str) -> list[Object]:
        return self.get(path, **params)["items"]

    def create(self, item: Object) -> Object:
        return self.call("POST", collection(item), item)

    def apply(self, item: Object) -> Object:
        """Server-side apply, which is how the Pulumi provider writes."""
        path = f"{collection(item)}/{item['metadata']['name']}"
        return self.call("PATCH", path, item, {"fieldManager": "tests", "force": "true"}, "application/apply-patch+yaml")

    def delete(self, path: str, **params: str) -> Any:
        return self.call("DELETE", path, params=params)

    def patch_status(self, path: str, status: Object) -> Object:
        return self.call("PATCH", f"{path}/status", {"status": status}, kind="application/merge-patch+json")

    def token(self, namespace: str, account: str, pod: Object | None = None, seconds: int = 3600) -> str:
        """A token of a ServiceAccount, bound to a Pod as the kubelet's are, or to nothing."""
        bound = pod and {"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds, "boundObjectRef": bound},
        }
        return self.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", body)["status"]["token"]

    def may(self, user: str, verb: str, resource: str, namespace: str, group: str = "", name: str = "") -> bool:
        """What a SubjectAccessReview says; `resource` may name a subresource, `pods/exec`."""
        resource, _, sub = resource.partition("/")
        attributes = {"verb": verb, "resource": resource, "subresource": sub, "namespace": namespace, "group": group, "name": name}
        spec = {"user": user, "groups": ["system:serviceaccounts", "system:authenticated"], "resourceAttributes": attributes}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        return self.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]


def collection(item: Object) -> str:
    """Path of the collection that an object belongs to."""
    version, kind, namespace = item["apiVersion"], item["kind"], item["metadata"].get("namespace")
    root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    plural = _PLURALS.get(kind, f"{kind.lower()}s")
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"
