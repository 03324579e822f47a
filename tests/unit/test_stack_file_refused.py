"""A wrong stack file is refused with one message that lists every error: file, key path, value, what is accepted."""

import json
from pathlib import Path

import pytest
import yaml

from settings import PROJECT, StackFileError, load, load_file, read
from tests.support.stack_files import ROOT, SPARK_3_5, STACKS, as_config, changed, connected, document, refusal, settings_of

LDAP = {"kind": "ldap", "url": "ldaps://x", "user_dn_template": "uid={0}", "group_search_base": "ou=g", "administrators_group": "admins"}
S3 = {"kind": "s3", "endpoint": "https://s3.example.org", "bucket": "gaia"}
BUCKET = {"kind": "bucket", "endpoint": "https://s3.example.org", "bucket": "backup", "access_key_secret": "a", "secret_key_secret": "b"}
STORE = {"project": "buckets", "clouds_yaml": "buckets", "endpoint": "https://s3.example.org", "buckets": [{"name": "results"}]}
SITE = {
    "external_network": "internet",
    "share_type": "cephfs",
    "ceph": {"kind": "port", "network": "ceph-clients", "cidr": "10.9.0.0/16"},
}

WRONG = [
    # stack, key, value, words of the message
    ("dev", "protection", "no", ["gaia-dmp:protection: no", "on, off"]),
    ("dev", "cloud.kind", "aws", ["gaia-dmp:cloud.kind: aws\n      must be one of the accepted kinds\n", "kubernetes, openstack"]),
    ("dev", "cloud.kind", "openstak", ["did you mean openstack?"]),
    ("dev", "cloud.site", "arcuss", ["gaia-dmp:cloud.site: arcuss", "arcus, cumulus, somerville"]),
    ("dev", "cloud.project", None, ["gaia-dmp:cloud.project", "is missing"]),
    ("dev", "cloud.netwrok", {}, ["gaia-dmp:cloud.netwrok", "did you mean gaia-dmp:cloud.network?"]),
    ("dev", "cloud.network.subnet", "10.20.0.0/24", ["gaia-dmp:cloud.network.subnet: 10.20.0.0/24", "inside 10.10.0.0/16"]),
    ("dev", "cloud.network.subnet", "10.10.0.0/33", ["gaia-dmp:cloud.network.subnet: 10.10.0.0/33"]),
    ("dev", "cloud.network.cidr", "10.10.0.5/16", ["gaia-dmp:cloud.network.cidr: 10.10.0.5/16", "did you mean 10.10.0.0/16?"]),
    ("dev", "cloud.network.allocation_pool.start", "10.11.0.5", ["allocation_pool.start: 10.11.0.5", "10.10.0.1 to 10.10.0.254"]),
    ("dev", "cloud.network.allocation_pool.end", "10.10.0.20", ["allocation_pool.end: 10.10.0.20", "before start"]),
    ("dev", "cloud.network.allocation_pool.start", "10.10.0.1", ["contains the gateway 10.10.0.1"]),
    ("dev", "cloud.network.ceph_router_address", "10.10.0.60", ["ceph_router_address: 10.10.0.60", "outside the pool"]),
    ("dev", "cloud.network.ceph_router_address", None, ["ceph_router_address", "is missing", "cephfs"]),
    ("dev", "cloud.network.ceph_router_address", "10.10.0.1", ["is the gateway's address"]),
    ("dev", "cloud.network.gateway", "10.99.0.1", ["cloud.network.gateway: 10.99.0.1", "not a host address"]),
    ("dev", "cloud.cluster.pod_cidr", "10.10.0.0/18", ["pod_cidr: 10.10.0.0/18", "overlaps cloud.network.cidr"]),
    ("dev", "cloud.cluster.service_cidr", "172.20.0.0/16", ["service_cidr: 172.20.0.0/16", "overlaps cloud.cluster.pod_cidr"]),
    ("dev", "cloud.cluster.pod_cidr", "10.4.0.0/16", ["pod_cidr: 10.4.0.0/16", "overlaps cloud.site.ceph"]),
    ("dev", "cloud.cluster.control_plane.count", 2, ["control_plane.count: 2", "1, 3, 5, 7"]),
    ("dev", "cloud.cluster.control_plane.vcpus", "four", ["control_plane.vcpus: four", "a whole number from 1 to 1024"]),
    ("dev", "cloud.cluster.driver", "magnum", ["cluster.driver: magnum", "capi-helm, vexxhost, heat"]),
    ("dev", "cloud.cluster.kubernetes_version", 1.3, ["kubernetes_version: 1.3", "must be text"]),
    ("dev", "cloud.cluster.kubernetes_version", "v1.33", ["kubernetes_version: v1.33", "in quotes"]),
    ("dev", "cloud.cluster.kubernetes_version", "1.36.1", ["version: 1.36.1", "template.image ubuntu-jammy-kube-v1.35.4", '"1.35.4"']),
    ("dev", "cloud.cluster.template.image", "kube-v1.36.1-r2", ["version: 1.35.4", "template.image kube-v1.36.1-r2", '"1.36.1"']),
    ("dev", "cloud.cluster.template", {"kind": "named", "name": "k8s-1.34"}, ["version: 1.35.4", "template.name k8s-1.34", '"1.34"']),
    ("dev", "cloud.cluster.template", {"kind": "named"}, ["cluster.template.name", "is missing"]),
    ("dev", "cloud.cluster.template", {"kind": "onw"}, ["cluster.template.kind: onw", "did you mean own?"]),
    ("dev", "cloud.cluster.public_key", "-----BEGIN", ["cluster.public_key"]),
    ("dev", "cloud.cluster.labels", {"kube_tag": "v1.33.4"}, ["labels.kube_tag: v1.33.4", "kubernetes_version"]),
    ("dev", "cloud.cluster.labels", {"calico_tag": "v3"}, ["labels.calico_tag: v3", "ignore it silently"]),
    ("dev", "cloud.cluster.pools.0.name", "default-worker", ["pools[0].name: default-worker", "is taken by another pool"]),
    ("dev", "cloud.cluster.pools.0.count", 0, ["pools[0].count: 0", "1 or more"]),
    ("dev", "cloud.cluster.pools.0.count", None, ["pools[0].count", "is missing, and so is autoscale"]),
    ("prod", "cloud.cluster.pools.0.count", 3, ["pools[0].count: 3", "conflicts with autoscale"]),
    ("prod", "cloud.cluster.pools.0.autoscale.minimum", 9, ["autoscale.minimum: 9", "up to maximum 6"]),
    ("prod", "cloud.data_project", None, ["datasets[0].source.project: data", "cloud.data_project is missing"]),
    ("prod", "cloud.data_project.project", "iris-gaia-blue", ["data_project.project: iris-gaia-blue", "is the compute project itself"]),
    ("prod", "datasets.1.name", "gedr3", ["datasets[1].name: gedr3", "datasets[0]"]),
    ("prod", "datasets.1.mount_path", "/data/gaia/GEDR3", ["datasets[1].mount_path: /data/gaia/GEDR3", "datasets[0]"]),
    ("prod", "datasets.1.mount_path", "/data/gaia/GEDR3/deep", ["is inside /data/gaia/GEDR3 of datasets[0]"]),
    ("dev", "datasets.0.mount_path", "data/gaia", ["datasets[0].mount_path: data/gaia", "absolute path"]),
    ("dev", "datasets.0.mount_path", "/data/../etc", ["datasets[0].mount_path"]),
    ("dev", "datasets.0.mount_path", "/usr/data", ["must not hide /usr"]),
    ("dev", "datasets.0.name", "Sample", ["datasets[0].name: Sample", "lower-case"]),
    ("dev", "datasets.0.source.ceph_id", "gaia.reader", ["source.ceph_id: gaia.reader", "Manila refuses a dot"]),
    ("dev", "datasets.0.source.size_gib", 0, ["source.size_gib: 0", "from 1"]),
    ("dev", "datasets.0.source.on_destroy", "retain", ["source.on_destroy: retain", "keep, delete"]),
    ("dev", "datasets.0.source.kind", "creat", ["source.kind: creat", "did you mean create?"]),
    ("dev", "datasets.0.source.kind", "nfs", ["unknown key"]),
    ("dev", "spark.pool", "sparks", ["spark.pool: sparks", "default-worker, spark"]),
    ("dev", "spark.max_executors", 40, ["spark.max_executors: 40", "but quota.cores is ", "at most"]),
    ("dev", "spark.executor.cores", 8, ["spark.executor.cores: 8", "but a node of pool spark has only 7 after the reserve"]),
    ("dev", "spark.executor.memory_gib", 60, ["spark.executor.memory_gib: 60", "(heap and overhead), but a node of pool spark has only"]),
    ("dev", "spark.executor.scratch_gib", 60, ["spark.executor.scratch_gib: 60", "takes 60, but a node of pool spark has only"]),
    ("dev", "spark.quota.cores", 1000, ["spark.quota.cores: 1000", "more than pool spark has"]),
    ("dev", "spark.quota.memory_gib", 900, ["spark.quota.memory_gib: 900"]),
    ("dev", "spark.quota.scratch_gib", 900, ["spark.quota.scratch_gib: 900"]),
    ("dev", "spark.exectutor", {}, ["did you mean gaia-dmp:spark.executor?"]),
    ("dev", "zeppelin.notebooks.kind", "disk", ["zeppelin.notebooks.kind: disk", "adopt, share, storage_class"]),
    ("local", "zeppelin.notebooks.kind", "share", ["zeppelin.notebooks.kind: share", "storage_class"]),
    ("dev", "entry.kind", "nodeport", ["entry.kind: nodeport", "ingress, load_balancer, none"]),
    ("prod", "entry.hostname", "gaia", ["entry.hostname: gaia", "full DNS name"]),
    ("prod", "entry.tls.kind", "letsencrypt", ["entry.tls.kind: letsencrypt"]),
    ("prod", "cloud.network.dns_record", {"zone": "example.org", "name": "other.example.org"}, ["entry.hostname", "other.example.org"]),
    ("dev", "images", {"spark": "apache/spark:latest"}, ["images.spark: apache/spark:latest", "what `latest` means changes"]),
    ("dev", "images", {"spark": "apache/spark"}, ["images.spark: apache/spark", "fixed tag or a digest"]),
    ("dev", "images", {"spark": "apache/spark:3.5.8@sha256:12"}, ["images.spark", "64 hex digits"]),
    ("dev", "ceph_csi", {"install": False}, ["ceph_csi.cluster_id", "is missing"]),
    ("dev", "spark.profiles.0.max_executors", 40, ["spark.profiles[0].max_executors: 40", "but quota.cores is "]),
    ("dev", "spark.profiles.1.executor.cores", 9, ["spark.profiles[1].executor.cores: 9", "takes 9, but a node of pool spark has only"]),
    ("dev", "spark.profiles.1.name", "small", ["spark.profiles[1].name: small", "already the name of another profile"]),
    ("dev", "spark.per_person", {"executors": 3}, ["spark.per_person.executors: 3", "at least 4"]),
    ("prod", "zeppelin.people.0.name", "Al ice", ["zeppelin.people[0].name: Al ice", "letters, digits"]),
    ("prod", "zeppelin.people.0.name", "Bob", ["zeppelin.people[1].name: bob", "with people[0] Bob"]),
    ("prod", "zeppelin.people.0.name", "admin", ["zeppelin.people[0].name: admin", "with the administrator admin"]),
    ("prod", "zeppelin.people.0.name", "bob-prepare", ["zeppelin.people[0].name: bob-prepare", "prepares the space of people[1] bob"]),
    ("prod", "zeppelin.people.0.name", "large-bob", ["zeppelin.people[0].name: large-bob", "spark-large"]),
    ("prod", "zeppelin.interpreters", ["python", "r"], ["zeppelin.interpreters[1]: r", "python, md, sh, jdbc"]),
    ("prod", "zeppelin.login", {"kind": "ldap", "url": "http://x", "user_dn_template": "uid={0}"}, ["zeppelin.login.url: http://x"]),
    ("prod", "zeppelin.login", {"kind": "ldap", "url": "ldaps://x", "user_dn_template": "uid=x"}, ["zeppelin.login.user_dn_template"]),
    ("prod", "zeppelin.login", LDAP, ["there is no egress rule for server"]),
    ("prod", "zeppelin.login", LDAP | {"bind_dn": "cn=x"}, ["zeppelin.login.bind_password_secret", "is missing"]),
    (
        "prod",
        "zeppelin.login",
        {"kind": "ldap", "url": "ldaps://x", "user_dn_template": "uid={0}", "administrators_group": "admins"},
        ["zeppelin.login.group_search_base", "is missing"],
    ),
    (
        "prod",
        "entry.gate",
        {"issuer_url": "https://iam.example.org/", "client_id": "x", "client_secret": "s"},
        ["entry.gate.issuer_url", "there is no egress rule for gate"],
    ),
    ("local", "outside", {"pip_index": "https://pip.example.org"}, ["outside.pip_index", "there is no egress rule for notebooks"]),
    ("dev", "outside.egress.0.ports", [70000], ["outside.egress[0].ports[0]: 70000", "from 1 to 65535"]),
    ("dev", "outside.egress.0.who", ["everybody"], ["outside.egress[0].who[0]: everybody", "notebooks, server, gate"]),
    ("dev", "outside.egress.0.cidr", "10.0.0.1/8", ["outside.egress[0].cidr: 10.0.0.1/8", "did you mean 10.0.0.0/8?"]),
    ("dev", "cloud.cluster.kubernetes_version", "1.29.4", ["kubernetes_version: 1.29.4", "ValidatingAdmissionPolicy", "1.30 or later"]),
    ("dev", "images", {"spark": "docker.io/apache/spark:4.1.2-scala2.13-java17-python3-ubuntu"}, ["images.versions.spark: 4.0.5", "4.1.2"]),
    (
        "dev",
        "images",
        {"spark": "x/spark@sha256:" + "0" * 64, "versions": {"spark": "4.1.2"}},
        ["is not supported by Zeppelin 0.12.1", "4.0.x"],
    ),
    ("dev", "images", {"versions": {"spark": "3.5.8"}}, ["images.versions.spark: 3.5.8", "4.0.5"]),
    ("dev", "images", {"spark": "x/y:1", "versions": {"scala": "2.12"}}, ["images.versions.scala: 2.12", "2.13"]),
    ("dev", "images", {"spark": "x/y:1", "versions": {"java": 21}}, ["images.versions.java: 21", "17"]),
    ("dev", "models", {"store": {"kind": "share"}}, ["images.mlflow", "is missing: `models` needs it", "make images IMAGE=mlflow"]),
    ("dev", "models", {"store": {"kind": "share"}}, ["images.spark: docker.io/apache/spark", "has no MLflow", "make images IMAGE=spark"]),
    ("dev", "models", {"store": {"kind": "bucket"}}, ["models.store.kind: bucket", "share, storage_class"]),
    ("dev", "models", {}, ["models.store", "is missing"]),
    ("local", "models", {"store": {"kind": "share"}}, ["models.store.kind: share", "cloud.kind kubernetes", "storage_class"]),
    ("dev", "datasets.0.name", "models", ["datasets[0].name: models", "is reserved for the platform's own volumes"]),
    ("dev", "spark.connect", "yes", ["spark.connect: yes", "must be true or false"]),
    ("dev", "images", {"spark": "x/y:1", "versions": {"python": "3.7"}}, ["images.versions.python: 3.7", "3.9"]),
    ("dev", "datasets.0.mount_path", None, ["datasets[0].mount_path", "is missing"]),
    ("dev", "datasets.0.formerly", "sample", ["datasets[0].formerly: sample", "is the current name"]),
    ("prod", "datasets.0.formerly", "gdr3", ["datasets[0].formerly: gdr3", "datasets[1]"]),
    ("dev", "datasets.0.expect", {"files": -1}, ["datasets[0].expect.files: -1", "a whole number from 0"]),
    ("dev", "datasets.0.expect", {"files": 1, "digest": "abc"}, ["datasets[0].expect.digest: abc"]),
    ("dev", "datasets.0.source.plugin", "nfs", ["datasets[0].source.plugin: nfs", "ceph-csi, manila-csi"]),
    ("dev", "datasets.0.source", S3, ["datasets[0].mount_path: /data/gaia/sample", "a bucket is not mounted"]),
    ("dev", "datasets", [{"name": "a", "source": S3 | {"bucket": "Gaia.DR3"}}], ["datasets[0].source.bucket: Gaia.DR3", "lower-case"]),
    ("dev", "datasets", [{"name": n, "source": S3} for n in "ab"], ["datasets[1].source.bucket: gaia", "datasets[0]"]),
    (
        "dev",
        "datasets",
        [{"name": "a", "source": S3 | {"access_key_secret": "k"}}],
        ["secret_key_secret", "an access key and a secret key go together"],
    ),
    ("local", "datasets", [{"name": "a", "source": S3}], ["datasets[0].source.endpoint", "there is no egress rule for notebooks"]),
    ("local", "object_store", STORE, ["object_store", "is not available with cloud.kind kubernetes"]),
    (
        "dev",
        "object_store",
        STORE | {"project": "iris-gaia-red"},
        ["object_store.project", "is also cloud.project"],
    ),
    (
        "dev",
        "object_store",
        STORE | {"buckets": [{"name": "a1b"}, {"name": "a1b"}]},
        ["object_store.buckets[1].name", "another bucket"],
    ),
    ("local", "zeppelin.user_space", {"kind": "share"}, ["zeppelin.user_space.kind: share", "storage_class"]),
    (
        "dev",
        "zeppelin.people",
        [{"name": "alice", "space_gib": 5}],
        ["zeppelin.people[0].space_gib: 5", "has no effect without zeppelin.user_space"],
    ),
    ("dev", "zeppelin.people", [{"name": "a", "space_share": "s"}], ["space_share: s", "has no effect unless user_space is a share"]),
    ("dev", "rotation", {"ceph_keys": 2, "ceph_keys_kept": 2}, ["rotation.ceph_keys_kept: 2", "is not earlier than ceph_keys 2"]),
    ("dev", "zeppelin.people", [{"name": "alice", "state": "gone"}], ["zeppelin.people[0].state: gone", "present", "away"]),
    ("local", "zeppelin.backup", {"target": {"kind": "share"}, "password_secret": "p"}, ["zeppelin.backup.target.kind: share", "bucket"]),
    (
        "dev",
        "zeppelin.backup",
        {"target": BUCKET, "password_secret": "p"},
        ["zeppelin.backup.target.endpoint", "there is no egress rule for backup"],
    ),
    ("dev", "zeppelin.backup", {"target": {"kind": "share"}}, ["zeppelin.backup.password_secret", "is missing"]),
    (
        "dev",
        "zeppelin.backup",
        {"target": {"kind": "share"}, "password_secret": "p", "schedule": "daily"},
        ["zeppelin.backup.schedule: daily", "five fields of cron"],
    ),
    ("local", "zeppelin.notebooks", {"kind": "adopt", "share": "x"}, ["zeppelin.notebooks.kind: adopt", "storage_class"]),
    ("dev", "zeppelin.notebooks", {"kind": "adopt", "share": "x", "project": "data"}, ["zeppelin.notebooks.project: data", "is missing"]),
    ("dev", "cloud.site", SITE, ["cloud.network.ceph_router_address: 10.10.0.15", "this site reaches Ceph without a router"]),
    ("local", "cloud.pools.0.minimum", 9, ["pools[0].minimum: 9", "up to count"]),
    ("local", "cloud.network", {}, ["gaia-dmp:cloud.network", "unknown key"]),
    ("local", "cloud.kubeconfig_secret", "gaia-dmp:kubeconfig", ["cloud.kubeconfig_secret: gaia-dmp:kubeconfig", "without `gaia-dmp:`"]),
]


