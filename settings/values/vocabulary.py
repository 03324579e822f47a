"""The types of values in a stack file, each with its own limits, and the base class of every model.

A type refuses a wrong value with a sentence that says what is accepted. `settings.loading` adds the file and the key to that sentence.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PROJECT = "gaia-dmp"
"""The Pulumi project, which is the namespace of every key of a stack file: `gaia-dmp:cloud`."""

KeyPath = tuple[str | int, ...]
"""Where a key stands: `("datasets", 0, "name")`."""


@dataclass(frozen=True)
class Problem:
    """What is wrong between several keys of a stack file.

    path: the key at fault, relative to the model that found it.
    message: what is wrong, in words that name the other keys.
    accepted: what would be right.
    involves: further keys that the verdict rests on; where one of them is itself at fault, the verdict is not given.
    """

    path: KeyPath
    message: str
    accepted: str
    involves: tuple[KeyPath, ...] = ()


class Settings(BaseModel):
    """Base of every model of a stack file: frozen, strict about types, no key that it does not know."""

    # settings.loading.schema reads the texts below the fields: pydantic would do so at each import, which takes a tenth of a preview.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    def problems(self) -> Iterator[Problem]:
        """What is wrong between the keys of this model. Single keys are checked by their types."""
        yield from ()


def _checked(rule: str, message: str) -> Any:
    """A validator that takes a whole match of `rule` and otherwise says `message`."""
    pattern = re.compile(rule)

    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(message)
        return value

    return AfterValidator(check)


Name = Annotated[
    str,
    Field(max_length=40),
    _checked(r"[a-z]([-a-z0-9]*[a-z0-9])?", "must be lower-case letters, digits and dashes, beginning with a letter"),
]
"""A DNS-1123 label, short enough to be a prefix of other names (Kubernetes allows 63 characters)."""

ObjectName = Annotated[str, Field(min_length=1, max_length=255), _checked(r"\S(.*\S)?", "must not begin or end with a space")]
"""The name or id of something that exists on the cloud: whatever its owner chose."""

LoginName = Annotated[
    str,
    Field(max_length=40),
    _checked(
        r"[A-Za-z0-9]([A-Za-z0-9._@-]*[A-Za-z0-9])?", "must be letters, digits, `.`, `_`, `@`, `-`, with a letter or digit at both ends"
    ),
]
"""A name that a person logs in by."""

ConfigKey = Annotated[
    str,
    Field(max_length=60),
    _checked(r"[A-Za-z][A-Za-z0-9_-]*", "must be the name of a top-level config key: letters, digits, dashes, without `gaia-dmp:`"),
]
"""The name of a secret: a top-level key set by `pulumi config set --secret gaia-dmp:<key>`."""

BucketName = Annotated[
    str,
    Field(min_length=3, max_length=63),
    _checked(r"[a-z0-9][a-z0-9-]*[a-z0-9]", "must be lower-case letters, digits and dashes; a dot would break HTTPS and Spark's settings"),
]
"""The name of an S3 bucket, which is that of a Swift container too."""

Schedule = Annotated[
    str,
    Field(max_length=100),
    _checked(r"[0-9*,/-]+( [0-9*,/-]+){4}", "must have the five fields of cron: minute, hour, day of month, month, day of week, in UTC"),
]
"""A cron schedule in UTC."""

CephId = Annotated[
    str,
    Field(max_length=60),
    _checked(r"[A-Za-z0-9_-]+", "must be letters, digits, `-` and `_`; Manila refuses a dot, and `client.` is not part of a Ceph id"),
]
"""The name of a cephx identity, without `client.` (manila: share/drivers/cephfs/driver.py refuses a dot)."""

_SYSTEM_FOLDERS = ("bin", "boot", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var")


def _mount_path(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+", value):
        raise ValueError("must be an absolute path without `..`, spaces or a slash at its end")
    if value.split("/")[1] in _SYSTEM_FOLDERS:
        raise ValueError(f"must not hide /{value.split('/')[1]} of the image")
    return value


MountPath = Annotated[str, Field(max_length=200), AfterValidator(_mount_path)]
"""Where a dataset stands inside every Pod: absolute, outside the image's own folders."""


def _image(value: str) -> str:
    name, _, digest = value.partition("@")
    repository, _, tag = name.rpartition(":")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._/:-]*", repository or name) or " " in value:
        raise ValueError("must be an image such as quay.io/cephcsi/cephcsi:v3.16.3@sha256:<64 hex digits>")
    if digest and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ValueError("must have a digest of the form @sha256:<64 hex digits>")
    if "/" in tag or not repository:
        tag = ""
    if tag == "latest":
        raise ValueError("must have a fixed tag or a digest: what `latest` means changes")
    if not tag and not digest:
        raise ValueError("must have a fixed tag or a digest")
    return value


Image = Annotated[str, Field(max_length=300), AfterValidator(_image)]
"""A container image by fixed tag or digest."""

Hostname = Annotated[
    str,
    Field(max_length=253),
    _checked(
        r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])?", "must be a full DNS name such as zeppelin.gaia.example.org"
    ),
]
"""A full DNS name, lower case."""

ExportPath = Annotated[
    str,
    _checked(
        r"[A-Za-z0-9.-]+(:\d{1,5})?(,[A-Za-z0-9.-]+(:\d{1,5})?)*:/[^\s,]+",
        "must be monitors and root path, mon1:6789,mon2:6789:/volumes/...; brackets (IPv6, or v1: and v2: addresses) are not supported",
    ),
]
"""A CephFS export location as Manila writes it."""

KubernetesVersion = Annotated[
    str,
    _checked(r"1\.\d{1,2}(\.\d{1,2})?", 'must be a version in quotes, "1.33" or "1.33.4" (unquoted, YAML reads 1.30 as the number 1.3)'),
]
"""Minor or full version of Kubernetes."""

Url = Annotated[str, Field(max_length=500), _checked(r"https?://[^\s/]+(/\S*)?", "must be an address that begins with http:// or https://")]
"""An http or https address."""

Cores = Annotated[int, Field(ge=1, le=1024)]
GiB = Annotated[int, Field(ge=1, le=1_048_576)]
"""A size in GiB (2^30 bytes)."""
Gpus = Annotated[int, Field(ge=0, le=16)]
"""GPUs of one node."""

Presence = Literal["present", "away"]
"""Whether something that has data works here, or only its data does."""
