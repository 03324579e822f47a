"""The cluster: what an upgrade touches, what an autoscaler owns, what each driver reads, what is secret."""

import json

import pulumi
import pytest
import yaml

from components.openstack.cluster import (
    NODE_GROUP_LABEL,
    KubernetesCluster,
    KubernetesClusterArgs,
    _kubeconfig,
    cluster_labels,
    template_labels,
)
from preview.answers import COMPUTED
from recording import SECRET, Mode
from settings.values.cluster import ClusterSettings
from settings.values.sites import Site
from tests.support.programs import MODES, named, only, record_component

CLUSTER = "openstack:containerinfra/cluster:Cluster"
TEMPLATE = "openstack:containerinfra/clusterTemplate:ClusterTemplate"
POOL = "openstack:containerinfra/nodeGroup:NodeGroup"
SITE = Site(external_network="public", octavia_provider="amphora")
COMPUTED_CLUSTER = COMPUTED[CLUSTER]
LARGE = {"flavor": "large", "vcpus": 8, "memory_gib": 32, "disk_gib": 80}


def args(*, site: Site = SITE, protect: bool = True, **changes) -> KubernetesClusterArgs:
    """changes: keys of the cluster's settings, as a stack file has them."""
    given = {
        "driver": "capi-helm",
        "kubernetes_version": "1.35.4",
        "template": {"kind": "own", "image": "ubuntu", "network_driver": "calico"},
        "public_key": "ssh-ed25519 AAAA me",
        "control_plane": LARGE | {"flavor": "small", "count": 3},
        "workers": LARGE | {"count": 2},
        "pod_cidr": "172.16.0.0/13",
        "service_cidr": "172.24.0.0/13",
    }
    cluster = ClusterSettings.model_validate_json(json.dumps(given | changes))
    return KubernetesClusterArgs(
        title="gaia-dmp-test",
        cluster=cluster,
        site=site,
        external_network_id="ext",
        network_id="net",
        subnet_id="sub",
        protect=protect,
    )


def recorded(mode: Mode = "update", **changes):
    return record_component(lambda opts: KubernetesCluster("cluster", args(**changes), opts), mode)


def pool(name: str, **size) -> dict:
    return LARGE | {"name": name} | size


@pytest.mark.parametrize("mode", MODES)
def test_a_changed_flavour_upgrades_in_place(mode):
    recording = recorded(mode)
    template = only(recording, TEMPLATE)
    assert (template.inputs["flavor"], template.inputs["masterFlavor"]) == ("large", "small")
    assert template.options["replaceOnChanges"] == ["*"]
    assert "name" not in template.inputs  # two of them live side by side during the upgrade
    cluster = only(recording, CLUSTER)
    assert "flavor" not in cluster.inputs  # named on the cluster, a flavour replaces it
    assert "masterFlavor" not in cluster.inputs


def test_a_named_template_is_found_and_takes_the_flavours_on_the_cluster():
    recording = recorded(template={"kind": "named", "name": "site-template"})
    assert recording.of_type(TEMPLATE) == []
    assert recording.invokes[0].args == {"name": "site-template"}
    cluster = only(recording, CLUSTER)
    assert (cluster.inputs["flavor"], cluster.inputs["masterFlavor"]) == ("large", "small")
    assert cluster.inputs["labels"]["auto_scaling_enabled"] == "false"


@pytest.mark.parametrize(("rebuild", "ignored"), [(False, ["createTimeout", "labels"]), (True, ["createTimeout"])])
def test_labels_of_a_living_cluster_are_left_alone_unless_it_is_rebuilt(rebuild, ignored):
    cluster = only(recorded(rebuild=rebuild), CLUSTER)
    assert cluster.options.get("ignoreChanges") == ignored
    assert cluster.inputs["mergeLabels"] is True


def test_the_provider_goes_with_the_cluster_so_that_the_engine_does_not_close_it_in_a_rebuild():
    assert named(recorded(), "cluster-provider").options["deletedWith"].endswith("::cluster-cluster")


def test_the_version_is_what_the_cluster_says(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, **_: said.append(message))
    assert only(recorded(), "gaia-dmp:openstack:KubernetesCluster").outputs["version"] == "1.35.4"
    assert said == []
    monkeypatch.setitem(COMPUTED, CLUSTER, lambda name, inputs: COMPUTED_CLUSTER(name, inputs) | {"coeVersion": "v1.34.2"})
    assert only(recorded(), "gaia-dmp:openstack:KubernetesCluster").outputs["version"] == "1.34.2"
    assert [message.split(". ")[0] for message in said] == [
        "the cluster says that it runs Kubernetes 1.34.2, and the stack file says 1.35.4"
    ]


@pytest.mark.parametrize("protect", [True, False])
def test_protection_is_as_told(protect):
    assert only(recorded(protect=protect), CLUSTER).options.get("protect", False) is protect


