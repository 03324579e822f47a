"""Everything Kubernetes of each stack, taken by a real API server and brought to life under quotas, limits and Pod Security."""

import time

import pytest

from tests.cloud import deployed
from tests.cloud.api import Api, ApiError, Object, collection
from tests.support.stack_files import STACKS, document

GATE = {"issuer_url": "https://iam.example.org/", "client_id": "gaia-dmp", "client_secret": "gate-secret"}


def test_every_pod_of_the_platform_runs(api: Api, items):
    """KWOK plays the containers; that the Pods are made, allowed and placed is real."""
    wanted = {item["metadata"]["name"]: item["spec"].get("replicas") for item in items if item["kind"] == "Deployment"}
    assert wanted == {"zeppelin-server": 1, "gateway": 2, "spark-history": 1}
    end = time.monotonic() + 60
    while True:
        status = {
            d["metadata"]["name"]: d["status"].get("readyReplicas")
            for space in ("gaia-spark", "gaia-zeppelin")
            for d in api.items(f"/apis/apps/v1/namespaces/{space}/deployments")
        }
        sets = {d["metadata"]["name"]: d["status"] for d in api.items("/apis/apps/v1/daemonsets")}
        pods = [pod for space in ("gaia-csi", "gaia-spark", "gaia-zeppelin") for pod in api.items(f"/api/v1/namespaces/{space}/pods")]
        waiting = [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") == "Pending" and _ours(pod)]
        ready = not waiting and all(
            s.get("numberReady") == s.get("desiredNumberScheduled") and s.get("desiredNumberScheduled") for s in sets.values()
        )
        if status == wanted and ready:
            break
        assert time.monotonic() < end, (status, sets, waiting)
        time.sleep(0.2)
    # On the nodes of Spark, and on those alone; the node plug-in on every one.
    assert {name: s["desiredNumberScheduled"] for name, s in sets.items()} == {
        "image-puller": 2,
        "cephfs-node-plugin": 3,
        "dataset-check": 2,
    }
    warnings = [
        (e["involvedObject"]["name"], e["message"])
        for e in api.items("/api/v1/events")
        if e["reason"] in ("FailedCreate", "FailedScheduling")
    ]
    # That a claim is not bound yet is said of every Pod which is quicker than the controller.
    warnings = [(name, message) for name, message in warnings if "unbound immediate PersistentVolumeClaims" not in message]
    assert [each for each in warnings if not each[0].startswith(_TESTS)] == []


_TESTS = ("spark-", "md-", "exec-", "zeppelin-")
"""How the names of Pods that tests make begin; some of them are meant to wait."""


def _ours(pod: Object) -> bool:
    name = pod["metadata"]["name"]
    return name.startswith("spark-history") or not name.startswith(_TESTS)


def test_policies_are_taken_and_their_expressions_understood(api: Api):
    found = {p["metadata"]["name"]: p for p in api.items("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies")}
    assert set(found) >= {f"gaia-dmp-{deployed.STACK}-{role}" for role in ("driver", "server", "cleaner")}
    for policy in found.values():
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert policy.get("status", {}).get("typeChecking", {}).get("expressionWarnings", []) == []


@pytest.mark.parametrize("stack", STACKS)
def test_the_objects_of_every_stack_are_taken(api: Api, stack):
    """By a dry run; kinds that only a cloud's cluster has are left out."""
    assert dry_run(api, deployed.objects(document(stack))) == []


def test_the_objects_of_every_choice_are_taken(api: Api):
    """A gate, a directory, a mirror with a login, ways out, Cilium."""
    data = document("prod")
    data["gaia-dmp:entry"]["gate"] = GATE
    login = {"kind": "ldap", "url": "ldaps://ldap.example.org", "user_dn_template": "uid={0},ou=people,dc=example,dc=org"}
    login |= {"group_search_base": "ou=groups,dc=example,dc=org", "administrators_group": "gaia-admins"}
    data["gaia-dmp:zeppelin"] |= {"login": login, "people": [{"name": "alice"}], "interpreters": ["python", "md", "sh", "jdbc"]}
    data["gaia-dmp:images"] = {"registry_prefix": "registry.example.org", "pull_secret": "registry"}
    data["gaia-dmp:monitoring"] = {"smoke_test": {"password_secret": "smoke-password"}}
    data["gaia-dmp:outside"] = {"egress": [{"name": "all", "cidr": "0.0.0.0/0", "ports": [443], "who": ["notebooks", "server", "gate"]}]}
    data["gaia-dmp:cloud"]["cluster"]["template"]["network_driver"] = "cilium"
    data["gaia-dmp:datasets"][0]["source"]["plugin"] = "manila-csi"
    data["gaia-dmp:datasets"].append({"name": "b", "source": {"kind": "s3", "endpoint": "https://s3.example.org", "bucket": "gaia"}})
    target = {"kind": "bucket", "endpoint": "https://s3.example.org", "bucket": "backup"}
    target |= {"access_key_secret": "backup-access", "secret_key_secret": "backup-secret"}
    data["gaia-dmp:zeppelin"]["backup"] = {"target": target, "password_secret": "backup-password"}
    data["gaia-dmp:outside"]["egress"][0]["who"].append("backup")
    found = deployed.objects(data)
    assert sorted(item["metadata"]["namespace"] for item in found if item["kind"] == "CiliumNetworkPolicy") == [
        "gaia-monitoring",
        "gaia-monitoring",
        "gaia-spark",
        "gaia-zeppelin",
        "gaia-zeppelin",
    ]
    assert dry_run(api, found) == []


def dry_run(api: Api, items: list[Object]) -> list[str]:
    """What the API server says against any of the objects, each made under a name that is free."""
    findings = []
    # A dry run makes no namespace for those that come after it.
    deployed.apply(api, [item for item in items if item["kind"] == "Namespace"])
    for item in items:
        if item["apiVersion"].split("/")[0] in ("cilium.io", "cert-manager.io"):
            continue
        metadata = item["metadata"] | {"name": f"{item['metadata']['name']}-dry"}
        try:
            api.call("POST", collection(item), item | {"metadata": metadata}, {"dryRun": "All", "fieldValidation": "Strict"})
        except ApiError as error:
            findings.append(f"{item['kind']} {metadata['name']}: {error}")
    return findings


def test_an_api_server_takes_the_objects_of_a_thousand_people(api: Api):
    """The program writes rules for everybody into one policy, and CEL and etcd have limits. Nobody's objects are more than another's."""
    data = deployed.stack()
    data["gaia-dmp:zeppelin"]["people"] = [{"name": f"person-{number:04}"} for number in range(1000)]
    del data["gaia-dmp:zeppelin"]["user_space"]
    seen: set[str] = set()
    for item in deployed.objects(data):
        if item["kind"] in ("ServiceAccount", "PriorityClass", "ResourceQuota") and item["kind"] in seen:
            continue
        seen.add(item["kind"])
        path = f"{collection(item)}/{item['metadata']['name']}"
        options = {"fieldManager": "tests", "force": "true", "dryRun": "All"}
        assert api.call("PATCH", path, item, options, "application/apply-patch+yaml")["kind"] == item["kind"]
    assert {"ValidatingAdmissionPolicy", "RoleBinding", "ConfigMap", "Secret"} <= seen
