"""Stacks that no committed file describes: every union member, and what the outside settings reach."""

import json

import pytest

from preview import manifests
from preview.recording import Mode, Recording
from tests.support.programs import named, record_data
from tests.support.stack_files import changed, document


@pytest.fixture
def recorded():
    def run(data: dict, mode: Mode = "preview") -> Recording:
        recording = record_data(data, mode)
        assert manifests.check(manifests.of(recording), recording.kubernetes_version) == []
        return recording

    return run


@pytest.mark.parametrize(
    "tls",
    [
        {"kind": "secret", "certificate_secret": "c", "key_secret": "k"},
        {"kind": "cert_manager", "issuer": "letsencrypt"},
        {"kind": "self_signed"},
    ],
    ids=lambda tls: tls["kind"],
)
@pytest.mark.parametrize("kind", ["load_balancer", "ingress"])
def test_every_way_in_with_every_certificate(recorded, kind, tls):
    entry = {"kind": kind, "hostname": "z.example.org", "tls": tls} | ({"class_name": "nginx"} if kind == "ingress" else {})
    recording = recorded(changed("dev", "entry", entry))
    assert recording.outputs["zeppelin_url"] == "https://z.example.org"
    config = named(recording, "zeppelin-config").inputs["data"]
    assert config["ZEPPELIN_ALLOWED_ORIGINS"] == "https://z.example.org"
    assert bool(recording.of_type("openstack:networking/floatingIp:FloatingIp")) == (kind == "load_balancer")


@pytest.mark.parametrize("driver", ["vexxhost", "heat"])
def test_the_other_drivers(recorded, driver):
    recording = recorded(changed("dev", "cloud.cluster.driver", driver))
    template = named(recording, "cluster-template")
    assert template.inputs["labels"]["kube_tag"] == "v1.35.4"
    pod = json.loads(
        named(recording, "zeppelin-files")
        .inputs["data"]["100-interpreter.yaml"]
        .splitlines()[0]
        .removeprefix("{% set platform = ")
        .removesuffix(" %}")
    )
    assert list(pod["node_selector"].values()) == ["spark"]


def test_a_named_template(recorded):
    recording = recorded(changed("dev", "cloud.cluster.template", {"kind": "named", "name": "site"}))
    assert recording.of_type("openstack:containerinfra/clusterTemplate:ClusterTemplate") == []


def test_a_brought_share_on_any_cluster(recorded):
    source = {
        "kind": "bring",
        "export_path": "10.0.0.1:6789:/volumes/a",
        "ceph_id": "reader",
        "key_secret": "sample-key",
        "fs_name": "cephfs2",
    }
    data = changed("local", "datasets", [{"name": "sample", "mount_path": "/data/sample", "source": source}])
    recording = recorded(data)
    spec = named(recording, "data-sample-volume").inputs["spec"]
    assert spec["csi"]["volumeAttributes"] == {"clusterID": "sample", "rootPath": "/volumes/a", "staticVolume": "true", "fsName": "cephfs2"}
    assert json.loads(named(recording, "ceph-csi-config").inputs["data"]["config.json"]) == [
        {"clusterID": "sample", "monitors": ["10.0.0.1:6789"]}
    ]


def test_nfs_and_csi_datasets_on_any_cluster(recorded):
    datasets = [
        {"name": "a", "mount_path": "/data/a", "source": {"kind": "nfs", "server": "nfs", "path": "/a"}},
        {"name": "b", "mount_path": "/data/b", "source": {"kind": "csi", "driver": "efs.csi.aws.com", "volume_handle": "fs-1"}},
    ]
    recording = recorded(changed("local", "datasets", datasets))
    assert recording.outputs["datasets"] == {"a": "/data/a", "b": "/data/b"}
    executor = named(recording, "zeppelin-interpreter-files").inputs["data"]["executor-spark.yaml"]
    assert executor.count("mountPath: /data/") == 2
    assert [r.name for r in recording.resources if r.inputs.get("kind") == "DaemonSet"] == ["image-puller-pull"]


def test_the_site_ships_ceph_csi(recorded):
    recording = recorded(changed("dev", "ceph_csi", {"install": False, "cluster_id": "site-ceph"}))
    assert [r.name for r in recording.resources if r.inputs.get("kind") == "DaemonSet"] == ["image-puller-pull"]
    spec = named(recording, "data-sample-volume").inputs["spec"]
    assert spec["csi"]["nodeStageSecretRef"]["namespace"] == "gaia-csi"


def test_mirror_pull_secret_proxy_and_certificates_reach_every_pod(recorded):
    data = document("dev")
    data["gaia-dmp:images"] = {"registry_prefix": "mirror.example.org/hub", "pull_secret": "registry-login"}
    data["gaia-dmp:outside"] = {
        "http_proxy": "http://proxy.example.org:3128",
        "no_proxy": ["10.0.0.0/8"],
        "ca_bundle": "-----BEGIN CERTIFICATE-----",
        "pip_index": "https://pip.example.org/simple",
        "maven_mirror": "https://maven.example.org",
        "egress": [{"name": "all", "cidr": "0.0.0.0/0", "ports": [443, 3128]}],
    }
    recording = recorded(data)
    for name in ("zeppelin-server", "ceph-csi-node-plugin"):
        pod = named(recording, name).inputs["spec"]["template"]["spec"]
        assert all(c["image"].startswith("mirror.example.org/hub/") for c in pod["containers"])
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
    config = named(recording, "zeppelin-config").inputs["data"]
    assert config["HTTPS_PROXY"] == "http://proxy.example.org:3128"
    assert "10.0.0.0/8" in config["NO_PROXY"]
    interpreters = named(recording, "zeppelin-files").inputs["data"]
    assert "https://pip.example.org/simple" in interpreters["100-interpreter.yaml"]
    assert "https://maven.example.org" in interpreters["interpreter.json"]
    assert named(recording, "zeppelin-interpreter-files").inputs["data"]["ca-bundle.pem"].startswith("-----BEGIN")


def test_a_stack_name_with_a_dot_makes_no_ceph_id_with_one():
    recording = record_data(document("dev"), stack="blue.1")
    rules = recording.of_type("openstack:sharedfilesystem/shareAccess:ShareAccess")
    assert sorted(rule.inputs["accessTo"] for rule in rules) == ["gaia-dmp-blue-1-data-sample", "gaia-dmp-blue-1-notebooks"]


def test_two_hundred_datasets(recorded):
    datasets = [{"name": f"d{n}", "mount_path": f"/data/d{n}", "source": {"kind": "adopt", "share": f"share-{n}"}} for n in range(200)]
    recording = recorded(changed("prod", "datasets", datasets))
    assert len(recording.of_type("kubernetes:core/v1:PersistentVolume")) == 202
