"""Take up a stack whose engine was killed: what it was making is looked for in the cloud, and taken over into the state.

The engine notes what it is about to make, and its id once it is made. Of what it was making when it died it knows no id, and the next
`up` would make another one. `pulumi refresh` clears no such note, and its `--import-pending-creates` does not import (engine 3.260).
Where an answer is lost, the engine does not even keep the note (unnoted.py).
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import NotFoundException
from rich.console import Console

from components.names import whose
from doctor.visit import connect, roles
from operate.engine import run
from operate.live import plain
from operate.undeclared import role
from operate.unnoted import Unnoted
from settings import load_file
from settings.values.cloud import OpenStackCloud


@dataclass(frozen=True)
class Resumed:
    """What was done. taken: name of the resource to the id in the cloud. forgotten: names of what this stack has not got there."""

    taken: Mapping[str, str]
    forgotten: Sequence[str]
    unsought: Sequence[str]
    """Names of what no listing tells: nobody looked."""

    in_kubernetes: Sequence[str]
    """Names of objects in the cluster, which the next `up` takes over by variables."""

    deleting: bool = False
    """Whether something was being deleted, which may be gone by now though the state has it."""


class UnmarkedError(ValueError):
    """Something has a name of this stack's and no mark of a stack. A line for each."""

    def __str__(self) -> str:
        return f"{super().__str__()}\n  Look at it. Is it this stack's? Run again with --unmarked. Otherwise rename it, or remove it"


@dataclass(frozen=True)
class _Listing:
    """Where a service lists what there is of a kind. fields: of the listing, to the inputs that they must equal.

    marked: whether each that the program makes carries the mark of its stack, sooner or later. gone: how the service answers where that
    which holds them is gone, as after a `destroy` that was killed.
    """

    service: str
    path: str
    key: str
    fields: Mapping[str, str]
    id: str = "id"
    headers: Mapping[str, str] | None = None
    marked: bool = False
    gone: HTTPStatus = HTTPStatus.NOT_FOUND


TAKE_OVER = ("PULUMI_K8S_UPSERT_EXISTING_OBJECTS", "PULUMI_K8S_ENABLE_PATCH_FORCE")
"""Variables by which the next `up` takes over objects of Kubernetes that exist. Each object has a field manager of its own, and the dead
engine's still owns what the API server has completed (pulumi-kubernetes: provider/pkg/await/await.go, Creation).
"""

