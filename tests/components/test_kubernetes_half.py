"""What runs inside the cluster: rights, bounds, read-only data, the server, the way in."""

import json

import pulumi
import pytest

from components.access.certificate import GivenTls
from components.access.gateway import Gateway, GatewayArgs, LoadBalancer
from components.spark.namespace import SparkNamespace, SparkNamespaceArgs
from components.spark.rbac import SparkRBAC, SparkRBACArgs
from components.storage.ceph_csi import CephCSI, CephCSIArgs
from components.storage.data_volume import CephFSVolumeArgs, DataVolume, DataVolumeArgs
from recording import SECRET, Mode
from settings.values.dataset import CsiVolume, NfsExport
from settings.values.entry import CertManagerTls, IngressEntry, SelfSignedTls
from settings.values.spark import PerPerson, PodSize, Quota, SparkSettings
from tests.support.programs import MODES, named, namespace_ref, only, record_component

CEPH = CephFSVolumeArgs(
    cluster_id="c1",
    root_path="/volumes/a",
    ceph_id="reader",
    key="PLAIN-KEY",
    fs_name=None,
)
SPARK = SparkSettings(
    pool="spark",
    driver=PodSize(cores=2, memory_gib=3, overhead_gib=1, scratch_gib=8),
    executor=PodSize(cores=2, memory_gib=4, overhead_gib=2, scratch_gib=10),
    max_executors=4,
    quota=Quota(cores=14, memory_gib=56, scratch_gib=80, pods=50),
    per_person=PerPerson(interpreters=3),
)


class TestSparkRBAC:
    def recorded(self):
        def program(opts: pulumi.ResourceOptions) -> None:
            SparkRBAC("rbac", SparkRBACArgs(namespace=namespace_ref(opts), people=["alice"]), opts)

        return record_component(program)

    def test_the_driver_may_do_this_and_nothing_else(self):
        rules = named(self.recorded(), "rbac-spark-driver-role").inputs["rules"]
        assert {rule["resources"][0]: set(rule["verbs"]) for rule in rules} == {
            "pods": {"create", "get", "list", "watch", "delete", "deletecollection"},
            "configmaps": {"create", "deletecollection"},
        }
        assert all(rule["apiGroups"] == [""] and len(rule["resources"]) == 1 for rule in rules)

    def test_the_server_may_do_this_and_nothing_else(self):
        rules = named(self.recorded(), "rbac-zeppelin-server-role").inputs["rules"]
        assert {rule["resources"][0]: set(rule["verbs"]) for rule in rules} == {
            "pods": {"create", "get", "list", "watch", "delete"},
            "services": {"create", "get", "delete"},
        }

    def test_executors_and_other_interpreters_are_bound_to_nothing(self):
        bindings = self.recorded().of_type("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding")
        subjects = [(subject["namespace"], subject["name"]) for binding in bindings for subject in binding.inputs["subjects"]]
        assert sorted(subjects) == [
            ("gaia-zeppelin", "interpreter-cleaner"),
            ("gaia-zeppelin", "zeppelin-server"),
            ("ns", "spark-driver"),
            ("ns", "spark-driver-alice"),
        ]

    def test_nothing_is_cluster_wide_and_no_account_has_a_token_by_itself(self):
        recording = self.recorded()
        assert not [r for r in recording.resources if "ClusterRole" in r.type]
        accounts = recording.of_type("kubernetes:core/v1:ServiceAccount")
        assert {account.inputs["metadata"]["name"] for account in accounts} == {
            "spark-driver",
            "spark-driver-alice",
            "spark-executor",
            "interpreter",
        }
        assert all(account.inputs["automountServiceAccountToken"] is False for account in accounts)


