"""The image of the CSI plug-in of the tests: Debian's ceph-fuse and Python with our plug-in, or a real CephCSI where CEPHCSI names one."""

import hashlib
import json
import os
import shutil
from pathlib import Path

from images import debian, layout
from images.layout import Layer
from tests.cloud.tools import cached, made

_PACKAGES = ("ceph-fuse", "fuse3", "libcephfs2", "librbd1", "mount", "procps", "python3", "python3-grpcio", "python3-protobuf")
_PLUGIN = Path(__file__).with_name("plugin.py")


def real() -> Path | None:
    """A CephCSI that somebody has built, or None."""
    named = os.environ.get("CEPHCSI")
    return Path(named) if named else None


def make(folder: Path, plugin: str, registrar: str) -> Path:
    """Make the images in an empty folder, and return them as one tar. plugin, registrar: their names.

    No registry has the registrar, so that is ours in any case.
    """
    root, target = folder / "root", folder / "layout"
    (root / "usr/local/bin").mkdir(parents=True)
    shutil.copy(_PLUGIN, root / "usr/local/bin/plugin.py")
    # One image under both names: it tells by its arguments what it is asked to be.
    start = """#!/bin/sh
case "$*" in *--csi-address*) exec python3 /usr/local/bin/plugin.py "$@" ;; esac
"""
    command = 'exec python3 /usr/local/bin/plugin.py "$@"'
    if binary := real():
        shutil.copy(binary, root / "usr/local/bin/cephcsi")
        command = 'exec cephcsi "$@"'
    entry = root / "usr/local/bin/entry"
    entry.write_text(f"{start}{command}\n")
    entry.chmod(0o755)
    own = layout.pack(root, sorted(layout.snapshot(root)), folder / "layer.tar.gz")
    config = {"User": "0", "Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"], "WorkingDir": "/"}
    layout.write(target, [_debian(), own], config | {"Entrypoint": ["/usr/local/bin/entry"]}, plugin)
    packed = folder / "csi.tar"
    layout.archive(target, packed, [plugin, registrar])
    return packed


def _debian() -> Layer:
    """Debian's packages as one layer, made once."""

    def build(part: Path) -> None:
        part.mkdir()
        debian.make(part / "root", "bookworm", _PACKAGES, ())
        layer = layout.pack(part / "root", layout.snapshot(part / "root"), part / "layer.tar.gz")
        (part / "layer.json").write_text(json.dumps([layer.digest, layer.content, layer.size]))
        shutil.rmtree(part / "root")

    key = hashlib.sha256(repr(_PACKAGES).encode()).hexdigest()[:12]
    folder = made(cached(f"csi-{key}") / "layer", "the image of the CSI plug-in", build)
    digest, content, size = json.loads((folder / "layer.json").read_text())
    return Layer(file=folder / "layer.tar.gz", digest=digest, content=content, size=size)
