"""What machines of Yarn's are told, read by the programs that read it there: cloud-init's schema, systemd, nftables, nginx, shells; and
real daemons of Yarn and a real driver, by the units and files of these machines.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from components.yarn.configuration import yarn_files
from components.yarn.machine_files import MachineArgs
from components.yarn.machine_roles import GatewayArgs, gateway_data, worker_data
from settings.values.backend import MachineBackend
from settings.values.zeppelin import NotebookShare, ZeppelinSettings
from tests.cloud import tools, yarn
from tests.cloud.test_yarn import SPARK
from tests.cloud.yarn import MANAGER, NODE, Yarn
from tests.support.eventually import eventually
from tests.support.gateway import NGINX, needs_nginx
from tests.support.machines import files, told
from tests.support.stack_files import MACHINES as BACKEND

MACHINES = ("yarn-gateway", "yarn-worker-0")
UNITS = "/etc/systemd/system/"


def schema(suite: str) -> Any:
    """The validator of a suite's cloud-init. Skips where apt has none."""
    try:
        folder = tools.cloud_init(suite)
    except tools.ToolError as error:
        pytest.skip(str(error))
    (file,) = folder.rglob("schema-cloud-config-v1.json")
    return jsonschema_rs.validator_for(json.loads(file.read_text()))


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
@pytest.mark.parametrize("machine", MACHINES)
def test_cloud_init_takes_the_user_data(suite, machine):
    """Debian 12 has the machines' own cloud-init; that of Debian 13 refuses keys that it does not know."""
    validator = schema(suite)
    data = told("prod", machine)
    assert [f"{error.instance_path}: {error.message[:200]}" for error in validator.iter_errors(data)] == []
    wrong = list(validator.iter_errors(data | {"write_files": [{"path": "/a", "permissions": 600}]}))
    assert len(wrong) == 1


def test_what_cloud_init_does_not_know_is_noticed():
    assert schema("trixie").is_valid(told("prod", "yarn-worker-0") | {"mountz": []}) is False


@pytest.fixture(params=MACHINES)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A machine's files below a folder, with a program wherever a unit starts one that is not there."""
    for path, contents in files(told("prod", request.param)).items():
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(contents)
        target.chmod(0o755 if path.endswith(".sh") else 0o644)
    for program in ("/usr/bin/java", "/usr/bin/python3", "/bin/mkdir", "/opt/zeppelin/bin/zeppelin.sh"):
        target = tmp_path / program.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(0o755)
    return tmp_path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(root):
    units = sorted((root / UNITS.lstrip("/")).glob("*.service"))
    assert len(units) >= 3
    ways = {"nftables.service": "[Service]\nExecStart=/usr/bin/java\n", "network-online.target": "[Unit]\n"}
    for name in ("sysinit.target", "basic.target", "shutdown.target", "multi-user.target"):
        ways[name] = "[Unit]\nDescription=A\n"
    for name, text in ways.items():
        (root / UNITS.lstrip("/") / name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", f"--root={root}", *(f"{UNITS}{unit.name}" for unit in units)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    broken = units[0].with_name("platform-setup.service")
    broken.write_text(broken.read_text().replace("RestartSec", "RestartSex"))
    assert "RestartSex" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_shells_take_the_scripts(root):
    scripts = sorted(path for path in root.rglob("*.sh") if path.stat().st_size)
    assert {"setup.sh", "scratch.sh"} <= {path.name for path in scripts}
    for path in scripts:
        shell = path.read_text().splitlines()[0].removeprefix("#!")
        assert (path.name, subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, check=False).stderr) == (path.name, "")


