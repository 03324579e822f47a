"""The recording: what a program asked the engine for, as plain data with a version."""

import json
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, Literal

VERSION = 1
"""Version of the recording's form; it changes when a reader of the old form would misread the new one."""

SECRET = "[secret]"  # noqa: S105 - a mask
"""Replaces every secret value."""

UNKNOWN = "[unknown]"
"""Replaces every value that is unknown before the cloud sets it."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key by which the engine's protocol and its states mark a special value (pulumi: sdk/go/common/resource/sig.go)."""

STACK_TYPE = "pulumi:pulumi:Stack"
"""Type of the resource that every other one is below."""

UNITS = (
    ("nodes", "nodes"),
    ("vcpus", "vCPU"),
    ("memory_gib", "GiB memory"),
    ("disk_gib", "GiB disk"),
    ("share_gib", "GiB shares"),
    ("floating_ips", "floating IPs"),
)
"""Keys of a capacity (the stack's output of that name), and what they count."""

Mode = Literal["preview", "update"]


def short_type(type_: str) -> str:
    """`openstack:networking/subnet:Subnet` as the engine shows it, `openstack:networking:Subnet`."""
    package, module, name = type_.split(":")
    return f"{package}:{module.split('/')[0]}:{name}"


def _fields(part: Any) -> dict[str, Any]:
    """What of a recording is no plain data: itself, its resources and its invokes. Anything else is a mistake of the recorder's."""
    if not is_dataclass(part):
        raise TypeError(f"{type(part).__name__} is not part of a recording")
    return vars(part)


@dataclass
class RecordedResource:
    """One registered resource.

    urn: with the full chain of parent types. type, name: as registered. parent: urn, or "" for the stack itself.
    provider: urn of the provider, or "" for a component. custom: false for a component.
    inputs, outputs: properties; secrets masked, unknown values marked. secret_paths: paths of the masked inputs, `a.b[0].c`.
    options: only those that differ from the engine's default; names as in the Pulumi engine's protocol.
    property_dependencies: urns by input, of the resources whose outputs it is made of.
    fingerprints: by path of an input that is masked or unknown, a hash of what it is where every secret is a placeholder and every answer
    of the cloud invented: two of them tell whether the program changed it. Only in a recording that is written to a file.
    """

    urn: str
    type: str
    name: str
    parent: str
    provider: str
    custom: bool
    inputs: dict[str, Any]
    secret_paths: list[str]
    outputs: dict[str, Any]
    options: dict[str, Any]
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)

    @property
    def made_of(self) -> list[str]:
        """Urns of the resources whose outputs its inputs are made of; one may stand more than once."""
        return [urn for urns in self.property_dependencies.values() for urn in urns]


@dataclass
class RecordedInvoke:
    """One query: token of the function, arguments, urn of the provider."""

    token: str
    args: dict[str, Any]
    provider: str


@dataclass
class Recording:
    """Everything a run registered, in an order that does not depend on timing: a parent before its children, then by urn.

    mode: `preview` (what the cloud decides is unknown) or `update` (it is answered). outputs: of the stack, secrets masked.
    """

    project: str
    stack: str
    mode: Mode
    resources: list[RecordedResource] = field(default_factory=list)
    invokes: list[RecordedInvoke] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION

    def of_type(self, type_: str) -> list[RecordedResource]:
        """The resources of one type, such as `openstack:networking/subnet:Subnet`."""
        return [resource for resource in self.resources if resource.type == type_]

    @property
    def kubernetes_version(self) -> str:
        """Version of Kubernetes that the stack file states, by the output `wanted_kubernetes_version`."""
        return str(self.outputs.get("wanted_kubernetes_version", ""))

    def to_json(self) -> str:
        """The recording as JSON, in the form of schema/recording.schema.json."""
        return json.dumps(self, default=_fields, indent=2, sort_keys=True) + "\n"

    def write(self, folder: Path) -> Path:
        """Write `recording.json` into `folder`, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "recording.json"
        path.write_text(self.to_json(), encoding="utf-8")
        return path
