"""A gateway of Yarn's with a systemd of its own, whose mirror is away at first, and which is switched off and on while Ceph is away.

It is a chroot on an overlay over this machine's own files, in one network that leads nowhere. Runs as root in namespaces of its own
(`test_machine_reboot.py`). Argument: a folder with `gateway.json`, the archives in `mirror` and Debian's packages in `debian`. Prints
what it has seen, as JSON.

What stands in for others: users, files and commands of the user data are not cloud-init's doing; the kernel's Ceph is a folder that is
mounted unless `/ceph/away` exists; Zeppelin writes one notebook and sleeps; Yarn has no program.
"""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cloud.machine_boot import MIRROR
from tests.support.eventually import eventually

CEPH = """#!/bin/sh
[ ! -e /ceph/away ] || { echo "no monitor answers" >&2; exit 32; }
exec mount --bind "/ceph/${1##*:/}" "$2"
"""
FIRST_BOOT = """[Unit]
ConditionPathExists=!/first-boot
[Service]
Type=oneshot
ExecStart=/bin/sh -ec 'touch /first-boot; python3 /runcmd.py'
[Install]
WantedBy=multi-user.target
"""
DROP_INS = {
    # A minute is long for a test.
    "platform-setup": "[Service]\nRestartSec=1\n",
    # There is no volume.
    "platform-scratch": "[Service]\nExecStart=\nExecStart=/bin/mkdir -p /work/scratch\n",
}
SYSTEMD = """
mount --make-rprivate /
cd "$0"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
for each in null zero full random urandom tty autofs; do touch "dev/$each"; mount --bind "/dev/$each" "dev/$each"; done
touch dev/console dev/kmsg
exec chroot . env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""


PACKAGE, OWN_FILE, DEBIAN = "python3-astropy", "/etc/spark/spark-defaults.conf", 8124
"""A package of machines that this machine has not, and a file of theirs that its stand-in brings along, too."""


class Gateway:
    """The machine. root: what is / to it."""

    def __init__(self, folder: Path) -> None:
        self.root, self.upper = folder / "root", folder / "up"
        for each in (self.root, self.upper, folder / "work"):
            each.mkdir()
        layers = f"lowerdir=/,upperdir={self.upper},workdir={folder}/work"
        _run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        for unused in self.root.glob("lib/systemd/system/*.target.wants"):
            _run("rm", "-r", str(unused))
        _run("rm", "-rf", str(self.root / "etc/systemd/system"), str(self.root / "var/lib/cloud"))
        self.write("sbin/mount.ceph", CEPH)
        self.write("etc/fstab", "")
        _run("rm", "-rf", str(self.root / "etc/apt/sources.list.d"))
        self.write("etc/apt/sources.list", f"deb [trusted=yes] http://127.0.0.1:{DEBIAN} ./\n")
        self.write("etc/systemd/system/first-boot.service", FIRST_BOOT)
        self.link("etc/systemd/system/multi-user.target.wants/first-boot.service", "../first-boot.service")
        self.link("etc/systemd/system/default.target", "/lib/systemd/system/multi-user.target")
        for unit, text in DROP_INS.items():
            self.write(f"etc/systemd/system/{unit}.service.d/test.conf", text)
        for each in ("notebooks", "history/.machines", "data"):
            (self.root / "ceph" / each).mkdir(parents=True)
        self.write("ceph/data/rows", "")

    def cloud_init(self, data: Mapping[str, Any]) -> None:
        """What user data says."""
        for number in (1000, 185):
            subprocess.run(["chroot", str(self.root), "sh", "-c", f"userdel $(id -nu {number})"], capture_output=True, check=False)
        for user in data["users"]:
            number = ["--uid", str(user["uid"])] if "uid" in user else []
            _run("chroot", str(self.root), "useradd", "--system", "--home", user.get("homedir", "/nonexistent"), *number, user["name"])
        for file in data["write_files"]:
            target = self.root / file["path"].lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(base64.b64decode(file["content"]) if file.get("encoding") else file["content"].encode())
            target.chmod(int(file["permissions"], 8))
        self.write("runcmd.py", f"import subprocess\nfor each in {data['runcmd']!r}:\n    subprocess.run(each, check=True)\n")

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(0o755)

    def link(self, path: str, target: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).symlink_to(target)

    def on(self) -> None:
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--cgroup", "sh", "-ec", SYSTEMD, str(self.root)]
        self._box = subprocess.Popen(command)
        eventually(lambda: bool(self._systemd()) and self.systemctl("is-system-running") in {"starting", "running", "degraded"})

    def off(self) -> None:
        """As a machine that loses its power."""
        self._box.kill()
        self._box.wait()

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """What a command there says, and how it ends."""
        into = ["nsenter", "--target", self._systemd(), "--mount", "--pid", "--root", "--wd=/"]
        return subprocess.run([*into, *command], capture_output=True, text=True, check=False)

    def _systemd(self) -> str:
        """Number of its process here, or nothing."""
        return Path(f"/proc/{self._box.pid}/task/{self._box.pid}/children").read_text().strip()

    def systemctl(self, *command: str) -> str:
        return self.inside("systemctl", *command).stdout.strip()

    def active(self, unit: str) -> bool:
        return self.systemctl("is-active", unit) == "active"

    def notebooks(self) -> int:
        """How many are on the share."""
        return len(list(self.root.glob("ceph/notebooks/notebook/*")))

    def below(self) -> list[str]:
        """What lies in the folder below the share, and who owns that."""
        folder = self.upper / "notebooks"
        return [str(folder.stat().st_uid), *(each.name for each in folder.iterdir())]


def _run(*command: str) -> None:
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise RuntimeError(f"{command}: {found.returncode}: {found.stderr[-3000:]} {found.stdout[-3000:]}")


def serve(folder: Path, port: int) -> None:
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main(folder: Path) -> dict[str, Any]:
    _run("mount", "--make-rprivate", "/")
    _run("ip", "link", "set", "lo", "up")
    serve(folder / "mirror", MIRROR)
    data = json.loads((folder / "gateway.json").read_text())
    gateway, seen = Gateway(folder), {}
    gateway.cloud_init(data)
    try:
        gateway.on()
        eventually(lambda: int(gateway.systemctl("show", "--property=NRestarts", "--value", "platform-setup") or 0) > 1)
        seen["without a mirror"] = gateway.active("zeppelin")
        serve(folder / "debian", DEBIAN)
        eventually(lambda: gateway.active("zeppelin") and gateway.active("platform-setup") and gateway.notebooks() == 1)
        seen["package"] = gateway.inside("dpkg-query", "--show", "--showformat=${db:Status-Status}", PACKAGE).stdout
        seen["own file"] = (gateway.root / OWN_FILE.lstrip("/")).read_text()
        share = gateway.root / "ceph/notebooks"
        seen["share"] = [share.stat().st_uid, oct(share.stat().st_mode & 0o777)]
        gateway.write("ceph/away", "")
        # As tasks do that look for their data: more often than systemd begins a unit in ten seconds.
        seen["data while away"] = gateway.inside("sh", "-c", "for each in $(seq 20); do ls /data/x/rows && exit 0; done; exit 9").returncode
        (gateway.root / "ceph/away").unlink()
        seen["data once back"] = gateway.inside("ls", "/data/x/rows").returncode
        gateway.off()
        gateway.write("ceph/away", "")
        gateway.on()
        begin = time.monotonic()
        eventually(lambda: time.monotonic() - begin > 12)
        seen["while away"] = [gateway.active("zeppelin"), gateway.notebooks(), gateway.below()]
        (gateway.root / "ceph/away").unlink()
        eventually(lambda: gateway.active("zeppelin") and gateway.notebooks() == 2, 90)
        seen["below"] = gateway.below()
    except Exception:
        for unit in ("first-boot", "platform-setup", "zeppelin", "notebooks.mount", "notebooks.automount"):
            print(gateway.systemctl("status", "--no-pager", "--full", unit), file=sys.stderr)
        raise
    finally:
        gateway.off()
    return seen


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
