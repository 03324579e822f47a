"""Each rule: kept by the three stacks, and seen to be broken by a stack that breaks it."""

import copy
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from policy import rules
from recording import Recording
from tests.support.programs import named, record_data, record_stack
from tests.support.stack_files import document, with_models

TODAY = dt.date(2026, 11, 23)


@pytest.fixture(scope="module")
def prod() -> Recording:
    return record_stack("prod")


def found(recording: Recording, waivers: list[rules.Waiver] | None = None) -> set[tuple[str, str]]:
    return {(each.rule, each.name) for each in rules.broken(rules.check(recording, waivers or rules.waivers(), TODAY))}


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_our_stacks_keep_every_rule(stack):
    assert found(record_stack(stack)) == set()


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_models_keep_every_rule(stack):
    assert found(record_data(with_models(document(stack)), stack=stack)) == set()


def pod(recording: Recording, name: str) -> dict[str, Any]:
    return named(recording, name).inputs["spec"]["template"]["spec"]


def _unprotected(stack: Recording) -> None:
    del named(stack, "notebooks-share").options["protect"]


def _deleted(stack: Recording) -> None:
    named(stack, "data-gdr3-volume").inputs["spec"]["persistentVolumeReclaimPolicy"] = "Delete"


def _clear_key(stack: Recording) -> None:
    named(stack, "zeppelin-config").inputs["data"]["x"] = "key = AQBSvJ1nAAAAABAA0dJ7aKUQ0mXr7w2hYc5F9w=="


def _clear_password(stack: Recording) -> None:
    pod(stack, "zeppelin-server")["containers"][0]["env"].append({"name": "X", "password": "swordfish"})


def _clear_variable(stack: Recording) -> None:
    pod(stack, "zeppelin-server")["containers"][0]["env"].append({"name": "AWS_SECRET_ACCESS_KEY", "value": "swordfish"})


def _clear_secret(stack: Recording) -> None:
    named(stack, "zeppelin-login").inputs["stringData"] = {"a": "b"}


def _baseline(stack: Recording) -> None:
    named(stack, "spark-namespace").inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "baseline"


def _privileged(stack: Recording) -> None:
    pod(stack, "entry-gateway")["containers"][0]["securityContext"]["privileged"] = True


def _privileged_by_another_name(stack: Recording) -> None:
    container = pod(stack, "entry-gateway")["containers"][0]
    container["name"] = "token-reader"
    container["securityContext"]["privileged"] = True


def _host(stack: Recording) -> None:
    pod(stack, "entry-gateway")["volumes"].append({"name": "x", "hostPath": {"path": "/"}})


def _wildcard(stack: Recording) -> None:
    named(stack, "spark-rbac-spark-driver-role").inputs["rules"][0]["verbs"] = ["*"]


def _token(stack: Recording) -> None:
    del pod(stack, "entry-gateway")["automountServiceAccountToken"]


def _latest(stack: Recording) -> None:
    pod(stack, "entry-gateway")["containers"][0]["image"] = "docker.io/nginx:latest"


def _untagged(stack: Recording) -> None:
    pod(stack, "entry-gateway")["containers"][0]["image"] = "registry.example.org:5000/nginx"


def _limits(stack: Recording) -> None:
    del pod(stack, "entry-gateway")["containers"][0]["resources"]["limits"]["memory"]


def _second_way(stack: Recording) -> None:
    named(stack, "zeppelin-service").inputs["spec"]["type"] = "NodePort"


def _open_policy(stack: Recording) -> None:
    named(stack, "spark-network-driver").inputs["spec"]["ingress"][0]["from"] = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]


def _gone(name: str) -> Callable[[Recording], None]:
    def change(stack: Recording) -> None:
        stack.resources.remove(named(stack, name))

    return change


def _untagged_network(stack: Recording) -> None:
    named(stack, "network-network").inputs["tags"] = []


