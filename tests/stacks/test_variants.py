"""Stacks that no committed file describes: every union member, and what the outside settings reach."""

import json

import pytest

from preview import manifests
from recording import SECRET, Mode, Recording
from settings import StackFileError
from tests.support.programs import named, record_data
from tests.support.stack_files import MODEL_IMAGES, changed, connected, document, with_models


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


def test_nodes_whose_kernel_has_no_ceph_client(recorded):
    """Attributes: ceph-csi, docs/cephfs/deploy.md; cloud-provider-openstack, docs/manila-csi-plugin/using-manila-csi-plugin.md."""
    data = document("dev") | {"gaia-dmp:ceph_csi": {"mounter": "fuse"}}
    data["gaia-dmp:datasets"] = [
        {"name": name, "mount_path": f"/data/{name}", "source": {"kind": "create", "size_gib": 1, "plugin": plugin}}
        for name, plugin in (("a", "ceph-csi"), ("b", "manila-csi"))
    ]
    recording = recorded(data, mode="update")
    attributes = {name: named(recording, f"data-{name}-volume").inputs["spec"]["csi"]["volumeAttributes"] for name in ("a", "b")}
    assert (attributes["a"]["mounter"], attributes["b"]["cephfs-mounter"]) == ("fuse", "fuse")


def test_nfs_and_csi_datasets_on_any_cluster(recorded):
    datasets = [
        {"name": "a", "mount_path": "/data/a", "source": {"kind": "nfs", "server": "nfs", "path": "/a"}},
        {"name": "b", "mount_path": "/data/b", "source": {"kind": "csi", "driver": "efs.csi.aws.com", "volume_handle": "fs-1"}},
    ]
    recording = recorded(changed("local", "datasets", datasets))
    assert recording.outputs["datasets"] == {"a": "/data/a", "b": "/data/b"}
    executor = named(recording, "zeppelin-interpreter-files").inputs["data"]["executor-spark.yaml"]
    assert executor.count("mountPath: /data/") == 2
    assert [r.name for r in recording.resources if r.inputs.get("kind") == "DaemonSet"] == ["dataset-check-nodes", "image-puller-pull"]


def test_the_site_ships_ceph_csi(recorded):
    recording = recorded(changed("dev", "ceph_csi", {"install": False, "cluster_id": "site-ceph"}))
    assert [r.name for r in recording.resources if r.inputs.get("kind") == "DaemonSet"] == ["dataset-check-nodes", "image-puller-pull"]
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
    assert len([v for v in recording.of_type("kubernetes:core/v1:PersistentVolume") if v.name.startswith("data-")]) == 200


def test_a_share_adopted_by_its_id(recorded):
    share = "0b4ee1b4-8ff5-5bd8-a2a8-0a62ab2a0b4e"
    recording = recorded(changed("prod", "datasets.0.source.share", share), "update")
    assert named(recording, "data-gedr3-adopted").options == {"read": share}
    assert named(recording, "data-gedr3-volume").inputs["spec"]["csi"]["volumeAttributes"]["rootPath"].startswith("/volumes/")


def test_every_way_to_get_a_dataset_beside_every_other(recorded):
    sources = {
        "made": {"kind": "create", "size_gib": 1},
        "adopted": {"kind": "adopt", "share": "theirs"},
        "asked": {"kind": "adopt", "share": "mine", "project": "compute", "plugin": "manila-csi"},
        "brought": {"kind": "bring", "export_path": "10.0.0.1:6789:/volumes/a", "ceph_id": "reader", "key_secret": "sample-key"},
        "nfs": {"kind": "nfs", "server": "nfs", "path": "/a"},
        "csi": {"kind": "csi", "driver": "efs.csi.aws.com", "volume_handle": "fs-1"},
    }
    datasets = [{"name": name, "mount_path": f"/data/{name}", "source": source} for name, source in sources.items()]
    s3 = {"kind": "s3", "endpoint": "https://s3.example.org", "bucket": "gaia", "prefix": "dr3"}
    recording = recorded(changed("prod", "datasets", [*datasets, {"name": "bucket", "source": s3}]), "update")
    assert recording.outputs["datasets"]["bucket"] == "s3a://gaia/dr3"
    made = [r.name for r in recording.of_type("openstack:sharedfilesystem/share:Share") if r.name.startswith("data-")]
    assert made == ["data-made-share"]
    drivers = {name: named(recording, f"data-{name}-volume").inputs["spec"].get("csi", {}).get("driver", "nfs") for name in sources}
    ceph = "cephfs.csi.ceph.com"
    assert drivers == {
        "made": ceph,
        "adopted": ceph,
        "brought": ceph,
        "asked": "cephfs.manila.csi.openstack.org",
        "nfs": "nfs",
        "csi": "efs.csi.aws.com",
    }
    executor = named(recording, "zeppelin-interpreter-files").inputs["data"]["executor-spark.yaml"]
    assert executor.count("mountPath: /data/") == 6


