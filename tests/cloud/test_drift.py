"""`gaia drift` on a real API server: what somebody changes by hand is found whole, told worst first, and put back."""

import functools
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from operate.api import ClusterError
from operate.drift import of_cluster
from operate.live import RELEASE, Live, server
from tests.cloud import tools
from tests.cloud.api import Api, Object, collection
from tests.cloud.deployed import MANAGER, NOTEBOOKS, SERVER, apply, one, state_of
from tests.cloud.kube import Kube, running
from tests.support.eventually import eventually

CHART = "prometheus-json-exporter"


@pytest.fixture(scope="module")
def kube() -> Iterator[Kube]:
    """A cluster of their own: whatever another test left would be something that nobody declared."""
    with running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def api(kube: Kube, items: list[Object]) -> Api:
    apply(kube.api, items)
    return kube.api


@pytest.fixture(scope="module")
def release(kube: Kube, api: Api) -> Iterator[dict[str, Any]]:
    """A chart that Helm has installed."""
    helm = [str(tools.program("helm")), f"--kubeconfig={kube.kubeconfig}", f"--namespace={SERVER}"]
    chart = tools.charts() / CHART
    subprocess.run([*helm, "install", CHART, str(chart), "--set", "fullnameOverride=charted"], check=True, capture_output=True)
    yield {"name": CHART, "namespace": SERVER, "revision": 1}
    subprocess.run([*helm, "uninstall", CHART], check=True, capture_output=True)


@pytest.fixture(scope="module")
def state(kube: Kube, items: list[Object], release: dict[str, Any]) -> list[dict[str, Any]]:
    """The resources of an exported state."""
    return [
        *state_of(kube.kubeconfig, items),
        {"type": RELEASE, "urn": "urn:pulumi:kube::gaia-dmp::release", "inputs": {}, "outputs": {"status": release}},
    ]


@pytest.fixture(scope="module")
def live(state: list[dict[str, Any]]) -> Live:
    return Live(server(state), state)


def address(item: Object) -> str:
    return f"{collection(item)}/{item['metadata']['name']}"


def edit(api: Api, item: Object, operation: tuple[str, str, Any]) -> None:
    """Change an object as somebody does with `kubectl edit`."""
    patch = [dict(zip(("op", "path", "value"), operation, strict=True))]
    api.call("PATCH", address(item), patch, {"fieldManager": "kubectl-edit"}, "application/json-patch+json")


def test_a_stack_that_nobody_touched_does_not_differ(live: Live):
    assert of_cluster(live, mend=False) == ([], [], [])


SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}
ANYWHERE = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}
BY_HAND = [
    ("Role", "spark-driver", ("add", "/rules/-", SECRETS), "rules[2]", f"{NOTEBOOKS}/spark-driver gains * on secrets in {NOTEBOOKS}"),
    (
        "RoleBinding",
        "spark-driver",
        ("add", "/subjects/-", {"kind": "ServiceAccount", "name": "default", "namespace": NOTEBOOKS}),
        "subjects[default]",
        f"{NOTEBOOKS}/default gains create, delete, deletecollection, get, list, watch on pods in {NOTEBOOKS}",
    ),
    ("NetworkPolicy", "executor", ("add", "/spec/egress/-", ANYWHERE), "spec.egress[3]", "to 0.0.0.0/0, all ports"),
    (
        "Deployment",
        "gateway",
        ("add", "/spec/template/spec/containers/-", {"name": "miner", "image": "miner:1"}),
        "spec.template.spec.containers[miner]",
        "miner",
    ),
    (
        "Namespace",
        NOTEBOOKS,
        ("replace", "/metadata/labels/pod-security.kubernetes.io~1enforce", "privileged"),
        "metadata.labels.pod-security.kubernetes.io/enforce",
        "privileged",
    ),
    (
        "ValidatingAdmissionPolicyBinding",
        "gaia-dmp-kube-driver",
        ("replace", "/spec/validationActions", ["Audit"]),
        "spec.validationActions[0]",
        "admission",
    ),
    (
        "Service",
        "gateway",
        ("add", "/metadata/annotations", {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing"}),
        "metadata.annotations",
        None,
    ),
    ("ConfigMap", "zeppelin-config", ("add", "/data/ADDED", "x"), "data.ADDED", None),
    ("Secret", "zeppelin-login", ("add", "/data/added", "eA=="), "data.added", None),
    ("Service", "gateway", ("add", "/spec/publishNotReadyAddresses", True), "spec.publishNotReadyAddresses", None),
    ("CronJob", "backup-notebooks", ("add", "/spec/suspend", True), "spec.suspend", None),
]


def test_what_somebody_adds_is_found_and_put_back(api: Api, items: list[Object], live: Live):
    """All at once, the harmless ones first: to look at a whole stack takes seconds."""
    for kind, name, operation, _, text in BY_HAND:
        if text is None:
            edit(api, one(items, kind, name), operation)
    harmless, risks, _ = of_cluster(live, mend=False)
    assert (len(harmless), risks) == (4, [])
    for kind, name, operation, _, text in BY_HAND:
        if text:
            edit(api, one(items, kind, name), operation)
    differences, risks, _ = of_cluster(live, mend=False)
    assert {each.operation for each in differences} == {"update"}
    told = [risk.text for risk in risks]
    assert [text for *_, text in BY_HAND if text and not any(text in each for each in told)] == []
    found = {(each.kind.rpartition(":")[2], field) for each in differences for field in each.fields}
    expected = [(kind, path) for kind, _, _, path, _ in BY_HAND]
    for kind, path in expected:
        assert [field for title, field in found if title == kind and field.startswith(path)] != [], kind
    assert [(kind, field) for kind, field in found if not any(kind == title and field.startswith(path) for title, path in expected)] == []
    rest, _, mended = of_cluster(live, mend=True)
    assert (rest, len(mended)) == ([], len(differences))
    # The engine's next change of these objects is not refused: nobody else owns a field of them.
    for kind, name, *_ in BY_HAND:
        item = one(items, kind, name)
        api.call("PATCH", address(item), item, {"fieldManager": MANAGER}, "application/apply-patch+yaml")


def test_what_was_deleted_is_made_again(api: Api, items: list[Object], live: Live):
    role = one(items, "Role", "interpreter-cleaner")
    api.delete(address(role))
    assert [(each.name, each.operation) for each in of_cluster(live, mend=False)[0]] == [
        (f"Role {NOTEBOOKS}/interpreter-cleaner", "delete")
    ]
    assert of_cluster(live, mend=True) == ([], [], [f"restored Role {NOTEBOOKS}/interpreter-cleaner"])


def binding(kind: str, namespace: str | None, *subjects: Object, name: str = "by-hand") -> Object:
    place = {"name": name} | ({"namespace": namespace} if namespace else {})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    version = "rbac.authorization.k8s.io/v1"
    return {"apiVersion": version, "kind": kind, "metadata": place, "roleRef": reference, "subjects": list(subjects)}


def group(name: str) -> Object:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name}


DRIVER = {"kind": "ServiceAccount", "name": "spark-driver", "namespace": NOTEBOOKS}


def taken_away(api: Api, item: Object) -> None:
    """Delete what a test has made, where it has not."""
    if any(each["metadata"]["name"] == item["metadata"]["name"] for each in api.items(collection(item))):
        api.delete(address(item))


def test_bindings_that_nobody_declared_are_found_and_taken_away(api: Api, live: Live, request: pytest.FixtureRequest):
    user = {"kind": "User", "name": f"system:serviceaccount:{NOTEBOOKS}:spark-driver"}
    items = [
        binding("ClusterRoleBinding", None, DRIVER),
        binding("ClusterRoleBinding", None, group(f"system:serviceaccounts:{NOTEBOOKS}"), name="all-accounts"),
        binding("ClusterRoleBinding", None, user, name="an-account-as-a-user"),
        binding("RoleBinding", "kube-system", DRIVER, name="elsewhere"),
        binding("RoleBinding", SERVER, group("somebody"), name="here"),
    ]
    for item in items:
        api.create(item)
        request.addfinalizer(functools.partial(taken_away, api, item))
    differences, risks, _ = of_cluster(live, mend=False)
    assert {each.operation for each in differences} == {"create"}
    assert {risk.category for risk in risks} == {"rights"}
    assert {each.name.replace("/", " ").split()[-1] for each in differences} == {item["metadata"]["name"] for item in items}
    assert sorted(risk.text.replace(" gains whatever ClusterRole edit says on *", "") for risk in risks) == [
        f"{NOTEBOOKS}/spark-driver everywhere",
        f"{NOTEBOOKS}/spark-driver in kube-system",
        f"somebody in {SERVER}",
        f"system:serviceaccount:{NOTEBOOKS}:spark-driver everywhere",
        f"system:serviceaccounts:{NOTEBOOKS} everywhere",
    ]
    assert of_cluster(live, mend=True)[0] == []
    left = {each["metadata"]["name"] for item in items for each in api.items(collection(item))}
    assert left & {item["metadata"]["name"] for item in items} == set()


def test_a_binding_of_everybody_is_told_and_left(api: Api, live: Live):
    """It may be of other software on the cluster; a label that anybody can set hides none."""
    item = binding("ClusterRoleBinding", None, group("system:authenticated"))
    item["metadata"]["labels"] = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    api.create(item)
    assert [(each.name, each.operation) for each in of_cluster(live, mend=True)[0]] == [("ClusterRoleBinding by-hand", "create")]
    api.delete(address(item))


def test_nothing_is_mended_beside_a_restore(api: Api, live: Live):
    """For which Zeppelin's server stands still: started then, it would write over what is restored."""
    template = api.get(f"/apis/batch/v1/namespaces/{SERVER}/cronjobs/restore-notebooks")["spec"]["jobTemplate"]["spec"]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "restore-notebooks-now", "namespace": SERVER}}
    api.create(job | {"spec": template | {"suspend": True}})
    with pytest.raises(ClusterError, match="restore-notebooks-now is restoring notebooks"):
        of_cluster(live, mend=True)
    api.delete(address(job), propagationPolicy="Background")
    eventually(lambda: of_cluster(live, mend=False)[0] == [])


