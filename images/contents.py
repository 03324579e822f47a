"""What an image holds beside Debian's packages. Each step puts files below the image's root and becomes a layer."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from images import debian
from tests.cloud import tools

FOLDER = Path(__file__).parent


class Step(Protocol):
    """Brings one kind of content."""

    def inputs(self) -> Iterable[bytes]:
        """What the content depends on, beside the step's own fields."""
        ...

    def install(self, root: Path, work: Path) -> None:
        """Put the content below `root`. work: an empty folder for what is fetched."""
        ...


@dataclass(frozen=True, kw_only=True)
class Files:
    """Files of `images/`. files: path in the image to path below `images/`. links: path to what it leads to. folders: path to owner."""

    files: Mapping[str, str] = field(default_factory=dict[str, str])
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    folders: Mapping[str, int] = field(default_factory=dict[str, int])

    def inputs(self) -> Iterable[bytes]:
        return [(FOLDER / source).read_bytes() for source in self.files.values()]

    def install(self, root: Path, work: Path) -> None:  # noqa: ARG002
        for name, owner in self.folders.items():
            folder = root / name
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, owner, owner)
        for name, source in self.files.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((FOLDER / source).read_bytes())
            target.chmod(0o755 if target.suffix == ".sh" else 0o644)
        for name, leads_to in self.links.items():
            link = root / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(leads_to)


@dataclass(frozen=True, kw_only=True)
class Spark:
    """Spark from the source package of pyspark, which carries scripts and jars, laid out in /opt/spark as Apache does. sha256: of it."""

    version: str
    sha256: str

    def inputs(self) -> Iterable[bytes]:
        return ()

    def install(self, root: Path, work: Path) -> None:
        pin = work / "pyspark.txt"
        pin.write_text(f"pyspark=={self.version} --hash=sha256:{self.sha256}\n")
        _pip_download(work, "--no-binary=:all:", "--no-deps", "-r", str(pin))
        with tarfile.open(work / f"pyspark-{self.version}.tar.gz") as packed:
            packed.extractall(work, filter="data")
        source, target = work / f"pyspark-{self.version}", root / "opt/spark"
        for origin, place in {
            "deps/bin": "bin",
            "deps/sbin": "sbin",
            "deps/jars": "jars",
            "deps/licenses": "licenses",
            "pyspark": "python/pyspark",
            "lib": "python/lib",
        }.items():
            shutil.copytree(source / origin, target / place, ignore=shutil.ignore_patterns("*.cmd"))
        _root_owns(target)
        debian.compile_python(root, "opt/spark/python")


@dataclass(frozen=True, kw_only=True)
class Jars:
    """Jars of Maven Central in /opt/spark/jars. sha256: coordinate `group:artifact:version` to digest."""

    sha256: Mapping[str, str]

    def inputs(self) -> Iterable[bytes]:
        return ()

    def install(self, root: Path, work: Path) -> None:  # noqa: ARG002
        for jar in self.files():
            shutil.copyfile(jar, root / "opt/spark/jars" / jar.name)

    def files(self) -> list[Path]:
        """Where the jars are."""
        return [tools.jar(*each) for each in self.sha256.items()]


@dataclass(frozen=True, kw_only=True)
class Yarn:
    """Yarn's daemons in /opt/hadoop, and Spark's shuffle service in /opt/shuffle, as `tests/cloud/tools` collects them from Maven Central.

    hadoop, shuffle: SHA-256 of the list of jars in either folder, in the form of `sha256sum`.
    """

    hadoop: str
    shuffle: str

    def inputs(self) -> Iterable[bytes]:
        return ()

    def install(self, root: Path, work: Path) -> None:  # noqa: ARG002
        for source, place, wanted in ((tools.yarn(), "opt/hadoop", self.hadoop), (tools.shuffle_service(), "opt/shuffle", self.shuffle)):
            jars = sorted(source.glob("*.jar"))
            listed = "".join(f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n" for jar in jars)
            if hashlib.sha256(listed.encode()).hexdigest() != wanted:
                raise tools.ToolError(f"the jars of /{place} are not what they were")
            (root / place).mkdir()
            for jar in jars:
                shutil.copyfile(jar, root / place / jar.name)
            _root_owns(root / place)


@dataclass(frozen=True, kw_only=True)
class Wheels:
    """Python distributions. requirements: file below `images/`, every line with hashes. python: minor version of the image's Python."""

    requirements: str
    python: str

    def inputs(self) -> Iterable[bytes]:
        return [(FOLDER / self.requirements).read_bytes()]

    def install(self, root: Path, work: Path) -> None:
        platforms = [f"--platform={name}_x86_64" for name in ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")]
        _pip_download(
            work,
            "--require-hashes",
            "--only-binary=:all:",
            "--no-deps",
            f"--python-version={self.python}",
            *platforms,
            "-r",
            str(FOLDER / self.requirements),
        )
        place = f"usr/local/lib/python{self.python}/dist-packages"
        (root / place).mkdir(parents=True, exist_ok=True)
        for wheel in sorted(work.glob("*.whl")):
            _unpack_wheel(wheel, root / place)
        debian.compile_python(root, place)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A Go program that the tests build, without what only a debugger reads. path: where it stands in the image."""

    name: str
    path: str

    def inputs(self) -> Iterable[bytes]:
        # The folder's name holds a digest of everything the program is built from.
        return [self._built().parent.name.encode()]

    def install(self, root: Path, work: Path) -> None:  # noqa: ARG002
        target = root / self.path
        tools.run("strip", "-o", str(target), str(self._built()))
        target.chmod(0o755)

    def _built(self) -> Path:
        return tools.alertmanager() if self.name == "alertmanager" else tools.program(self.name)


def _pip_download(target: Path, *options: str) -> None:
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", str(target), *options)
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if answer.returncode:
        raise tools.ToolError(answer.stderr[-2000:])


def _unpack_wheel(wheel: Path, target: Path) -> None:
    """Unpack a wheel. pip would write the builder's own paths into scripts and lists, so the digest would be the machine's."""
    with zipfile.ZipFile(wheel) as packed:
        for entry in packed.infolist():
            if entry.is_dir():
                continue
            path = PurePosixPath(entry.filename)
            if path.parts[0].endswith(".data"):
                if path.parts[1] not in {"purelib", "platlib"}:
                    continue  # scripts, headers and manuals
                path = PurePosixPath(*path.parts[2:])
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(packed.read(entry))
            place.chmod(0o755 if entry.external_attr >> 16 & 0o100 else 0o644)


def _root_owns(folder: Path) -> None:
    """Nobody but root may write what came from an archive of somebody else's."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 0, 0)
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
