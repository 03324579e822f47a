"""The table of what forces a replacement: of the versions that are pinned, and with what is known of them."""

import re

from review.replacements import forcing, is_computed, is_known, known, of_kubernetes
from tests.support.programs import record_stack
from tests.support.stack_files import ROOT, STACKS


def test_it_is_of_the_pinned_versions():
    pins = dict(re.findall(r"^pulumi-(\w+)==([\d.]+)", (ROOT / "requirements.in").read_text(), re.MULTILINE))
    for package in ("openstack", "kubernetes", "random"):
        assert known()[package]["version"] == pins[package]
        assert pins[package] in known()[package]["source"]


def test_what_a_real_engine_showed():
    cluster = "openstack:containerinfra/cluster:Cluster"
    assert forcing(cluster, "masterCount") == "masterCount"
    assert forcing(cluster, "labels.boot_volume_size") == "labels"
    assert forcing(cluster, "nodeCount") == ""
    assert forcing("openstack:containerinfra/nodeGroup:NodeGroup", "flavorId") == "flavorId"
    assert forcing("kubernetes:core/v1:ConfigMap", "data.a") == "data"
    assert forcing("kubernetes:batch/v1:Job", "spec.template.spec.containers.image") == "spec.template"
    assert forcing("kubernetes:apps/v1:Deployment", "spec.template") == ""
    assert forcing("kubernetes:apps/v1:Deployment", "spec") == "spec.selector"
    assert forcing("kubernetes:anything/v1:Else", "metadata.name") == "metadata.name"
    assert forcing("random:index/randomPassword:RandomPassword", "length") == "length"


def test_what_the_cloud_chooses():
    assert is_computed("openstack:sharedfilesystem/share:Share", "availabilityZone")
    assert not is_computed("openstack:sharedfilesystem/share:Share", "shareProto")


def test_it_says_what_it_does_not_know():
    assert is_known("kubernetes:core/v1:Secret")
    assert not is_known("tls:index/selfSignedCert:SelfSignedCert")


def test_every_type_of_ours_is_known():
    types = {resource.type for stack in STACKS for resource in record_stack(stack).resources if resource.custom}
    assert [type_ for type_ in sorted(types) if not is_known(type_)] == []


def test_the_source_is_read_or_refused():
    source = (
        'var forceNew = _groups{\n\t"batch": _versions{\n\t\t"v1": _kinds{"Job": job},\n\t},\n}\n'
        'var core = _versions{\n\t"v1": _kinds{\n\t\t"Service": properties{\n\t\t\t".spec.clusterIP",\n\t\t},\n\t},\n}\n'
        'var job = append(\n\tproperties{\n\t\t".spec.template",\n\t},\n)\n'
        'var storage = x{\n\t"StorageClass": properties{".provisioner"},\n}\n'
    )
    table = of_kubernetes(source)
    assert table["kubernetes:batch/v1:Job"] == ["spec.template"]
    assert table["kubernetes:core/v1:Service"] == ["spec.clusterIP"]