def test_manila_csi_gets_a_credential_of_its_own_that_may_look_and_no_more(recorded):
    source = {"kind": "adopt", "share": "theirs", "plugin": "manila-csi"}
    recording = recorded(changed("prod", "datasets.0.source", source), "update")
    credential = named(recording, "manila-data-credential").inputs
    assert credential["roles"] == ["reader"]
    share = named(recording, "data-gedr3-access-gaia-dmp-x-data-gedr3").inputs["shareId"]
    paths = ["/v2/", "/v2/share-access-rules", f"/v2/shares/{share}", f"/v2/shares/{share}/export_locations"]
    assert [(rule["method"], rule["service"], rule["path"]) for rule in credential["accessRules"]] == [
        ("GET", "sharev2", path) for path in paths
    ]
    assert not credential.get("unrestricted")
    secret = named(recording, "manila-data-secret")
    assert secret.inputs["metadata"] == {"name": "manila-data", "namespace": "gaia-csi"}
    assert secret.inputs["stringData"] == SECRET
    csi = named(recording, "data-gedr3-volume").inputs["spec"]["csi"]
    reference = {"name": "manila-data", "namespace": "gaia-csi"}
    assert (csi["nodeStageSecretRef"], csi["nodePublishSecretRef"]) == (reference, reference)
    assert csi["volumeAttributes"]["shareID"] == share


def test_a_renamed_dataset_is_the_one_that_stands(recorded):
    before = recorded(document("dev"), "update")
    data = changed("dev", "datasets.0.name", "gdr3")
    data["gaia-dmp:datasets"][0]["formerly"] = "sample"
    after = recorded(data, "update")
    share = named(after, "data-gdr3-share")
    assert share.inputs == named(before, "data-sample-share").inputs | {"name": "gaia-dmp-x-gdr3"}
    # The engine derives the children's aliases from those of the components.
    components = [r for r in after.resources if r.name == "data-gdr3"]
    assert [r.type for r in components] == ["gaia-dmp:kubernetes:DataVolume", "gaia-dmp:openstack:CephFSShare"]
    assert all(r.options["aliases"][0].endswith("data-sample") for r in components)
    volumes = [named(r, name).inputs["spec"] for r, name in ((before, "data-sample-volume"), (after, "data-gdr3-volume"))]
    assert [v["csi"]["volumeHandle"] for v in volumes] == ["gaia-spark-sample"] * 2
    assert [v["claimRef"]["name"] for v in volumes] == ["data-sample"] * 2
    assert named(after, "data-gdr3-claim").inputs["metadata"] == named(before, "data-sample-claim").inputs["metadata"]
    assert named(after, "data-gdr3-access-gaia-dmp-x-data-sample").inputs["accessTo"] == "gaia-dmp-x-data-sample"


def test_people_have_a_space_of_their_own(recorded):
    data = changed("dev", "zeppelin.user_space", {"kind": "share", "size_gib": 7})
    data["gaia-dmp:zeppelin"]["people"] = [{"name": "alice"}, {"name": "bob@x.org", "space_gib": 9}]
    recording = recorded(data, "update")
    shares = {r.inputs["name"]: r for r in recording.of_type("openstack:sharedfilesystem/share:Share") if "-user-" in r.inputs["name"]}
    assert {name: share.inputs["size"] for name, share in shares.items()} == {
        "gaia-dmp-x-user-admin": 7,
        "gaia-dmp-x-user-alice": 7,
        "gaia-dmp-x-user-bob-x-org": 9,
    }
    assert all(share.options["retainOnDelete"] for share in shares.values())
    rule = named(recording, "user-alice-access-gaia-dmp-x-user-alice").inputs
    assert rule["accessLevel"] == "rw"
    volume = named(recording, "user-alice-volume").inputs["spec"]
    assert (volume["claimRef"]["namespace"], volume["claimRef"]["name"], volume["accessModes"]) == (
        "gaia-spark",
        "user-alice",
        ["ReadWriteMany"],
    )
    assert not volume["csi"].get("readOnly")
    job = named(recording, "space-alice-prepare-job").inputs
    assert job["metadata"]["namespace"] == "gaia-csi"
    assert "chown 185:185 /share" in job["spec"]["template"]["spec"]["containers"][0]["command"][-1]
    assert recording.outputs["capacity"]["idle"]["share_gib"] == 10 + 5 + 7 + 7 + 9


