"""Two machines of Yarn in the place of servers: cloud-init executes their user data, and what they run by systemd's units does.

Each is a chroot on an overlay over this machine's own files, in one network that leads nowhere. Runs as root in namespaces of its own
(`test_machine_boot.py`). Argument: a folder with `<machine>.json`, the archives in `mirror`, and `base`, an overlay's upper folder with
cloud-init in it. Prints what it has seen, as JSON.

What differs from servers: packages are this machine's, there is no Ceph and no volume, and units are started here and not by systemd.
"""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from components.names import YARN_WEB_PORT
from tests.support.eventually import eventually

GATEWAY, WORKER, MIRROR = "10.10.0.20", "10.10.0.21", 8123
MODULES = {
    "datasource_list": ["NoCloud"],
    "network": {"config": "disabled"},
    # Those that the user data is for. Others would grow the disk of the machine below.
    "cloud_init_modules": ["write-files", "set_hostname", "update_etc_hosts", "users-groups"],
    "cloud_config_modules": ["runcmd"],
    "cloud_final_modules": ["scripts-user"],
}
SYSTEMCTL = """#!/bin/sh
echo "$@" >> /systemctl.log
[ "$1" = enable ] || exit 0
shift
[ "$1" != --now ] || shift
exec /bin/systemctl enable "$@"
"""
"""systemd is not there to start anything."""

PARAGRAPH = """%spark.pyspark
import json, os, pwd, socket
def refused(address, port):
    try:
        socket.create_connection((address, port), 3).close()
    except ConnectionRefusedError:
        return True
    return False
counted = sc.parallelize(range(1000), 4).map(lambda x: (x % 10, 1)).reduceByKey(lambda a, b: a + b)
rows = counted.count()
user = sc.parallelize([0], 1).map(lambda _: pwd.getpwuid(os.getuid()).pw_name).first()
hidden = [p for p in ("/opt/zeppelin/conf/shiro.ini", "/opt/platform/credentials.env", "/etc/nginx/tls/tls.key", "/notebooks/notebook",
    "/var/lib/cloud/instance/user-data.txt", "/srv/platform/history") if os.access(p, os.R_OK)]
print(json.dumps({"rows": rows, "driver": pwd.getpwuid(os.getuid()).pw_name, "executor": user, "readable": hidden,
    "key": "ZEPPELIN_CREDENTIALS_ENCRYPT_KEY" in os.environ,
    "refused": [refused("169.254.169.254", 8775), refused("127.0.0.1", 8080), refused("10.10.0.20", 8088)]}))
"""


class Machine:
    """One of the two. root: what is / to it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.root = folder / name / "root"
        for each in ("work", "root"):
            (folder / name / each).mkdir(parents=True)
        _run("cp", "--archive", str(folder / "base"), str(folder / name / "up"))
        layers = f"lowerdir=/,upperdir={folder}/{name}/up,workdir={folder}/{name}/work"
        _run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        _run("mount", "-t", "proc", "proc", str(self.root / "proc"))
        for each in ("dev", "sys"):
            _run("mount", "--rbind", f"/{each}", str(self.root / each))
        self.write("usr/local/bin/systemctl", SYSTEMCTL)
        self.write("etc/cloud/cloud.cfg.d/99-test.cfg", json.dumps(MODULES))
        seed = "var/lib/cloud/seed/nocloud"
        self.write(f"{seed}/meta-data", json.dumps({"instance-id": name, "local-hostname": "gaia-dmp"}))
        self.write(f"{seed}/user-data", f"#cloud-config\n{(folder / f'{name}.json').read_text()}")
        # Packages are this machine's own.
        self.write("opt/platform/installed", "")

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(0o755)

    def run(self, *command: str) -> str:
        return _run("chroot", str(self.root), *command)

    def boot(self) -> None:
        """cloud-init's four steps, as its units do them."""
        for step in ("init --local", "init", "modules --mode=config", "modules --mode=final"):
            self.run("cloud-init", *step.split())

    def errors(self) -> list[str]:
        """What cloud-init says that went wrong."""
        return json.loads((self.root / "var/lib/cloud/data/result.json").read_text())["v1"]["errors"]

    def start(self, unit: str) -> subprocess.Popen[bytes]:
        """What a unit says, as its user."""
        lines = (self.root / "etc/systemd/system" / unit).read_text().splitlines()
        said: dict[str, list[str]] = {}
        for line in lines:
            key, _, value = line.partition("=")
            said.setdefault(key, []).append(value)
        variables = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        for file in said.get("EnvironmentFile", []):
            variables |= dict(line.split("=", 1) for line in shlex.split((self.root / file.lstrip("/")).read_text()))
        for line in said.get("Environment", []):
            variables |= dict(each.split("=", 1) for each in line.split())
        # Both daemons of Yarn have few people here.
        variables["JAVA_TOOL_OPTIONS"] = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
        folder = said.get("WorkingDirectory", ["/"])[0]
        begin = ["chroot", str(self.root), "runuser", "-u", said["User"][0], "--", "env", "-i", "-C", folder]
        begin += [f"{key}={value}" for key, value in variables.items()]
        for command in said.get("ExecStartPre", []):
            _run(*begin, *command.split())
        log = (self.root / f"{unit}.log").open("wb")
        return subprocess.Popen([*begin, *said["ExecStart"][0].split()], stdout=log, stderr=log, cwd="/")


