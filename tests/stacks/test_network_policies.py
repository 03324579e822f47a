"""Who reaches whom: the whole matrix, by what the policies say. `tests/cloud/node/test_packets.py` tries the same with packets."""

from collections.abc import Iterable
from typing import Any

import pytest

from components.names import (
    CLEANER_LABELS,
    DRIVER_LABELS,
    EXECUTOR_LABELS,
    GATEWAY_LABELS,
    INTERPRETER_LABELS,
    MODELS_LABELS,
    MONITORING_NAMESPACE,
    OIDC_PROXY_LABELS,
    ZEPPELIN_LABELS,
)
from recording import Recording
from tests.support.network import API_SERVER, Pod, matrix, may, networked, policies
from tests.support.programs import record_data
from tests.support.stack_files import STACKS, connected, document, with_models

SPARK, SERVER = "gaia-spark", "gaia-zeppelin"
PODS = (
    Pod("server", SERVER, ZEPPELIN_LABELS, "10.100.2.1"),
    Pod("gateway", SERVER, GATEWAY_LABELS, "10.100.1.2"),
    Pod("gate", SERVER, OIDC_PROXY_LABELS, "10.100.2.3"),
    Pod("cleaner", SERVER, CLEANER_LABELS, "10.100.1.4"),
    Pod("models", SERVER, MODELS_LABELS, "10.100.1.14"),
    Pod("driver", SPARK, {**DRIVER_LABELS, "gaia-dmp/user": "alice"}, "10.100.2.5"),
    Pod("other driver", SPARK, {**DRIVER_LABELS, "gaia-dmp/user": "bob"}, "10.100.1.6"),
    Pod("python", SPARK, {**INTERPRETER_LABELS, "gaia-dmp/group": "python"}, "10.100.2.7"),
    Pod("executor", SPARK, {**EXECUTOR_LABELS, "spark-role": "executor"}, "10.100.1.8"),
    Pod("other executor", SPARK, EXECUTOR_LABELS, "10.100.2.9"),
    Pod("stranger in gaia-spark", SPARK, {"app": "x"}, "10.100.1.10"),
    Pod("stranger", "default", {"app": "x"}, "10.100.2.11"),
    Pod("monitoring", "monitoring", {}, "10.100.1.12"),
    Pod("dns", "kube-system", {"k8s-app": "kube-dns"}, "10.100.2.13"),
    Pod("API server", address=API_SERVER),
    Pod("node DNS", address="169.254.20.10"),
    Pod("metadata", address="169.254.169.254"),
    Pod("the world", address="198.51.100.7"),
    Pod("Ceph", address="10.4.200.9"),
)
PORTS = (22, 53, 80, 443, 4040, 4180, 5000, 6443, 6789, 8080, 8443, 10250, 12320, 12321, 12322, 15002, 22321, 22322)
DRIVERS, EXECUTORS = ("driver", "other driver"), ("executor", "other executor")
INTERPRETERS = (*DRIVERS, "python")
NOTEBOOKS = (*INTERPRETERS, *EXECUTORS)
OURS = ("server", "gateway", "gate", "cleaner", "models", *INTERPRETERS, *EXECUTORS, "stranger in gaia-spark")
OUTSIDE = ("stranger", "monitoring", "dns", "API server", "node DNS", "metadata", "the world", "Ceph")