@pytest.mark.parametrize(("stack", "key", "value", "words"), WRONG, ids=[f"{stack}-{key}-{value}"[:60] for stack, key, value, _ in WRONG])
def test_message_names_file_key_value_and_what_is_accepted(stack, key, value, words):
    message = refusal(changed(stack, key, value))
    assert message.startswith("Pulumi.test.yaml: ")
    assert "nothing was registered" in message
    assert "accepted: " in message
    for word in words:
        assert word in message


def test_spark_3_5_is_taken_without_spark_connect():
    data = document("dev") | {"gaia-dmp:images": SPARK_3_5}
    settings_of(data)
    message = refusal(connected(data))
    assert "gaia-dmp:spark.connect: true" in message
    assert "Spark 3.5.8, which does not check the token" in message
    assert "versions.spark 4.0 or later" in message


def test_spark_connect_does_not_come_through_an_ingress():
    tls = {"kind": "self_signed"}
    data = connected(document("dev")) | {
        "gaia-dmp:entry": {"kind": "ingress", "hostname": "z.example.org", "class_name": "nginx", "tls": tls}
    }
    message = refusal(data)
    assert "gaia-dmp:spark.connect: true\n      cannot be reached through an Ingress" in message
    assert "accepted: false, or entry.kind load_balancer or none" in message
    settings_of(data | {"gaia-dmp:entry": {"kind": "load_balancer", "hostname": "z.example.org", "tls": tls}})
    settings_of(data | {"gaia-dmp:entry": {"kind": "none"}})