_NAME = {"name": "name"}
_INTERFACE = "openstack:networking/routerInterface:RouterInterface"
_SUBNET_ROUTE = "openstack:networking/subnetRoute:SubnetRoute"
_ROUTER_ROUTE = "openstack:networking/routerRoute:RouterRoute"
_ATTACHMENT = "openstack:compute/volumeAttach:VolumeAttach"
_SERVER = "openstack:compute/instance:Instance"
_MAGNUM = {"OpenStack-API-Version": "container-infra 1.9"}
_LISTINGS = {
    "openstack:networking/network:Network": _Listing("network", "/networks", "networks", _NAME, marked=True),
    "openstack:networking/subnet:Subnet": _Listing("network", "/subnets", "subnets", {"name": "name", "network_id": "networkId"}),
    "openstack:networking/router:Router": _Listing("network", "/routers", "routers", _NAME, marked=True),
    "openstack:networking/port:Port": _Listing("network", "/ports", "ports", {"name": "name", "network_id": "networkId"}),
    "openstack:networking/floatingIp:FloatingIp": _Listing(
        "network", "/floatingips", "floatingips", {"description": "description"}, marked=True
    ),
    "openstack:networking/secGroup:SecGroup": _Listing("network", "/security-groups", "security_groups", _NAME, marked=True),
    "openstack:networking/secGroupRule:SecGroupRule": _Listing(
        "network",
        "/security-group-rules?security_group_id={securityGroupId}",
        "security_group_rules",
        {
            "direction": "direction",
            "ethertype": "ethertype",
            "protocol": "protocol",
            "port_range_min": "portRangeMin",
            "port_range_max": "portRangeMax",
            "remote_ip_prefix": "remoteIpPrefix",
            "remote_group_id": "remoteGroupId",
        },
    ),
    _SERVER: _Listing("compute", "/servers/detail", "servers", _NAME, marked=True),
    "openstack:compute/serverGroup:ServerGroup": _Listing("compute", "/os-server-groups", "server_groups", _NAME),
    "openstack:blockstorage/volume:Volume": _Listing("block_storage", "/volumes/detail", "volumes", _NAME, marked=True),
    "openstack:compute/keypair:Keypair": _Listing("compute", "/os-keypairs", "keypairs", _NAME, id="name"),
    "openstack:containerinfra/clusterTemplate:ClusterTemplate": _Listing(
        "container_infrastructure_management", "/clustertemplates", "clustertemplates", _NAME, id="uuid"
    ),
    "openstack:containerinfra/cluster:Cluster": _Listing("container_infrastructure_management", "/clusters", "clusters", _NAME, id="uuid"),
    "openstack:containerinfra/nodeGroup:NodeGroup": _Listing(
        "container_infrastructure_management", "/clusters/{clusterId}/nodegroups", "nodegroups", _NAME, id="uuid", headers=_MAGNUM
    ),
    "openstack:sharedfilesystem/share:Share": _Listing("shared_file_system", "/shares/detail", "shares", _NAME, marked=True),
    "openstack:sharedfilesystem/shareAccess:ShareAccess": _Listing(
        "shared_file_system",
        "/share-access-rules?share_id={shareId}",
        "access_list",
        {"access_to": "accessTo"},
        headers={"X-OpenStack-Manila-API-Version": "2.45"},
        gone=HTTPStatus.BAD_REQUEST,
    ),
    "openstack:dns/recordSet:RecordSet": _Listing("dns", "/zones/{zoneId}/recordsets", "recordsets", {"name": "name", "type": "type"}),
}
"""Type to how it is found."""
_SOUGHT = {_INTERFACE, _SUBNET_ROUTE, _ROUTER_ROUTE, _ATTACHMENT, *_LISTINGS}
"""Every type that is found. Any other is made again without harm (buckets), or is nothing in the cloud (passwords)."""
_GOING = {"deleting", "delete_in_progress"}
"""Statuses of Manila and Magnum, in small letters, of what is gone in a moment."""


def found(
    cloud: Connection, kind: str, inputs: Mapping[str, Any], mark: str, *, unmarked: bool = False, beside: Collection[str] = ()
) -> str:
    """The id of the one resource that these inputs have made, as the provider writes it; "" where this stack has none.

    mark: of this stack; what carries another one is passed over. unmarked: whether something without a mark is taken, too: Neutron's API
    sets tags after it has made the thing, and a person who looked knows more. beside: ids of what the state has, for which this is made.

    Raises UnmarkedError where it is one without a mark, ValueError where there are several or a server that ended in error, and KeyError
    for a kind that no listing tells.
    """
    if kind == _INTERFACE:
        return _interface(cloud, inputs)
    if kind in {_SUBNET_ROUTE, _ROUTER_ROUTE}:
        return _route(cloud, kind, inputs)
    if kind == _ATTACHMENT:
        return _attachment(cloud, inputs)
    listing = _LISTINGS[kind]
    answer = getattr(cloud, listing.service).get(listing.path.format(**inputs), headers=dict(listing.headers or {}))
    if answer.status_code == listing.gone and "{" in listing.path:
        return ""
    answer.raise_for_status()
    mine = {cloud.current_project_id, None}
    things = [
        each
        for each in (entry["keypair"] if listing.key == "keypairs" else entry for entry in answer.json()[listing.key])
        if all(each.get(field) == inputs.get(source) for field, source in listing.fields.items())
        and each.get("project_id") in mine
        and str(each.get("status")).lower() not in _GOING
        and each[listing.id] not in beside
    ]
    if listing.key == "clusters":
        # It carries no mark, but stands in this stack's network.
        things = [each for each in things if _in_network(cloud, each["uuid"], inputs["fixedNetwork"])]
    title, by_name = inputs.get("name") or inputs.get("description") or kind, False
    if listing.marked:
        owners = [(each, whose(each.get("tags") or (), each.get("metadata") or {}, mark)) for each in things]
        ours = [each for each, owner in owners if owner == mark]
        things, by_name = ours or [each for each, owner in owners if not owner], not ours
    ids = [each[listing.id] for each in things]
    if len(ids) > 1:
        raise ValueError(f"{len(ids)} are there of {title}: {', '.join(ids)}; remove those that hold nothing")
    if ids and by_name and not unmarked:
        raise UnmarkedError(f"{title} ({ids[0]}) has this stack's name and no mark of a stack; nothing was taken over.")
    if kind == _SERVER and any(each["status"] == "ERROR" for each in things):
        raise _not_taken(title, ids[0], "ended in error")
    above = inputs.get("clusterId") if kind.endswith(":NodeGroup") else inputs.get("zoneId")
    return "/".join([*([above] if above else []), *ids]) if ids else ""