@pytest.mark.parametrize(
    ("change", "rule", "name"),
    [
        (_unprotected, "data-kept", "notebooks-share"),
        (_deleted, "data-kept", "data-gdr3-volume"),
        (_clear_key, "no-secret-in-clear", "zeppelin-config"),
        (_clear_password, "no-secret-in-clear", "zeppelin-server"),
        (_clear_variable, "no-secret-in-clear", "zeppelin-server"),
        (_clear_secret, "no-secret-in-clear", "zeppelin-login"),
        (_baseline, "restricted", "spark-namespace"),
        (_privileged, "restricted", "entry-gateway"),
        (_privileged_by_another_name, "restricted", "entry-gateway"),
        (_host, "restricted", "entry-gateway"),
        (_wildcard, "no-wildcard", "spark-rbac-spark-driver-role"),
        (_token, "no-needless-token", "entry-gateway"),
        (_latest, "images-pinned", "entry-gateway"),
        (_untagged, "images-pinned", "entry-gateway"),
        (_limits, "requests-and-limits", "entry-gateway"),
        (_second_way, "closed-to-the-world", "zeppelin-service"),
        (_open_policy, "closed-to-the-world", "zeppelin-network-gateway"),
        (_gone("spark-network-closed"), "quotas-and-policies", "spark-namespace"),
        (_gone("spark-limits"), "quotas-and-policies", "spark-namespace"),
        (_untagged_network, "tags", "network-network"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_break_is_found(prod, change, rule, name):
    stack = copy.deepcopy(prod)
    change(stack)
    assert {each_rule for each_rule, _ in found(stack)} == {rule}
    assert name in {each_name for _, each_name in found(stack)}


def test_a_right_everywhere_is_a_right_in_each_namespace(prod):
    stack = copy.deepcopy(prod)
    named(stack, "ceph-csi-node-reader").inputs["rules"] = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}]
    assert {name for rule, name in found(stack) if rule == "quotas-and-policies"} == {
        "ceph-csi-namespace",
        "monitoring-namespace",
        "monitoring-nodes-namespace",
        "zeppelin-namespace",
    }


class TestWaivers:
    def waiver(self, **more: Any) -> rules.Waiver:
        plain = {"rule": "tags", "resource": "network-network", "stack": "prod", "reason": "for as long as this test runs", "until": TODAY}
        return rules.Waiver.model_validate(plain | more)

    def broken(self, prod, *waivers: rules.Waiver):
        stack = copy.deepcopy(prod)
        _untagged_network(stack)
        return [each for each in rules.broken(rules.check(stack, waivers, TODAY)) if each.rule == "tags"]

    def test_one_holds_to_its_last_day(self, prod):
        assert self.broken(prod, self.waiver()) == []
        ended = self.broken(prod, self.waiver(until=TODAY - dt.timedelta(days=1)))
        assert [each.message for each in ended] == ["tags is empty (its waiver ended on 2026-11-22)"]

    def test_one_of_another_stack_or_resource_does_not(self, prod):
        assert len(self.broken(prod, self.waiver(stack="dev"))) == 1
        assert {each.message for each in self.broken(prod, self.waiver(resource="x"))} == {
            "tags is empty",
            "has a waiver that waives nothing",
        }

    def test_the_file_is_refused_with_its_reason(self, tmp_path):
        file = tmp_path / "waivers.yaml"
        file.write_text("- {rule: nothing, resource: a, stack: b, reason: because it must be so, until: 2027-01-01}")
        with pytest.raises(rules.WaiversError, match="rule nothing is unknown; accepted: data-kept, "):
            rules.waivers(file)
        file.write_text("- {rule: tags, resource: a, stack: b, reason: short, until: 2027-01-01}")
        with pytest.raises(rules.WaiversError, match="reason"):
            rules.waivers(file)


def test_every_rule_says_why_and_what_to_do():
    assert all(rule.holds and rule.reason and rule.fix for rule in rules.RULES)