KINDS = [
    # key of dev, value of a wrong kind, what is said of it; the third line says what is accepted
    ("spark.max_executors", "many", "must be a whole number"),
    ("cloud.project", 4711, "must be text"),
    ("cloud.cluster.api_floating_ip", "yes", "must be true or false"),
    ("spark.executor", 4, "must be a mapping"),
    ("spark", "plenty", "must be a mapping"),
    ("cloud.cluster.labels", "calico", "must be a mapping"),
    ("entry", "none", "must be a mapping"),
    ("datasets", "sample", "must be a list"),
    ("protection", "no", "must be one of the accepted values"),
    ("zeppelin.login", {"kind": "saml"}, "must be one of the accepted kinds"),
    ("spark.max_executors", 0, "must be greater than or equal to 1"),
    ("datasets.0.name", "a" * 31, "must have at most 30 characters"),
    ("datasets.0.name", "Sample", "must be lower-case letters, digits and dashes, beginning with a letter"),
    ("datasets.0.expect", {"files": 1, "digest": "abc"}, "does not have the accepted form"),
    ("cloud.network.gateway", "ten", "must be an IPv4 address"),
    ("cloud.network.cidr", "10.10.0.0/33", "must be an IPv4 network"),
    ("cloud.network.cidr", "10.10.0.5/16", "has bits set outside its prefix; did you mean 10.10.0.0/16?"),
    ("outside", {"egress": [{"name": "a", "cidr": "0.0.0.0/0", "ports": []}]}, "must have at least 1 item"),
    ("outside", {"egress": [{"name": "a", "cidr": 1000, "ports": [443]}]}, "must be an IPv4 network"),
    ("cloud.site", "arkus", "must be arcus, cumulus, somerville, or a mapping that describes another site"),
]