def test_people_have_a_volume_of_a_class(recorded):
    recording = recorded(changed("local", "zeppelin.user_space", {"kind": "storage_class", "name": "rwx"}))
    claim = named(recording, "space-admin-claim").inputs
    assert (claim["metadata"]["name"], claim["spec"]["accessModes"], claim["spec"]["storageClassName"]) == (
        "user-admin",
        ["ReadWriteMany"],
        "rwx",
    )
    executor = named(recording, "zeppelin-interpreter-files").inputs["data"]["executor-spark.person.yaml"]
    assert "fsGroup: 185" in executor


def test_what_holds_data_is_protected_and_kept():
    data = document("prod")
    data["gaia-dmp:zeppelin"] |= {
        "user_space": {"kind": "share"},
        "backup": {"target": {"kind": "share"}, "password_secret": "p"},
    }
    data["gaia-dmp:object_store"] = {
        "project": "buckets",
        "clouds_yaml": "s3",
        "endpoint": "https://s3.example.org",
        "buckets": [{"name": "results"}],
    }
    recording = record_data(data)
    holds = ("openstack:sharedfilesystem/share:Share", "openstack:objectstorage/container:Container")
    held = [r for kind in holds for r in recording.of_type(kind)]
    assert len(held) == 8
    for resource in held:
        assert resource.options["protect"], resource.name
        assert resource.options["retainOnDelete"], resource.name
    local = record_data(changed("local", "protection", "on"))
    assert named(local, "zeppelin-notebooks").options["protect"]


def test_kept_notebooks_are_adopted(recorded):
    recording = recorded(changed("dev", "zeppelin.notebooks", {"kind": "adopt", "share": "gaia-dmp-dev-notebooks"}), "update")
    assert [r.name for r in recording.of_type("openstack:sharedfilesystem/share:Share")] == ["data-sample-share"]
    rule = named(recording, "notebooks-access-gaia-dmp-x-notebooks").inputs
    assert rule["accessLevel"] == "rw"
    # The very volume that a share of the stack's own would have.
    made = recorded(document("dev"), "update")
    assert (
        named(recording, "notebooks-volume").inputs["spec"]["csi"]["volumeHandle"]
        == (named(made, "notebooks-volume").inputs["spec"]["csi"]["volumeHandle"])
    )


def test_buckets_stand_in_a_project_of_their_own_and_so_does_their_key(recorded):
    data = document("dev")
    data["gaia-dmp:object_store"] = {
        "project": "iris-gaia-buckets",
        "clouds_yaml": "iris-gaia-buckets",
        "endpoint": "https://s3.example.org",
        "buckets": [{"name": "results"}, {"name": "tmp", "on_destroy": "delete"}],
    }
    recording = recorded(data, "update")
    containers = {r.inputs["name"]: r for r in recording.of_type("openstack:objectstorage/container:Container")}
    assert set(containers) == {"gaia-dmp-x-results", "gaia-dmp-x-tmp"}
    key = named(recording, "buckets-key")
    project = named(recording, "openstack-buckets")
    assert {r.provider for r in (key, *containers.values())} == {project.urn}
    assert project.inputs["cloud"] == "iris-gaia-buckets"
    assert containers["gaia-dmp-x-results"].options["retainOnDelete"]
    assert containers["gaia-dmp-x-tmp"].inputs["forceDestroy"]
    secret = named(recording, "hadoop-conf-secret")
    assert secret.inputs["stringData"] == SECRET
    template = named(recording, "zeppelin-files").inputs["data"]["100-interpreter.yaml"]
    assert '"hadoop_conf": "hadoop-conf"' in template