class TestSparkNamespace:
    def recorded(self, **changes):
        return record_component(lambda opts: SparkNamespace("spark", SparkNamespaceArgs(spark=SPARK, **changes), opts))

    def test_pod_security_is_restricted(self):
        labels = only(self.recorded(), "kubernetes:core/v1:Namespace").inputs["metadata"]["labels"]
        levels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
        assert labels == levels | {"app.kubernetes.io/part-of": "gaia-dmp-test"}

    def test_quota_bounds_requests_and_limits(self):
        """Alike, but for processor: every driver may use twice what it requests."""
        hard = only(self.recorded(), "kubernetes:core/v1:ResourceQuota").inputs["spec"]["hard"]
        assert (hard["requests.cpu"], hard["limits.cpu"]) == ("14000m", "56000m")
        for kind in ("requests", "limits"):
            assert (hard[f"{kind}.memory"], hard[f"{kind}.ephemeral-storage"]) == ("57344Mi", "81920Mi")
        assert (hard["pods"], hard["services.loadbalancers"], hard["services.nodeports"]) == ("50", "0", "0")

    def test_a_person_has_classes_and_quotas_of_their_own(self):
        recording = self.recorded(people=["alice"])
        quotas = {q.inputs["metadata"]["name"]: q.inputs["spec"] for q in recording.of_type("kubernetes:core/v1:ResourceQuota")}
        assert quotas["driver-alice"]["hard"] == {"pods": "3"}
        amounts = {f"{kind}.{key}": value for kind in ("requests", "limits") for key, value in (("cpu", "8"), ("memory", "24Gi"))}
        assert quotas["executor-alice"]["hard"] == {"pods": "4"} | amounts
        (scope,) = quotas["executor-alice"]["scopeSelector"]["matchExpressions"]
        assert scope == {"scopeName": "PriorityClass", "operator": "In", "values": ["gaia-spark-executor-alice"]}
        values = {
            c.inputs["metadata"]["name"]: c.inputs["value"] for c in recording.of_type("kubernetes:scheduling.k8s.io/v1:PriorityClass")
        }
        assert values["gaia-spark-driver-alice"] == values["gaia-spark-driver"]

    def test_executors_wait_rather_than_push_out(self):
        classes = self.recorded().of_type("kubernetes:scheduling.k8s.io/v1:PriorityClass")
        by_name = {c.inputs["metadata"]["name"]: (c.inputs["value"], c.inputs["preemptionPolicy"]) for c in classes}
        assert by_name["gaia-spark-executor"] == (1_000, "Never")
        assert by_name["gaia-spark-server"][0] > by_name["gaia-spark-driver"][0] > 1_000

    def test_the_pull_secret_is_the_only_secret(self):
        assert self.recorded().of_type("kubernetes:core/v1:Secret") == []
        recording = self.recorded(login="PLAIN-LOGIN")
        assert only(recording, "kubernetes:core/v1:Secret").inputs["type"] == "kubernetes.io/dockerconfigjson"


