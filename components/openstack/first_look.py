"""A look at a project before something is made in it: what stands already is not made a second time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.names import USER_CLAIM
from settings.values.cloud import OpenStackProject

CLUSTER = "openstack:containerinfra/cluster:Cluster"
SHARE = "openstack:sharedfilesystem/share:Share"

Found = Mapping[str, bool]
"""Id of what stands, to whether it carries the mark of this stack."""


@dataclass(frozen=True)
class _Kind:
    """What may stand already. word: as `openstack` calls it. find: (connection, inputs, mark) -> what stands of that name."""

    word: str
    find: Callable[[Any, Mapping[str, Any], str], Found]


def _networks(cloud: Any, inputs: Mapping[str, Any], mark: str) -> Found:
    return {each.id: mark in each.tags for each in cloud.network.networks(name=inputs["name"], project_id=cloud.current_project_id)}


def _routers(cloud: Any, inputs: Mapping[str, Any], mark: str) -> Found:
    return {each.id: mark in each.tags for each in cloud.network.routers(name=inputs["name"], project_id=cloud.current_project_id)}


def _addresses(cloud: Any, inputs: Mapping[str, Any], mark: str) -> Found:
    """An address has no name, but a description."""
    mine = cloud.network.ips(project_id=cloud.current_project_id)
    return {each.id: mark in each.tags for each in mine if each.description == inputs["description"]}


def _shares(cloud: Any, inputs: Mapping[str, Any], mark: str) -> Found:
    shares = [each for each in cloud.shared_file_system.shares(details=True) if each.name == inputs["name"]]
    return {each.id: (each.metadata or {}).get("stack") == mark for each in shares if each.status != "deleting"}


def _clusters(cloud: Any, inputs: Mapping[str, Any], _mark: str) -> Found:
    clusters = cloud.container_infrastructure_management.get("/clusters").json()["clusters"]
    return {each["uuid"]: False for each in clusters if each["name"] == inputs["name"]}


def _buckets(cloud: Any, inputs: Mapping[str, Any], mark: str) -> Found:
    """Swift takes the creation of a container that stands for a change of it; one with our mark is this stack's, kept by a destroy."""
    answer = cloud.object_store.head(f"/{inputs['name']}", raise_exc=False)
    return {} if answer.status_code == 404 or answer.headers.get("X-Container-Meta-Stack") == mark else {inputs["name"]: False}


_KINDS: Mapping[str, _Kind] = {
    "openstack:networking/network:Network": _Kind("network", _networks),
    "openstack:networking/router:Router": _Kind("router", _routers),
    "openstack:networking/floatingIp:FloatingIp": _Kind("floating ip", _addresses),
    SHARE: _Kind("share", _shares),
    CLUSTER: _Kind("coe cluster", _clusters),
    "openstack:objectstorage/container:Container": _Kind("container", _buckets),
}


def first_look(name: str, wanted: OpenStackProject) -> pulumi.ResourceHook:
    """A hook that the engine calls before it makes a network, router, floating IP, share, cluster or bucket in a project.

    The engine asks by ids alone, and a killed one has not noted the id of what it was making: the next would make another of the same
    name. It also refuses a share type that the project does not see; Manila says so after all that the stack makes before its shares.
    Both are said in the preview already; a cluster is looked for when it is made, because one that is replaced stands until then.
    """

    def look(made: pulumi.ResourceHookArgs) -> None:
        if made.type == CLUSTER and pulumi.runtime.is_dry_run():
            return
        import openstack  # noqa: PLC0415 - the offline preview does without

        inputs = dict(made.new_inputs or {})
        cloud: Any = openstack.connect(cloud=wanted.clouds_yaml, region_name=wanted.region)
        if made.type == SHARE:
            _share_type_is_known(cloud, made.name, inputs["shareType"], wanted.project)
        kind, mark = _KINDS[made.type], f"{pulumi.get_project()}-{pulumi.get_stack()}"
        for identity, ours in kind.find(cloud, inputs, mark).items():
            raise ValueError(_stands(made, kind, identity, mark if ours else "", wanted.project))

    return pulumi.ResourceHook(f"{name}-first-look", look, pulumi.ResourceHookOptions(on_dry_run=True))


def before_create(look: pulumi.ResourceHook | None) -> pulumi.ResourceHookBinding | None:
    """The hooks of a resource that is looked for before it is made."""
    return pulumi.ResourceHookBinding(before_create=[look]) if look else None


def _share_type_is_known(cloud: Any, name: str, wanted: str, project: str) -> None:
    """Raises ValueError. The provider has no query for share types."""
    known = [found for kind in cloud.shared_file_system.get("/types").json()["share_types"] for found in (kind["name"], kind["id"])]
    if wanted not in known:
        raise ValueError(
            f"{name}: share type {wanted} is not known to project {project}; the share was not made.\n"
            f"  accepted in share_type, or in cloud.site.share_type: {', '.join(known[::2]) or 'none, the project sees no share type'}"
        )


def _adopted(name: str, identity: str) -> str:
    """How a stack file takes over a share. name: of the resource that it would have been."""
    return f"space_share: {identity}" if name.startswith(f"{USER_CLAIM}-") else f"{{kind: adopt, share: {identity}}}"


def _stands(made: pulumi.ResourceHookArgs, kind: _Kind, identity: str, mark: str, project: str) -> str:
    """What is said of something that stands. mark: of this stack, where it carries it."""
    title = dict(made.new_inputs or {}).get("name") or dict(made.new_inputs or {}).get("description")
    whose = f"it carries the mark of stack {mark}" if mark else "nothing on it says whose it is"
    ways = [
        f"Was an `up` killed that was making it? This takes it over: gaia resume {pulumi.get_stack()}",
    ]
    if made.type == SHARE:
        ways += [f"Does it hold data? The stack file takes it over: {_adopted(made.name, identity)}"]
    ways += [f"Is it of no use? This removes it: openstack {kind.word} delete {identity}"]
    return "\n  ".join(
        [f"{kind.word} {title} stands already in project {project} ({identity}), unknown to the state; none was made. {whose}.", *ways]
    )
