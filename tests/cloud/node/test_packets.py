"""Who reaches whom, by real connections between real Pods, and whether that is what the evaluator of the policies says.

A Pod for each role has the role's labels and listens on every port. What is outside the cluster is played by the machine room, which
has an address for each of it. Every role tries every other on every port. The roles are on two nodes by turns, so a connection passes the
rules of one node or of two.

The evaluator gets the Pods' real addresses: a block of addresses means Pods as well, unless the stack excepts their networks. What
passes is also held against what test_network_policies.py expects, which knows no policy.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.cloud import deployed
from tests.cloud.api import Api, Object
from tests.cloud.node import config
from tests.cloud.node.cluster import API, Cluster
from tests.cloud.node.node import Node
from tests.cloud.node.pods import execute, outside, probe, start
from tests.cloud.tools import program
from tests.stacks.test_network_policies import NOTEBOOKS, OURS, PODS, PORTS, SERVICE, expected, ours
from tests.support.eventually import eventually
from tests.support.network import Pod, matrix, networked
from tests.support.stack_files import connected, with_models

Flow = tuple[str, str, int]
NAMES = {pod.name: pod.name.lower().replace(" ", "-") for pod in PODS}
STRANGER = next(pod for pod in PODS if pod.name == "stranger")
HTTPS = 443
INSIDE, OUTSIDE = [pod for pod in PODS if pod.namespace], [pod for pod in PODS if not pod.namespace]


class Roles:
    """The roles on a cluster. ends: each with its real address."""

    def __init__(self, cluster: Cluster, pods: Sequence[Object]) -> None:
        self._cluster = cluster
        self._pods = dict(zip((pod.name for pod in INSIDE), pods, strict=True))
        self.ends = [replace(pod, address=self._pods[pod.name]["status"]["podIP"]) for pod in INSIDE] + OUTSIDE

    def flows(self) -> set[Flow]:
        """Every connection that was made between two of them, one at least of which is a Pod."""
        with ThreadPoolExecutor(4) as pool:
            return {flow for flows in pool.map(self._reached, self.ends) for flow in flows}

    def served(self, roles: Sequence[str]) -> set[str]:
        """Who of these roles reaches the stranger by the address of a Service."""
        text = f"{SERVICE}:{HTTPS}\n"
        return {role for role in roles if execute(self._cluster.kube, self._pods[role], "/probe", "try", text=text)}

    def resolved(self, name: str) -> dict[str, str]:
        """What each Pod finds for a name, by the cluster's DNS."""
        return {role: execute(self._cluster.kube, self._pods[role], "/probe", "resolve", name) for role in OURS}

    def _reached(self, source: Pod) -> list[Flow]:
        ends = {end.address: end.name for end in self.ends if end is not source and (source.namespace or end.namespace)}
        targets = "".join(f"{address}:{port}\n" for address in ends for port in PORTS)
        if source.namespace:
            found = execute(self._cluster.kube, self._pods[source.name], "/probe", "try", text=targets)
        else:
            found = self._cluster.room(str(program("probe")), "try", source.address, text=targets)
        pairs = (line.split(":") for line in found.splitlines())
        return [(source.name, ends[address], int(port)) for address, port in pairs]


def said(policies: Sequence[Object], ends: Sequence[Pod]) -> set[Flow]:
    """What the evaluator says of the same connections."""
    outside = {pod.name for pod in OUTSIDE}
    return {flow for flow in matrix(policies, ends, PORTS) if not {flow[0], flow[1]} <= outside}


@pytest.fixture(scope="module")
def roles(bare: Cluster, second: Node) -> Iterator[Roles]:
    api = bare.kube.api
    for namespace in sorted({pod.namespace for pod in INSIDE}):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    made = [probe(NAMES[pod.name], "serve", "", *map(str, PORTS), namespace=pod.namespace, labels=dict(pod.labels)) for pod in INSIDE]
    for index, pod in enumerate(made):
        pod["spec"]["nodeName"] = ("node-1", second.name)[index % 2]
    service = {"clusterIP": SERVICE, "selector": dict(STRANGER.labels), "ports": [{"port": HTTPS}]}
    place = {"name": "stranger", "namespace": STRANGER.namespace}
    api.apply({"apiVersion": "v1", "kind": "Service", "metadata": place, "spec": service})
    with outside(bare, [pod.address for pod in OUTSIDE], PORTS):
        yield Roles(bare, start(api, *made))
    for pod in made:
        api.delete(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}", gracePeriodSeconds="0")


def settled(roles: Roles, wanted: set[Flow]) -> set[Flow]:
    """The flows once they are as wanted, or the last ones: a firewall takes a moment to heed what is new."""
    found: list[set[Flow]] = []

    def fits() -> bool:
        found.append(roles.flows())
        return found[-1] == wanted or len(found) > 10

    eventually(fits, 300)
    return found[-1]


STACKS = {
    "local": expected(ways_out=False),
    "dev": expected(ways_out=True),
    "local with Spark Connect and models": expected(ways_out=False, connect=True, models=True),
}
"""A stack, to who may reach whom there."""


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def policies(stack: str, cluster: Cluster) -> Iterator[list[Object]]:
    """The NetworkPolicies of a stack that knows the networks of this cluster, on the cluster."""
    api = cluster.kube.api
    name, _, more = stack.partition(" ")
    data = networked(name, config.PODS, config.SERVICES, API)
    found = [item for item in deployed.objects(with_models(connected(data)) if more else data) if item["kind"] == "NetworkPolicy"]
    deployed.apply(api, found)
    yield found
    remove(api, found)


def remove(api: Api, policies: Sequence[Object]) -> None:
    for policy in policies:
        place = policy["metadata"]
        api.delete(f"/apis/networking.k8s.io/v1/namespaces/{place['namespace']}/networkpolicies/{place['name']}")


def test_without_policies_everything_is_open(roles: Roles):
    """The probes see what they should where nothing stops them."""
    every = said([], roles.ends)
    assert len(every) == (len(INSIDE) * (len(PODS) - 1) + len(OUTSIDE) * len(INSIDE)) * len(PORTS)
    assert settled(roles, every) ^ every == set()
    assert roles.served(NOTEBOOKS) == set(NOTEBOOKS)


def test_packets_go_where_the_evaluator_says(roles: Roles, policies: list[Object], stack: str):
    evaluated = said(policies, roles.ends)
    passed = settled(roles, evaluated)
    assert passed ^ evaluated == set()
    assert ours(passed) ^ STACKS[stack] == set()
    # The dev stack lets notebooks go anywhere by https; a Service leads inside all the same.
    assert roles.served(NOTEBOOKS) == set()
    name = "kubernetes.default.svc.cluster.local"
    assert roles.resolved(name) == dict.fromkeys(OURS, "10.254.0.1\n")