class TestCephCSI:
    """Compared with the manifests of ceph-csi (deploy/cephfs/kubernetes, node plug-in and its RBAC), field by field where it matters."""

    def recorded(self, mode: Mode = "update", **changes):
        args = {
            "image": "csi:1",
            "registrar_image": "registrar:1",
            "monitors": {"gdr3": ["a:6789", "b:6789"]},
        } | changes
        return record_component(lambda opts: CephCSI("csi", CephCSIArgs(**args), opts), mode)

    def test_the_namespace_is_the_one_privileged_place(self):
        labels = only(self.recorded(), "kubernetes:core/v1:Namespace").inputs["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "privileged"

    def test_the_account_may_read_its_node_and_no_secret(self):
        recording = self.recorded()
        rules = only(recording, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole").inputs["rules"]
        assert rules == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}]
        assert [r for r in recording.resources if r.type.endswith((":Role", ":RoleBinding"))] == []

    def test_the_driver_object_attaches_nothing_and_changes_no_owner(self):
        driver = only(self.recorded(), "kubernetes:storage.k8s.io/v1:CSIDriver").inputs
        assert driver["metadata"]["name"] == "cephfs.csi.ceph.com"
        assert driver["spec"] == {"attachRequired": False, "podInfoOnMount": False, "fsGroupPolicy": "None", "seLinuxMount": True}

    def test_a_mount_that_is_a_process_outlives_an_update(self):
        def strategy(**changes):
            return only(self.recorded(**changes), "kubernetes:apps/v1:DaemonSet").inputs["spec"].get("updateStrategy")

        assert strategy(mounter="fuse") == {"type": "OnDelete"}
        assert strategy() is None

    def test_the_node_plug_in_is_that_of_upstream(self):
        pod = only(self.recorded(), "kubernetes:apps/v1:DaemonSet").inputs["spec"]["template"]["spec"]
        assert (pod["hostNetwork"], pod["hostPID"], pod["dnsPolicy"], pod["priorityClassName"]) == (
            True,
            True,
            "ClusterFirstWithHostNet",
            "system-node-critical",
        )
        plugin, registrar = pod["containers"]
        assert plugin["securityContext"] == {"privileged": True, "allowPrivilegeEscalation": True, "capabilities": {"add": ["SYS_ADMIN"]}}
        assert {
            "--type=cephfs",
            "--nodeserver=true",
            "--drivername=cephfs.csi.ceph.com",
            "--nodeid=$(NODE_ID)",
            "--endpoint=$(CSI_ENDPOINT)",
        } <= set(plugin["args"])
        assert not [arg for arg in plugin["args"] if "controllerserver" in arg]
        environment = {e["name"]: e.get("value") or e["valueFrom"]["fieldRef"]["fieldPath"] for e in plugin["env"]}
        assert environment == {
            "POD_IP": "status.podIP",
            "NODE_ID": "spec.nodeName",
            "CSI_ENDPOINT": "unix:///csi/csi.sock",
            "POD_NAMESPACE": "metadata.namespace",
        }
        mounts = {m["name"]: (m["mountPath"], m.get("mountPropagation")) for m in plugin["volumeMounts"]}
        assert mounts["mountpoint-dir"] == ("/var/lib/kubelet/pods", "Bidirectional")
        assert mounts["plugin-dir"] == ("/var/lib/kubelet/plugins", "Bidirectional")
        assert mounts["socket-dir"][0] == "/csi"
        assert mounts["ceph-csi-config"][0] == "/etc/ceph-csi-config/"
        assert mounts["keys-tmp-dir"][0] == "/tmp/csi/keys"
        assert "--kubelet-registration-path=/var/lib/kubelet/plugins/cephfs.csi.ceph.com/csi.sock" in registrar["args"]
        volumes = {v["name"]: v for v in pod["volumes"]}
        assert set(volumes) == {m["name"] for c in pod["containers"] for m in c["volumeMounts"]}
        assert volumes["registration-dir"]["hostPath"] == {"path": "/var/lib/kubelet/plugins_registry/", "type": "Directory"}
        assert volumes["keys-tmp-dir"]["emptyDir"] == {"medium": "Memory"}

    def test_monitors_of_every_share_are_in_the_configuration(self):
        data = named(self.recorded(monitors={"b": ["m:1"], "a": ["n:2"]}), "csi-config").inputs["data"]
        assert json.loads(data["config.json"]) == [{"clusterID": "a", "monitors": ["n:2"]}, {"clusterID": "b", "monitors": ["m:1"]}]

    def test_a_new_share_leaves_the_running_plug_in_alone(self):
        """Seen under a real engine: tied to its ConfigMap, the plug-in was deleted and made again for each new dataset."""
        daemon_set = only(self.recorded("preview"), "kubernetes:apps/v1:DaemonSet")
        volumes = {v["name"]: v for v in daemon_set.inputs["spec"]["template"]["spec"]["volumes"]}
        assert volumes["ceph-csi-config"]["configMap"]["name"] == "ceph-csi-config"
        assert self.recorded(monitors={}).of_type("kubernetes:apps/v1:DaemonSet")[0].inputs == daemon_set.inputs

    def test_where_the_site_ships_it_only_the_namespace_of_the_keys_is_made(self):
        recording = self.recorded(install=False)
        assert [r.name for r in recording.resources if r.type.startswith("kubernetes:")] == ["csi-namespace"]