@pytest.mark.parametrize("kind", ["share", "bucket"])
def test_notebooks_are_backed_up(recorded, kind):
    bucket = {
        "kind": "bucket",
        "endpoint": "https://s3.example.org",
        "bucket": "backup",
        "access_key_secret": "a",
        "secret_key_secret": "b",
    }
    data = changed("dev", "zeppelin.backup", {"target": bucket if kind == "bucket" else {"kind": "share"}, "password_secret": "p"})
    data["gaia-dmp:outside"]["egress"].append({"name": "s3", "cidr": "10.0.0.0/8", "ports": [443], "who": ["backup"]})
    recording = recorded(data, "update")
    jobs = {name: named(recording, f"notebook-backup-{name}").inputs["spec"] for name in ("backup-notebooks", "restore-notebooks")}
    assert [jobs[name]["suspend"] for name in jobs] == [False, True]
    pod = jobs["backup-notebooks"]["jobTemplate"]["spec"]["template"]["spec"]
    environment = {each["name"]: each.get("value", "from a Secret") for each in pod["containers"][0]["env"]}
    assert environment["RESTIC_REPOSITORY"] == {"bucket": "s3:https://s3.example.org/backup/gaia-dmp-x", "share": "/backup/restic"}[kind]
    assert environment["KEEP"] == "--keep-last 3 --keep-daily 14 --keep-weekly 8 --keep-monthly 24"
    assert ("AWS_SECRET_ACCESS_KEY" in environment) == (kind == "bucket")
    assert environment.get("AWS_SECRET_ACCESS_KEY", "from a Secret") == "from a Secret"
    assert pod["securityContext"]["runAsUser"] == 1000
    assert not pod["automountServiceAccountToken"]
    (way_out,) = named(recording, "zeppelin-network-backup").inputs["spec"]["egress"]
    assert way_out["to"][0]["ipBlock"]["cidr"] == "10.0.0.0/8"


def test_a_second_port_leads_to_ceph(recorded):
    site = {"external_network": "internet", "share_type": "cephfs", "ceph": {"kind": "port", "network": "ceph", "cidr": "10.9.0.0/16"}}
    data = changed("dev", "cloud.site", site)
    data["gaia-dmp:cloud"]["network"].pop("ceph_router_address")
    recording = recorded(data)
    assert named(recording, "cluster-template").inputs["labels"]["extra_network_names"] == "ceph"
    assert not [r.name for r in recording.resources if "ceph-router" in r.name or "ceph-port" in r.name]


def test_datasets_are_looked_after(recorded):
    digest = "0" * 64
    recording = recorded(changed("prod", "datasets.0.expect", {"files": 2049, "digest": digest}))
    config = json.loads(named(recording, "dataset-check-files").inputs["data"]["datasets.json"])
    assert config["datasets"] == [
        {"name": "gedr3", "path": "/data/gaia/GEDR3", "files": 2049, "digest": digest},
        {"name": "gdr3", "path": "/data/gaia/GDR3", "files": None, "digest": None},
    ]
    for name in ("dataset-check-nodes", "dataset-check-after-deployment", "dataset-check-nightly"):
        spec = named(recording, name).inputs["spec"]
        spec = spec.get("jobTemplate", {}).get("spec", spec)["template"]["spec"]
        assert spec["nodeSelector"] == {"capi.stackhpc.com/node-group": "spark"}
        assert not spec["automountServiceAccountToken"]
        mounts = spec["containers"][0]["volumeMounts"]
        assert all(mount["readOnly"] for mount in mounts)
        assert all(v["persistentVolumeClaim"]["readOnly"] for v in spec["volumes"] if "persistentVolumeClaim" in v)
    # What a notebook runs when it starts.
    settings = json.loads(named(recording, "zeppelin-files").inputs["data"]["interpreter.json"])["interpreterSettings"]
    assert "check_datasets.py" in settings["spark"]["properties"]["zeppelin.PySparkInterpreter.precode"]["value"]


