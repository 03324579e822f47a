"""Who reaches whom: the whole matrix, by what the policies say. That a container network enforces them is not tested here."""

import pytest

from components.names import (
    CLEANER_LABELS,
    DRIVER_LABELS,
    EXECUTOR_LABELS,
    GATEWAY_LABELS,
    INTERPRETER_LABELS,
    OIDC_PROXY_LABELS,
    ZEPPELIN_LABELS,
)
from recording import Recording
from tests.support.network import Pod, matrix, may, policies
from tests.support.programs import record_data, record_stack
from tests.support.stack_files import STACKS, document

SPARK, SERVER = "gaia-spark", "gaia-zeppelin"
PODS = (
    Pod("server", SERVER, ZEPPELIN_LABELS),
    Pod("gateway", SERVER, GATEWAY_LABELS),
    Pod("gate", SERVER, OIDC_PROXY_LABELS),
    Pod("cleaner", SERVER, CLEANER_LABELS),
    Pod("driver", SPARK, {**DRIVER_LABELS, "gaia-dmp/user": "alice"}),
    Pod("other driver", SPARK, {**DRIVER_LABELS, "gaia-dmp/user": "bob"}),
    Pod("python", SPARK, {**INTERPRETER_LABELS, "gaia-dmp/group": "python"}),
    Pod("executor", SPARK, {**EXECUTOR_LABELS, "spark-role": "executor"}),
    Pod("other executor", SPARK, EXECUTOR_LABELS),
    Pod("stranger in gaia-spark", SPARK, {"app": "x"}),
    Pod("stranger", "default", {"app": "x"}),
    Pod("monitoring", "monitoring", {}),
    Pod("dns", "kube-system", {"k8s-app": "kube-dns"}),
    Pod("API server", address="10.10.0.60"),
    Pod("node DNS", address="169.254.20.10"),
    Pod("metadata", address="169.254.169.254"),
    Pod("the world", address="198.51.100.7"),
    Pod("Ceph", address="10.4.200.9"),
)
PORTS = (22, 53, 80, 443, 4040, 4180, 6443, 6789, 8080, 8443, 10250, 12320, 12321, 22321, 22322)
DRIVERS, EXECUTORS = ("driver", "other driver"), ("executor", "other executor")
INTERPRETERS = (*DRIVERS, "python")
OURS = ("server", "gateway", "gate", "cleaner", *INTERPRETERS, *EXECUTORS, "stranger in gaia-spark")
OUTSIDE = ("stranger", "monitoring", "dns", "API server", "node DNS", "metadata", "the world", "Ceph")


def expected(*, ways_out: bool, anywhere: bool = False) -> set[tuple[str, str, int]]:
    """The flows that Zeppelin's launcher (apache/zeppelin: K8sRemoteInterpreterProcess.java) and Spark in client mode
    (https://spark.apache.org/docs/3.5.8/running-on-kubernetes.html#client-mode-networking) need, and no other. anywhere: whether the API
    server's address is not known.
    """
    flows = {(pod, where, 53) for pod in OURS for where in ("dns", "node DNS")}
    flows |= {("server", pod, 12321) for pod in INTERPRETERS} | {(pod, "server", 12320) for pod in INTERPRETERS}
    flows |= {(executor, driver, port) for executor in EXECUTORS for driver in DRIVERS for port in (22321, 22322)}
    flows |= {(one, other, 22322) for one in (*DRIVERS, *EXECUTORS) for other in EXECUTORS if one != other}
    flows |= {("gateway", "server", 8080), ("gateway", "gate", 4180)} | {("gateway", driver, 4040) for driver in DRIVERS}
    # Browsers come from anywhere: by a load balancer, a node, an Ingress controller's Pod.
    flows |= {(where, "gateway", port) for where in OUTSIDE for port in (8080, 8443)}
    reached = ("API server", "the world", "Ceph", "node DNS") if anywhere else ("API server",)
    flows |= {
        (pod, where, port)
        for pod in ("server", "cleaner", *DRIVERS)
        for where in reached
        for port in ((443, 6443) if anywhere else (6443,))
    }
    if ways_out:
        flows |= {(pod, where, 443) for pod in (*INTERPRETERS, *EXECUTORS) for where in ("API server", "the world", "Ceph", "node DNS")}
    return flows


def found(recording: Recording) -> set[tuple[str, str, int]]:
    """What the policies allow between Pods of ours and all others; what strangers do among themselves is not ours to say."""
    flows = set(matrix(policies(recording), PODS, PORTS))
    return {(source, target, port) for source, target, port in flows if source in OURS or target in OURS}


@pytest.mark.parametrize("stack", STACKS)
def test_the_whole_matrix(stack):
    assert found(record_stack(stack)) == expected(ways_out=stack != "local", anywhere=stack == "local")


@pytest.mark.parametrize("stack", STACKS)
def test_nobody_asks_the_metadata_service(stack):
    everything = policies(record_stack(stack))
    metadata = next(pod for pod in PODS if pod.name == "metadata")
    assert [pod.name for pod in PODS if pod.name in OURS for port in (80, 443) if may(everything, pod, metadata, port)] == []


def test_dns_goes_by_both_protocols():
    everything = policies(record_stack("dev"))
    executor, dns = (next(pod for pod in PODS if pod.name == name) for name in ("executor", "dns"))
    assert may(everything, executor, dns, 53, "UDP")
    assert not may(everything, executor, dns, 443, "UDP")


def test_a_way_out_is_for_those_it_names():
    data = document("dev")
    data["gaia-dmp:outside"] = {"egress": [{"name": "ldap", "cidr": "198.51.100.0/24", "ports": [22], "who": ["server"]}]}
    assert found(record_data(data)) == expected(ways_out=False) | {("server", "the world", 22)}


def test_the_evaluator_sees_what_is_open():
    """Without the policies of one namespace everything there is open: the matrix above is no matter of course."""
    everything = [policy for policy in policies(record_stack("dev")) if policy["metadata"]["namespace"] != SPARK]
    flows = set(matrix(everything, PODS, PORTS))
    assert ("stranger", "driver", 12321) in flows
    assert ("executor", "the world", 22) in flows


def test_cilium_is_told_of_the_api_server_in_its_own_words():
    data = document("dev")
    data["gaia-dmp:cloud"]["cluster"]["template"]["network_driver"] = "cilium"
    ours = [r.inputs for r in record_data(data).resources if r.inputs.get("kind") == "CiliumNetworkPolicy"]
    assert [(p["metadata"]["namespace"], p["spec"]["endpointSelector"]["matchLabels"]) for p in ours] == [
        (SPARK, DRIVER_LABELS),
        (SERVER, ZEPPELIN_LABELS),
        (SERVER, CLEANER_LABELS),
    ]
    assert all(p["spec"]["egress"] == [{"toEntities": ["kube-apiserver"]}] for p in ours)
