"""Whether a gateway of Yarn's comes up by itself, after it was switched off and while what it needs is away. A real systemd runs it."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from components.yarn.machine_files import GATEWAY_PACKAGES, CephMount, MachineArgs
from components.yarn.machine_roles import gateway_data, gateway_mounts
from settings.values.backend import Archive, MachineSoftware
from tests.cloud.machine_boot import GATEWAY, MIRROR
from tests.cloud.machine_reboot import OWN_FILE, PACKAGE
from tests.cloud.test_machine_boot import alone, gateway_args
from tests.support.gateway import needs_nginx

pytestmark = [
    pytest.mark.long,
    needs_nginx,
    pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/autofs").exists(), reason="runs a systemd with automounts, as root"),
]
ZEPPELIN = "#!/bin/sh\ntouch /notebooks/notebook/$(date +%s%N).zpln\nexec sleep infinity\n"
LANGUAGE = json.dumps([{"group": "x", "name": "x", "className": "x", "properties": {}}])


def archive(mirror: Path, name: str, files: Mapping[str, str]) -> Archive:
    path = mirror / f"{name}.tar"
    with tarfile.open(path, "w") as opened:
        for place, contents in {"README": "", **files}.items():
            entry = tarfile.TarInfo(f"{name}-1/{place}")
            entry.size, entry.mode = len(contents), 0o755
            opened.addfile(entry, io.BytesIO(contents.encode()))
    return Archive(file=path.name, sha512=hashlib.sha512(path.read_bytes()).hexdigest())


def debian(folder: Path, names: Sequence[str]) -> None:
    """A repository with an empty package for each of these names that this machine has not. One brings a file of configuration along."""
    folder.mkdir()
    index = ""
    for name in names:
        if subprocess.run(["dpkg-query", "--show", name], capture_output=True, check=False).returncode == 0:
            continue
        package = folder / "package"
        about = {"Package": name, "Version": "1", "Architecture": "all", "Maintainer": "A <a@example.org>", "Description": "A stand-in"}
        control = "".join(f"{key}: {value}\n" for key, value in about.items())
        (package / "DEBIAN").mkdir(parents=True)
        (package / "DEBIAN/control").write_text(control)
        if name == PACKAGE:
            own = package / OWN_FILE.lstrip("/")
            own.parent.mkdir(parents=True)
            own.write_text("of the package\n")
            (package / "DEBIAN/conffiles").write_text(f"{OWN_FILE}\n")
        file = folder / f"{name}.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(package), str(file)], check=True, capture_output=True)
        shutil.rmtree(package)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        index += f"{control}Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n\n"
    (folder / "Packages").write_text(index)


def share(path: str, folder: str, *, read_only: bool = False) -> CephMount:
    return CephMount(path=path, ceph_id="x", key="AQ==", monitors=["192.0.2.1:6789"], root_path=folder, fs_name=None, read_only=read_only)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("reboot")
    mirror = folder / "mirror"
    mirror.mkdir()
    debian(folder / "debian", GATEWAY_PACKAGES)
    own = gateway_args(folder, "")
    languages = {f"interpreter/{each}/interpreter-setting.json": LANGUAGE for each in ("spark", *own.zeppelin.interpreters)}
    folders = {name: {f"share/hadoop/{each}/README": "" for each in ("common", "yarn")} for name in ("hadoop", "spark")}
    folders["zeppelin"] = {"bin/zeppelin.sh": ZEPPELIN, "conf/README": "", **languages}
    args = MachineArgs(
        address=IPv4Address(GATEWAY),
        yarn_files={},
        volume="",
        mounts=[
            share("/data/x", "/data", read_only=True),
            share("/notebooks", "/notebooks"),
            *(share(path, f"/history{below}") for path, below in gateway_mounts()),
        ],
        software=MachineSoftware(
            mirror=f"http://127.0.0.1:{MIRROR}", **{name: archive(mirror, name, files) for name, files in folders.items()}
        ),
        firewall="#!/usr/sbin/nft -f\nflush ruleset\n",
    )
    (folder / "gateway.json").write_text(gateway_data(args, own).partition("\n")[2])
    return alone("machine_reboot", folder)


def test_packages_are_asked_for_until_a_mirror_has_them(seen):
    assert (seen["without a mirror"], seen["package"]) == (False, "installed")


def test_a_package_leaves_the_machines_own_files(seen):
    assert "spark.driver.host 10.10.0.20\n" in seen["own file"]


def test_a_new_share_becomes_zeppelins(seen):
    """Not the folder that it is mounted on."""
    assert seen["share"] == [1000, "0o770"]


def test_nothing_is_written_below_a_share_that_is_away(seen):
    """The folder stays root's, and empty: notebooks in it would vanish with the next mount."""
    zeppelin_runs, notebooks, below = seen["while away"]
    assert (zeppelin_runs, notebooks, below) == (False, 1, ["0"])
    assert seen["below"] == ["0"]


def test_zeppelin_comes_by_itself_once_ceph_is_back(seen):
    """The program itself has waited for that: a second notebook is on the share."""
    assert "data once back" in seen


def test_a_dataset_that_was_asked_for_while_ceph_was_away_is_there_again(seen):
    assert (seen["data while away"], seen["data once back"]) == (9, 0)