@pytest.mark.parametrize(("key", "value", "sentence"), KINDS, ids=[f"{key}-{value}"[:60] for key, value, _ in KINDS])
def test_a_value_of_the_wrong_kind_is_told_what_it_must_be(key, value, sentence):
    assert f"\n      {sentence}\n      accepted: " in refusal(changed("dev", key, value))


PLATFORM_NAMES = [
    "notebooks",
    "notebooks-prepare",
    "backup",
    "backup-prepare",
    "history",
    "history-prepare",
    "user-alice",
    "user-alice-prepare",
]


@pytest.mark.parametrize("key", ["name", "formerly"])
@pytest.mark.parametrize("name", PLATFORM_NAMES)
def test_no_dataset_takes_a_name_of_the_platforms_own_volumes(name, key):
    """It would be bound through a volume that people write to."""
    message = refusal(changed("dev", f"datasets.0.{key}", name))
    assert f"gaia-dmp:datasets[0].{key}: {name}\n      is reserved for the platform's own volumes" in message


@pytest.mark.parametrize("name", ["history-2024", "my-notebooks", "users", "prepare"])
def test_a_dataset_may_be_called_like_them(name):
    assert settings_of(changed("dev", "datasets.0.name", name)).datasets[0].name == name


@pytest.mark.parametrize("driver", ["vexxhost", "heat"])
def test_a_second_port_wants_the_driver_that_makes_it(driver):
    data = changed("dev", "cloud.site", SITE)
    data["gaia-dmp:cloud"]["network"].pop("ceph_router_address")
    data["gaia-dmp:cloud"]["cluster"]["driver"] = driver
    message = refusal(data)
    assert f"cloud.cluster.driver: {driver}" in message
    assert "cannot create a second port" in message


