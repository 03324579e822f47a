"""Rights, connections and Pod Security as sets: what is wider is named, what is narrower or the same is not."""

import copy
import re

import pytest

from policy.admission import admission_weakened
from policy.openings import Opening, opened, openings
from policy.pods import weakened
from policy.rights import Grant, gained, grants
from recording import Recording
from tests.support.network import Pod, may, policies
from tests.support.programs import named, record_stack


@pytest.fixture(scope="module")
def dev() -> Recording:
    return record_stack("dev")


@pytest.fixture
def after(dev) -> Recording:
    return copy.deepcopy(dev)


class TestRights:
    def test_they_are_those_of_the_bindings(self, dev):
        found = grants(dev)
        assert Grant("gaia-spark/spark-driver-admin", "gaia-spark", "create", "pods") in found
        assert Grant("gaia-zeppelin/zeppelin-server", "gaia-spark", "create", "pods") in found
        assert {grant.namespace for grant in found if grant.account.startswith("gaia-csi/")} == {"*"}

    def test_nothing_is_gained_by_the_same(self, dev):
        assert gained(grants(dev), grants(dev)) == []

    def test_a_verb_more_and_a_verb_less(self, dev, after):
        role = named(after, "spark-rbac-spark-driver-role").inputs["rules"]
        role[0]["verbs"] = [*role[0]["verbs"], "patch"]
        found = gained(grants(dev), grants(after))
        assert {(grant.verb, grant.resource) for grant in found} == {("patch", "pods")}
        assert gained(grants(after), grants(dev)) == []

    def test_a_wildcard_covers_what_it_covers(self):
        have = {Grant("a", "*", "*", "pods")}
        assert gained(have, {Grant("a", "n", "get", "pods")}) == []
        assert len(gained(have, {Grant("a", "n", "get", "secrets"), Grant("b", "n", "get", "pods")})) == 2

    def test_one_object_is_less_than_all(self):
        named_one, every = Grant("a", "n", "get", "secrets", ("x",)), Grant("a", "n", "get", "secrets")
        assert gained({every}, {named_one}) == []
        assert gained({named_one}, {every}) == [every]

    def test_a_role_that_the_stack_does_not_make_is_named(self, after):
        named(after, "spark-rbac-spark-driver-binding").inputs["roleRef"] = {"kind": "ClusterRole", "name": "cluster-admin"}
        assert "whatever ClusterRole cluster-admin says" in {grant.verb for grant in grants(after)}


class TestConnections:
    def test_nothing_is_opened_by_the_same(self, dev):
        assert opened(dev, dev) == []

    def test_a_port_to_whom(self, dev, after):
        rule = named(after, "spark-network-driver").inputs["spec"]["ingress"][0]
        rule["ports"] = [*rule["ports"], {"protocol": "TCP", "port": 22}]
        (line,) = opened(dev, after)
        assert line.startswith("gaia-spark: ")
        assert "ingress from app.kubernetes.io/name=spark-executor in gaia-spark, TCP 22" in line

    def test_a_smaller_network_is_no_opening(self):
        wide = Opening("n", "p", "egress", "10.0.0.0/8", "TCP 443")
        assert wide.covers(Opening("n", "p", "egress", "10.1.0.0/16", "TCP 443"))
        assert not wide.covers(Opening("n", "p", "egress", "11.0.0.0/16", "TCP 443"))
        assert not wide.covers(Opening("n", "p", "egress", "10.1.0.0/16", "TCP 22"))

    def test_a_way_in(self, dev, after):
        named(after, "entry-service").inputs["spec"] |= {"type": "LoadBalancer", "loadBalancerSourceRanges": ["192.0.2.0/24"]}
        (line,) = opened(dev, after)
        assert re.fullmatch(r"gaia-zeppelin: LoadBalancer gateway, ingress from 192\.0\.2\.0/24, TCP \d+", line)
        narrower = copy.deepcopy(after)
        named(narrower, "entry-service").inputs["spec"]["loadBalancerSourceRanges"] = ["192.0.2.128/25"]
        assert opened(after, narrower) == []
        assert len(opened(narrower, after)) == 1

    @pytest.mark.parametrize("name", ["spark-network-closed", "zeppelin-network-closed"])
    def test_what_nothing_closes_any_more(self, dev, after, name):
        policy = named(after, name)
        after.resources.remove(policy)
        namespace = policy.inputs["metadata"]["namespace"]
        assert f"{namespace}: all Pods, ingress is no longer closed by any policy" in opened(dev, after)
        # The evaluator of tests/support agrees: a Pod that no policy selects takes everything.
        stranger, other = Pod("a", "elsewhere"), Pod("b", namespace, {"app": "new"})
        assert not may(policies(dev), stranger, other, 80)
        assert may(policies(after), stranger, other, 80)

    def test_every_flow_of_the_evaluator_is_an_opening(self, dev):
        found, closed = openings(dev)
        assert {namespace for namespace, pods, _ in closed if pods == "all Pods"} == {"gaia-spark", "gaia-zeppelin"}
        server = Pod("server", "gaia-zeppelin", {"app.kubernetes.io/name": "zeppelin-server"})
        ports = {each.port for each in found if each.pods == "app.kubernetes.io/name=zeppelin-server" and each.direction == "ingress"}
        gateway = Pod("gateway", "gaia-zeppelin", {"app.kubernetes.io/name": "gateway"})
        allowed = {f"TCP {port}" for port in (8080, 12320, 22) if may(policies(dev), gateway, server, port)}
        assert allowed <= ports


class TestPods:
    def test_nothing_is_weaker_in_the_same(self, dev):
        assert weakened(dev, dev) == []

    def test_a_level_and_a_container(self, dev, after):
        named(after, "spark-namespace").inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "privileged"
        container = named(after, "zeppelin-server").inputs["spec"]["template"]["spec"]["containers"][0]
        container["securityContext"]["capabilities"] = {"add": ["SYS_ADMIN"]}
        assert weakened(dev, after) == [
            "namespace gaia-spark: Pod Security privileged, was restricted",
            "gaia-zeppelin/Deployment zeppelin-server: zeppelin: capability SYS_ADMIN",
            "gaia-zeppelin/Deployment zeppelin-server: zeppelin: keeps capabilities",
        ]
        assert weakened(after, dev) == []


class TestAdmission:
    def test_nothing_is_weaker_in_the_same(self, dev):
        assert admission_weakened(dev, dev) == []

    def test_a_policy_a_binding_an_action_and_a_check_less(self, dev, after):
        after.resources.remove(named(after, "spark-admission-cleaner"))
        after.resources.remove(named(after, "spark-admission-cleaner-binding"))
        named(after, "spark-admission-server-binding").inputs["spec"]["validationActions"] = ["Audit"]
        gone = named(after, "spark-admission-driver").inputs["spec"]["validations"].pop(3)
        assert admission_weakened(dev, after) == [
            "policy gaia-dmp-dev-cleaner is gone",
            f"policy gaia-dmp-dev-driver: no longer checks: {gone['message']}",
            "binding gaia-dmp-dev-cleaner is gone: its policy checks nothing",
            "binding gaia-dmp-dev-server: no longer denies, only Audit",
        ]

    def test_a_check_more_is_no_risk(self, dev, after):
        named(after, "spark-admission-driver").inputs["spec"]["validations"].append({"expression": "false", "message": "never"})
        assert admission_weakened(dev, after) == []