def test_checks_have_room_beside_the_quota_of_notebooks(recorded):
    hard = named(recorded(document("dev")), "spark-quota").inputs["spec"]["hard"]
    # Two nodes of the pool and two Jobs, of 50m, 64 MiB and 16 MiB each.
    assert (hard["requests.cpu"], hard["requests.memory"], hard["limits.ephemeral-storage"]) == ("14200m", "57600Mi", "81984Mi")
    assert hard["pods"] == "204"


def test_the_backup_trusts_what_the_stack_trusts(recorded):
    data = changed("dev", "zeppelin.backup", {"target": {"kind": "share"}, "password_secret": "p"})
    data["gaia-dmp:outside"]["ca_bundle"] = "-----BEGIN CERTIFICATE-----"
    recording = recorded(data)
    job = named(recording, "notebook-backup-backup-notebooks").inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    container = job["containers"][0]
    (path,) = [each["value"] for each in container["env"] if each["name"] == "SSL_CERT_FILE"]
    (mount,) = [each for each in container["volumeMounts"] if each["mountPath"] == "/opt/platform"]
    files = named(recording, "notebook-backup-script").inputs["data"]
    assert (path, mount["name"], "ca-bundle.pem" in files) == ("/opt/platform/ca-bundle.pem", "script", True)


def test_a_stack_that_stands_by_serves_nobody_and_is_not_blamed_for_it(recorded):
    data = document("prod")
    data["gaia-dmp:zeppelin"]["standby"] = True
    recording = recorded(data, "update")
    assert recording.outputs["serving"] is False
    replicas = {
        name: named(recording, name).inputs["spec"]["replicas"] for name in ("zeppelin-server", "smoke-test-runner", "entry-gateway")
    }
    assert replicas == {"zeppelin-server": 0, "smoke-test-runner": 0, "entry-gateway": 2}
    (release,) = [r for r in recording.of_type("kubernetes:helm.sh/v3:Release") if r.inputs["name"] == "prometheus"]
    groups = release.inputs["values"]["serverFiles"]["rules.yml"]["groups"]
    names = {rule.get("alert") for group in groups for rule in group["rules"]}
    assert "DatasetLost" in names
    assert not names & {"ZeppelinDown", "SmokeTestFailed", "SmokeTestSilent"}


def test_a_generation_makes_new_ceph_keys_and_touches_no_other_thing(recorded):
    before = recorded(document("prod"), "update")
    after = recorded(changed("prod", "rotation", {"ceph_keys": 2}), "update")
    rule = "openstack:sharedfilesystem/shareAccess:ShareAccess"
    assert {r.inputs["accessTo"] for r in after.of_type(rule)} == {f"{r.inputs['accessTo']}-2" for r in before.of_type(rule)}
    for kind in ("openstack:sharedfilesystem/share:Share", "openstack:containerinfra/cluster:Cluster"):
        assert [r.inputs for r in after.of_type(kind)] == [r.inputs for r in before.of_type(kind)]
    volumes = "kubernetes:core/v1:PersistentVolume"
    # A volume's own handle and path stay, so that it is the same volume.
    handles = [[(r.name, r.inputs["spec"]["csi"]["volumeHandle"]) for r in each.of_type(volumes)] for each in (before, after)]
    assert handles[0] == handles[1]


def test_a_generation_that_is_kept_has_its_keys_beside_the_new_ones(recorded):
    """Nothing changes but that: volumes use the new keys, and what was is taken away with the setting."""
    rule = "openstack:sharedfilesystem/shareAccess:ShareAccess"
    first = recorded(document("prod"), "update")
    moving = recorded(changed("prod", "rotation", {"ceph_keys": 2, "ceph_keys_kept": 1}), "update")
    second = recorded(changed("prod", "rotation", {"ceph_keys": 2}), "update")

    def rules(recording):
        return {r.urn: r.inputs for r in recording.of_type(rule)}

    assert rules(first)
    assert rules(moving) == rules(first) | rules(second)
    assert rules(first).keys().isdisjoint(rules(second))
    others = [[(r.urn, r.inputs) for r in each.resources if r.type != rule] for each in (moving, second)]
    assert others[0] == others[1]
    # A Secret holds the key of the rule that it stands after.
    keys = [r for r in moving.of_type("kubernetes:core/v1:Secret") if r.name.endswith("-ceph-key")]
    behind = {urn for each in keys for urn in each.options["dependencies"] if f"${rule}::" in urn}
    assert behind == rules(second).keys()


