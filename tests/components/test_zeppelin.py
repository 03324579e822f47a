"""The Zeppelin server: one writer, probed where it answers, its login secret, every setting that matters said."""

from dataclasses import replace

import pulumi
import pytest

from components.kubernetes.namespace import NamespaceRef
from components.storage.data_volume import CephFSVolumeArgs, DataVolume, DataVolumeArgs
from components.storage.writable_share import Home, StorageClass, WritableShare
from components.zeppelin.server import Zeppelin, ZeppelinArgs
from components.zeppelin.server_pod import server_environment
from recording import SECRET, Mode, Recording
from settings.values.zeppelin import NotebookVolume, ZeppelinSettings
from tests.support.notebooks import INTERPRETERS
from tests.support.programs import MODES, named, namespace_ref, record_component

ORIGIN = "https://zeppelin.example.org"
SETTINGS = ZeppelinSettings(notebooks=NotebookVolume(kind="storage_class", name="fast", size_gib=5), cores=2, memory_gib=4)


def args(spark: NamespaceRef, notebooks: Home) -> ZeppelinArgs:
    return ZeppelinArgs(
        server=SETTINGS,
        interpreters=INTERPRETERS,
        spark_namespace=spark,
        notebooks=notebooks,
        people=["admin", "alice"],
        administrators=["admin"],
        examples="{}",
        origin=ORIGIN,
    )


def recorded(mode: Mode = "update", *, share: bool = False) -> Recording:
    def program(opts: pulumi.ResourceOptions) -> None:
        spark = namespace_ref(opts, "gaia-spark")
        if not share:
            Zeppelin("zeppelin", args(spark, StorageClass(name="fast", size_gib=5)), opts)
            return
        keys = namespace_ref(opts, "gaia-csi")
        ceph = CephFSVolumeArgs(cluster_id="c", root_path="/a", ceph_id="writer", key="PLAIN-KEY")
        given = DataVolumeArgs(
            handle="h1",
            claim_name="notebooks",
            namespace="gaia-zeppelin",
            size_gib=5,
            source=ceph,
            access_mode="ReadWriteMany",
            read_only=False,
        )
        volume = DataVolume("notebooks", given, opts)
        prepare = DataVolume("prepare", replace(given, handle="h2", claim_name="prepare", namespace="gaia-csi"), opts)
        Zeppelin("zeppelin", args(spark, WritableShare(volume=volume, prepare=prepare, keys=keys, image="i:1")), opts)

    return record_component(program, mode)


def server(recording: Recording) -> dict:
    return named(recording, "zeppelin-server").inputs["spec"]


