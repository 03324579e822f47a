"""The three real stacks, whole: what must hold of every resource, and a snapshot of each for people to review."""

import json
import re
from dataclasses import replace

import jsonschema_rs
import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from components.observability.dashboards import dashboard_files
from preview import manifests
from preview.run import PLACEHOLDER
from recording import Mode, Recording
from recording.schema import SCHEMA
from tests.support.programs import MODES, named, record_stack
from tests.support.reviewable import TextFile, generated, readable, reviewable
from tests.support.stack_files import STACKS

CASES: list[tuple[str, Mode]] = [(stack, mode) for stack in STACKS for mode in MODES]


@pytest.fixture(scope="module")
def recordings() -> dict[tuple[str, Mode], Recording]:
    return {(stack, mode): record_stack(stack, mode) for stack, mode in CASES}


@pytest.fixture(params=CASES, ids=["-".join(case) for case in CASES])
def recording(request, recordings) -> Recording:
    return recordings[request.param]


@pytest.mark.parametrize("stack", STACKS)
def test_snapshot(stack, recordings, snapshot):
    """Changed on purpose? `.venv/bin/python -m pytest tests/stacks --snapshot-update`, and look at the diff."""
    assert reviewable(recordings[stack, "preview"]) == snapshot(extension_class=JSONSnapshotExtension, name=stack)


def test_snapshots_of_generated_files(recordings, snapshot):
    """Interpreters, templates, dashboards: what the program writes and Pods read."""
    texts = generated({stack: recordings[stack, "preview"] for stack in STACKS})
    assert {name for name in texts if name.startswith("monitoring-")} == {f"monitoring-dashboards {each}" for each in dashboard_files()}
    for name, text in texts.items():
        assert readable(text) == snapshot(extension_class=TextFile, name=name)


def test_a_changed_text_shows_in_the_snapshot_of_its_stack(recordings):
    recording = recordings["dev", "preview"]
    before = reviewable(recording)
    config = named(recording, "zeppelin-files").inputs
    changed = dict(config, data=config["data"] | {"interpreter.json": config["data"]["interpreter.json"] + " "})
    resources = [replace(each, inputs=changed) if each.inputs is config else each for each in recording.resources]
    after = reviewable(replace(recording, resources=resources))
    differ = [old["name"] for old, new in zip(before["resources"], after["resources"], strict=True) if old["inputs"] != new["inputs"]]
    assert differ == ["zeppelin-files"]


def test_every_child_is_named_after_its_component(recording):
    by_urn = {resource.urn: resource for resource in recording.resources}
    components = [resource for resource in recording.resources if not resource.custom]
    assert components
    for resource in recording.resources:
        if resource.parent:
            assert resource.name.startswith(f"{by_urn[resource.parent].name}-"), resource.urn
        else:
            assert not resource.custom or resource.type.startswith("pulumi:providers:"), resource.urn


def test_every_component_registers_its_outputs(recording):
    assert [resource.urn for resource in recording.resources if not resource.custom and not resource.outputs] == []


def test_every_resource_and_query_has_an_explicit_provider(recording):
    providers = {resource.urn for resource in recording.resources if resource.type.startswith("pulumi:providers:")}
    for resource in recording.resources:
        if resource.custom and resource.urn not in providers:
            assert resource.provider in providers, resource.urn
    assert {invoke.provider for invoke in recording.invokes} <= providers


def test_no_secret_stands_in_plain_text(recording):
    text = recording.to_json()
    assert PLACEHOLDER not in text
    assert "key-of-" not in text  # Ceph keys of preview/answers.py
    assert "kind: Config" not in text  # its kubeconfig
    password = ("zeppelin-administrator" * 8)[:24]  # its random password
    assert password not in text
    assert "$shiro1$" not in text


def test_the_recording_has_its_published_form(recording):
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors(json.loads(recording.to_json()))] == []


def test_every_object_is_in_the_strict_schema(recording):
    assert manifests.check(manifests.of(recording), recording.kubernetes_version) == []