def _not_taken(title: str, identity: str, why: str) -> ValueError:
    """A server holds its port and its volume, so no other one is made beside it."""
    return ValueError(
        f"server {title} ({identity}) {why}; nothing was taken over.\n"
        f"  Delete it, then run again: openstack server delete --wait {identity}. The next `up` makes it anew"
    )


def _in_network(cloud: Connection, cluster: str, network: str) -> bool:
    """Whether a cluster is in a network. Raises where Magnum does not answer."""
    answer = cloud.container_infrastructure_management.get(f"/clusters/{cluster}")
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return False
    answer.raise_for_status()
    return answer.json()["fixed_network"] == network


def _interface(cloud: Connection, inputs: Mapping[str, Any]) -> str:
    """A router's interface is a port of it, on the subnet or the one that is named."""
    network: Any = cloud.network
    for port in network.ports(device_id=inputs["routerId"]):
        if inputs.get("portId") == port.id or inputs.get("subnetId") in {each["subnet_id"] for each in port.fixed_ips}:
            return port.id
    return ""


def _attachment(cloud: Connection, inputs: Mapping[str, Any]) -> str:
    """A volume's attachment is at a server, and its id is both."""
    server, volume = inputs["instanceId"], inputs["volumeId"]
    answer = cloud.compute.get(f"/servers/{server}/os-volume_attachments/{volume}")
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return ""
    answer.raise_for_status()
    return f"{server}/{volume}"


class _Search:
    """Looks in a stack's clouds for what is its own, and keeps what carries no mark. clouds: connections by role."""

    def __init__(self, clouds: Mapping[str, Connection], *, unmarked: bool) -> None:
        self._clouds, self._unmarked = clouds, unmarked
        self._strange: list[UnmarkedError] = []

    def __call__(self, resource: Mapping[str, Any], beside: Collection[str] = ()) -> str:
        """The id of a resource of a state in its cloud, as `found` gives it; "" for one without a mark."""
        cloud, mark = self._clouds[role(resource)], _mark(resource["urn"])
        try:
            return found(cloud, resource["type"], resource["inputs"], mark, unmarked=self._unmarked, beside=beside)
        except UnmarkedError as error:
            self._strange.append(error)
            return ""

    def stands(self, resource: Mapping[str, Any]) -> bool:
        return resource["type"] in _SOUGHT and role(resource) in self._clouds and self(resource) == resource["id"]

    def check(self) -> None:
        """Raises UnmarkedError with all that carries no mark.

        A person who says --unmarked has then seen all of it, except what hangs on something that is not taken yet.
        """
        if self._strange:
            raise UnmarkedError("\n".join(error.args[0] for error in self._strange))