def test_one_server_writes_notebooks():
    spec = server(recorded())
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_probes_ask_where_zeppelin_answers():
    containers = {each["name"]: each for each in server(recorded())["template"]["spec"]["containers"]}
    container = containers["zeppelin"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/api/version"
    assert container["livenessProbe"]["exec"]["command"][-2:] == ["browsers=8080", "interpreters=12320"]
    assert containers["rpc-filter"]["livenessProbe"]["exec"]["command"][-1] == "interpreters=12322"


def test_the_service_has_the_names_that_zeppelin_looks_for():
    service = named(recorded(), "zeppelin-service").inputs
    assert service["metadata"]["name"] == "zeppelin-server"
    assert {port["name"]: port["port"] for port in service["spec"]["ports"]} == {"http": 8080, "rpc": 12320, "websocket": 8081}
    assert service["spec"].get("type") is None


def test_interpreters_meet_the_filter_and_by_the_number_that_zeppelin_tells_them():
    """A server that is back tells each interpreter its own port and ZEPPELIN_LOCAL_IP (RecoveryUtils.java, RemoteInterpreterUtils.java)."""
    recording = recorded()
    (rpc,) = [port for port in named(recording, "zeppelin-service").inputs["spec"]["ports"] if port["name"] == "rpc"]
    containers = server(recording)["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for each in containers for port in each.get("ports", ())}
    environment = named(recording, "zeppelin-config").inputs["data"]
    assert (rpc["port"], ports[rpc["targetPort"]]) == (12320, 12322)
    assert environment["ZEPPELIN_SERVER_RPC_PORTRANGE"] == "12320:12320"
    assert environment["ZEPPELIN_LOCAL_IP"] == "zeppelin-server.gaia-zeppelin.svc"


def test_settings_that_matter():
    environment = named(recorded(), "zeppelin-config").inputs["data"]
    expected = {
        "ZEPPELIN_RUN_MODE": "k8s",
        "ZEPPELIN_K8S_NAMESPACE": "gaia-spark",
        "ZEPPELIN_K8S_SERVICE_NAME": "zeppelin-server",
        "ZEPPELIN_K8S_CONTAINER_IMAGE": "apache/zeppelin:0.12.1",
        "ZEPPELIN_K8S_SPARK_CONTAINER_IMAGE": "apache/spark:3.5.8",
        "ZEPPELIN_SERVER_RPC_PORTRANGE": "12320:12320",
        "ZEPPELIN_K8S_TIMEOUT_DURING_PENDING": "false",
        "ZEPPELIN_INTERPRETER_CONNECT_TIMEOUT": "180000",
        "ZEPPELIN_INTERPRETER_INCLUDES": "spark,python,md",
        "ZEPPELIN_INTERPRETER_DIR": "/work/interpreter",
        "ZEPPELIN_RECOVERY_STORAGE_CLASS": "org.apache.zeppelin.interpreter.recovery.LocalRecoveryStorage",
        "ZEPPELIN_INTERPRETER_LIFECYCLE_MANAGER_CLASS": "org.apache.zeppelin.interpreter.lifecycle.TimeoutLifecycleManager",
        "ZEPPELIN_INTERPRETER_LIFECYCLE_MANAGER_TIMEOUT_THRESHOLD": "3600000",
        "ZEPPELIN_NOTEBOOK_PUBLIC": "false",
        "ZEPPELIN_ALLOWED_ORIGINS": "https://zeppelin.example.org",
        "ZEPPELIN_MEM": "-Xmx3072m",
    }
    assert expected.items() <= environment.items()
    for key in ("ZEPPELIN_CONFIG_FS_DIR", "ZEPPELIN_NOTEBOOK_DIR", "ZEPPELIN_RECOVERY_DIR"):
        assert environment[key].startswith("/notebooks/")  # what must survive a restart
    assert "ZEPPELIN_CREDENTIALS_ENCRYPT_KEY" not in environment


def test_every_setting_is_text():
    environment = server_environment(INTERPRETERS, ORIGIN, SETTINGS.memory_gib)
    assert all(isinstance(value, str) for value in environment.values())


@pytest.mark.parametrize("mode", MODES)
def test_login_is_secret(mode):
    recording = recorded(mode)
    data = named(recording, "zeppelin-login").inputs["stringData"]
    if mode == "update":
        assert data == SECRET or set(data.values()) == {SECRET}
    assert "$shiro1$" not in recording.to_json()


def test_notebooks_on_a_volume_of_a_class():
    claim = named(recorded(), "zeppelin-notebooks").inputs["spec"]
    assert (claim["storageClassName"], claim["resources"]) == ("fast", {"requests": {"storage": "5Gi"}})


def test_notebooks_on_a_share_are_writable_and_made_so_once():
    recording = recorded(share=True)
    volume = named(recording, "notebooks-volume").inputs["spec"]
    assert (volume["accessModes"], volume["csi"]["readOnly"]) == (["ReadWriteMany"], False)
    job = named(recording, "zeppelin-prepare-job").inputs
    assert job["metadata"]["namespace"] == "gaia-csi"  # under `restricted` nobody may change an owner
    assert job["metadata"]["annotations"] == {"pulumi.com/waitFor": "jsonpath={.metadata.uid}"}
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["CHOWN", "FOWNER"]}
    assert "chown 1000:0 /share" in container["command"][-1]
    claims = {
        v["persistentVolumeClaim"]["claimName"] for v in server(recording)["template"]["spec"]["volumes"] if "persistentVolumeClaim" in v
    }
    assert claims == {"notebooks"}


def test_a_changed_file_restarts_the_server():
    """ConfigMaps and the login have no name of ours: a change makes a new one, and the Pod that names it is new, too."""
    spec = server(recorded())["template"]["spec"]
    names = {volume["configMap"]["name"] for volume in spec["volumes"] if "configMap" in volume}
    names |= {volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
    names |= {source["configMapRef"]["name"] for source in spec["containers"][0]["envFrom"]}
    assert sorted(name[:-9] for name in names) == ["zeppelin-config", "zeppelin-files", "zeppelin-login"]