def test_images_are_fixed(recording):
    images = re.findall(r'"image": "([^"]+)"', recording.to_json())
    containers = [image for image in images if "/" in image]
    assert containers
    for image in containers:
        assert re.search(r":[^/:]+$|@sha256:[0-9a-f]{64}$", image), image
        assert ":latest" not in image


def test_whatever_lives_in_a_namespace_is_deleted_with_it(recording):
    """But load balancers, Ingresses and claims of a storage class, which must go while the cluster lives, and who uses such a claim."""
    alone = {("Service", "LoadBalancer"), ("Ingress", None)}
    claims = {
        r.urn for r in recording.resources if r.inputs.get("kind") == "PersistentVolumeClaim" and "volumeName" not in r.inputs["spec"]
    }
    for resource in recording.resources:
        inputs = resource.inputs
        if resource.type.startswith("kubernetes:") and inputs["metadata"].get("namespace"):
            kind = (inputs["kind"], inputs.get("spec", {}).get("type") if inputs["kind"] == "Service" else None)
            dynamic = resource.urn in claims or (inputs["kind"] == "Deployment" and bool(claims & set(resource.options["dependencies"])))
            assert ("deletedWith" in resource.options) == (kind not in alone and not dynamic), resource.urn
            if "deletedWith" in resource.options:
                owner = named(recording, resource.options["deletedWith"].rsplit("::", 1)[-1])
                assert owner.inputs["metadata"]["name"] == inputs["metadata"]["namespace"], resource.urn


def test_volumes_outlive_the_namespaces_that_claim_them_and_the_plug_in_outlives_both(recording):
    """Deletion goes against dependencies: whoever depends goes first."""
    by_urn = {resource.urn: resource for resource in recording.resources}

    def needs(urn: str, seen: set[str]) -> set[str]:
        resource = by_urn.get(urn)
        for below in [
            *(resource.options.get("dependencies", []) if resource else []),
            *([resource.parent] if resource and resource.parent else []),
        ]:
            if below not in seen:
                seen.add(below)
                needs(below, seen)
        return seen

    volumes = [r.urn for r in recording.resources if r.inputs.get("kind") == "PersistentVolume"]
    plugin = [r.urn for r in recording.resources if r.name == "ceph-csi-node-plugin"]
    for resource in recording.resources:
        if resource.inputs.get("kind") == "Namespace":
            assert set(volumes) <= needs(resource.urn, set()), resource.urn
            if resource.inputs["metadata"]["name"] != "gaia-csi":
                assert set(plugin) <= needs(resource.urn, set()), resource.urn


def test_pods_are_restricted_everywhere_but_in_the_namespace_of_the_plug_in(recording):
    pods = [r for r in recording.resources if r.inputs.get("kind") in ("Deployment", "Job", "DaemonSet")]
    assert pods
    for resource in pods:
        pod = resource.inputs["spec"]["template"]["spec"]
        assert pod["enableServiceLinks"] is False
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["resources"]["limits"], resource.urn
            if resource.inputs["metadata"]["namespace"] != "gaia-csi":
                assert pod["securityContext"]["runAsNonRoot"] is True
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
                assert container["securityContext"]["readOnlyRootFilesystem"] is True
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_job_that_is_replaced_is_gone_before_the_next_has_its_name(recording):
    """The provider does not wait for the deletion of a Job with `skipAwait`, and the API server refuses the next of the same name."""
    jobs = [resource.inputs["metadata"] for resource in recording.resources if resource.inputs.get("kind") == "Job"]
    assert bool(jobs) is (recording.stack != "local")
    assert [each["name"] for each in jobs if "pulumi.com/skipAwait" in each["annotations"]] == []


def test_one_pod_has_a_token_beside_the_plug_in(recording):
    tokens = {
        resource.name
        for resource in recording.resources
        if resource.inputs.get("kind") in ("Deployment", "Job", "DaemonSet")
        and resource.inputs["spec"]["template"]["spec"].get("automountServiceAccountToken") is not False
    }
    assert tokens <= {"zeppelin-server", "ceph-csi-node-plugin"}
    assert "zeppelin-server" in tokens