def test_the_network_of_a_second_port_overlaps_nothing_of_ours():
    data = changed("dev", "cloud.site", {**SITE, "ceph": SITE["ceph"] | {"cidr": "10.10.0.0/20"}})
    data["gaia-dmp:cloud"]["network"].pop("ceph_router_address")
    assert "overlaps cloud.site.ceph.cidr 10.10.0.0/20" in refusal(data)


def test_no_dataset_hides_the_space_of_people():
    data = changed("dev", "zeppelin.user_space", {"kind": "share"})
    data["gaia-dmp:datasets"][0]["mount_path"] = "/user/sample"
    assert "datasets[0].mount_path: /user/sample" in refusal(data)


def test_every_error_is_listed_at_once():
    data = changed("dev", "cloud.cluster.control_plane.vcpus", "four")
    data["gaia-dmp:cloud"]["network"]["subnet"] = "10.20.0.0/24"
    data["gaia-dmp:spark"]["max_executors"] = 40
    data["gaia-dmp:datasets"][0]["mount_path"] = "data"
    message = refusal(data)
    for key in ("control_plane.vcpus", "network.subnet", "spark.max_executors", "datasets[0].mount_path"):
        assert key in message


def test_a_misspelt_key_is_not_also_missing():
    data = changed("dev", "spark.max_executors", None)
    data["gaia-dmp:spark"]["max_exectors"] = 4
    message = refusal(data)
    assert "Pulumi.test.yaml: 1 error" in message
    assert "did you mean gaia-dmp:spark.max_executors?" in message


