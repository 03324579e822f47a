"""A dataset's or notebooks' home on CephFS: made, adopted, or brought by its owner."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pulumi
from pulumi_openstack import sharedfilesystem


class CephExport(NamedTuple):
    """A CephFS export location, taken apart.

    monitors: host:port or host of each monitor. root_path: absolute path inside the file system.
    """

    monitors: list[str]
    root_path: str


def parse_export_path(path: str) -> CephExport:
    """Monitors and root path of an export location such as `mon1:6789,mon2:6789:/volumes/_nogroup/aa/bb`.

    The last colon before the first slash ends the monitors (manila: share/drivers/cephfs/driver.py). Raises ValueError for
    brackets (IPv6, or the v1:/v2: notation of Ceph), which CephCSI's configuration is not given here, and for anything else.
    """
    if "[" in path or "]" in path:
        raise ValueError(
            f"export path {path}: bracketed monitor addresses are not supported; accepted: mon1:6789,mon2:6789:/path, IPv4 or names"
        )
    found = re.fullmatch(r"(?P<monitors>[^/\s]+):(?P<root>/\S*)", path)
    monitors = found["monitors"].split(",") if found else []
    if not found or not all(re.fullmatch(r"[A-Za-z0-9.-]+(:\d{1,5})?", monitor) for monitor in monitors):
        raise ValueError(f"export path {path}: not understood; accepted: mon1:6789,mon2:6789:/path")
    return CephExport(monitors, found["root"])


@dataclass(frozen=True, kw_only=True)
class CreateShareArgs:
    """A share that we make."""

    title: str
    """Its name on the cloud."""

    size: int
    """Quota, in GiB; it may grow."""

    share_type: str
    """The operator's name for its CephFS type; sites differ, there is no default."""

    availability_zone: str | None = None
    """Manila's zone, or None for its choice."""

    keep: bool = True
    """Whether `pulumi destroy` leaves it on the cloud."""

    setting: str
    """The setting that gives the size, for messages, such as `zeppelin.notebooks.size_gib`."""

    first_look: pulumi.ResourceHook | None = None
    """A hook before the share is made, or None."""


@dataclass(frozen=True, kw_only=True)
class AdoptShareArgs:
    """A share that exists."""

    title: str
    """Its name, unique in its project, or its id."""


@dataclass(frozen=True, kw_only=True)
class BringShareArgs:
    """A path with a key that its owner gave us."""

    export_path: pulumi.Input[str]
    """Monitors and root path, as Manila prints them."""

    ceph_id: str
    """Ceph id, without `client.`."""

    key: pulumi.Input[str]
    """The Ceph key (secret)."""

    fs_name: str | None = None
    """Name of the Ceph file system, or None for the only one."""


@dataclass(frozen=True, kw_only=True)
class CephFSShareArgs:
    """What a CephFS share needs."""

    source: CreateShareArgs | AdoptShareArgs | BringShareArgs
    """Create, adopt or bring."""

    readers: tuple[str, ...] = ()
    """Ceph ids that get a cephx rule `ro` of ours; none for a brought share, which has its key."""

    writers: tuple[str, ...] = ()
    """Ceph ids that get a cephx rule `rw` of ours."""

    protect: bool = True
    """Whether the engine refuses to delete a share that we made."""


