"""Answers that are wrong, late or lost while a stack comes and goes: what the person is told, and that `up` or `destroy` goes on.

Each request that makes or removes something fails once. What was seen is written down for docs/reference/faults.md.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.drivers.gaia_dmp_cloud.faults import Fault
from tests.cloud.openstack.inventory import held
from tests.engine.moments import Moments, said
from tests.engine.platform import Outcome, Platform
from tests.engine.resumed import resumed
from tests.support.eventually import eventually
from tests.support.stack_files import document


@dataclass(frozen=True)
class Request:
    """A request that makes or removes a resource. names: how the names of those begin of which the first that comes meets the fault."""

    names: tuple[str, ...]
    service: str
    pattern: str
    words: str


MAKES = (
    Request(("network-network",), "neutron", "^POST /v2.0/networks$", "the network is made"),
    Request(("network-subnet",), "neutron", "^POST /v2.0/subnets$", "the subnet is made"),
    Request(("network-router", "network-ceph-router"), "neutron", "^POST /v2.0/routers$", "a router is made"),
    Request(
        ("network-router-interface", "network-ceph-router-interface"),
        "neutron",
        "^PUT /v2.0/routers/[^/]+/add_router_interface$",
        "a router gets its interface",
    ),
    Request(("network-ceph-port",), "neutron", "^POST /v2.0/ports$", "the port to Ceph is made"),
    Request(("network-ceph-subnet-route",), "neutron", "^PUT /v2.0/subnets/[^/]+$", "the subnet gets its route to Ceph"),
    Request(("data-sample-share", "notebooks-share"), "manila", "^POST /v2/.*shares$", "a share is made"),
    Request(("data-sample-access", "notebooks-access"), "manila", "^POST /v2/.*shares/[^/]+/action$", "a share gets its access rule"),
    Request(("cluster-keypair",), "nova", "^POST /v2.1/os-keypairs$", "the key pair is made"),
    Request(("cluster-template",), "magnum", "^POST /v1/clustertemplates$", "the cluster's template is made"),
    Request(("cluster-cluster",), "magnum", "^POST /v1/clusters$", "the cluster is made"),
    Request(("cluster-pool-spark",), "magnum", "^POST /v1/clusters/[^/]+/nodegroups$", "a pool is made"),
)
REMOVES = (
    Request(("cluster-cluster",), "magnum", "^DELETE /v1/clusters/[^/]+$", "the cluster is deleted"),
    Request(("cluster-template",), "magnum", "^DELETE /v1/clustertemplates/", "the cluster's template is deleted"),
    Request(("cluster-keypair",), "nova", "^DELETE /v2.1/os-keypairs/", "the key pair is deleted"),
    Request(("data-sample-share", "notebooks-share"), "manila", "^DELETE /v2/.*shares/[^/]+$", "a share is deleted"),
    Request(
        ("network-router-interface", "network-ceph-router-interface"),
        "neutron",
        "^PUT /v2.0/routers/[^/]+/remove_router_interface$",
        "a router loses its interface",
    ),
    Request(("network-ceph-port",), "neutron", "^DELETE /v2.0/ports/", "the port to Ceph is deleted"),
    Request(("network-router", "network-ceph-router"), "neutron", "^DELETE /v2.0/routers/", "a router is deleted"),
    Request(("network-subnet",), "neutron", "^DELETE /v2.0/subnets/", "the subnet is deleted"),
    Request(("network-network",), "neutron", "^DELETE /v2.0/networks/", "the network is deleted"),
)

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "500": ("An API answers 500", "The service does nothing and says so, once for each request.", {"status": 500}),
    "lost": (
        "An answer is lost",
        "The service does what it was asked. Then a proxy before it answers 504, once for each request.",
        {"status": 504, "done": True},
    ),
    "401": ("A token expires", "The service answers 401, once for each request.", {"status": 401}),
    "slow": ("An API hangs", "The service takes 15 s over its answer, once for each request.", {"seconds": 15}),
}
ROUNDS = 14
"""More than there are links in the longest chain of resources: each pass of the engine gets one link further."""


class Answers:
    """One stack that meets one kind of fault at every request."""

    def __init__(self, cloud: Cloud, dev: Platform, capsys: pytest.CaptureFixture[str], kind: str, project: Any) -> None:
        self.cloud, self.dev, self.capsys, self.project = cloud, dev, capsys, project
        title, text, self.how = KINDS[kind]
        self.book = Moments(f"answers-{kind}", title, text, project)

    def meets(self, operation: str, requests: tuple[Request, ...]) -> None:
        """Repeat an operation until it comes to its end, with every fault ordered once. Raises AssertionError where it never does."""
        faults = {
            request: Fault(
                service=request.service, request=request.pattern, message=f"ordered: no, while {request.words}", times=1, **self.how
            )
            for request in requests
        }
        self.cloud.faults(*faults.values())
        noted: set[Request] = set()
        done = Outcome(error=True)
        for _round in range(ROUNDS):
            before = self.book.stands()
            done = self.dev.plain(operation, "--yes", "--skip-preview")
            new = [request for request, fault in faults.items() if request not in noted and self.cloud.happened(fault)]
            noted.update(new)
            told = {request: said(done.output, *request.names) if done.error else "nothing: the engine goes on" for request in new}
            mended = self._mend(operation, done.output) if done.error else []
            goes = set(before.values()) if operation == "destroy" else set()
            for request in new:
                self.book.saw(f"`{operation}`, while {request.words}", told[request], mended, before, goes=goes)
            if not done.error:
                break
        assert not done.error, done.output[-3000:]
        assert noted == set(requests)

    def _mend(self, operation: str, output: str) -> list[str]:
        """What a person does next, and which commands that were."""
        if operation == "destroy" or not self.how.get("done"):
            return [f"pulumi {operation}"]
        removed = self._remove_twins(output)
        _, mended = resumed(self.dev, self.project, self.capsys)
        return [*removed, *mended, "pulumi up"]

    def _remove_twins(self, output: str) -> list[str]:
        """Remove what the state does not name: shares as the message says, and what has a random name as a list of them shows."""
        commands = []
        shares, magnum = self.project.shared_file_system, self.project.container_infrastructure_management
        for twin in set(re.findall(r"openstack share delete (\S+)", output)) if "stands more than once" in output else ():
            shares.delete_share(twin)
            eventually(lambda twin=twin: twin not in [each.id for each in shares.shares()])
            commands.append("openstack share delete <id>")
        known = set(self.dev.ids().values())
        for each in list(self.project.compute.keypairs()):
            if each.name not in known:
                self.project.compute.delete_keypair(each)
                commands.append("openstack keypair delete <name>")
        for each in magnum.get("/clustertemplates").json()["clustertemplates"]:
            if each["name"].startswith("cluster-template-") and each["uuid"] not in known:
                magnum.delete(f"/clustertemplates/{each['uuid']}").raise_for_status()
                commands.append("openstack coe cluster template delete <id>")
        return commands


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_goes_wrong_loses_nothing(
    cloud: Cloud, platform: Callable[..., Platform], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    dev = platform("dev", document("dev"))
    dev.stack()
    for name, value in dev.environment.items():
        monkeypatch.setenv(name, value)
    answers = Answers(cloud, dev, capsys, kind, project)
    try:
        answers.meets("up", MAKES)
        assert dev.up().ops == {}
        assert held(project)["shares"] == ["gaia-dmp-dev-notebooks", "gaia-dmp-dev-sample"]
        answers.meets("destroy", REMOVES)
        assert dev.ids() == {}
        assert held(project) == {}
    finally:
        answers.book.write()
    answers.book.well()


QUOTAS = (
    ("network-network", "network", "networks"),
    ("network-router", "network", "routers"),
    ("network-subnet", "network", "subnets"),
    ("network-ceph-port", "network", "ports"),
    ("data-sample-share", "share", "shares"),
    ("cluster-keypair", "compute", "key pairs"),
)
"""Name of a resource, whose quota it is, and what is counted."""


def set_quota(admin: Any, project: str, service: str, what: str, limit: int) -> None:
    key = what.removesuffix("s").replace(" ", "_")
    if service == "network":
        admin.network.put(f"/quotas/{project}", json={"quota": {key: limit}}).raise_for_status()
    elif service == "share":
        body = {"quota_set": {"shares": limit}}
        admin.shared_file_system.put(f"/quota-sets/{project}", json=body, microversion="2.7").raise_for_status()
    else:
        admin.compute.put(f"/os-quota-sets/{project}", json={"quota_set": {"key_pairs": limit, "force": True}}).raise_for_status()


def test_a_full_quota_stops_nothing_for_good(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    project: Any = connect(cloud.clouds_yaml, "iris-gaia-red")
    admin: Any = connect(cloud.clouds_yaml, "admin")
    dev = platform("dev", document("dev"))
    dev.stack()
    book = Moments("quotas", "A quota is full", "The project may have none of these. Room is made when the message has come.", project)
    full = {name: (service, what) for name, service, what in QUOTAS}
    for service, what in full.values():
        set_quota(admin, project.current_project_id, service, what, 0)
    # The cluster is not what this is about.
    cloud.faults(Fault(service="magnum", request="^POST /v1/clusters$", status=500, message="ordered: no cluster in this test"))
    try:
        for _round in range(ROUNDS):
            before = book.stands()
            done = dev.plain("up", "--yes", "--skip-preview")
            assert done.error
            told = {name: said(done.output, name) for name in full if f"({name}" in done.output}
            full_now = {name: words for name, words in told.items() if "uota" in words}
            if not full_now:
                break
            for name, words in full_now.items():
                service, what = full.pop(name)
                set_quota(admin, project.current_project_id, service, what, 100)
                book.saw(f"`up`, with no room for {what}", words, ["openstack quota set", "pulumi up"], before)
        assert full == {}
    finally:
        for _name, service, what in QUOTAS:
            set_quota(admin, project.current_project_id, service, what, 100)
        cloud.faults()
        book.write()
    assert not dev.destroy().error
    assert held(project) == {}
    book.well()
