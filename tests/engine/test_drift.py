"""`gaia drift` on what the real engine made and exports: a dozen edits by hand are found and put back, and then nothing is left to do."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cli.main import main
from operate.api import Api, Object
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.engine.platform import Platform
from tests.support.eventually import eventually
from tests.support.stack_files import document

RIGHTS, NETWORKS = "rbac.authorization.k8s.io/v1", "networking.k8s.io/v1"


def item(version: str, kind: str, namespace: str, name: str) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace, "name": name}}


def edited(api: Api, version: str, kind: str, namespace: str, name: str, change: Callable[[Any], None]) -> None:
    found = api.get(item(version, kind, namespace, name))
    assert found, name
    change(found)
    api.replace(found, dry_run=False)


def wider_role(role: Any) -> None:
    role["rules"].append({"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]})


def wider_binding(binding: Any) -> None:
    binding["subjects"].append({"kind": "ServiceAccount", "name": "default", "namespace": "kube-system"})


def wider_network(policy: Any) -> None:
    policy["spec"]["egress"] = [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]
    policy["spec"]["policyTypes"] = ["Ingress", "Egress"]


def other_image(workload: Any) -> None:
    workload["spec"]["template"]["spec"]["containers"][0]["image"] = "example.org/other:1"


def more_quota(quota: Any) -> None:
    quota["spec"]["hard"] = dict.fromkeys(quota["spec"]["hard"], "999")


def kubernetes(api: Api, names: Callable[[str], list[list[str]]]) -> set[str]:
    """Ten edits inside the cluster. names: namespace and name of what the stack has of a kind. Returns what was touched."""
    edits: list[tuple[str, str, Callable[[Any], None]]] = [
        (RIGHTS, "Role", wider_role),
        (RIGHTS, "RoleBinding", wider_binding),
        (NETWORKS, "NetworkPolicy", wider_network),
        ("apps/v1", "DaemonSet", other_image),
        ("apps/v1", "Deployment", other_image),
        ("v1", "ResourceQuota", more_quota),
        ("v1", "ConfigMap", lambda config: config["data"].update(extra="1")),
    ]
    touched = set()
    for version, kind, change in edits:
        namespace, name = names(f"{version}:{kind}")[0]
        edited(api, version, kind, namespace, name, change)
        touched.add(name)
    namespace, name = names("v1:Service")[0]
    api.delete(item("v1", "Service", namespace, name))
    granted = item(RIGHTS, "RoleBinding", "gaia-zeppelin", "by-hand") | {
        "subjects": [{"kind": "ServiceAccount", "name": "spark-driver", "namespace": "gaia-spark"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
    }
    open_network = item(NETWORKS, "NetworkPolicy", "gaia-spark", "open") | {
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}
    }
    for made in (granted, open_network):
        api.apply(made, "somebody")
    return {*touched, name, "by-hand", "open"}


def test_what_somebody_edits_is_found_and_put_back(
    cloud: Cloud, platform: Callable[..., Platform], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    dev = platform("dev", document("dev"))
    first = dev.up()
    assert not first.error, first.output[-3000:]
    for name, value in dev.environment.items():
        monkeypatch.setenv(name, value)

    def drift(*words: str) -> tuple[int, dict[str, Any]]:
        code = main(["drift", "dev", "--json", "--folder", str(dev.folder), *words])
        return code, json.loads(capsys.readouterr().out)

    code, found = drift()
    assert found["differences"] == []
    ids = dev.ids()
    inside = [(urn.split("::")[2].split("$")[-1], identity) for urn, identity in dev.urns().items()]

    def names(kind: str) -> list[list[str]]:
        version = kind.replace("v1:", "core/v1:") if kind.startswith("v1:") else kind
        return sorted(identity.split("/") for type_, identity in inside if type_ == f"kubernetes:{version}" and "/" in identity)

    api = Api(dev.outputs()["kubeconfig"])
    touched = kubernetes(api, names)
    shares = project.shared_file_system
    share = shares.get_share(ids["data-sample-share"])
    body = {"extend": {"new_size": 11}}
    shares.post(f"/shares/{share.id}/action", json=body, microversion="2.7").raise_for_status()
    eventually(lambda: shares.get_share(share.id).status == "available")
    rule = shares.create_access_rule(share.id, access_type="cephx", access_to="somebody", access_level="rw")
    (group,) = project.network.security_groups(name="default", project_id=project.current_project_id)
    hole = project.network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", protocol="tcp", port_range_min=22, port_range_max=22, remote_ip_prefix="0.0.0.0/0"
    )
    project.network.update_subnet(ids["network-subnet"], dns_nameservers=["192.0.2.1"])

    code, found = drift()
    assert code == 1
    text = json.dumps(found)
    assert [name for name in touched if name not in text] == []
    told = {each["name"]: each["operation"] for each in found["differences"]}
    assert told["data-sample-share"] == told["network-subnet"] == "update"
    assert told["gaia-dmp-dev-sample: somebody"] == told["default: tcp 22"] == "create"
    wider = " ".join(each["text"] for each in found["wider"])
    for word in ("secrets", "spark-driver", "0.0.0.0/0", "somebody may read and write share", "lets in tcp 22 from 0.0.0.0/0"):
        assert word in wider, (word, wider)

    drift("--mend")
    shares.delete_access_rule(rule.id, share.id)
    project.network.delete_security_group_rule(hole.id)
    left = drift()[1]["differences"]
    # OpenStack is the engine's. A share does not shrink: the stack file takes over its size.
    assert {each["name"] for each in left} == {"data-sample-share", "network-subnet"}
    dev.data["gaia-dmp:datasets"][0]["source"]["size_gib"] = 11
    mended = dev.up(refresh=True)
    assert not mended.error, mended.output[-3000:]
    assert drift()[1]["differences"] == []
    assert set(dev.up(refresh=True).ops.values()) == {"refresh"}
    assert {name: dev.ids()[name] for name in ids} == ids
