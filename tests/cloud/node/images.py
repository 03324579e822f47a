"""Container images without a registry, packed here: OCI layouts of one layer.

A layout is a folder, or a tar of it, with `oci-layout`, `index.json` and blobs by digest. The same files make the same digest.
"""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

_OCI = "application/vnd.oci.image"
_NAME = "io.containerd.image.name"


def pack(target: Path, name: str, files: Mapping[str, Path | str], **config: Any) -> Path:
    """Pack an image as a tar of its layout.

    files: path in the image to a program here, or to a text. config: of the container, by the names of the OCI image specification.
    """
    blobs: dict[str, bytes] = {}

    def blob(kind: str, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    layer = blob("layer.v1.tar", _tar(files))
    rootfs = {"type": "layers", "diff_ids": [layer["digest"]]}
    settings = blob("config.v1+json", _json({"architecture": "amd64", "os": "linux", "config": config, "rootfs": rootfs}))
    manifest = {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json", "config": settings, "layers": [layer]}
    index = {"schemaVersion": 2, "manifests": [blob("manifest.v1+json", _json(manifest)) | {"annotations": {_NAME: name}}]}
    with tarfile.open(target, "w") as archive:
        for path, data in ({"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index)} | blobs).items():
            _add(archive, path, data)
    return target


def stream(image: Path, name: str, target: IO[bytes]) -> None:
    """Write an image as one archive. image: a layout as a folder or as a tar, or a docker-archive. name: what it is called, where a
    folder's index does not say that or says something else."""
    if image.is_file():
        with image.open("rb") as file:
            shutil.copyfileobj(file, target)
        return
    index = json.loads((image / "index.json").read_text())
    if name:
        (only,) = index["manifests"]
        only.setdefault("annotations", {})[_NAME] = name
    with tarfile.open(fileobj=target, mode="w|") as archive:
        _add(archive, "index.json", _json(index))
        archive.add(image / "oci-layout", "oci-layout")
        archive.add(image / "blobs", "blobs")


def _tar(files: Mapping[str, Path | str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, source in sorted(files.items()):
            if isinstance(source, Path):
                _add(archive, path, source.read_bytes(), 0o755)
            else:
                _add(archive, path, source.encode())
    return packed.getvalue()


def _add(archive: tarfile.TarFile, path: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