def test_ceph_keys_stay_in_their_namespace(recording):
    for resource in recording.resources:
        if resource.inputs.get("kind") == "Secret" and resource.name.endswith("ceph-key"):
            assert resource.inputs["metadata"]["namespace"] == "gaia-csi"
        elif resource.inputs.get("kind") == "Secret":
            assert resource.inputs["metadata"]["namespace"] != "gaia-spark" or resource.name.endswith("pull-secret")


class TestProduction:
    def test_what_holds_data_is_protected_and_kept(self, recordings):
        recording = recordings["prod", "preview"]
        share = named(recording, "notebooks-share")
        assert share.options["protect"] is True
        assert share.options["retainOnDelete"] is True
        assert named(recording, "cluster-cluster").options["protect"] is True

    def test_catalogues_are_adopted_in_the_data_project_and_never_changed(self, recordings):
        recording = recordings["prod", "preview"]
        assert [r.name for r in recording.of_type("openstack:sharedfilesystem/share:Share")] == [
            "backup-share",
            "history-share",
            "notebooks-share",
            "user-admin-share",
            "user-alice-share",
            "user-bob-share",
            "user-smoke-test-share",
        ]
        rules = [r for r in recording.of_type("openstack:sharedfilesystem/shareAccess:ShareAccess") if r.name.startswith("data-")]
        assert {rule.inputs["accessTo"] for rule in rules} == {"gaia-dmp-prod-data-gedr3", "gaia-dmp-prod-data-gdr3"}
        assert {rule.inputs["accessLevel"] for rule in rules} == {"ro"}
        assert all(rule.provider.endswith("::openstack-data") for rule in rules)

    def test_three_control_plane_nodes_and_a_pool_that_scales(self, recordings):
        recording = recordings["prod", "preview"]
        assert named(recording, "cluster-cluster").inputs["masterCount"] == 3
        pool = named(recording, "cluster-pool-spark")
        assert (pool.inputs["minNodeCount"], pool.inputs["maxNodeCount"]) == (1, 6)

    def test_the_cluster_waits_for_every_route(self, recordings):
        waits = " ".join(named(recordings["prod", "update"], "cluster-cluster").options["dependencies"])
        for name in (
            "network-router-interface",
            "network-ceph-router-interface",
            "network-ceph-subnet-route-0",
            "network-ceph-router-route-0",
        ):
            assert f"::{name}" in waits

    def test_both_projects_are_checked_before_anything_else(self, recordings):
        scopes = [i for i in recordings["prod", "preview"].invokes if i.token.endswith("getAuthScope")]
        assert {(i.args["name"], i.provider.rsplit("::", 1)[-1]) for i in scopes} == {
            ("iris-gaia-blue", "openstack-compute"),
            ("iris-gaia-data", "openstack-data"),
        }


class TestDevelopment:
    def test_destroy_leaves_nothing(self, recordings):
        recording = recordings["dev", "preview"]
        assert [r.urn for r in recording.resources if r.options.get("protect") or r.options.get("retainOnDelete")] == []

    def test_nothing_is_open_to_the_world(self, recordings):
        recording = recordings["dev", "preview"]
        assert recording.of_type("openstack:networking/floatingIp:FloatingIp") == []
        assert [r for r in recording.resources if r.inputs.get("kind") in ("Service", "Ingress") and r.inputs["spec"].get("type")] == []


class TestLocal:
    def test_nothing_of_openstack_is_asked_for(self, recordings):
        recording = recordings["local", "preview"]
        assert [r.urn for r in recording.resources if "openstack" in r.type] == []
        assert recording.invokes == []

    def test_the_claim_of_a_storage_class_goes_by_itself(self, recordings):
        claim = named(recordings["local", "preview"], "zeppelin-notebooks")
        assert "deletedWith" not in claim.options
        assert "storageClassName" not in claim.inputs["spec"]