class TestDataVolume:
    def recorded(self, source: CephFSVolumeArgs | NfsExport | CsiVolume = CEPH, mode: Mode = "update", **changes):
        def program(opts: pulumi.ResourceOptions) -> None:
            args = DataVolumeArgs(
                **({"handle": "gaia-spark-x", "claim_name": "data-x", "namespace": "spark", "size_gib": 10, "source": source} | changes)
            )
            volume = DataVolume("data", args, opts)
            volume.bind(namespace_ref(opts, "spark"), namespace_ref(opts, "gaia-csi"))

        return record_component(program, mode)

    @pytest.mark.parametrize("mode", MODES)
    def test_read_only_by_mode_and_by_volume_and_kept(self, mode):
        spec = only(self.recorded(mode=mode), "kubernetes:core/v1:PersistentVolume").inputs["spec"]
        assert spec["accessModes"] == ["ReadOnlyMany"]
        assert spec["csi"]["readOnly"] is True
        assert spec["persistentVolumeReclaimPolicy"] == "Retain"
        assert spec["storageClassName"] == ""
        assert spec["claimRef"] == {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "spark", "name": "data-x"}
        assert spec["capacity"] == {"storage": "10Gi"}

    def test_the_volume_is_static_and_names_its_key(self):
        csi = only(self.recorded(), "kubernetes:core/v1:PersistentVolume").inputs["spec"]["csi"]
        assert csi["volumeAttributes"] == {"clusterID": "c1", "rootPath": "/volumes/a", "staticVolume": "true"}
        assert csi["nodeStageSecretRef"] == {"name": "ceph-key-gaia-spark-x", "namespace": "gaia-csi"}
        assert csi["volumeHandle"] == "gaia-spark-x"

    def test_a_file_system_of_several_is_named(self):
        source = CephFSVolumeArgs(cluster_id="c1", root_path="/a", ceph_id="reader", key="PLAIN-KEY", fs_name="cephfs2")
        csi = only(self.recorded(source), "kubernetes:core/v1:PersistentVolume").inputs["spec"]["csi"]
        assert csi["volumeAttributes"]["fsName"] == "cephfs2"

    def test_the_switch_to_read_write_many(self):
        spec = only(self.recorded(access_mode="ReadWriteMany"), "kubernetes:core/v1:PersistentVolume").inputs["spec"]
        assert (spec["accessModes"], spec["csi"]["readOnly"]) == (["ReadWriteMany"], False)

    def test_the_key_stays_in_the_namespace_of_keys_and_out_of_sight(self):
        recording = self.recorded()
        secret = only(recording, "kubernetes:core/v1:Secret").inputs
        assert secret["metadata"]["namespace"] == "gaia-csi"
        assert secret["stringData"] == SECRET or secret["stringData"]["userKey"] == SECRET
        assert "PLAIN-KEY" not in recording.to_json()

    def test_the_claim_goes_with_its_namespace_and_moves_with_its_volume(self):
        claim = only(self.recorded(), "kubernetes:core/v1:PersistentVolumeClaim")
        assert claim.options["deletedWith"].endswith("::spark")
        assert claim.options["replaceOnChanges"] == ["spec.accessModes", "spec.volumeName"]
        assert claim.inputs["spec"]["volumeName"].startswith("data-volume-")

    def test_a_grown_share_replaces_neither_volume_nor_claim(self):
        recording = self.recorded()
        assert only(recording, "kubernetes:core/v1:PersistentVolume").options["ignoreChanges"] == ["spec.capacity"]
        assert only(recording, "kubernetes:core/v1:PersistentVolumeClaim").options["ignoreChanges"] == ["spec.resources"]

    def test_the_volume_depends_on_no_namespace(self):
        """The other way round a destroy waits for ever: volume for claim, claim for namespace, namespace for volume."""
        options = only(self.recorded(), "kubernetes:core/v1:PersistentVolume").options
        assert not [urn for urn in options.get("dependencies", []) if "Namespace" in urn]

    def test_nfs_and_any_csi_volume(self):
        nfs = only(self.recorded(NfsExport(kind="nfs", server="nfs", path="/export")), "kubernetes:core/v1:PersistentVolume").inputs["spec"]
        assert nfs["nfs"] == {"server": "nfs", "path": "/export", "readOnly": True}
        source = CsiVolume(kind="csi", driver="efs.csi.aws.com", volume_handle="fs-1")
        csi = only(self.recorded(source), "kubernetes:core/v1:PersistentVolume").inputs["spec"]["csi"]
        assert csi == {"driver": "efs.csi.aws.com", "volumeHandle": "fs-1", "readOnly": True}