def test_problems_that_rest_on_a_wrong_key_are_not_guessed_at():
    message = refusal(changed("dev", "cloud.cluster.pools.0.vcpus", "eight"))
    assert "Pulumi.test.yaml: 1 error" in message


def test_a_wrong_namespace_is_told_from_a_wrong_key():
    data = document("dev")
    data["gaia-dpm:zeppelin"] = data.pop("gaia-dmp:zeppelin")
    assert "gaia-dpm:zeppelin" in refusal(data)
    assert "did you mean gaia-dmp:zeppelin?" in refusal(data)
    data = document("dev") | {"openstack:cloud": "other"}
    assert "has no effect" in refusal(data)


def test_section_that_is_no_mapping():
    assert "gaia-dmp:spark: plenty" in refusal(changed("dev", "spark", "plenty"))


@pytest.mark.parametrize("stack", STACKS)
def test_real_stack_files_are_accepted(stack):
    assert settings_of(document(stack)).cloud.kind == ("kubernetes" if stack == "local" else "openstack")


@pytest.mark.parametrize("stack", STACKS)
def test_real_stack_files_hold_no_secret_and_no_salt(stack):
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    assert "secure:" not in text
    assert "encryptionsalt" not in text
    assert document(stack)["pulumi:disable-default-providers"] == ["*"]


