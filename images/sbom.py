"""The list of what an image contains, as CycloneDX: Debian's packages, Python distributions, jars and Go modules."""

import hashlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

Component = Mapping[str, Any]
"""An entry of the list, as CycloneDX spells it."""


def document(name: str, digest: str, root: Path) -> dict[str, Any]:
    """The list of an image. digest: of the image. It has no date and no number of its own: the same image gives the same list."""
    components = sorted((*_debian(root), *_python(root), *_jars(root), *_go(root)), key=lambda each: each["purl"])
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name.removeprefix("debian/"), "version": digest}},
        "components": components,
    }


def _component(kind: str, name: str, version: str, suffix: str = "") -> dict[str, Any]:
    purl = f"pkg:{kind}/{name}@{version}{suffix}".replace("+", "%2B")
    return {"type": "library", "bom-ref": purl, "name": name.removeprefix("debian/"), "version": version, "purl": purl}


def _debian(root: Path) -> Iterator[Component]:
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', (root / "etc/os-release").read_text(), re.MULTILINE))
    for block in (root / "var/lib/dpkg/status").read_text().strip().split("\n\n"):
        package = HeaderParser().parsestr(block)
        suffix = f"?arch={package['Architecture']}&distro=debian-{release['VERSION_ID']}"
        yield _component("deb", f"debian/{package['Package']}", package["Version"], suffix)


def _python(root: Path) -> Iterator[Component]:
    for metadata in root.glob("usr/local/lib/python3*/dist-packages/*.dist-info/METADATA"):
        distribution = HeaderParser().parsestr(metadata.read_text())
        yield _component("pypi", distribution["Name"].lower().replace("_", "-"), distribution["Version"])


def _jars(root: Path) -> Iterator[Component]:
    """A jar's name holds artifact and version; its group is known to few of them, so the digest tells which it is."""
    for jar in root.glob("opt/spark/jars/*.jar"):
        artifact, version = re.fullmatch(r"(.+?)-(\d.*)", jar.stem, re.ASCII).groups()  # pyright: ignore[reportOptionalMemberAccess]
        digest = hashlib.sha256(jar.read_bytes()).hexdigest()
        yield {
            **_component("generic", artifact, version, f"?file_name={jar.name}"),
            "hashes": [{"alg": "SHA-256", "content": digest}],
        }


def _go(root: Path) -> Iterator[Component]:
    """What a Go program says of itself. Programs are few and stand where their recipe puts them."""
    for path in (*root.glob("usr/bin/*"), *root.glob("kube-*")):
        if path.is_symlink() or not path.is_file() or path.read_bytes().find(b"\xff Go buildinf:") < 0:
            continue
        command = ("go", "version", "-m", str(path))
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - no shell
        for module, version in re.findall(r"^\t(?:mod|dep)\t(\S+)\t(\S+)", told, re.MULTILINE):
            yield _component("golang", module, version)
