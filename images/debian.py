"""The first layer of an image: packages of one Debian suite, and nothing that differs from one build to the next."""

import base64
import hashlib
import os
import re
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from images.layout import EPOCH
from tests.cloud.tools import run

_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
_SECURITY = os.environ.get("DEBIAN_SECURITY_MIRROR", "http://deb.debian.org/debian-security")
_EMPTIED = ("dev", "proc", "run", "sys", "tmp", "var/cache", "var/log", "var/lib/apt", "usr/share/man", "usr/share/locale")
"""Folders of which an image needs only the folder."""
_REMOVED = (
    "etc/.pwd.lock",
    "etc/hostname",
    "etc/machine-id",
    "etc/resolv.conf",
    "usr/share/info",
    "usr/share/lintian",
    "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/diversions-old",
    "var/lib/dpkg/statoverride-old",
    "var/lib/dbus/machine-id",
)
"""What belongs to one machine, and what only the package manager reads."""


@dataclass(frozen=True, kw_only=True)
class User:
    """An account of an image. A Pod names the number; some programs look for the line in /etc/passwd."""

    name: str
    uid: int
    home: str


def make(root: Path, suite: str, packages: Sequence[str], users: Sequence[User]) -> None:
    """Install packages of a suite with its security updates, and make accounts. Needs root and mmdebstrap."""
    sources = (
        f"deb [signed-by={_KEYS}] {_MIRROR} {suite} main",
        f"deb [signed-by={_KEYS}] {_MIRROR} {suite}-updates main",
        f"deb [signed-by={_KEYS}] {_SECURITY} {suite}-security main",
    )
    os.environ["SOURCE_DATE_EPOCH"] = str(EPOCH)  # mmdebstrap dates the accounts by it
    run("mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--include={','.join(packages)}", suite, str(root), *sources)
    _clean(root)
    for user in users:
        _add_user(root, user)
    _write_java_trust(root)
    for folder in ("usr/lib/python3", "usr/lib/python3.11"):
        if (root / folder).is_dir():
            compile_python(root, folder)


def compile_python(root: Path, folder: str) -> None:
    """Compile Python's modules with the image's own Python: the file system of a Pod is read-only, so nobody can do it later.

    The compiled files hold no date. Test files that no Python 3 can read are passed over: compileall says so and ends with 1.
    """
    environment = ("PYTHONHASHSEED=0", "PATH=/usr/bin:/bin")
    command = ("python3", "-I", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash", f"/{folder}")
    run("sh", "-c", 'chroot "$@" || [ $? = 1 ]', "sh", str(root), "env", *environment, *command)


def _clean(root: Path) -> None:
    for folder in _EMPTIED:
        for path in (root / folder).glob("*"):
            _remove(path)
    for name in _REMOVED:
        _remove(root / name)
    for path in (root / "usr/share/doc").rglob("*"):
        # Licences stay.
        if not path.is_dir() and path.name != "copyright":
            path.unlink()
    for path in [*root.glob("usr/**/__pycache__"), *root.glob("usr/lib/python3*/EXTERNALLY-MANAGED")]:
        # Compiled files hold a date. The marker forbids pip, which people run into folders of their own.
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _add_user(root: Path, user: User) -> None:
    with (root / "etc/passwd").open("a") as passwd:
        passwd.write(f"{user.name}:x:{user.uid}:{user.uid}::{user.home}:/bin/sh\n")
    with (root / "etc/group").open("a") as group:
        group.write(f"{user.name}:x:{user.uid}:\n")
    home = root / user.home.lstrip("/")
    home.mkdir(parents=True, exist_ok=True)
    os.chown(home, user.uid, user.uid)


def _write_java_trust(root: Path) -> None:
    """Write Java's list of authorities anew. Debian's own holds the time at which it was made.

    The format is JKS: each certificate with a name and a date, then a digest over all with a fixed word.
    """
    target = root / "etc/ssl/certs/java/cacerts"
    if not target.exists():
        return
    bundle = (root / "etc/ssl/certs/ca-certificates.crt").read_text()
    certificates = [base64.b64decode(each) for each in re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", bundle, re.DOTALL)]
    content = struct.pack(">III", 0xFEEDFEED, 2, len(certificates))
    for certificate in certificates:
        alias = hashlib.sha256(certificate).hexdigest().encode()
        content += struct.pack(">IH", 2, len(alias)) + alias + struct.pack(">QH", EPOCH * 1000, 5) + b"X.509"
        content += struct.pack(">I", len(certificate)) + certificate
    target.write_bytes(content + hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + content).digest())  # noqa: S324