class TestSecrets:
    def test_a_named_secret_that_is_missing_is_told_with_its_command(self):
        with pytest.raises(StackFileError, match="pulumi config set --secret gaia-dmp:tls-key"):
            load(as_config(document("prod")), set(), "Pulumi.prod.yaml")

    def test_a_named_secret_is_accepted(self):
        data = document("prod") | {"gaia-dmp:tls-key": "k", "gaia-dmp:tls-certificate": "c", "gaia-dmp:backup-password": "p"}
        settings = load(as_config(data), {"gaia-dmp:tls-key", "gaia-dmp:tls-certificate", "gaia-dmp:backup-password"}, "Pulumi.prod.yaml")
        assert set(settings.secret_keys()) == {"tls-key", "tls-certificate", "backup-password"}

    def test_a_secret_in_clear_is_refused_and_not_shown(self):
        data = document("prod") | {"gaia-dmp:tls-key": "VERYSECRET"}
        message = refusal(data)
        assert "in plain text" in message
        assert "VERYSECRET" not in message

    def test_a_key_typed_into_a_setting_is_refused_and_not_shown(self):
        message = refusal(changed("dev", "datasets.0.source.key", "AQBsecret=="))
        assert "unknown key" in message
        assert "AQBsecret" not in message

    def test_a_secret_inside_a_structure_is_refused(self):
        config = as_config(document("dev")) | {"gaia-dmp:cloud": json.dumps({"kind": {"secure": "v1:xx"}})}
        with pytest.raises(StackFileError, match="holds a secret inside a mapping or list"):
            load(config, set(), "Pulumi.dev.yaml")

    def test_an_unused_key_is_refused_with_the_nearest(self):
        assert "did you mean gaia-dmp:datasets?" in refusal(document("dev") | {"gaia-dmp:dataset": "x"})


