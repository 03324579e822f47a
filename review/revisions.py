"""Records revisions of the program, each in its own tree and environment, and reads recordings from untrusted files."""

import hashlib
import importlib.util
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from recording import VERSION, Recording

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gaia-dmp"
KEPT = 30
"""How many recordings of commits are kept; one of prod has 1 MiB."""

MAX_BYTES = 32 * 1024 * 1024
"""Largest file of a recording; prod's has 1 MiB."""

_RECORDING = TypeAdapter(Recording)


class RevisionError(Exception):
    """A revision or recording that cannot be read; the message says which and why."""


class NoStackFileError(RevisionError):
    """Neither revision has the stack file."""


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault of ours
    """The program of a revision refuses its stack file; the message is the program's own."""


def commit(reference: str, root: Path = ROOT) -> str:
    """The commit that a reference names, in full. Raises RevisionError."""
    # A reference must not become an option of git.
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if done.returncode != 0:
        raise RevisionError(f"base {reference}: there is no such commit; accepted: a branch, tag or commit, such as origin/main")
    return done.stdout.decode().strip()


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)  # noqa: S603, S607


@contextmanager
def tree(reference: str, root: Path = ROOT) -> Iterator[Path]:
    """The files of a commit, in a folder that exists as long as the context. Raises RevisionError."""
    archive = _git(root, "archive", "--format=tar", commit(reference, root))
    if archive.returncode != 0:
        raise RevisionError(f"base {reference}: {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix="gaia-dmp-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
            try:
                # "data" refuses devices, and links that lead out of the folder.
                packed.extractall(folder, filter="data")
            except tarfile.FilterError as error:
                raise RevisionError(f"base {reference}: {error}") from None
        yield Path(folder)


def interpreter(folder: Path, root: Path = ROOT) -> Path:
    """The Python for a tree: this one if both need the same packages, otherwise one that is installed for it in the user's cache."""
    wanted = (folder / "requirements.txt").read_bytes()
    if wanted == (root / "requirements.txt").read_bytes():
        return Path(sys.executable)
    place = CACHE / "environments" / hashlib.sha256(wanted + sys.version.encode()).hexdigest()[:16]
    if not (place / "whole").exists():
        print(f"Installing requirements.txt of the base into {place} ...", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        # To unpack a pip of its own there would take longer than all the rest. An environment that `uv` made has none to lend.
        lent = importlib.util.find_spec("pip") is not None
        subprocess.run([sys.executable, "-m", "venv", *(["--without-pip"] if lent else []), str(place)], check=True)  # noqa: S603
        python = str(place / "bin" / "python")
        pip = [sys.executable, "-m", "pip", "--python", python] if lent else [python, "-m", "pip"]
        install = [*pip, "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*install, "-r", str(folder / "requirements.txt")], capture_output=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise RevisionError(f"requirements.txt of the base cannot be installed: {done.stderr.decode().strip()[-500:]}")
        (place / "whole").touch()
    return place / "bin" / "python"


class TreePreview:
    """The preview of one stack in one tree, in its own process. there: whether the tree has the stack."""

    def __init__(self, folder: Path, stack: str, python: Path) -> None:
        self.stack, self.folder = stack, folder
        self._process: subprocess.Popen[str] | None = None
        self._out = Path(tempfile.mkdtemp(prefix="gaia-dmp-"))
        file = folder / f"Pulumi.{stack}.yaml"
        if file.is_symlink():
            raise RevisionError(f"{file.name} is a symbolic link; accepted: a file")
        self.there = file.exists()
        if self.there:
            # The tree's own code runs there, so it must not see this shell's variables for clouds and back ends.
            clean = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "OS_", "PYTHONPATH"))}
            # Revisions before 2026-11-23 do not have --recording.
            known = "--recording" in (folder / "preview" / "__main__.py").read_text(encoding="utf-8")
            command = [str(python), "-m", "preview", stack, "--recording" if known else "--out", str(self._out)]
            self._process = subprocess.Popen(  # noqa: S603
                command, cwd=folder, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )

    def close(self) -> None:
        """End the process if it still runs, and delete its files."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        shutil.rmtree(self._out, ignore_errors=True)

    def result(self) -> Recording | None:
        """The recording, or None if the tree does not have the stack. Raises Refused."""
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


class KeptPreview:
    """The preview of one stack at a commit, from the user's cache: what a commit's program registers under one Python never changes.

    there: whether it is kept, in a form that this program reads.
    """

    def __init__(self, revision: str, stack: str) -> None:
        self._recording = None
        with suppress(OSError, RevisionError):
            self._recording = read(_kept(revision, stack).read_bytes(), stack)
        self.there = self._recording is not None

    def result(self) -> Recording | None:
        """The recording, or None if none is kept."""
        return self._recording


def keep(revision: str, recording: Recording) -> None:
    """Keep the recording of a commit, and only the newest of the others. A cache that cannot be written is not an error."""
    file = _kept(revision, recording.stack)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        # Another process may read it meanwhile.
        new = file.with_suffix(f".{os.getpid()}")
        new.write_text(recording.to_json(), encoding="utf-8")
        new.replace(file)
        for old in sorted(file.parent.iterdir(), key=lambda each: each.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)


def _kept(revision: str, stack: str) -> Path:
    return CACHE / "recordings" / f"{revision}.{platform.python_version()}.{stack}.json"


def read(data: bytes, stack: str) -> Recording:
    """A recording from the bytes of an untrusted file. Its size, format and stack are checked.

    Raises RevisionError.
    """
    if len(data) > MAX_BYTES:
        raise RevisionError(f"the recording of {stack} has {len(data)} bytes; accepted: at most {MAX_BYTES}")
    try:
        plain: Any = json.loads(data)
        if not isinstance(plain, dict) or plain.get("version") != VERSION:
            raise RevisionError(f"the recording of {stack} does not have version {VERSION}")
        recording = _RECORDING.validate_python(plain)
    except (ValueError, RecursionError, ValidationError) as error:
        raise RevisionError(f"the recording of {stack} cannot be read: {str(error)[:300]}") from None
    if recording.stack != stack:
        raise RevisionError(f"the recording of {stack} names another stack, {recording.stack[:50]}")
    return recording
