"""What stands on machines of Yarn once cloud-init has executed their user data, and what a person then gets from Zeppelin there."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from components.yarn.configuration import YarnCluster, yarn_files
from components.yarn.machine_files import CephMount, MachineArgs, firewall
from components.yarn.machine_roles import GatewayArgs, gateway_data, worker_data
from components.zeppelin.shiro import shiro_hash, shiro_ini
from settings.values.backend import Archive, MachineSoftware
from settings.values.zeppelin import NotebookShare, ZeppelinSettings
from tests.cloud import tools
from tests.cloud.machine_boot import GATEWAY, MIRROR, WORKER
from tests.cloud.test_yarn import SPARK
from tests.cloud.zeppelin.server import HOME, needs_zeppelin
from tests.support.stack_files import ROOT

pytestmark = [needs_zeppelin, pytest.mark.skipif(os.geteuid() != 0, reason="makes overlays and namespaces, as root")]
PASSWORD = "alice-secret"
CLUSTER = YarnCluster(
    resource_manager=GATEWAY,
    workers=1,
    cores=8,
    memory_gib=9,
    scratch="/work/scratch",
    shuffle_jars="/opt/spark/yarn",
    spark_home="/opt/spark",
    people=["alice"],
)


def archives(mirror: Path) -> MachineSoftware:
    """Releases as Apache lays them out, of what is here."""
    site = tools.spark("3.5") / "pyspark"
    own = ("bin", "conf", "interpreter", "lib", "notebook", "plugins", "scripts", "zeppelin-web-angular")
    places: Mapping[str, Mapping[str, Path]] = {
        "hadoop": {"share/hadoop/common/lib": tools.yarn(), "share/hadoop/yarn/empty": mirror / "empty"},
        "spark": {
            **{each: site / each for each in ("bin", "sbin", "jars", "python/lib")},
            "python/pyspark": site,
            "yarn": tools.shuffle_service(),
        },
        "zeppelin": {each.name: each for each in (*(Path(HOME) / name for name in own), *Path(HOME).glob("*.jar"))},
    }
    (mirror / "empty").mkdir()
    found: dict[str, Archive] = {}
    for name, parts in places.items():
        file = mirror / f"{name}.tar"
        with tarfile.open(file, "w", dereference=True) as archive:
            for place, origin in parts.items():
                archive.add(origin, f"{name}-1/{place}", filter=_without_a_second_spark)
        with file.open("rb") as opened:
            found[name] = Archive(file=file.name, sha512=hashlib.file_digest(opened, "sha512").hexdigest())
    return MachineSoftware(mirror=f"http://127.0.0.1:{MIRROR}", **found)


def _without_a_second_spark(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The wheel has all of Spark below its Python package."""
    return None if entry.name in {f"spark-1/python/pyspark/{each}" for each in ("jars", "bin", "sbin", "examples")} else entry


def certificate(folder: Path) -> tuple[str, str]:
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-days", "2"]
    subprocess.run([*make, "-keyout", str(folder / "key"), "-out", str(folder / "crt")], check=True, capture_output=True)
    return (folder / "crt").read_text(), (folder / "key").read_text()


def gateway_args(folder: Path, shiro_ini: str) -> GatewayArgs:
    """What the gateway of CLUSTER is, with a certificate that is made in a folder."""
    crt, key = certificate(folder)
    return GatewayArgs(
        cluster=CLUSTER,
        spark=SPARK,
        zeppelin=ZeppelinSettings(notebooks=NotebookShare(kind="share"), memory_gib=2),
        origin="https://zeppelin.example.org",
        maven_mirror=None,
        shiro_ini=shiro_ini,
        credentials_key="0123456789abcdef",
        certificate=crt,
        key=key,
    )