def resume(stack: str, folder: Path, *, unmarked: bool = False) -> Resumed:
    """Take over what a killed engine was making, and what was made though its answer was lost.

    folder: where the program is. The lock of the dead engine must be gone (`pulumi cancel`).

    unmarked: whether a network, router, floating IP or share without a stack's mark is taken over by its name.

    Raises StackFileError, EngineError, ValueError, and what a service that does not answer ends in.
    """
    settings = load_file(folder, stack).settings
    cloud = settings.cloud
    projects = roles(settings, cloud) if isinstance(cloud, OpenStackCloud) else {}
    state = json.loads(run(stack, "stack", "export", folder=folder))
    deployment = state["deployment"] or {}
    pending = [each["resource"] for each in deployment.get("pending_operations") or [] if each["type"] == "creating"]
    clouds = {name: connect(project) for name, project in projects.items()}
    search = _Search(clouds, unmarked=unmarked)
    told = _user_data(stack, folder) if any(each["type"] == _SERVER for each in pending) else {}
    taken, forgotten, unsought, in_kubernetes = {}, [], [], []
    urns = []

    def take(resource: Mapping[str, Any], identity: str) -> None:
        outputs = dict(resource["inputs"])
        if resource["type"] == _SERVER:
            if resource["urn"] not in told:
                raise _not_taken(outputs["name"], identity, "was made though its answer was lost, and nobody knows its user data")
            # The provider keeps this in its state, reads no other, and would replace the server
            # (terraform-provider-openstack: resource_openstack_compute_instance_v2.go, user_data's StateFunc).
            outputs["userData"] = hashlib.sha1(told[resource["urn"]].encode(), usedforsecurity=False).hexdigest()
        taken[_name(resource)] = identity
        urns.append(resource["urn"])
        deployment["resources"] = _with(deployment["resources"], {**resource, "id": identity, "outputs": outputs})

    # In a rebuild the engine marks what goes with the cluster before the cluster goes (pulumi: pkg/resource/deploy/step_generator.go,
    # findDependentCascadeReplacements). It would make a second one of what stands, and lose the provider that others still name.
    known = {each["urn"]: each for each in deployment.get("resources") or []}
    for resource in (each for each in known.values() if each.get("pendingReplacement")):
        if resource["type"].startswith("kubernetes:"):
            in_kubernetes.append(_name(resource))
        elif search.stands(known[resource["deletedWith"]] if resource["type"].startswith("pulumi:providers:") else resource):
            del resource["pendingReplacement"]
            taken[_name(resource)] = resource["id"]
            urns.append(resource["urn"])
    # A component is nothing in the cloud.
    for resource in (each for each in pending if each["custom"]):
        if resource["type"].startswith("kubernetes:"):
            in_kubernetes.append(_name(resource))
        elif role(resource) not in projects or resource["type"] not in _SOUGHT:
            unsought.append(_name(resource))
        elif identity := search(resource, _ids(deployment["resources"], resource["urn"])):
            take(resource, identity)
        else:
            forgotten.append(_name(resource))
    if projects and deployment.get("resources"):
        unnoted = Unnoted(stack, folder, deployment["resources"], [each["urn"] for each in pending if each["urn"] not in urns])
        for resource in unnoted.sought(_SOUGHT):
            if identity := search(resource):
                take(resource, identity)
                unnoted.took({**resource, "id": identity})
    search.check()
    still = [each for each in deployment.get("pending_operations") or [] if each["type"] != "creating"]
    if pending or urns:
        _write(stack, state | {"deployment": deployment | {"pending_operations": still}}, folder)
        _finish([each for each in deployment["resources"] if each["urn"] in urns], clouds)
    if urns:
        run(stack, "refresh", "--yes", *(word for urn in urns for word in ("--target", urn)), folder=folder)
    deleting = any(each["type"] == "deleting" for each in still)
    return Resumed(taken, forgotten, unsought, list(dict.fromkeys(in_kubernetes)), deleting)


def _ids(resources: Iterable[Mapping[str, Any]], urn: str) -> list[str]:
    """What the state has of a resource, which may be about to be replaced."""
    return [each["id"] for each in resources if each["urn"] == urn and each.get("id")]


def _finish(taken: Iterable[Mapping[str, Any]], clouds: Mapping[str, Connection]) -> None:
    """Do what the provider would still have done after it had made something."""
    for resource in taken:
        if resource["inputs"].get("deleteDefaultRules"):
            delete_rules(clouds[role(resource)], resource["id"])