def test_an_object_that_cannot_be_put_back_keeps_no_other_from_it(api: Api, items: list[Object], live: Live):
    """Nobody changes the role of a binding that stands: somebody has made it anew."""
    made, other = one(items, "RoleBinding", "interpreter-cleaner"), one(items, "Role", "spark-driver")
    api.delete(address(made))
    api.create(made | {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}})
    edit(api, other, ("add", "/rules/-", SECRETS))
    rest, _, mended = of_cluster(live, mend=True)
    assert [each.name for each in rest] == [f"RoleBinding {NOTEBOOKS}/interpreter-cleaner"]
    assert [line.partition(":")[0] for line in mended] == [
        f"restored Role {NOTEBOOKS}/spark-driver",
        f"could not restore RoleBinding {NOTEBOOKS}/interpreter-cleaner",
    ]
    api.delete(address(made))
    assert of_cluster(live, mend=True)[0] == []


def test_others_bindings_are_theirs(api: Api, live: Live):
    other = binding("ClusterRoleBinding", None, {"kind": "ServiceAccount", "name": "x", "namespace": "kube-system"}, group("operators"))
    api.create(other)
    assert of_cluster(live, mend=False)[0] == []
    api.delete(address(other))


def test_an_object_that_nobody_declared_is_found_and_left(api: Api, live: Live):
    """It may hold data, so that a person takes it away."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "by-hand", "namespace": NOTEBOOKS}}
    api.create(secret)
    assert [(each.name, each.operation) for each in of_cluster(live, mend=True)[0]] == [(f"Secret {NOTEBOOKS}/by-hand", "create")]
    api.delete(address(secret))


def test_an_object_of_a_chart_is_put_back(api: Api, live: Live):
    charted = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "charted", "namespace": SERVER}}
    edit(api, charted, ("replace", "/spec/replicas", 3))
    (difference,) = of_cluster(live, mend=False)[0]
    assert (difference.name, difference.fields) == (f"Deployment {SERVER}/charted", ("spec.replicas",))
    assert of_cluster(live, mend=True) == ([], [], [f"restored Deployment {SERVER}/charted"])