def test_a_firewall_takes_the_rules(root):
    if os.geteuid() or not shutil.which("nft"):
        pytest.skip("nft asks the kernel, as root")
    command = ["unshare", "--net", "nft", "--check", "--file", str(root / "etc/nftables.conf")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def asked(user: int, address: str, port: int, rules: str) -> int:
    """How curl ends, that a user runs in a network of its own with the rules: 0 for an answer, 7 for a refusal."""
    script = f"""
    ip link set lo up; ip address add {address}/32 dev lo; nft --file - <<'END'
{rules}
END
    python3 -m http.server --bind {address} {port} > /dev/null 2>&1 & server=$!
    for _ in $(seq 100); do curl -s -o /dev/null --noproxy '*' http://{address}:{port}/ && break; sleep 0.1; done
    setpriv --reuid {user} --regid {user} --clear-groups curl -s -o /dev/null --noproxy '*' --max-time 5 http://{address}:{port}/
    code=$?; kill $server; exit $code
    """
    return subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    "disk",
    # nova: libvirt's serial is Cinder's id, of which virtio-blk has room for 20 signs (linux: virtio_blk.h, VIRTIO_BLK_ID_BYTES).
    ["virtio-6754d216-4792-4a38-9", "scsi-0QEMU_QEMU_HARDDISK_6754d216-4792-4a38-964a-d002686c8f92"],
)
@pytest.mark.skipif(bool(os.geteuid()), reason="mounts a file system, as root")
def test_a_machine_begins_with_an_empty_volume(root, tmp_path, disk):
    """The volume of the machine before it comes back, with what people's processes have left there."""
    disks, work, image = tmp_path / "disks", tmp_path / "mounted", tmp_path / "image"
    disks.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    (disks / disk).symlink_to(image)
    script = (root / "opt/platform/scratch.sh").read_text().replace("/work", str(work)).replace("-o spark -g spark", "-o 185 -g 185")
    left = f"touch {work}/scratch/left {work}/.ivy2/left && umount {work}"
    steps = 'mount --make-rprivate / && sh -c "$1" sh "$2" && eval "$3" && sh -c "$1" sh "$2" && cd "$4" && find . -name left'
    command = ["unshare", "--mount", "sh", "-c", steps, "sh", script, "6754d216-4792-4a38-964a-d002686c8f92"[:20], left, str(work)]
    environment = {**os.environ, "DISKS": str(disks), "ATTEMPTS": "1"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "./.ivy2/left\n", "")