def alone(module: str, *arguments: object) -> dict[str, Any]:
    """What a module of tests/cloud prints at last, run in namespaces of its own."""
    command = ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command += [sys.executable, "-m", f"tests.cloud.{module}", *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{result.stdout[-2000:]} {result.stderr[-30000:]}"
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("machines")
    (folder / "mirror").mkdir()
    # With cloud-init, and without a user of the number that Zeppelin has.
    prepare = """
    mkdir "$0/base" "$0/work" "$0/root"
    mount -t overlay overlay -o lowerdir=/,upperdir="$0/base",workdir="$0/work" "$0/root"
    for each in proc sys dev; do mount --rbind /$each "$0/root/$each"; done
    chroot "$0/root" sh -ec 'DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends cloud-init sudo
      for number in 1000 185; do name=$(id -nu $number 2> /dev/null) && userdel "$name" || true; done'
    """
    found = subprocess.run(["unshare", "--mount", "sh", "-ec", prepare, str(folder)], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"cloud-init cannot be installed on an overlay here: {found.stderr[-500:]}")
    gateway, worker = IPv4Address(GATEWAY), IPv4Address(WORKER)
    args = MachineArgs(
        address=gateway,
        yarn_files=yarn_files(CLUSTER, SPARK),
        volume="",
        mounts=[CephMount(path="/data/x", ceph_id="x", key="AQ==", monitors=["192.0.2.1"], root_path="/x", fs_name=None, read_only=True)],
        software=archives(folder / "mirror"),
        firewall=firewall(IPv4Network("10.10.0.0/24"), gateway, [worker], []),
    )
    own = gateway_args(folder, shiro_ini({"Alice": shiro_hash(PASSWORD, b"a" * 16)}, [], "", secure=True))
    for name, text in {"gateway": gateway_data(args, own), "worker": worker_data(replace(args, address=worker))}.items():
        (folder / f"{name}.json").write_text(text.partition("\n")[2])
    try:
        return alone("machine_boot", folder, PASSWORD)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_cloud_init_executes_the_user_data(seen):
    assert (seen["gateway"]["errors"], seen["worker"]["errors"]) == ([], [])
    assert seen["gateway"]["users"].keys() == {"spark", "zeppelin", "yarn"}
    # The numbers of files on shares, which Pods have written.
    assert {name: seen["gateway"]["users"][name] for name in ("spark", "zeppelin")} == {"spark": "185", "zeppelin": "1000"}
    assert seen["worker"]["users"] == {"spark": "185"}


def test_files_have_their_modes_and_owners(seen):
    assert seen["worker"]["modes"] == {
        "/opt/hadoop/jars": "755 root",
        "/opt/spark/yarn": "755 root",
        "/etc/yarn/yarn-site.xml": "644 root",
        "/opt/platform/setup.sh": "755 root",
        "/etc/ceph/x.secret": "600 root",
        "/notebooks": "755 root",
        "/srv/platform/history/.machines": "755 root",
    }
    assert seen["gateway"]["modes"] == seen["worker"]["modes"] | {
        "/opt/zeppelin/conf/shiro.ini": "400 zeppelin",
        "/etc/sudoers.d/zeppelin": "440 root",
        "/etc/nginx/tls/tls.key": "600 root",
        "/notebooks": "770 zeppelin",
        "/srv/platform/history/.machines": "700 spark",
        **dict.fromkeys([f"/var/lib/zeppelin/{each}" for each in ("closing", "index", "logs")], "700 zeppelin"),
    }


def test_the_firewall_stands_before_anything_else_begins(seen):
    for name, wanted in (("gateway", "yarn-manager.service"), ("worker", "yarn-worker.service")):
        calls = seen[name]["systemctl"]
        setup = calls[calls.index("enable nftables.service") :]
        assert setup[1] == "reload-or-restart nftables.service"
        assert [call for call in setup if wanted in call] == setup[-1:]


def test_a_person_gets_executors_through_the_gateway(seen):
    """A real Zeppelin starts a real driver for her, whose executors are another machine's."""
    assert seen["paragraph"]["rows"] == 10
    assert seen["applications"] == [["alice", "RUNNING"]]
    assert seen["owners"] == ["zeppelin"]


def test_what_people_write_runs_as_another_user_who_reads_no_secret(seen):
    assert (seen["paragraph"]["driver"], seen["paragraph"]["executor"]) == ("spark", "spark")
    assert seen["paragraph"]["readable"] == []
    assert seen["paragraph"]["key"] is False
    # The address of the user data, Zeppelin's own port and Yarn's pages.
    assert seen["paragraph"]["refused"] == [True, True, True]
