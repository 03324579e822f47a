"""What RBAC gives to each account, asked of the API server one by one: what is needed is there, and nothing else."""

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from components.spark.rbac import CLEANER_RULES, DRIVER_RULES, SERVER_RULES
from components.zeppelin.files import interpreter_pods
from policy.rights import Grant, gained, grants
from tests.cloud import pods
from tests.cloud.api import Api, ApiError, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER, STACK, one, stack, without
from tests.support.eventually import eventually
from tests.support.programs import named, record_data

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    "pods",
    "pods/log",
    "pods/exec",
    "pods/attach",
    "pods/portforward",
    "pods/proxy",
    "pods/eviction",
    "pods/ephemeralcontainers",
    "pods/status",
    "configmaps",
    "secrets",
    "services",
    "services/proxy",
    "serviceaccounts",
    "serviceaccounts/token",
    "persistentvolumeclaims",
    "endpoints",
    "events",
    "resourcequotas",
    "limitranges",
    "replicationcontrollers",
)
GROUPED = (
    ("roles", "rbac.authorization.k8s.io"),
    ("rolebindings", "rbac.authorization.k8s.io"),
    ("clusterrolebindings", "rbac.authorization.k8s.io"),
    ("networkpolicies", "networking.k8s.io"),
    ("ingresses", "networking.k8s.io"),
    ("deployments", "apps"),
    ("jobs", "batch"),
    ("cronjobs", "batch"),
    ("validatingadmissionpolicies", "admissionregistration.k8s.io"),
    ("priorityclasses", "scheduling.k8s.io"),
    ("poddisruptionbudgets", "policy"),
    ("nodes", ""),
    ("namespaces", ""),
    ("persistentvolumes", ""),
)
ACCOUNTS = {
    (NOTEBOOKS, "spark-driver"): DRIVER_RULES,
    (NOTEBOOKS, "spark-driver-alice"): DRIVER_RULES,
    (NOTEBOOKS, "spark-executor"): (),
    (NOTEBOOKS, "interpreter"): (),
    (NOTEBOOKS, "default"): (),
    (SERVER, "zeppelin-server"): SERVER_RULES,
    (SERVER, "interpreter-cleaner"): CLEANER_RULES,
    (SERVER, "default"): (),
}


def launch(server: Api, api: Api, pod: Object, service: Object) -> list[str]:
    """What Zeppelin's launcher calls for one interpreter, in its order (K8sRemoteInterpreterProcess 0.12.1, fabric8 6.13; the calls were
    seen with a real server, and which of them fails without which verb), then what close_lost.py asks. The refusals that it met."""
    name, namespace = pod["metadata"]["name"], f"/api/v1/namespaces/{NOTEBOOKS}"
    refusals: list[str] = []

    def call(what: Callable[[], Any]) -> None:
        try:
            what()
        except ApiError as error:
            refusals.append(error.message)

    call(lambda: server.create(pod))
    call(lambda: server.get(f"{namespace}/services/{name}"))
    call(lambda: server.create(service))
    call(lambda: server.get(f"{namespace}/pods", watch="true", fieldSelector=f"metadata.name={name}", timeoutSeconds="1"))
    call(lambda: server.get(f"{namespace}/pods/{name}"))
    # The filter of the RPC (components/zeppelin/files/rpc_filter.py), as the interpreter calls.
    call(lambda: server.get(f"{namespace}/pods", fieldSelector="status.podIP=127.0.1.1", labelSelector=interpreter_pods.LABELS))
    call(lambda: server.delete(f"{namespace}/services/{name}"))
    call(lambda: server.delete(f"{namespace}/pods/{name}"))
    for kind in ("services", "pods"):
        with contextlib.suppress(ApiError):
            api.delete(f"{namespace}/{kind}/{name}", gracePeriodSeconds="0")
    return [message for message in refusals if "not found" not in message]