def test_a_generation_makes_new_passwords_for_everybody(recorded):
    kind = "random:index/randomPassword:RandomPassword"
    before = {r.name: r.inputs.get("keepers") for r in recorded(document("prod")).of_type(kind)}
    after = {r.name: r.inputs.get("keepers") for r in recorded(changed("prod", "rotation", {"passwords": 2})).of_type(kind)}
    assert set(before.values()) == {None}
    # The key of stored credentials stays: what people have stored would be lost with it.
    assert {name for name, keepers in after.items() if keepers is None} == {"zeppelin-credentials-key"}
    assert {name for name, keepers in after.items() if keepers == {"generation": "2"}} == set(before) - {"zeppelin-credentials-key"}


def test_kueue_gets_a_queue_and_every_pod_of_spark_names_it(recorded):
    recording = recorded(changed("dev", "spark.kueue", {"cluster_queue": "astronomy"}))
    queue = named(recording, "local-queue-queue").inputs
    assert (queue["kind"], queue["metadata"], queue["spec"]) == (
        "LocalQueue",
        {"name": "spark", "namespace": "gaia-spark"},
        {"clusterQueue": "astronomy"},
    )
    label = "kueue.x-k8s.io/queue-name"
    assert f'"{label}": "spark"' in named(recording, "zeppelin-files").inputs["data"]["100-interpreter.yaml"]
    executor = named(recording, "zeppelin-interpreter-files").inputs["data"]["executor-spark.yaml"]
    assert f"{label}: spark" in executor


def test_people_read_their_limits_in_the_first_notebook(recorded):
    notebooks = named(recorded(document("prod")), "zeppelin-files").inputs["data"]["notebooks.json"]
    assert "6 interpreters at a time" in notebooks
    assert "24 executors for all your notebooks together" in notebooks


def test_monitoring_with_a_directory_wants_a_password_of_its_test_user(recorded):
    login = {"kind": "ldap", "url": "ldaps://ldap.example.org", "user_dn_template": "uid={0},ou=people,dc=example,dc=org"}
    login |= {"group_search_base": "ou=groups,dc=example,dc=org", "administrators_group": "gaia-admins"}
    data = document("prod")
    data["gaia-dmp:zeppelin"]["login"] = login
    data["gaia-dmp:outside"]["egress"][0]["who"] = ["notebooks", "server"]
    with pytest.raises(StackFileError, match=r"smoke_test\.password_secret"):
        recorded(data)
    data["gaia-dmp:monitoring"]["smoke_test"] = {"password_secret": "smoke-password"}
    assert named(recorded(data), "smoke-test-login").inputs["stringData"] == SECRET


@pytest.mark.parametrize(
    ("user", "profile", "words"),
    [
        ("alice", "large", "is already the login name of a person"),
        ("a-b", "large", "is already the login name of a person"),
        ("large-one", "large", "begins like the profile spark-large"),
    ],
)
def test_the_test_user_is_nobody_else(recorded, user, profile, words):
    data = document("prod")
    data["gaia-dmp:zeppelin"]["people"].append({"name": "a.b"})
    data["gaia-dmp:monitoring"]["smoke_test"] = {"user": user}
    with pytest.raises(StackFileError, match=words) as caught:
        recorded(data)
    assert "gaia-dmp:monitoring.smoke_test.user" in str(caught.value)


TLS_ENTRY = {"kind": "load_balancer", "hostname": "gaia.example.org", "tls": {"kind": "self_signed"}}