def expected(*, ways_out: bool, connect: bool = False, models: bool = False) -> set[tuple[str, str, int]]:
    """The flows that Zeppelin's launcher (apache/zeppelin: K8sRemoteInterpreterProcess.java) and Spark in client mode
    (https://spark.apache.org/docs/3.5.8/running-on-kubernetes.html#client-mode-networking) need, and no other. ways_out: whether notebooks
    may go anywhere by https. connect: whether drivers serve Spark Connect. models: whether there is a server of models.
    """
    flows = {(pod, where, 53) for pod in OURS for where in ("dns", "node DNS")}
    flows |= {("server", pod, 12321) for pod in INTERPRETERS} | {(pod, "server", 12322) for pod in INTERPRETERS}
    flows |= {(executor, driver, port) for executor in EXECUTORS for driver in DRIVERS for port in (22321, 22322)}
    flows |= {(one, other, 22322) for one in (*DRIVERS, *EXECUTORS) for other in EXECUTORS if one != other}
    flows |= {("gateway", "server", 8080), ("gateway", "gate", 4180)} | {("gateway", driver, 4040) for driver in DRIVERS}
    # Browsers come from anywhere: by a load balancer, a node, an Ingress controller's Pod.
    flows |= {(where, "gateway", port) for where in OUTSIDE for port in (8080, 8443)}
    flows |= {(pod, "API server", 6443) for pod in ("server", "cleaner", *DRIVERS)}
    if connect:
        flows |= {("gateway", driver, 15002) for driver in DRIVERS}
    if models:
        flows |= {(pod, "models", 5000) for pod in ("gateway", *DRIVERS, *EXECUTORS)} | {("models", "API server", 6443)}
    if ways_out:
        flows |= {(pod, where, 443) for pod in NOTEBOOKS for where in ("API server", "the world", "Ceph", "node DNS")}
    return flows


@pytest.mark.parametrize("stack", STACKS)
def test_spark_connect_opens_one_flow(stack):
    assert found(record_data(connected(networked(stack)))) == expected(ways_out=stack != "local", connect=True)


@pytest.mark.parametrize("stack", STACKS)
def test_models_are_for_the_gateway_drivers_and_executors(stack):
    assert found(record_data(with_models(networked(stack)))) == expected(ways_out=stack != "local", models=True)


SERVICE = "10.254.77.77"
"""Address of a Service of somebody else's."""


def everywhere(stack: str) -> dict[str, Any]:
    """A stack from which notebooks may go anywhere, by the ports of https and of the Kubernetes API."""
    data = networked(stack)
    data["gaia-dmp:outside"] = {"egress": [{"name": "all", "cidr": "0.0.0.0/0", "ports": [80, 443, 6443]}]}
    return data


def networks(recording: Recording, namespace: str, role: str, port: int) -> list[Any]:
    """The networks that the Pods of a role may reach on a port."""
    (policy,) = [p for p in policies(recording) if (p["metadata"]["namespace"], p["metadata"]["name"]) == (namespace, role)]
    rules = [rule for rule in policy["spec"]["egress"] if port in [each["port"] for each in rule["ports"]]]
    return [peer["ipBlock"] for rule in rules for peer in rule["to"] if "ipBlock" in peer]


def found(recording: Recording) -> set[tuple[str, str, int]]:
    """What the policies allow between Pods of ours and all others."""
    return ours(matrix(policies(recording), PODS, PORTS))


def ours(flows: Iterable[tuple[str, str, int]]) -> set[tuple[str, str, int]]:
    """Those at one end of which is a Pod of ours: what strangers do among themselves is not ours to say."""
    return {(source, target, port) for source, target, port in flows if source in OURS or target in OURS}


@pytest.mark.parametrize("stack", STACKS)
def test_the_whole_matrix(stack):
    assert found(record_data(networked(stack))) == expected(ways_out=stack != "local")


@pytest.mark.parametrize("stack", STACKS)
def test_a_way_to_everywhere_leads_to_no_pod_and_no_service(stack):
    everything = policies(record_data(everywhere(stack)))
    service = Pod("a Service", address=SERVICE)
    closed = [pod for pod in PODS if pod.name in {"stranger", "dns"}]
    reached = {
        (pod.name, target.name, port)
        for pod in PODS
        if pod.name in OURS
        for target in (*closed, service)
        for port in PORTS
        if may(everything, pod, target, port)
    }
    assert reached == {(pod, "dns", 53) for pod in OURS}


def test_a_way_to_everywhere_leads_to_strangers_where_the_addresses_of_pods_are_not_known():
    data = everywhere("local")
    del data["gaia-dmp:cloud"]["pod_cidrs"]
    strangers = {(pod, where, port) for pod in NOTEBOOKS for where in ("stranger", "monitoring", "dns") for port in (443, 6443)}
    assert found(record_data(data)) & strangers == strangers