def test_pools_are_made_one_after_another_and_die_with_the_cluster():
    recording = recorded(pools=[pool(name, count=1) for name in ("a", "b", "c")])
    waits = {name: " ".join(named(recording, f"cluster-pool-{name}").options["dependencies"]) for name in "abc"}
    assert "::cluster-cluster" in waits["a"]
    assert "::cluster-pool-a" in waits["b"]
    assert "::cluster-pool-b" in waits["c"]
    assert all(pool.options["deletedWith"].endswith("::cluster-cluster") for pool in recording.of_type(POOL))
    assert "::cluster-pool-c" in " ".join(named(recording, "cluster-provider").options["dependencies"])


def test_the_autoscaler_owns_the_size_of_its_pool_alone():
    recording = recorded(pools=[pool("spark", autoscale={"minimum": 1, "maximum": 6}), pool("fixed", count=2)])
    spark, fixed = named(recording, "cluster-pool-spark"), named(recording, "cluster-pool-fixed")
    assert (spark.inputs["minNodeCount"], spark.inputs["maxNodeCount"]) == (1, 6)
    assert spark.options["ignoreChanges"] == ["nodeCount"]
    assert "ignoreChanges" not in fixed.options
    assert only(recording, TEMPLATE).inputs["labels"]["auto_scaling_enabled"] == "true"


@pytest.mark.parametrize("mode", MODES)
def test_kubeconfig_is_secret_from_end_to_end(mode):
    recording = recorded(mode)
    assert "kubeconfig" in only(recording, CLUSTER).options["additionalSecretOutputs"]
    assert only(recording, CLUSTER).outputs["kubeconfig"] == SECRET
    provider = named(recording, "cluster-provider")
    if mode == "update":
        assert provider.inputs["kubeconfig"] == SECRET
    assert "kind: Config" not in recording.to_json()


@pytest.mark.parametrize(("written", "server"), [("", "https://192.0.2.1:6443"), ("https://192.0.2.9:6443", "https://192.0.2.9:6443")])
def test_a_kubeconfig_that_was_written_too_early_gets_its_server(written, server):
    """The provider writes `server: ""` where the cluster has no address yet, and never looks again."""
    text = yaml.safe_dump({"clusters": [{"name": "dev", "cluster": {"server": written}}]}).replace("''", '""')
    assert yaml.safe_load(_kubeconfig(text, "https://192.0.2.1:6443"))["clusters"][0]["cluster"]["server"] == server


def test_a_renewed_kubeconfig_replaces_nothing():
    recording = recorded()
    assert named(recording, "cluster-provider").inputs["clusterIdentifier"] not in ("", SECRET)


@pytest.mark.parametrize(
    ("driver", "there", "absent"),
    [
        ("capi-helm", {"api_master_lb_allowed_cidrs": "192.0.2.0/24", "monitoring_enabled": "false"}, ["kube_tag", "calico_ipv4pool"]),
        ("vexxhost", {"calico_ipv4pool": "172.16.0.0/13", "manila_csi_enabled": "false"}, ["monitoring_enabled"]),
        ("heat", {"master_lb_allowed_cidrs": "192.0.2.0/24", "service_cluster_ip_range": "172.24.0.0/13"}, ["manila_csi_enabled"]),
    ],
)
def test_labels_are_those_that_the_driver_reads(driver, there, absent):
    labels = cluster_labels(args(driver=driver, api_allowed_cidrs=["192.0.2.0/24"]))
    assert there.items() <= labels.items()
    assert not set(absent) & set(labels)
    assert all(isinstance(value, str) for value in labels.values())


@pytest.mark.parametrize(("driver", "tag"), [("capi-helm", None), ("vexxhost", "v1.35.4"), ("heat", "v1.35.4")])
def test_the_version_is_told_where_it_is_read(driver, tag):
    assert template_labels(args(driver=driver)).get("kube_tag") == tag


def test_ovn_gets_the_algorithm_that_it_has():
    assert cluster_labels(args(site=Site(external_network="public", octavia_provider="ovn")))["octavia_lb_algorithm"] == "SOURCE_IP_PORT"
    assert "octavia_lb_algorithm" not in cluster_labels(args())


def test_every_driver_has_its_node_label():
    assert NODE_GROUP_LABEL == {
        "capi-helm": "capi.stackhpc.com/node-group",
        "vexxhost": "node.cluster.x-k8s.io/nodegroup",
        "heat": "magnum.openstack.org/nodegroup",
    }


def test_a_cluster_that_is_not_there_is_not_taken_for_one(monkeypatch):
    # What the provider leaves behind where Magnum ended in CREATE_FAILED: an id and nothing else.
    said = []
    monkeypatch.setattr(pulumi.log, "error", lambda message, resource: said.append((message, resource._name)))
    monkeypatch.setitem(COMPUTED, CLUSTER, lambda _name, _inputs: {"apiAddress": "", "kubeconfig": {}})
    with pytest.raises(RuntimeError, match="cluster gaia-dmp-test is not there"):
        recorded(pools=[pool("spark", count=2)])
    message, resource = said[0]
    assert "has no API address: its creation failed, or has not ended" in message
    assert ("openstack coe cluster delete" in message, "pulumi refresh" in message) == (True, True)
    assert resource == "cluster-cluster"
