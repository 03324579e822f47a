"""Two revisions of the program, each recorded in its own tree and environment; and recordings from files that nobody vouches for."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from recording import VERSION, Recording

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gaia-dmp" / "environments"
MAX_BYTES = 32 * 1024 * 1024
"""Of a recording's file; prod's has 1 MiB."""

_RECORDING = TypeAdapter(Recording)


class RevisionError(Exception):
    """A revision that cannot be had, or a recording that cannot be read; the message says which and why."""


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault of ours
    """The program of a revision refuses its stack file; the message is the program's own."""


def commit(reference: str, root: Path = ROOT) -> str:
    """The commit that a reference names, in full. Raises RevisionError."""
    # A reference never becomes an option of git's.
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if done.returncode != 0:
        raise RevisionError(f"BASE={reference}: git knows no such commit here; accepted: a branch, tag or commit, such as origin/main")
    return done.stdout.decode().strip()


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)  # noqa: S603, S607


@contextmanager
def tree(reference: str, root: Path = ROOT) -> Iterator[Path]:
    """The files of a commit, in a folder that goes with the context. Raises RevisionError."""
    archive = _git(root, "archive", "--format=tar", commit(reference, root))
    if archive.returncode != 0:
        raise RevisionError(f"BASE={reference}: {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix="gaia-dmp-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
            try:
                # "data" refuses links that lead out of the folder, and devices.
                packed.extractall(folder, filter="data")
            except tarfile.FilterError as error:
                raise RevisionError(f"BASE={reference}: {error}") from None
        yield Path(folder)


def interpreter(folder: Path, root: Path = ROOT) -> Path:
    """The Python of a tree: this one's where both want the same packages, otherwise one made for it and kept in the user's cache."""
    wanted = (folder / "requirements.txt").read_bytes()
    if wanted == (root / "requirements.txt").read_bytes():
        return Path(sys.executable)
    place = CACHE / hashlib.sha256(wanted + sys.version.encode()).hexdigest()[:16]
    if not (place / "whole").exists():
        print(f"Installing requirements.txt of the base into {place} ...", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)  # noqa: S603
        install = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*install, "-r", str(folder / "requirements.txt")], capture_output=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise RevisionError(f"requirements.txt of the base cannot be installed: {done.stderr.decode().strip()[-500:]}")
        (place / "whole").touch()
    return place / "bin" / "python"


class TreePreview:
    """The preview of one stack in one tree, as a process of its own. there: whether the tree has the stack at all."""

    def __init__(self, folder: Path, stack: str, python: Path) -> None:
        self.stack, self.folder = stack, folder
        self._process: subprocess.Popen[str] | None = None
        self._out = Path(tempfile.mkdtemp(prefix="gaia-dmp-"))
        file = folder / f"Pulumi.{stack}.yaml"
        if file.is_symlink():
            raise RevisionError(f"{file.name} is a symbolic link; accepted: a file")
        self.there = file.exists()
        if self.there:
            # A tree's own code looks at it: whatever this shell knows of clouds and back ends stays here.
            clean = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "OS_", "PYTHONPATH"))}
            # Revisions before 2026-11-23 write everything or nothing.
            known = "--recording" in (folder / "preview" / "__main__.py").read_text(encoding="utf-8")
            command = [str(python), "-m", "preview", stack, "--recording" if known else "--out", str(self._out)]
            self._process = subprocess.Popen(  # noqa: S603
                command, cwd=folder, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )

    def close(self) -> None:
        """End what still runs, and forget what it left."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        shutil.rmtree(self._out, ignore_errors=True)

    def result(self) -> Recording | None:
        """The recording, or None where the tree has no such stack. Raises Refused."""
        try:
            if self._process is None:
                return None
            _, errors = self._process.communicate()
            file = self._out / "recording.json"
            if not file.exists():
                raise Refused(errors.strip() or f"the preview ended with code {self._process.returncode}")
            return read(file.read_bytes(), self.stack)
        finally:
            self.close()


def read(data: bytes, stack: str) -> Recording:
    """A recording from the bytes of its file, whoever wrote it: bounded, of the form that is published, of the stack that it should be.

    Raises RevisionError.
    """
    if len(data) > MAX_BYTES:
        raise RevisionError(f"the recording of {stack} has {len(data)} bytes; accepted: at most {MAX_BYTES}")
    try:
        plain: Any = json.loads(data)
        if not isinstance(plain, dict) or plain.get("version") != VERSION:
            raise RevisionError(f"the recording of {stack} is not of version {VERSION}")
        recording = _RECORDING.validate_python(plain)
    except (ValueError, RecursionError, ValidationError) as error:
        raise RevisionError(f"the recording of {stack} cannot be read: {str(error)[:300]}") from None
    if recording.stack != stack:
        raise RevisionError(f"the recording of {stack} says that it is of {recording.stack[:50]}")
    return recording