class CephFSShare(pulumi.ComponentResource):
    """A share on native CephFS with one cephx rule per reader and writer.

    Creates: Share (protected as told, kept on delete as told; never for `adopt` and `bring`) and one ShareAccess per Ceph id.
    Refuses: a Ceph id with a dot (Manila rejects it late), a Ceph id that is reader and writer, rules for a brought share, and to adopt
    what carries the mark of this very stack.
    """

    share_id: pulumi.Output[str]
    """Manila's id; empty where it is not known (`bring`)."""

    monitors: pulumi.Output[list[str]]
    """Monitors, host:port each."""

    root_path: pulumi.Output[str]
    """Absolute path inside the Ceph file system."""

    fs_name: pulumi.Output[str | None]
    """Name of the Ceph file system, or None where there is only one (Manila's share metadata `__mount_options`)."""

    keys: Mapping[str, pulumi.Output[str]]
    """Ceph key (secret) by Ceph id."""

    rules: Mapping[str, pulumi.Output[str]]
    """Manila's id of our rule by Ceph id; none for a brought share."""

    size: pulumi.Output[int]
    """Quota, in GiB; 0 where it is not known (`bring`)."""

    def __init__(self, name: str, args: CephFSShareArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:openstack:CephFSShare", name, {}, opts)
        self.rules = {}
        levels = [(ceph_id, "ro") for ceph_id in args.readers] + [(ceph_id, "rw") for ceph_id in args.writers]
        for ceph_id, _ in levels:
            if not re.fullmatch(r"[A-Za-z0-9_-]+", ceph_id):
                raise ValueError(f"{name}: Ceph id {ceph_id}: accepted: letters, digits, `-` and `_`; Manila refuses a dot")
        if len({ceph_id for ceph_id, _ in levels}) != len(levels):
            raise ValueError(f"{name}: a Ceph id stands twice among readers and writers; accepted: each once")
        match args.source:
            case BringShareArgs() as brought:
                if levels:
                    raise ValueError(f"{name}: a brought share has a key already; accepted: no readers and writers")
                export_path = pulumi.Output.from_input(brought.export_path)
                self.fs_name = pulumi.Output.from_input(brought.fs_name)
                share_id = ""
                self.keys = {brought.ceph_id: pulumi.Output.secret(brought.key)}
                self.size = pulumi.Output.from_input(0)
            case CreateShareArgs() as created:
                share = self._create(name, created, protect=args.protect)
                share_id = share.id
                export_path = pulumi.Output.all(share.export_locations, share.id).apply(
                    lambda made: _made_path(share, created.title, *made)
                )
                self.fs_name = share.all_metadata.apply(_fs_name)
                self.keys = self._rules(name, share.id, levels)
                self.size = share.size
            case AdoptShareArgs() as adopted:
                found, metadata = self._find(name, adopted.title)
                share_id = found.id
                told = pulumi.Output.all(found.export_locations, metadata, found.id)
                export_path = told.apply(lambda each: _adopted_path(adopted.title, *each))
                self.fs_name = metadata.apply(_fs_name)
                self.keys = self._rules(name, found.id, levels)
                self.size = found.size
        self.share_id = pulumi.Output.from_input(share_id)
        export = export_path.apply(parse_export_path)
        self.monitors = export.apply(lambda parts: list(parts[0]))
        self.root_path = export.apply(lambda parts: parts[1])
        self.register_outputs(
            {
                "share_id": self.share_id,
                "monitors": self.monitors,
                "root_path": self.root_path,
                "fs_name": self.fs_name,
                "keys": dict(self.keys),
                "rules": dict(self.rules),
                "size": self.size,
            }
        )

    def _create(self, name: str, args: CreateShareArgs, *, protect: bool) -> sharedfilesystem.Share:
        looks = [args.first_look] if args.first_look else []
        return sharedfilesystem.Share(
            f"{name}-share",
            name=args.title,
            share_proto="CEPHFS",
            size=args.size,
            share_type=args.share_type,
            availability_zone=args.availability_zone,
            is_public=False,
            # It names the owner to a person who finds the share in a list after the stack has gone.
            metadata={"stack": _mark()},
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=protect,
                retain_on_delete=args.keep,
                hooks=pulumi.ResourceHookBinding(
                    before_create=looks, after_create=looks, before_update=[shrink_refused(name, args.setting)]
                ),
            ),
        )

    def _find(self, name: str, title: str) -> tuple[Any, pulumi.Output[Mapping[str, str]]]:
        """The share of a name, by a query; of an id, read by the engine, which never changes or deletes what it has read."""
        if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", title):
            share = sharedfilesystem.Share.get(f"{name}-adopted", title, opts=pulumi.ResourceOptions(parent=self))
            return share, share.all_metadata
        found = sharedfilesystem.get_share_output(name=title, opts=pulumi.InvokeOptions(parent=self))
        return found, found.metadata

    def _rules(self, name: str, share_id: pulumi.Input[str], levels: list[tuple[str, str]]) -> dict[str, pulumi.Output[str]]:
        """One cephx rule per Ceph id; Manila applies the rules of a share one at a time, so each waits for the one before."""
        keys: dict[str, pulumi.Output[str]] = {}
        before: list[pulumi.Resource] = []
        for ceph_id, level in levels:
            rule = sharedfilesystem.ShareAccess(
                f"{name}-access-{ceph_id}",
                share_id=share_id,
                access_type="cephx",
                access_to=ceph_id,
                access_level=level,
                opts=pulumi.ResourceOptions(parent=self, depends_on=before, delete_before_replace=True),
            )
            before = [rule]
            keys[ceph_id] = rule.access_key
            self.rules = {**self.rules, ceph_id: rule.id}
        return keys