FILES = [
    ("config: [", "is not YAML"),
    ("config:\n\tgaia-dmp:protection: on\n", "is not YAML"),
    ("", "must be a mapping"),
    ("- a\n- b\n", "must be a mapping"),
    ("gaia-dmp:protection: on\n", "unknown key"),
    ("confg:\n  a: b\n", "did you mean config?"),
    ("config: nothing\n", "a mapping with keys such as gaia-dmp:cloud"),
    ("config:\n  gaia-dmp:protection: on\n  gaia-dmp:protection: off\n", "appears twice"),
    ("config:\n  ? [a, b]\n  : c\n", "is not YAML"),
    ("config:\n  gaia-dmp:cloud: &a [*a]\n", "no setting can have"),
    ("config:\n  gaia-dmp:spark: {max_executors: .nan}\n", "no setting can have"),
    ("config:\n  gaia-dmp:cloud: !!python/object:os.system x\n", "is not YAML"),
    ("config: {}\n---\nconfig: {}\n", "is not YAML"),
    ("config: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
    ("config: \x00", "is not YAML"),
    # A thousand million of the same, by nine anchors.
    (
        "config:\n  a0: &a0 [x]\n" + "".join(f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)),
        "anchors that expand",
    ),
]


@pytest.mark.parametrize(("text", "words"), FILES)
def test_a_file_that_is_no_stack_file(tmp_path: Path, text: str, words: str):
    (tmp_path / "Pulumi.x.yaml").write_text(text)
    with pytest.raises(StackFileError) as caught:
        read(tmp_path / "Pulumi.x.yaml")
    assert "Pulumi.x.yaml" in str(caught.value)
    assert words in str(caught.value)


def test_a_missing_file_names_the_stacks_that_are_there():
    with pytest.raises(StackFileError, match="dev, local, prod"):
        load_file(ROOT, "production")


def test_a_file_in_another_encoding(tmp_path: Path):
    (tmp_path / "Pulumi.x.yaml").write_bytes("config: {a: é}".encode("latin-1"))
    with pytest.raises(StackFileError, match="UTF-8"):
        read(tmp_path / "Pulumi.x.yaml")


def test_yaml_is_read_as_pulumi_reads_it(tmp_path: Path):
    (tmp_path / "Pulumi.x.yaml").write_text("config:\n  gaia-dmp:protection: on\n  gaia-dmp:a: {b: yes, c: true, d: 2026-11-22}\n")
    config, secret_keys = read(tmp_path / "Pulumi.x.yaml")
    assert config["gaia-dmp:protection"] == "on"
    assert json.loads(config["gaia-dmp:a"]) == {"b": "yes", "c": True, "d": "2026-11-22"}
    assert secret_keys == set()


def test_a_byte_order_mark_is_skipped(tmp_path: Path):
    (tmp_path / "Pulumi.x.yaml").write_bytes(b"\xef\xbb\xbfconfig:\n  gaia-dmp:protection: off\n")
    assert read(tmp_path / "Pulumi.x.yaml")[0] == {"gaia-dmp:protection": "off"}


def test_a_number_beyond_all_bounds():
    assert "gaia-dmp:spark.max_executors: 1000" in refusal(changed("dev", "spark.max_executors", 10**400))


def test_an_empty_configuration_names_every_section_that_is_missing():
    message = refusal({})
    for section in ("protection", "cloud", "spark", "zeppelin", "entry"):
        assert f"gaia-dmp:{section}\n      is missing" in message


def test_a_stack_file_is_loaded_with_the_secrets_that_it_names():
    file = load_file(ROOT, "prod")
    assert file.name == "Pulumi.prod.yaml"
    assert file.settings == settings_of(document("prod"))
    assert file.config["gaia-dmp:protection"] == "on"
    assert file.secret_keys == {"gaia-dmp:tls-key", "gaia-dmp:tls-certificate", "gaia-dmp:backup-password"}


def test_the_namespace_of_every_key_is_the_projects_name():
    assert yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["name"] == PROJECT


def test_an_encrypted_value_is_a_secret_key(tmp_path: Path):
    (tmp_path / "Pulumi.x.yaml").write_text("config:\n  gaia-dmp:tls-key:\n    secure: v1:abc\nencryptionsalt: v1:x\n")
    config, secret_keys = read(tmp_path / "Pulumi.x.yaml")
    assert secret_keys == {"gaia-dmp:tls-key"}
    assert config["gaia-dmp:tls-key"] == ""