@pytest.mark.parametrize(
    ("entry", "address", "http2"),
    [(TLS_ENTRY, "sc://gaia.example.org:443", False), ({"kind": "none"}, "sc://localhost:8080", True)],
    ids=["load_balancer", "none"],
)
def test_spark_connect_changes_drivers_and_gateway_and_nothing_else(recorded, entry, address, http2):
    data = document("dev") | {"gaia-dmp:entry": entry}
    before, after = recorded(data), recorded(connected(data))
    known = {resource.urn: resource.inputs for resource in before.resources}
    differ = {resource.name for resource in after.resources if known.get(resource.urn) != resource.inputs}
    assert differ == {
        "entry-config",
        "spark-network-driver",
        "zeppelin-files",
        "zeppelin-interpreter-files",
        "zeppelin-network-gateway",
    }
    files = named(after, "entry-config").inputs["data"]
    assert 'if ($http_x_driver ~ "^(?=.{1,63}$)((spark|spark-small|spark-large)-' in files["way-connect.inc"]
    assert "grpc_pass grpc://$connect_driver.gaia-spark.svc.cluster.local:15002;" in files["way-connect.inc"]
    assert ("http2 on;" in files["way-connect.inc"]) is http2
    assert "@" not in files["way-connect.inc"].replace("@no-driver", "").replace("@driver-silent", "")
    # Twice would be refused by nginx.
    assert sum("http2 on;" in text for text in files.values()) == 1
    assert f'"connect": {{"address": "{address}", "port": 15002}}' in named(after, "zeppelin-files").inputs["data"]["100-interpreter.yaml"]
    assert "connect_url.py" in named(after, "zeppelin-interpreter-files").inputs["data"]
    assert "connect_url.py" not in named(before, "zeppelin-interpreter-files").inputs["data"]


def test_models_add_a_server_and_change_what_leads_there(recorded):
    data = changed("dev", "zeppelin.backup", {"target": {"kind": "share"}, "password_secret": "p"}) | {"gaia-dmp:images": MODEL_IMAGES}
    before, after = recorded(data), recorded(with_models(data))
    known = {resource.urn: resource.inputs for resource in before.resources}
    differ = {resource.name for resource in after.resources if resource.urn in known and known[resource.urn] != resource.inputs}
    assert differ == {
        "entry-config",
        "notebook-backup-backup-notebooks",
        "notebook-backup-restore-notebooks",
        "notebook-backup-script",
        "spark-network-driver",
        "spark-network-executor",
        "zeppelin-files",
        "zeppelin-interpreter-files",
        "zeppelin-network-gateway",
    }
    pod = named(after, "models-server").inputs["spec"]["template"]["spec"]
    assert [container["image"] for container in (*pod["initContainers"], *pod["containers"])] == [MODEL_IMAGES["mlflow"]] * 2
    way = named(after, "entry-config").inputs["data"]["way-models.inc"]
    assert "proxy_pass http://models.gaia-zeppelin.svc.cluster.local:5000$models_uri;" in way
    assert "@" not in way.replace("@models-login", "").replace("@-]", "")
    executor = named(after, "zeppelin-interpreter-files").inputs["data"]["executor-spark.yaml"]
    assert "value: http://models.gaia-zeppelin.svc:5000" in executor
    # The keys of the share, which stand in the namespace of the Ceph plug-in.
    secrets = [r for r in after.resources if r.urn not in known and r.inputs.get("kind") == "Secret"]
    assert {(r.name, r.inputs["metadata"]["namespace"]) for r in secrets} == {
        ("models-ceph-key", "gaia-csi"),
        ("models-prepare-ceph-key", "gaia-csi"),
    }


def test_models_rest_and_their_share_stays(recorded):
    data = with_models(document("dev"))
    away = recorded(data | {"gaia-dmp:models": {"store": {"kind": "share", "state": "away"}}})
    assert [r.name for r in away.resources if r.name.startswith("models")] == ["models", "models-share"]
    assert "way-models.inc" not in named(away, "entry-config").inputs["data"]


def test_the_gate_stands_before_models_as_well(recorded):
    gate = {"issuer_url": "https://iam.example.org/", "client_id": "gaia-dmp", "client_secret": "gate"}
    entry = {"kind": "load_balancer", "hostname": "z.example.org", "tls": {"kind": "self_signed"}, "gate": gate}
    outside = {"egress": [{"name": "iam", "cidr": "198.51.100.0/24", "ports": [443], "who": ["gate"]}]}
    data = with_models(document("dev"))
    for more, asked in (({}, '""'), ({"gaia-dmp:entry": entry, "gaia-dmp:outside": outside}, '"/oauth2/auth"')):
        way = named(recorded(data | more), "entry-config").inputs["data"]["way-models.inc"]
        assert f"set $models_gate {asked};" in way


def test_models_stand_still_where_another_stack_serves(recorded):
    data = with_models(changed("dev", "zeppelin.standby", True))
    assert named(recorded(data), "models-server").inputs["spec"]["replicas"] == 0