@pytest.mark.parametrize("stack", STACKS)
def test_nobody_asks_the_metadata_service(stack):
    everything = policies(record_data(everywhere(stack)))
    metadata = next(pod for pod in PODS if pod.name == "metadata")
    assert [pod.name for pod in PODS if pod.name in OURS for port in (80, 443) if may(everything, pod, metadata, port)] == []


def test_dns_goes_by_both_protocols():
    everything = policies(record_data(networked("dev")))
    executor, dns = (next(pod for pod in PODS if pod.name == name) for name in ("executor", "dns"))
    assert may(everything, executor, dns, 53, "UDP")
    assert not may(everything, executor, dns, 443, "UDP")


def test_a_way_out_is_for_those_it_names():
    data = networked("dev")
    data["gaia-dmp:outside"] = {"egress": [{"name": "ldap", "cidr": "198.51.100.0/24", "ports": [22], "who": ["server"]}]}
    assert found(record_data(data)) == expected(ways_out=False) | {("server", "the world", 22)}


def test_the_evaluator_sees_what_is_open():
    """Without the policies of one namespace everything there is open: the matrix above is no matter of course."""
    everything = [policy for policy in policies(record_data(networked("dev"))) if policy["metadata"]["namespace"] != SPARK]
    flows = set(matrix(everything, PODS, PORTS))
    assert ("stranger", "driver", 12321) in flows
    assert ("executor", "the world", 22) in flows


def test_cilium_is_told_of_the_api_server_in_its_own_words():
    data = document("dev")
    data["gaia-dmp:cloud"]["cluster"]["template"]["network_driver"] = "cilium"
    ours = [r.inputs for r in record_data(data).resources if r.inputs.get("kind") == "CiliumNetworkPolicy"]
    assert [(p["metadata"]["namespace"], p["spec"]["endpointSelector"]["matchLabels"]) for p in ours] == [
        (SPARK, DRIVER_LABELS),
        (SERVER, CLEANER_LABELS),
        (SERVER, ZEPPELIN_LABELS),
    ]
    assert all(p["spec"]["egress"] == [{"toEntities": ["kube-apiserver"]}] for p in ours)


def test_an_api_server_may_have_several_addresses():
    data = document("local")
    data["gaia-dmp:cloud"] |= {
        "api_server": {"cidrs": ["10.0.1.16/32", "198.51.100.9/32"], "ports": [6444]},
        "pod_cidrs": ["10.0.1.0/24"],
    }
    assert networks(record_data(data), SPARK, "driver", 6444) == [{"cidr": "10.0.1.16/32"}, {"cidr": "198.51.100.9/32"}]


def test_a_wide_network_of_the_api_server_leads_to_no_pod():
    data = document("local")
    data["gaia-dmp:cloud"] |= {
        "api_server": {"cidrs": ["10.0.0.0/16"], "ports": [6444]},
        "pod_cidrs": ["10.0.64.0/18"],
        "service_cidrs": ["10.0.9.0/24"],
    }
    assert networks(record_data(data), SERVER, "server", 6444) == [{"cidr": "10.0.0.0/16", "except": ["10.0.64.0/18", "10.0.9.0/24"]}]


def test_prometheus_reaches_nodes_that_share_a_network_with_pods():
    data = document("local") | {"gaia-dmp:monitoring": {}}
    data["gaia-dmp:cloud"]["pod_cidrs"] = ["10.0.0.0/16"]
    found = networks(record_data(data), MONITORING_NAMESPACE, "prometheus", 9100)
    assert found == [{"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}]


@pytest.mark.parametrize("stack", STACKS)
def test_each_role_has_one_policy(stack):
    selectors = [
        (p["metadata"]["namespace"], sorted(p["spec"]["podSelector"]["matchLabels"].items()))
        for p in policies(record_data(networked(stack)))
    ]
    assert len(selectors) == len({str(each) for each in selectors}) > 8
