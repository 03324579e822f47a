"""What RBAC gives to each account, asked of the API server one by one: what is needed is there, and nothing else."""

import itertools

import pytest

from components.spark_rbac import CLEANER_RULES, DRIVER_RULES, SERVER_RULES
from tests.cloud.api import Api
from tests.cloud.deployed import NOTEBOOKS, SERVER

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    "pods", "pods/log", "pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "pods/eviction", "pods/ephemeralcontainers", "pods/status",
    "configmaps", "secrets", "services", "services/proxy", "serviceaccounts", "serviceaccounts/token", "persistentvolumeclaims", "endpoints",
    "events", "resourcequotas", "limitranges", "replicationcontrollers",
)  # fmt: skip
GROUPED = (
    ("roles", "rbac.authorization.k8s.io"), ("rolebindings", "rbac.authorization.k8s.io"), ("clusterrolebindings", "rbac.authorization.k8s.io"),
    ("networkpolicies", "networking.k8s.io"), ("ingresses", "networking.k8s.io"), ("deployments", "apps"), ("jobs", "batch"), ("cronjobs", "batch"),
    ("validatingadmissionpolicies", "admissionregistration.k8s.io"), ("priorityclasses", "scheduling.k8s.io"),
    ("poddisruptionbudgets", "policy"), ("nodes", ""), ("namespaces", ""), ("persistentvolumes", ""),
)  # fmt: skip
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


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: "/".join(account))
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