@pytest.mark.skipif(bool(os.geteuid()), reason="mounts a file system, as root")
def test_a_folder_that_is_no_share_is_noticed(tmp_path):
    script = files(told("prod", "yarn-gateway"))["/opt/platform/mounted.sh"]
    for name in ("share", "bare"):
        (tmp_path / name).mkdir()
    steps = 'mount -t tmpfs tmpfs "$1/share" && sh -c "$0" sh "$1/share" && sh -c "$0" sh "$1/share" "$1/bare"'
    found = subprocess.run(["unshare", "--mount", "sh", "-c", steps, script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (1, f"{tmp_path}/bare is not mounted\n")


@pytest.mark.skipif(bool(os.geteuid()) or not shutil.which("nft"), reason="needs root and nft")
@pytest.mark.parametrize("machine", MACHINES)
def test_only_root_asks_for_the_user_data(machine):
    rules = files(told("prod", machine))["/etc/nftables.conf"]
    assert {user: asked(user, "169.254.169.254", 80, rules) for user in (0, 185, 1000)} == {0: 0, 185: 7, 1000: 7}


@pytest.mark.skipif(bool(os.geteuid()) or not shutil.which("nft"), reason="needs root and nft")
def test_people_reach_no_page_of_the_daemons():
    """Their own processes speak to each other on the same machine by ports of any number, and to Zeppelin's RPC, 12320."""
    rules = files(told("prod", "yarn-gateway"))["/etc/nftables.conf"]
    assert {port: asked(185, "127.0.0.1", port, rules) for port in (8080, 8088, 8033, 12320, 40000)} == {
        8080: 7,
        8088: 7,
        8033: 7,
        12320: 0,
        40000: 0,
    }


@needs_nginx
def test_nginx_takes_its_files(root, tmp_path):
    file = root / "etc/nginx/nginx.conf"
    if not file.exists():
        pytest.skip("a worker has no nginx")
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-days", "2"]
    subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    text = file.read_text()
    for there, here in {
        "/etc/nginx/tls/tls.key": str(key),
        "/etc/nginx/tls/tls.crt": str(certificate),
        "/etc/nginx/platform": str(root / "etc/nginx/platform"),
        "/var/lib/nginx/who": str(tmp_path / "who"),
        "/run/nginx.pid": str(tmp_path / "nginx.pid"),
        "/var/log/nginx": str(tmp_path),
    }.items():
        assert there in text
        text = text.replace(there, here)
    file.write_text(text)
    found = subprocess.run([str(NGINX), "-t", "-q", "-c", str(file)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


class OnMachines(Yarn):
    """Yarn by the units and files of its machines. What differs from machines: addresses and folders, because all of it is one machine."""

    def told(self) -> dict[str, dict[str, str]]:
        """The files of the gateway and of a worker."""
        software = MachineBackend.model_validate_json(json.dumps(BACKEND)).software
        conf = yarn_files(self._cluster, self._spark)
        args = MachineArgs(address=IPv4Address(MANAGER), yarn_files=conf, volume="", mounts=(), software=software, firewall="")
        own = GatewayArgs(
            cluster=self._cluster,
            spark=self._spark,
            zeppelin=ZeppelinSettings(notebooks=NotebookShare(kind="share")),
            origin="https://zeppelin.example.org",
            maven_mirror=None,
            shiro_ini="",
            credentials_key="",
            certificate="",
            key="",
        )
        texts = {"manager": gateway_data(args, own), "worker": worker_data(replace(args, address=IPv4Address(NODE)))}
        return {role: files(json.loads(text.partition("\n")[2])) for role, text in texts.items()}

    def start(self, daemon: str, address: str) -> subprocess.Popen[bytes]:
        role = "worker" if "node" in daemon else "manager"
        found, conf = self.told()[role], self._folder / address / "conf"
        conf.mkdir(parents=True)
        for path, contents in found.items():
            if path.startswith("/etc/yarn/"):
                (conf / Path(path).name).write_text(contents)
        unit = dict(line.split("=", 1) for line in found[f"{UNITS}yarn-{role}.service"].splitlines() if "=" in line)
        here = {
            "/etc/yarn": str(conf),
            "/opt/hadoop/jars": str(tools.yarn()),
            "/usr/lib/jvm/java-17-openjdk-amd64": os.environ.get("JAVA_HOME", "/usr"),
        }
        command, variables = (self._here(unit[key], here).split() for key in ("ExecStart", "Environment"))
        return self.launch(daemon, ["java", *command[1:]], dict(each.split("=", 1) for each in variables))

    @staticmethod
    def _here(text: str, places: Mapping[str, str]) -> str:
        for there, here in places.items():
            text = text.replace(there, here)
        return text

    def properties(self) -> dict[str, str]:
        found = self.told()["manager"]
        common = dict(line.split(" ", 1) for line in found["/etc/spark/spark-defaults.conf"].splitlines())
        setting = json.loads(found["/opt/platform/interpreter.json"])["interpreterSettings"]["spark"]["properties"]
        own = {key: each["value"] for key, each in setting.items() if key.startswith("spark.") and each["value"]}
        # A driver's own folders are another machine's.
        return {key: value for key, value in (common | own).items() if key not in {"spark.local.dir", "spark.jars.ivy"}}


@pytest.mark.long
def test_spark_runs_on_the_daemons_of_machines(tmp_path):
    with yarn.running(tmp_path, yarn.cluster(), SPARK, OnMachines) as running, running.submitted("alice", "driver") as spark:
        spark.wait_ready()
        assert spark("shuffle(8, 1.0)") == 49995000
        assert spark("executors()") == 2
        # Its executors go, for Yarn and for the driver, which hears of it later; the shuffle service has their files.
        eventually(lambda: running.used_gib("alice") == 1, 120, pause=1)
        assert spark("wait(lambda: executors() == 0, 120)") is not None