def _run(*command: str) -> str:
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise RuntimeError(f"{command}: {found.returncode}: {found.stderr[-3000:]} {found.stdout[-3000:]}")
    return found.stdout


def _ask(path: str) -> Any:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"http://{GATEWAY}:{YARN_WEB_PORT}/ws/v1/cluster/{path}", timeout=10).json()
    return {}


def _paragraph(password: str) -> dict[str, Any]:
    """What a person sees who logs in and runs one."""
    browser = httpx.Client(base_url=f"https://{GATEWAY}", verify=False, timeout=600, headers={"Host": "zeppelin.example.org"})
    eventually(lambda: browser.get("/api/version").status_code == 200, 60)
    answer = browser.post("/api/login", data={"userName": "Alice", "password": password})
    assert answer.status_code == 200, answer.text
    assert answer.headers.get_list("Strict-Transport-Security") == ["max-age=31536000"]
    body = {"name": "first", "paragraphs": [{"text": PARAGRAPH}]}
    note = browser.post("/api/notebook/import", params={"notePath": "/first"}, json=body).json()["body"]
    paragraph = browser.get(f"/api/notebook/{note}").json()["body"]["paragraphs"][0]["id"]
    found = browser.post(f"/api/notebook/run/{note}/{paragraph}", json={}).json()
    said = "".join(each["data"] for each in found["body"]["msg"])
    try:
        return json.loads(said.splitlines()[-1])
    except (ValueError, IndexError):
        raise RuntimeError(f"{found['body']['code']}: {said[-3000:]}") from None


def main(folder: Path, password: str) -> dict[str, Any]:
    _run("mount", "--make-rprivate", "/")
    for command in ("link set lo up", *(f"address add {each}/32 dev lo" for each in (GATEWAY, WORKER, "169.254.169.254"))):
        _run("ip", *command.split())
    for address, port in (("127.0.0.1", MIRROR), ("169.254.169.254", 8775)):
        command = [sys.executable, "-m", "http.server", "--bind", address, str(port)]
        subprocess.Popen(command, cwd=folder / "mirror", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen: dict[str, Any] = {}
    machines = {name: Machine(folder, name) for name in ("gateway", "worker")}
    staging = folder / "staging"
    staging.mkdir()
    for name, machine in machines.items():
        machine.boot()
        seen[name] = {"errors": machine.errors()}
        # In place of shares and of the volume.
        for path in ("notebooks", "srv/platform/history", "staging", "work"):
            (machine.root / path).mkdir(parents=True, exist_ok=True)
            _run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(machine.root / path))
        (machine.root / "srv/platform/history/.machines").mkdir()
        (machine.root / "srv/platform").chmod(0o700)
        _run("mount", "--bind", str(staging), str(machine.root / "staging"))
        machine.run("install", "-d", "-o", "spark", "-g", "spark", "-m", "0755", "/work/scratch", "/work/.ivy2")
        machine.run("/opt/platform/setup.sh")
        again = (machine.root / "systemctl.log").read_text()
        machine.run("/opt/platform/setup.sh")
        paths = ("/opt/hadoop/jars", "/opt/spark/yarn", "/etc/yarn/yarn-site.xml", "/opt/platform/setup.sh", "/etc/ceph/x.secret")
        paths += (
            "/opt/zeppelin/conf/shiro.ini",
            "/etc/sudoers.d/zeppelin",
            "/etc/nginx/tls/tls.key",
            "/notebooks",
            "/srv/platform/history/.machines",
            *(f"/var/lib/zeppelin/{each}" for each in ("closing", "index", "logs")),
        )
        there = [path for path in paths if (machine.root / path.lstrip("/")).exists()]
        listed = machine.run("stat", "--format=%n %a %U", *there).splitlines()
        seen[name] |= {"modes": dict(line.split(" ", 1) for line in listed), "systemctl": again.splitlines()}
        seen[name]["users"] = {
            each: machine.run("id", "-u", each).strip() for each in ("spark", "zeppelin", "yarn") if name == "gateway" or each == "spark"
        }
        # The share of a person's drivers is the worker's, too.
        os.chown(staging, 185, 185)
    gateway, worker = machines["gateway"], machines["worker"]
    gateway.run("visudo", "--check", "--quiet")
    _run("nft", "--file", str(gateway.root / "etc/nftables.conf"))
    begin = time.monotonic()
    try:
        gateway.start("yarn-manager.service")
        worker.start("yarn-worker.service")
        eventually(lambda: _ask("metrics").get("clusterMetrics", {}).get("activeNodes") == 1, 60)
        gateway.start("zeppelin.service")
        gateway.start("zeppelin-websocket.service")
        gateway.run("nginx")
        seen["paragraph"] = _paragraph(password)
    except Exception:
        for log in [*gateway.root.glob("*.log"), *gateway.root.glob("var/lib/zeppelin/logs/*"), *worker.root.glob("*.log")]:
            print(f"== {log}\n{log.read_text(errors='replace')[-6000:]}", file=sys.stderr)
        raise
    seen["seconds"] = round(time.monotonic() - begin)
    seen["applications"] = [(app["user"], app["state"]) for app in _ask("apps")["apps"]["app"]]
    seen["owners"] = sorted(
        {
            gateway.run("stat", "--format=%U", f"/{path.relative_to(gateway.root)}").strip()
            for path in gateway.root.glob("notebooks/notebook/*.zpln")
        }
    )
    return seen


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
