"""Commercial clouds: what each provider's conventions make of a stack, and what is refused because it would not work there."""

import datetime as dt
from typing import Any

import pytest

from policy import rules
from preview import manifests
from settings import StackFileError
from tests.support.programs import named, record_data
from tests.support.stack_files import document

CLASSES = {"eks": ("gp3", "efs-sc"), "gke": ("standard-rwo", "standard-rwx"), "other": (None, None)}
"""Provider to its classes of discs and of file systems."""
ADDRESSES = {
    # The control plane's two subnets and the Service's own address; an address of the internet; Docker's network.
    "eks": ["10.0.1.16/28", "10.0.2.16/28", "172.20.0.1/32"],
    "gke": ["198.51.100.9/32"],
    "other": ["172.18.0.0/16"],
}
"""Provider to the addresses of its API server."""


def stack(provider: str) -> dict[str, Any]:
    """Everything that a stack on a cluster of this provider can have: people with space, event logs, metrics, buckets, a way in."""
    discs, files = CLASSES[provider]
    data = document("local")
    cloud = data["gaia-dmp:cloud"]
    cloud |= {"provider": provider, "cluster_name": "astronomy", "api_server": {"cidrs": ADDRESSES[provider], "ports": [443]}}
    cloud["pools"][0] |= {"count": 9, "minimum": 0}
    s3 = {"kind": "s3", "endpoint": "https://s3.example.org", "bucket": "gaia-dr3"}
    if provider == "eks":
        cloud["identity"] = "arn:aws:iam::111122223333:role/gaia-spark"
    else:
        s3 |= {"access_key_secret": "bucket-access", "secret_key_secret": "bucket-secret"}
    data["gaia-dmp:datasets"] = [{"name": "gdr3", "source": s3}]
    data["gaia-dmp:outside"] = {"egress": [{"name": "all", "cidr": "0.0.0.0/0", "ports": [443], "who": ["notebooks", "backup"]}]}
    data["gaia-dmp:spark"]["history"] = {"kind": "storage_class", "name": files}
    target = {"kind": "bucket", "endpoint": "https://s3.example.org", "bucket": "backup"}
    target |= {"access_key_secret": "backup-access", "secret_key_secret": "backup-secret"}
    data["gaia-dmp:zeppelin"] |= {
        "notebooks": {"kind": "storage_class", "name": discs},
        "user_space": {"kind": "storage_class", "name": files},
        "backup": {"target": target, "password_secret": "backup-password"},
        "people": [{"name": "alice"}],
    }
    data["gaia-dmp:monitoring"] = {"storage_class": discs}
    tls = {"kind": "secret", "certificate_secret": "tls-certificate", "key_secret": "tls-key"}
    data["gaia-dmp:entry"] = {"kind": "load_balancer", "hostname": "zeppelin.example.org", "tls": tls}
    return data


@pytest.mark.parametrize("provider", CLASSES)
@pytest.mark.parametrize("mode", ["preview", "update"])
def test_a_whole_stack_is_valid_and_keeps_every_rule(provider, mode):
    recording = record_data(stack(provider), mode)
    assert manifests.check(manifests.of(recording), "1.35") == []
    assert [(each.rule, each.name) for each in rules.broken(rules.check(recording, [], dt.date(2026, 11, 23)))] == []
    assert not [each.type for each in recording.resources if each.type.startswith("openstack:")]


@pytest.mark.parametrize(
    ("provider", "annotations"),
    [
        (
            "eks",
            {
                "service.beta.kubernetes.io/aws-load-balancer-type": "external",
                "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
                "service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing",
            },
        ),
        ("gke", {"cloud.google.com/l4-rbs": "enabled"}),
        ("other", None),
    ],
)
def test_the_load_balancer_is_the_providers(provider, annotations):
    service = named(record_data(stack(provider)), "entry-service").inputs
    assert service["metadata"].get("annotations") == annotations
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"].get("loadBalancerIP") is None


def test_an_identity_of_eks_is_that_of_spark_alone():
    recording = record_data(stack("eks"), "update")
    accounts = {
        r.inputs["metadata"]["name"]: r.inputs["metadata"].get("annotations")
        for r in recording.of_type("kubernetes:core/v1:ServiceAccount")
    }
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/gaia-spark"}
    assert {name for name, found in accounts.items() if found == role} == {
        "spark-driver",
        "spark-driver-admin",
        "spark-driver-alice",
        "spark-driver-smoke-test",
        "spark-executor",
    }
    assert {name for name, found in accounts.items() if found not in (role, None)} == set()
    interpreters = named(recording, "zeppelin-files").inputs["data"]["interpreter.json"]
    assert "com.amazonaws.auth.WebIdentityTokenCredentialsProvider" in interpreters
    driver = next(r for r in recording.resources if r.name == "spark-admission-driver")
    assert any("aws-iam-token" in each["expression"] for each in driver.inputs["spec"]["validations"])
    other = record_data(stack("gke"), "update")
    assert not [r for r in other.resources if "aws" in str(r.inputs)]


BAD: tuple[tuple[str, str, Any, str], ...] = (
    ("eks", "zeppelin.notebooks.name", None, "an EKS cluster has no default storage class"),
    ("eks", "zeppelin.user_space.name", None, "efs-sc"),
    ("eks", "zeppelin.user_space.name", "gp3", "is a class for disks, which only one node at a time can mount"),
    ("eks", "spark.history.name", "gp2", "is a class for disks, which only one node at a time can mount"),
    ("gke", "spark.history.name", None, "only one node can mount a volume of GKE's default class"),
    ("gke", "zeppelin.user_space.name", "standard-rwo", "is a class for disks, which only one node at a time can mount"),
    ("gke", "cloud.identity", "gaia@project-one.iam.gserviceaccount.com", "works only with provider eks"),
    ("other", "cloud.identity", "arn:aws:iam::111122223333:role/gaia", "works only with provider eks"),
    ("eks", "cloud.identity", "gaia-spark", "must be the ARN of an IAM role"),
    ("eks", "cloud.provider", "aws", "eks"),
    ("eks", "spark.history", {"kind": "share"}, "is not available with cloud.kind kubernetes"),
)


@pytest.mark.parametrize(("provider", "path", "value", "words"), BAD)
def test_what_would_not_work_there_is_refused(provider, path, value, words):
    data = stack(provider)
    section, *parts = path.split(".")
    parent = data
    for part in [f"gaia-dmp:{section}", *parts][:-1]:
        parent = parent[part]
    parent[parts[-1]] = value
    with pytest.raises(StackFileError, match=words) as caught:
        record_data(data)
    assert f"gaia-dmp:{path}" in str(caught.value)