def delete_rules(cloud: Connection, group: str) -> None:
    """Delete the rules with which Neutron made a security group, where the provider has not got to it.

    It deletes them, then notes the id, then sets tags (terraform-provider-openstack: resource_openstack_networking_secgroup_v2.go,
    resourceNetworkingSecGroupV2Create). So a group without tags has no rule of ours yet, and one with tags has none of Neutron's. Neutron
    refuses a rule of ours that is the same as one of its own.
    """
    network: Any = cloud.network
    if network.get_security_group(group).tags:
        return
    for rule in network.security_group_rules(security_group_id=group):
        network.delete_security_group_rule(rule.id)


def _user_data(stack: str, folder: Path) -> dict[str, str]:
    """User data, in clear, of servers that were being made, by their urns. It goes into no file."""
    deployment = json.loads(run(stack, "stack", "export", "--show-secrets", folder=folder))["deployment"]
    making = [each["resource"] for each in deployment["pending_operations"] if each["type"] == "creating"]
    return {each["urn"]: plain(each["inputs"]["userData"]) for each in making if each["type"] == _SERVER}


def _name(resource: Mapping[str, Any]) -> str:
    return resource["urn"].split("::")[-1]


def _route(cloud: Connection, kind: str, inputs: Mapping[str, Any]) -> str:
    """A route is a line of its subnet or router, and its id is what it says.

    Of one that is there already, the provider refuses a subnet's, and fails at a router's: it reads it without having set its id
    (terraform-provider-openstack: resource_openstack_networking_router_route_v2.go, resourceNetworkingRouterRouteV2Create).
    """
    network: Any = cloud.network
    destination, hop = inputs["destinationCidr"], inputs["nextHop"]
    owner = inputs["subnetId" if kind == _SUBNET_ROUTE else "routerId"]
    try:
        routes = network.get_subnet(owner).host_routes if kind == _SUBNET_ROUTE else network.get_router(owner).routes
    except NotFoundException:
        return ""
    there = {(route["destination"], route["nexthop"]) for route in routes}
    return f"{owner}-route-{destination}-{hop}" if (destination, hop) in there else ""


def _mark(urn: str) -> str:
    """The mark of a resource's stack, as components set it. urn: urn:pulumi:<stack>::<project>::<types>::<name>."""
    stack, project = urn.split("::")[:2]
    return f"{project}-{stack.removeprefix('urn:pulumi:')}"


def _with(resources: list[dict[str, Any]], made: dict[str, Any]) -> list[dict[str, Any]]:
    """Resources of a state with one that was made: in place of the one that was deleted for it, or beside one that is to go.

    The engine imports no state in which a resource stands after one that depends on it.
    """
    gone = [each["urn"] == made["urn"] and bool(each.get("pendingReplacement")) for each in resources]
    if any(gone):
        return [made if away else each for each, away in zip(resources, gone, strict=True)]
    return [each | {"delete": True} if each["urn"] == made["urn"] else each for each in resources] + [made]


def _write(stack: str, state: Mapping[str, Any], folder: Path) -> None:
    """Put a state in the place of the one that is there. Its secrets are encrypted, as they were exported."""
    handle, path = tempfile.mkstemp(suffix=".json")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(state, file)
        run(stack, "stack", "import", "--file", path, folder=folder)
    finally:
        Path(path).unlink()


def show(done: Resumed, stack: str, console: Console) -> None:
    """What was taken over and forgotten, and the command that goes on."""
    for name, identity in done.taken.items():
        console.print(f"taken over: {name}, {identity}", markup=False)
    for name in done.forgotten:
        console.print(f"not there with this stack's mark or name, the next `up` makes it: {name}", markup=False)
    for name in done.unsought:
        console.print(f"not looked for, the next `up` makes it: {name}", markup=False)
    for name in done.in_kubernetes:
        console.print(f"in the cluster, the next `up` takes it over where it is there: {name}", markup=False)
    if not (done.taken or done.forgotten or done.unsought or done.in_kubernetes):
        console.print("The state has no note of something that was being made.")
    variables = "".join(f"{name}=true " for name in TAKE_OVER) if done.in_kubernetes else ""
    refresh = " --refresh" if done.deleting else ""
    if done.deleting:
        console.print("Something was being deleted. If a `destroy` was killed, run it again. Otherwise:", markup=False)
    console.print(f"Go on with: {variables}pulumi up{refresh} --stack {stack}", markup=False)