class TestGateway:
    def recorded(self, exposure=None, tls=None):
        def program(opts: pulumi.ResourceOptions) -> None:
            args = GatewayArgs(
                namespace=namespace_ref(opts),
                url="https://zeppelin.example.org",
                hostname="zeppelin.example.org",
                spark_settings=["spark", "spark-large"],
                image="nginx:1",
                exposure=exposure
                or LoadBalancer(address="198.51.100.10", annotations={"loadbalancer.openstack.org/keep-floatingip": "true"}),
                tls=tls or GivenTls(certificate="PLAIN-CERT", key="PLAIN-KEY"),
            )
            Gateway("entry", args, opts)

        return record_component(program, "update")

    def test_the_load_balancer_takes_our_floating_ip_and_leaves_it(self):
        service = named(self.recorded(), "entry-service")
        assert service.inputs["spec"]["type"] == "LoadBalancer"
        assert service.inputs["spec"]["loadBalancerIP"] == "198.51.100.10"
        assert service.inputs["metadata"]["annotations"] == {"loadbalancer.openstack.org/keep-floatingip": "true"}
        assert "deletedWith" not in service.options  # it must go while the cluster lives

    def test_who_may_come(self):
        service = named(self.recorded(LoadBalancer(allowed_cidrs=["192.0.2.0/24"])), "entry-service")
        assert service.inputs["spec"]["loadBalancerSourceRanges"] == ["192.0.2.0/24"]

    def test_the_gateway_is_restricted(self):
        pod = named(self.recorded(), "entry-gateway").inputs["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["containers"][0]["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }

    def test_certificate_and_key_are_secret(self):
        recording = self.recorded()
        assert named(recording, "entry-tls").inputs["type"] == "kubernetes.io/tls"
        assert "PLAIN-" not in recording.to_json()

    def test_behind_an_ingress_the_gateway_speaks_plain_and_still_filters(self):
        tls = SelfSignedTls(kind="self_signed")
        recording = self.recorded(IngressEntry(kind="ingress", hostname="zeppelin.example.org", class_name="nginx", tls=tls))
        ingress = named(recording, "entry-ingress").inputs["spec"]
        assert ingress["ingressClassName"] == "nginx"
        assert ingress["tls"][0]["hosts"] == ["zeppelin.example.org"]
        assert ingress["rules"][0]["http"]["paths"][0]["backend"]["service"] == {"name": "gateway", "port": {"name": "http"}}
        data = named(recording, "entry-config").inputs["data"]
        assert "ssl_certificate" not in data["default.conf"]
        assert "metrics|ping|health" in data["locations.inc"]

    def test_cert_manager_is_asked_for_a_certificate(self):
        recording = self.recorded(tls=CertManagerTls(kind="cert_manager", issuer="letsencrypt", issuer_kind="ClusterIssuer"))
        certificate = named(recording, "entry-certificate").inputs
        assert (certificate["apiVersion"], certificate["kind"]) == ("cert-manager.io/v1", "Certificate")
        assert certificate["spec"]["issuerRef"] == {"name": "letsencrypt", "kind": "ClusterIssuer"}

    def test_self_signed(self):
        recording = self.recorded(tls=SelfSignedTls(kind="self_signed", valid_days=90))
        certificate = only(recording, "tls:index/selfSignedCert:SelfSignedCert").inputs
        assert (certificate["dnsNames"], certificate["validityPeriodHours"]) == (["zeppelin.example.org"], 2160)
