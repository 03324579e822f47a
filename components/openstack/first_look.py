"""A look at a project before something is made in it: what stands already is not made a second time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pulumi

from components.names import USER_CLAIM, whose
from settings.values.cloud import OpenStackProject

CLUSTER = "openstack:containerinfra/cluster:Cluster"
SHARE = "openstack:sharedfilesystem/share:Share"
BUCKET = "openstack:objectstorage/container:Container"
ADDRESS = "openstack:networking/floatingIp:FloatingIp"

Found = Mapping[str, str]
"""Id of what stands, to the mark of a stack on it, "" where it carries none."""


@dataclass(frozen=True)
class _Kind:
    """What may stand already. word: as `openstack` calls it. find: (connection, inputs, mark) -> what stands of that name."""

    word: str
    find: Callable[[Any, Mapping[str, Any], str], Found]


def _networks(cloud: Any, inputs: Mapping[str, Any], mark: str) -> Found:
    named = cloud.network.networks(name=inputs["name"], project_id=cloud.current_project_id)
    return {each.id: whose(each.tags, {}, mark) for each in named}


def _routers(cloud: Any, inputs: Mapping[str, Any], mark: str) -> Found:
    named = cloud.network.routers(name=inputs["name"], project_id=cloud.current_project_id)
    return {each.id: whose(each.tags, {}, mark) for each in named}


def _addresses(cloud: Any, inputs: Mapping[str, Any], mark: str) -> Found:
    """An address has no name, but a description."""
    mine = cloud.network.ips(project_id=cloud.current_project_id)
    return {each.id: whose(each.tags, {}, mark) for each in mine if each.description == inputs["description"]}


def _shares(cloud: Any, inputs: Mapping[str, Any], mark: str) -> Found:
    shares = [each for each in cloud.shared_file_system.shares(details=True) if each.name == inputs["name"]]
    return {each.id: whose((), each.metadata or {}, mark) for each in shares if each.status != "deleting"}


def _clusters(cloud: Any, inputs: Mapping[str, Any], _mark: str) -> Found:
    clusters = cloud.container_infrastructure_management.get("/clusters").json()["clusters"]
    return {each["uuid"]: "" for each in clusters if each["name"] == inputs["name"]}


def _buckets(cloud: Any, inputs: Mapping[str, Any], mark: str) -> Found:
    """Swift takes the creation of a container that stands for a change of it; one with our mark is this stack's, kept by a destroy.

    Raises ValueError where Swift tells neither: a credential without rights, or a service that fails.
    """
    answer = cloud.object_store.head(f"/{inputs['name']}", raise_exc=False)
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return {}
    if answer.status_code // 100 != 2:
        raise ValueError(f"container {inputs['name']}: Swift answers {answer.status_code}, not whether it stands; none was made")
    owner = answer.headers.get("X-Container-Meta-Stack", "")
    return {} if owner == mark else {inputs["name"]: owner}


_KINDS: Mapping[str, _Kind] = {
    "openstack:networking/network:Network": _Kind("network", _networks),
    "openstack:networking/router:Router": _Kind("router", _routers),
    ADDRESS: _Kind("floating ip", _addresses),
    SHARE: _Kind("share", _shares),
    CLUSTER: _Kind("coe cluster", _clusters),
    BUCKET: _Kind("container", _buckets),
}


def first_look(name: str, wanted: OpenStackProject) -> pulumi.ResourceHook:
    """A hook that the engine calls before it makes a network, router, floating IP, share, cluster or bucket in a project.

    The engine asks by ids alone, and a killed one has not noted the id of what it was making: the next would make another of the same
    name. It also refuses a share type that the project does not see; Manila says so after all that the stack makes before its shares.

    After a share is made it looks again. The provider asks once more where the answer was 500 to 504, and where only the answer was lost,
    the share stands twice (terraform-provider-openstack: util.go, checkForRetryableError).

    All but that is said in the preview already; a cluster is looked for when it is made, because one that is replaced stands until then.
    """

    def look(made: pulumi.ResourceHookArgs) -> None:
        if made.type == CLUSTER and pulumi.runtime.is_dry_run():
            return
        import openstack  # noqa: PLC0415 - the offline preview does without

        inputs = dict(made.new_inputs or {})
        cloud: Any = openstack.connect(cloud=wanted.clouds_yaml, region_name=wanted.region)
        if made.type == SHARE:
            _share_type_is_known(cloud, made.name, inputs["shareType"], wanted.project)
        if made.id:
            _stands_once(made, cloud, inputs)
            return
        kind, mark = _KINDS[made.type], f"{pulumi.get_project()}-{pulumi.get_stack()}"
        for identity, owner in kind.find(cloud, inputs, mark).items():
            raise ValueError(_stands(made, kind, identity, owner, wanted.project))

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


def _stands_once(made: pulumi.ResourceHookArgs, cloud: Any, inputs: Mapping[str, Any]) -> None:
    """Raises ValueError where a share that has just been made stands twice, with the command that removes the other one."""
    mark = f"{pulumi.get_project()}-{pulumi.get_stack()}"
    others = [identity for identity, owner in _shares(cloud, inputs, mark).items() if identity != made.id and owner == mark]
    if others:
        raise ValueError(
            f"share {inputs['name']} stands more than once: the answer was lost, and the provider asked again. {made.id} is in the state.\n"
            "  Each other one was made just now and holds nothing. This removes it: openstack share delete " + " ".join(others)
        )


def _stands(made: pulumi.ResourceHookArgs, kind: _Kind, identity: str, owner: str, project: str) -> str:
    """What is said of something that stands. owner: the mark of a stack on it, "" where it carries none."""
    title = dict(made.new_inputs or {}).get("name") or dict(made.new_inputs or {}).get("description")
    mark = f"{pulumi.get_project()}-{pulumi.get_stack()}"
    told = f"it carries the mark of stack {owner}" if owner else "nothing on it says whose it is"
    head = f"{kind.word} {title} stands already in project {project} ({identity})"
    foreign = owner not in {"", mark}
    ways = ["It is another stack's: leave it, and ask who runs that one."] if foreign else _ways(made, kind, identity, mark)
    return "\n  ".join([f"{head}, unknown to the state or about to be replaced; none was made. {told}.", *ways])


def _ways(made: pulumi.ResourceHookArgs, kind: _Kind, identity: str, mark: str) -> list[str]:
    """What a person can do about something that is this stack's, or perhaps."""
    ways = []
    if made.type == BUCKET:
        # Swift makes a container and its mark in one call, so nothing that was killed leaves one without.
        ways += [f"Did an earlier version make and keep it? This marks it: openstack container set --property stack={mark} {identity}"]
    else:
        ways += [f"Was an `up` killed that was making it, or its answer lost? This takes it over: gaia resume {pulumi.get_stack()}"]
    if made.type == ADDRESS:
        ways += ["Does this update replace it, and is the address to stay? Set the site's external_network back to the one before."]
    if made.type == SHARE:
        ways += [
            "Does this update replace it? Set share_type and availability_zone back to those before.",
            *_with_data(made.name, identity),
        ]
    return [*ways, f"Is it of no use? This removes it: openstack {kind.word} delete {identity}"]


def _with_data(name: str, identity: str) -> list[str]:
    """How the data of a share is kept. name: of the resource that it would have been.

    The stack file takes over shares of datasets, of notebooks and of `people`; not of backups, of Spark's history, nor the spaces of those
    whom other settings name.
    """
    aside = f"openstack share set --name <other name> {identity}"
    unmark = f", once it has no mark of this stack: openstack share unset --property stack {identity}"
    if name in {"backup-share", "history-share"}:
        return [f"Does it hold data? This puts it aside, and an empty one is made: {aside}"]
    if name.startswith(f"{USER_CLAIM}-"):
        return [
            f"Does it hold data of one of zeppelin.people? The stack file takes it over: space_share: {identity}{unmark}",
            f"Of somebody else, such as the administrator or the smoke test? This puts it aside, and an empty one is made: {aside}",
        ]
    return [f"Does it hold data? The stack file takes it over: {{kind: adopt, share: {identity}}}{unmark}"]
