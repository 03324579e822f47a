"""What a change restarts, from the strategies that Kubernetes documents:
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy
https://kubernetes.io/docs/tasks/manage-daemon/update-daemon-set/#daemonset-update-strategy
"""

from typing import Any

import pytest

from recording import RecordedResource
from review.change import Change, Field, Operation
from review.restarts import restarts

IMAGE = Field("spec.template.spec.containers[x].image", "a:1", "a:2")


def change(type_: str, name: str, *fields: Field, operation: Operation = "update", **spec: Any) -> Change:
    resource = RecordedResource(f"urn:pulumi:s::p::{type_}::{name}", type_, name, "", "", True, {"spec": spec}, [], {}, {})
    return Change(resource.urn, type_, name, operation, resource, resource, list(fields))


@pytest.mark.parametrize(
    ("kind", "spec", "line"),
    [
        ("Deployment", {"strategy": {"type": "Recreate"}}, "the Pod stops before the new one starts, so it is down in between"),
        ("Deployment", {}, "the new Pod starts before the old one stops"),
        ("Deployment", {"replicas": 3}, "the 3 Pods are replaced one after another"),
        ("DaemonSet", {}, "the Pod on each node restarts, node by node"),
        ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, "each Pod keeps running as it is until somebody deletes it"),
        ("StatefulSet", {"replicas": 2}, "the Pods restart one by one"),
    ],
)
def test_a_template_that_changes_restarts_its_pods_as_its_strategy_says(kind, spec, line):
    assert restarts([change(f"kubernetes:apps/v1:{kind}", "x", IMAGE, **spec)]) == [f"x: {line} (spec.containers[x].image changed)"]


def test_yarns_manager_ends_what_runs_and_its_workers_go_one_by_one():
    both = [change("kubernetes:apps/v1:StatefulSet", f"yarn-{role}", IMAGE) for role in ("manager", "worker")]
    for each, name in zip(both, ("yarn", "yarn-worker"), strict=True):
        assert each.after
        each.after.inputs["metadata"] = {"name": name}
    assert restarts(both) == [
        "yarn-manager: Yarn's manager restarts, which ends every running application (spec.containers[x].image changed)",
        "yarn-worker: the Pods restart one by one (spec.containers[x].image changed)",
    ]


def test_a_server_that_is_made_anew_ends_what_runs_on_it():
    server, image = "openstack:compute/instance:Instance", Field("imageName", "a", "b", forces=True)
    replaced = [change(server, name, image, operation="replace") for name in ("yarn-gateway", "yarn-worker-10")]
    assert restarts(replaced) == [
        "yarn-gateway: a new server takes its place, and everybody's sessions end (imageName changed)",
        "yarn-worker-10: a new server takes its place, and its containers end (imageName changed)",
    ]


def test_scaling_restarts_nothing():
    assert restarts([change("kubernetes:apps/v1:Deployment", "x", Field("spec.replicas", 1, 2))]) == []


def test_a_pod_that_mounts_a_configmap_restarts_because_of_it():
    mount = Field("spec.template.spec.volumes[files].configMap.name", "files-1", "[unknown]", cause="zeppelin-files")
    other = Field("spec.template.metadata.annotations.x", "1", "2")
    (line,) = restarts([change("kubernetes:apps/v1:Deployment", "server", mount, other)])
    assert line == "server: the new Pod starts before the old one stops (zeppelin-files is replaced)"


def test_interruptions_come_first_and_what_restarts_nothing_last():
    found = restarts(
        [
            change("kubernetes:apps/v1:DaemonSet", "a", IMAGE),
            change("kubernetes:batch/v1:CronJob", "night", Field("spec.schedule", "1 * * * *", "2 * * * *")),
            change("kubernetes:core/v1:ResourceQuota", "quota", Field("spec.hard.pods", "1", "2")),
            change("kubernetes:networking.k8s.io/v1:NetworkPolicy", "policy", Field("spec.egress", [], [{}])),
            change("kubernetes:apps/v1:Deployment", "z", IMAGE, strategy={"type": "Recreate"}),
            change("kubernetes:batch/v1:Job", "job", IMAGE, operation="replace"),
        ]
    )
    assert [line.split(":")[0] for line in found] == [
        "z",
        "a",
        "job",
        "Takes effect with the next run",
        "Takes effect at once, without a restart",
        "Holds for Pods that start from now on",
    ]
    assert found[3:] == [
        "Takes effect with the next run: night",
        "Takes effect at once, without a restart: NetworkPolicy",
        "Holds for Pods that start from now on: ResourceQuota",
    ]


def test_an_ignored_field_restarts_nothing():
    overlooked = Field(IMAGE.path, "a:1", "a:2", ignored=True)
    assert restarts([change("kubernetes:apps/v1:Deployment", "x", overlooked, operation="same")]) == []
