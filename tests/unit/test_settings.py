"""What the settings derive: capacity, secrets, sites, vocabulary; and that no generated file is stale."""

import json

import jsonschema_rs
import pytest
from pydantic import TypeAdapter, ValidationError

from recording.schema import SCHEMA, recording_schema
from settings import reference
from settings.values.sites import SITES
from settings.values.vocabulary import CephId, ExportPath, Image, MountPath
from tests.support.stack_files import STACKS, changed, document, settings_of


def test_capacity_counts_what_the_stack_holds():
    capacity = settings_of(document("prod")).capacity()
    # 3 control plane nodes of 4 vCPU, 2 workers of 12, a Spark pool of 1 to 6 nodes of 26; the notebooks' share; API and entry.
    assert capacity["idle"] == {"nodes": 6, "vcpus": 62, "memory_gib": 133, "disk_gib": 1200, "share_gib": 431, "floating_ips": 2}
    assert capacity["full"] == {"nodes": 11, "vcpus": 192, "memory_gib": 348, "disk_gib": 2200, "share_gib": 431, "floating_ips": 2}


def test_capacity_of_a_cluster_that_exists_has_no_openstack_in_it():
    capacity = settings_of(document("local")).capacity()
    assert capacity["full"]["floating_ips"] == 0
    assert capacity["full"]["share_gib"] == 0


def test_secrets_are_named_wherever_they_stand():
    data = changed(
        "dev",
        "datasets.0.source",
        {"kind": "bring", "export_path": "10.4.200.9:6789:/volumes/a", "ceph_id": "reader", "key_secret": "sample-key"},
    )
    data["gaia-dmp:images"] = {"pull_secret": "registry-login"}
    assert settings_of(data).secret_keys() == {"sample-key": "datasets[0].source.key_secret", "registry-login": "images.pull_secret"}


@pytest.mark.parametrize("site", SITES)
def test_every_known_site_serves_a_stack(site):
    settings = settings_of(changed("dev", "cloud.site", site))
    assert settings.cloud.kind == "openstack"
    assert settings.cloud.site == SITES[site]


def test_a_site_may_be_spelt_out():
    data = changed("dev", "cloud.site", {"external_network": "public", "share_type": "cephfs"})
    del data["gaia-dmp:cloud"]["network"]["ceph_router_address"]
    settings = settings_of(data)
    assert settings.cloud.kind == "openstack"
    assert settings.cloud.site.external_network == "public"


def test_a_site_without_manila_asks_for_a_share_type():
    data = changed("dev", "cloud.site", {"external_network": "public"})
    del data["gaia-dmp:cloud"]["network"]["ceph_router_address"]
    data["gaia-dmp:datasets"][0]["source"]["share_type"] = "mine"
    data["gaia-dmp:zeppelin"]["notebooks"]["share_type"] = "mine"
    assert settings_of(data).protected is False


@pytest.mark.parametrize(
    "good",
    ["apache/spark:3.5.8", "registry.example.org:5000/a/b:1", f"quay.io/a/b@sha256:{'0' * 64}", f"quay.io/a/b:v1@sha256:{'a' * 64}"],
)
def test_images_by_tag_or_digest(good):
    assert TypeAdapter(Image).validate_python(good) == good


@pytest.mark.parametrize(
    "bad", ["apache/spark", "apache/spark:latest", "registry.example.org:5000/a/b", "a b:1", "a@sha256:1", "A/B:1", ":1", ""]
)
def test_images_that_move_are_refused(bad):
    with pytest.raises(ValidationError):
        TypeAdapter(Image).validate_python(bad)


@pytest.mark.parametrize("bad", ["a.b", "client.x", "a b", "", "é"])
def test_ceph_ids_without_a_dot(bad):
    with pytest.raises(ValidationError):
        TypeAdapter(CephId).validate_python(bad)


@pytest.mark.parametrize("bad", ["[2001:db8::1]:6789:/a", "mon1:6789", "mon1:6789:a", ":/a", "[v2:10.0.0.1:3300,v1:10.0.0.1:6789]:/a"])
def test_export_paths_that_are_not_understood(bad):
    with pytest.raises(ValidationError):
        TypeAdapter(ExportPath).validate_python(bad)


@pytest.mark.parametrize("bad", ["/", "data", "/data/", "/data//x", "/../x", "/etc/x", "/data/a b"])
def test_mount_paths(bad):
    with pytest.raises(ValidationError):
        TypeAdapter(MountPath).validate_python(bad)


@pytest.mark.parametrize("path", reference.files(), ids=lambda path: path.name)
def test_generated_files_are_not_stale(path):
    assert path.read_text() == reference.files()[path], "run: make schema"


def test_recording_schema_is_not_stale():
    assert SCHEMA.read_text() == recording_schema(), "run: make schema"


@pytest.mark.parametrize("stack", STACKS)
def test_editors_find_nothing_wrong_with_the_real_stack_files(stack):
    validator = jsonschema_rs.validator_for(json.loads(reference.SCHEMA.read_text()))
    assert [error.message for error in validator.iter_errors({"config": document(stack)})] == []


def test_editors_find_a_misspelt_key():
    validator = jsonschema_rs.validator_for(json.loads(reference.SCHEMA.read_text()))
    assert not validator.is_valid({"config": changed("dev", "spark.exectutor", {})})


def test_every_setting_is_described():
    definitions = reference.stack_file_schema()["$defs"]
    bare = [
        f"{name}.{key}"
        for name, model in definitions.items()
        for key, field in model.get("properties", {}).items()
        if not field.get("description") and "$ref" not in field
    ]
    assert bare == []
