"""Packs folders as layers, and layers as an OCI layout. The same content gives the same digest."""

import hashlib
import io
import json
import os
import stat
import tarfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

EPOCH = 1735689600
"""The date of every file and of every image: 2025-01-01. A real date would change the digest."""
CREATED = "2025-01-01T00:00:00Z"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Snapshot = Mapping[str, tuple[int, ...]]
"""Path to what changes with the file."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A packed layer. file: the gzip. digest: of the file. content: digest of the tar inside. size: of the file."""

    file: Path
    digest: str
    content: str
    size: int


class _Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...


class _Gzip:
    """Compresses what tarfile writes, and takes both digests on the way. Its header holds no name and no date."""

    def __init__(self, target: _Writable) -> None:
        self._target = target
        self._compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
        self.inner, self.outer, self.size = hashlib.sha256(), hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.inner.update(data)
        self._emit(self._compressor.compress(data))
        return len(data)

    def finish(self) -> None:
        self._emit(self._compressor.flush())

    def _emit(self, data: bytes) -> None:
        self.outer.update(data)
        self.size += len(data)
        self._target.write(data)


def snapshot(root: Path) -> Snapshot:
    """What is in a folder now, so that a later call of `changed` tells what came."""
    found = {}
    for path in _walk(root):
        info = (root / path).lstat()
        found[path] = (info.st_ino, info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
    return found


def changed(root: Path, before: Snapshot) -> list[str]:
    """The paths that came or changed since. A layer on top cannot take a file away, so that is an error."""
    now = snapshot(root)
    gone = before.keys() - now.keys()
    if gone:
        raise ValueError(f"a step removed {min(gone)}; remove it in the layer that brings it")
    return [path for path, state in now.items() if before.get(path) != state]


def pack(root: Path, paths: Iterable[str], target: Path) -> Layer:
    """Pack paths of a folder as a layer: in order of their names, with one date, and with numbers for owners."""
    first_names: dict[tuple[int, int], str] = {}
    with target.open("wb") as file:
        stream = _Gzip(file)
        with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # pyright: ignore[reportArgumentType, reportCallIssue]
            for path in sorted(paths):
                _add(archive, root, path, first_names)
        stream.finish()
    return Layer(file=target, digest=f"sha256:{stream.outer.hexdigest()}", content=f"sha256:{stream.inner.hexdigest()}", size=stream.size)


def write(target: Path, layers: Sequence[Layer], config: Mapping[str, Any], reference: str) -> str:
    """Write an OCI layout, and return the digest of its manifest. config: the image's own, as OCI spells it. reference: its name."""
    blobs = target / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for layer in layers:
        blob = blobs / layer.digest.removeprefix("sha256:")
        if not blob.exists():
            os.link(layer.file, blob)
    image = {
        "created": CREATED,
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer.content for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _blob(blobs, image, _CONFIG),
        "layers": [{"mediaType": _LAYER, "digest": layer.digest, "size": layer.size} for layer in layers],
    }
    descriptor = _blob(blobs, manifest, _MANIFEST)
    (target / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (target / "index.json").write_bytes(_index(descriptor, [reference]))
    return descriptor["digest"]


def digest(layout: Path) -> str:
    """The digest of a layout's image: what a stack file states after the `@`."""
    return _descriptor(layout)["digest"]


def size(layout: Path) -> int:
    """Bytes that a registry sends."""
    return sum(path.stat().st_size for path in (layout / "blobs" / "sha256").iterdir())


def archive(layout: Path, target: Path, references: Sequence[str]) -> None:
    """Write a layout as one tar, for `ctr images import` and `podman load`. The image gets the names that are given."""
    index = _index(_descriptor(layout), references)
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as packed:
        for path in sorted(path for path in layout.rglob("*") if path.is_file()):
            entry = tarfile.TarInfo(path.relative_to(layout).as_posix())
            entry.mtime = EPOCH
            entry.size = len(index) if path.name == "index.json" else path.stat().st_size
            with io.BytesIO(index) if path.name == "index.json" else path.open("rb") as content:
                packed.addfile(entry, content)


def unpack(layout: Path, target: Path) -> None:
    """Unpack the layers of a layout as a root file system. No layer here takes a file of another away."""
    blobs = layout / "blobs" / "sha256"
    manifest = json.loads((blobs / digest(layout).removeprefix("sha256:")).read_text())
    for layer in manifest["layers"]:
        extract(blobs / layer["digest"].removeprefix("sha256:"), target)


def extract(layer: Path, target: Path) -> None:
    """Unpack one layer, with its owners: only root can."""
    with tarfile.open(layer) as packed:
        packed.extractall(target, filter="fully_trusted", numeric_owner=True)  # noqa: S202 - packed here


def _walk(root: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        inside = Path(folder).relative_to(root)
        found += [(inside / name).as_posix() for name in (*folders, *files)]
    return sorted(found)


def _add(archive: tarfile.TarFile, root: Path, path: str, first_names: dict[tuple[int, int], str]) -> None:
    source = root / path
    info = source.lstat()
    entry = tarfile.TarInfo(path)
    entry.mode, entry.uid, entry.gid, entry.mtime = stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, EPOCH
    if stat.S_ISDIR(info.st_mode):
        entry.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(info.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, str(source.readlink())
    elif not stat.S_ISREG(info.st_mode):
        raise ValueError(f"{path} is neither file, folder nor link")
    elif (first := first_names.setdefault((info.st_dev, info.st_ino), path)) != path:
        entry.type, entry.linkname = tarfile.LNKTYPE, first
    else:
        entry.size = info.st_size
        with source.open("rb") as content:
            archive.addfile(entry, content)
        return
    archive.addfile(entry)


def _blob(blobs: Path, document: Mapping[str, Any], media_type: str) -> dict[str, Any]:
    data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    name = hashlib.sha256(data).hexdigest()
    (blobs / name).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(data)}


def _descriptor(layout: Path) -> dict[str, Any]:
    descriptor = json.loads((layout / "index.json").read_text())["manifests"][0]
    return {key: descriptor[key] for key in ("mediaType", "digest", "size")}


def _index(descriptor: Mapping[str, Any], references: Sequence[str]) -> bytes:
    # containerd reads the first name, podman and skopeo read the second.
    named = [
        {**descriptor, "annotations": {"io.containerd.image.name": each, "org.opencontainers.image.ref.name": each}} for each in references
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": named}).encode()