@pytest.mark.parametrize(("resource", "verb"), [(None, None), *((resource, verb) for resource, verbs in SERVER_RULES for verb in verbs)])
def test_every_verb_of_the_server_is_needed(api: Api, items, resource, verb):
    names = {"group.name": "md", "setting.name": "md", "pod.name": "md-launch", "user": "x"}
    ((pod, service),) = pods.rendered(items, {f"zeppelin.k8s.interpreter.{key}": name for key, name in names.items()})
    server = api.acting_as(api.token(SERVER, "zeppelin-server"))
    with without(api, items, "zeppelin-server", resource, verb):
        refusals = launch(server, api, pod, service)
    server.close()
    expected = f'cannot {verb} resource "{resource}"'
    assert [expected in message for message in refusals] == ([True] if verb else [])


@pytest.mark.parametrize("account", ACCOUNTS, ids="/".join)
def test_an_account_has_its_rules_and_nothing_else(api: Api, account):
    user = "system:serviceaccount:" + ":".join(account)
    expected = {(verb, resource) for resource, verbs in ACCOUNTS[account] for verb in verbs}
    resources = [(resource, "") for resource in RESOURCES] + list(GROUPED)
    found = {
        (verb, resource)
        for (resource, group), verb in itertools.product(resources, VERBS)
        if api.may(user, verb, resource, NOTEBOOKS, group)
    }
    assert found == expected
    elsewhere = [
        (verb, name, where)
        for where in (SERVER, "gaia-csi", "kube-system", "default")
        for verb, name in itertools.product(VERBS, ("pods", "secrets", "configmaps", "services"))
        if api.may(user, verb, name, where)
    ]
    assert elsewhere == []
    assert [
        verb for verb in ("bind", "escalate", "impersonate") if api.may(user, verb, "roles", NOTEBOOKS, "rbac.authorization.k8s.io")
    ] == []


WIDER = (
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["registry"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]},
    {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["list"]},
)


def test_what_a_review_calls_wider_is_what_the_server_allows(api: Api, items):
    """Of every account, verb and resource: `gained` and the SubjectAccessReviews with and without the wider rules say the same."""
    before = record_data(stack(), "update", STACK)
    after = copy.deepcopy(before)
    role = named(after, "spark-rbac-spark-driver-role").inputs
    role["rules"] = [*role["rules"], *WIDER]
    whole = one(items, "Role", "spark-driver")
    may_exec = (f"system:serviceaccount:{NOTEBOOKS}:spark-driver", "create", "pods/exec", NOTEBOOKS)
    api.apply(whole | {"rules": role["rules"]})
    try:
        eventually(lambda: api.may(*may_exec))
        wider = _allowed(api, _cells())
    finally:
        api.apply(whole)
        eventually(lambda: not api.may(*may_exec))
    found = gained(grants(before), grants(after))
    drivers = {f"{NOTEBOOKS}/spark-driver{person}" for person in ("", "-alice")}
    assert drivers <= {grant.account for grant in found}
    said = set()
    for cell in _cells():
        account, verb, (resource, group), name = cell
        asked = Grant("/".join(account), NOTEBOOKS, verb, f"{group}/{resource}".lstrip("/"), (name,) if name else ())
        if any(grant.covers(asked) for grant in found):
            said.add(cell)
    assert said == wider - _allowed(api, wider)
    assert len(said) > 20


Cell = tuple[tuple[str, str], str, tuple[str, str], str]
"""Account, verb, resource with its group, and name of an object or ""."""


def _cells() -> Iterator[Cell]:
    resources = [*((resource, "") for resource in RESOURCES), *GROUPED, ("statefulsets", "apps")]
    for account, verb, resource in itertools.product(ACCOUNTS, VERBS, resources):
        for name in ("", "registry") if resource == ("secrets", "") else ("",):
            yield account, verb, resource, name


def _allowed(api: Api, cells: Iterable[Cell]) -> set[Cell]:
    """Those that the API server allows now."""
    return {
        (account, verb, (resource, group), name)
        for account, verb, (resource, group), name in cells
        if api.may("system:serviceaccount:" + ":".join(account), verb, resource, NOTEBOOKS, group, name)
    }