def shrink_refused(name: str, setting: str) -> pulumi.ResourceHook:
    """A hook that refuses to make a share smaller, in the preview already. setting: the one at fault, for the message.

    Manila would take a shrink wherever the data still fits and leave no room to work. Where it does not fit, the share stays as it is, and
    the provider waits for a size that never comes.
    """

    def check(args: pulumi.ResourceHookArgs) -> None:
        old, new = (dict(inputs or {}).get("size") for inputs in (args.old_inputs, args.new_inputs))
        if isinstance(old, int | float) and isinstance(new, int | float) and new < old:
            raise ValueError(
                f"gaia-dmp:{setting}: {new:.0f}: a share does not shrink, and {args.name} has {old:.0f} GiB; it was not changed.\n"
                f"  accepted: {old:.0f} or more"
            )

    return pulumi.ResourceHook(f"{name}-shrink", check, pulumi.ResourceHookOptions(on_dry_run=True))


def _made_path(share: sharedfilesystem.Share, title: str, locations: Sequence[Any], share_id: str) -> str:
    """The path of a share that we made.

    A share whose creation failed stays in the state, and the next update takes it for whole: only here it shows. It never held anything.
    """
    if not locations:
        pulumi.log.error(
            f"share {title} ({share_id}) was never made: Manila left it in error, and it holds nothing. Once Manila works again:\n"
            f"  openstack share delete {share_id}\n"
            "  pulumi refresh\n"
            "  pulumi up",
            resource=share,
        )
    return _only_path(locations)


def _adopted_path(title: str, locations: Sequence[Any], metadata: Mapping[str, str] | None, share_id: str) -> str:
    """The path of a share that we adopt.

    The state, which nothing here sees, may hold a share with this stack's mark. The update would delete what it has just adopted.
    """
    if (metadata or {}).get("stack") == _mark():
        raise ValueError(
            f"share {title} ({share_id}) carries the mark of this very stack, which may hold it still, and then deletes what it adopts.\n"
            f"  Does the state name it (pulumi stack export | grep {share_id})? Then the stack has it already: take out what adopts it.\n"
            f"  Otherwise take the mark away, and run `pulumi up` again: openstack share unset --property stack {share_id}"
        )
    return _only_path(locations)


def _mark() -> str:
    """What names this stack on what it makes."""
    return f"{pulumi.get_project()}-{pulumi.get_stack()}"


def _only_path(locations: Sequence[Any]) -> str:
    """The path of the export location; Manila's CephFS driver reports one."""
    if not locations:
        raise ValueError("the share has no export location yet; accepted: a share in status available")
    location = locations[0]
    return location["path"] if isinstance(location, dict) else location.path


def _fs_name(metadata: Mapping[str, str] | None) -> str | None:
    """The file system that Manila names in a share's metadata as `fs=<name>`, or None."""
    found = re.search(r"(?:^|[,\s])fs=([^,\s]+)", (metadata or {}).get("__mount_options", ""))
    return found[1] if found else None
