"""What the cloud of the tests is started from: an environment with the services, our drivers, and a snapshot of filled databases.

All of it is made once and cached by the versions and files it is made from. `python -m tests.cloud.openstack.build` makes what is missing.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from images.contents import Jars
from images.recipes import RECIPES
from tests.cloud import ceph
from tests.cloud.tools import GO_PROGRAMS, ToolError, cached, digest, made, program, run, spark

HERE = Path(__file__).parent
DRIVERS = HERE / "drivers"


def mariadb(name: str) -> str:
    """Path of one of MariaDB's programs; Debian puts the server where only root looks. Raises ToolError where it is missing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found:
        raise ToolError(f"{name} is not on PATH; the OpenStack services of the tests need MariaDB (Debian: mariadb-server)")
    return found


def environment() -> Path:
    """The virtual environment of the OpenStack services, of pinned wheels."""
    requirements = HERE / "requirements.txt"
    uv = (sys.executable, "-m", "uv")

    def make(part: Path) -> None:
        # Programs of an environment name their interpreter by its path: it is made where it stays, and is whole once this mark is there.
        folder = part.parent / "venv"
        shutil.rmtree(folder, ignore_errors=True)
        run(*uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        run(*uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), "-r", str(requirements))
        part.touch()

    return made(cached(f"openstack-{digest(requirements)}") / "installed", "the OpenStack services", make).parent / "venv"


def drivers() -> Path:
    """A folder for PYTHONPATH that holds `gaia_dmp_cloud` and its entry point."""

    def make(part: Path) -> None:
        with tempfile.TemporaryDirectory() as copy:
            shutil.copytree(DRIVERS, copy, dirs_exist_ok=True)
            run(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(part), copy)

    return made(cached(f"openstack-drivers-{_digest_of(DRIVERS)}") / "site", "the drivers of the tests", make)


def ceph_library() -> Path:
    """A folder for PYTHONPATH with what Manila's driver needs of Ceph. Raises ToolError where Ceph is missing."""
    return made(cached("openstack-ceph") / "site", "Ceph for Manila", ceph.python)


def snapshot() -> Path:
    """A state folder with migrated and filled databases and the Ceph whose shares they know, to be copied while nothing uses it."""
    # Whoever starts a cloud from a snapshot makes a snapshot by a cloud.
    from tests.cloud.openstack.cloud import make_snapshot  # noqa: PLC0415

    sources = (Path(ceph.__file__), *(HERE / name for name in ("requirements.txt", "services.py", "seed.py")))
    key = "-".join(digest(file)[:6] for file in sources)
    return made(cached(f"openstack-snapshot-{key}") / "state", "the databases of the OpenStack services", make_snapshot)


def s3a() -> list[Path]:
    """The jars by which Spark speaks S3, those of our image."""
    return [file for step in RECIPES["spark"].steps if isinstance(step, Jars) for file in step.files()]


def _digest_of(folder: Path) -> str:
    files = sorted(file for file in folder.rglob("*") if file.suffix in {".py", ".toml"})
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def everything() -> None:
    """Make what is missing, the Kubernetes programs of Magnum's clusters and what speaks to Swift included."""
    mariadb("mariadbd")
    if reason := ceph.missing():
        raise ToolError(reason)
    environment()
    drivers()
    snapshot()
    for name in GO_PROGRAMS:
        program(name)
    spark("4.0")
    s3a()


if __name__ == "__main__":
    try:
        everything()
    except ToolError as error:
        sys.exit(str(error))
