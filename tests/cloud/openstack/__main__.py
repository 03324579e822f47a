"""`python -m tests.cloud.openstack up | down | status`: a cloud that stays until it is told to go, in one folder of the cache.

`up` starts a supervisor of its own session, which is the parent of every service, and follows it until the cloud is there; started
twice, or after an `up` that was killed, it follows the supervisor that is there. `down` ends it and removes the folder.
"""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.cloud.ceph import CephError
from tests.cloud.openstack import build
from tests.cloud.openstack.cloud import ROOT, Cloud, CloudError
from tests.cloud.openstack.seed import PROJECTS
from tests.cloud.openstack.services import HOST
from tests.cloud.tools import CACHE, ToolError, progress

FOLDER = CACHE / "cloud"


class Home:
    """Where a lasting cloud lives. folder: of its state; beside it `<folder>.json` (what the supervisor says) and `<folder>.lock`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said, self.lock, self.log = (folder.with_name(f"{folder.name}.{end}") for end in ("json", "lock", "log"))

    def say(self, **facts: Any) -> None:
        """Tell everybody what the state is."""
        part = self.said.with_name(f"{self.said.name}.part")
        part.write_text(json.dumps(facts))
        part.rename(self.said)

    def hear(self) -> dict[str, Any]:
        """What the supervisor that is alive said last, or {} where none is."""
        with contextlib.suppress(FileNotFoundError, BlockingIOError), self.lock.open("rb") as file:
            # The lock is the supervisor's for its whole life, and the kernel takes it away whatever ends that life.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return {}
        with contextlib.suppress(FileNotFoundError):
            return json.loads(self.said.read_text())
        return {}

    def last_words(self) -> str:
        """Why the last supervisor ended by itself, or ""."""
        with contextlib.suppress(FileNotFoundError):
            said = json.loads(self.said.read_text())
            return said["doing"] if said["state"] == "failed" else ""
        return ""

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The lock of the one supervisor. Raises BlockingIOError where there is one."""
        with self.lock.open("wb") as file:
            end = time.monotonic() + 2
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    # Whoever only listens holds it for an instant.
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.02)
            yield


def run(home: Home) -> None:
    """Be the supervisor: start the cloud, watch it, end it when told to or when a service dies."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with home.held():
        cloud = Cloud(home.folder, lambda line: home.say(state="starting", doing=line, pid=os.getpid()))
        try:
            home.say(state="starting", doing="what it is started from", pid=os.getpid())
            build.everything()
            cloud.start()
            home.say(state="up", pid=os.getpid(), ports=cloud.ports, pids=cloud.pids())
            while not cloud.dead():
                time.sleep(1)
            home.say(state="failed", doing=f"{cloud.dead()} has died; its log is in {home.folder}/log", pid=os.getpid())
        except (CephError, CloudError, ToolError) as error:
            home.say(state="failed", doing=str(error), pid=os.getpid())
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            cloud.stop()


def up(home: Home) -> int:
    """Start the cloud, or find it started; returns the exit code."""
    if home.hear().get("state") != "up":
        home.folder.parent.mkdir(parents=True, exist_ok=True)
        supervisor = None
        if not home.hear():
            home.said.unlink(missing_ok=True)
            with home.log.open("wb") as log:
                command = [sys.executable, "-m", "tests.cloud.openstack", "run", "--folder", str(home.folder)]
                supervisor = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        with progress("Starting the cloud", lambda: home.hear().get("doing", "")):
            while (said := home.hear()).get("state") != "up":
                # Ours may have ended because another `up` was first: that one's is followed then.
                if not said and (supervisor is None or supervisor.poll() is not None):
                    print(f"The cloud did not start: {home.last_words()}\n{home.log.read_text()[-2000:]}", file=sys.stderr)
                    return 1
                time.sleep(0.2)
    status(home)
    print(f"\nexport OS_CLIENT_CONFIG_FILE={home.folder}/clouds.yaml   # entries: admin, {', '.join(PROJECTS)}")
    return 0


def down(home: Home) -> int:
    """End the cloud and remove its folder; returns the exit code."""
    said = home.hear()
    if said:
        os.kill(said["pid"], signal.SIGTERM)
        with progress("Stopping the cloud"):
            end = time.monotonic() + 60
            while home.hear() and time.monotonic() < end:
                time.sleep(0.1)
        if home.hear():
            # Its children die with it.
            os.kill(said["pid"], signal.SIGKILL)
    shutil.rmtree(home.folder, ignore_errors=True)
    home.said.unlink(missing_ok=True)
    print("The cloud is down.")
    return 0


def status(home: Home) -> int:
    """Show what runs; returns 0 where the cloud is up."""
    said = home.hear()
    if said.get("state") != "up":
        doing = said.get("doing", "") or home.last_words()
        print(f"The cloud is {said.get('state', 'down')}{': ' + doing if doing else ''}.")
        return 1
    table = Table("service", "address", "pid", "log", box=None, pad_edge=False)
    for name, pid in said["pids"].items():
        address = f"{HOST}:{said['ports'][name]}" if name in said["ports"] else ""
        table.add_row(name, address, str(pid), f"{home.folder}/log/{name}.log")
    for folder in sorted((home.folder / "clusters").iterdir()):
        if (folder / "address").exists():
            table.add_row(f"cluster {folder.name[:8]}", (folder / "address").read_text().removeprefix("https://"), "", f"{folder}/log")
    Console(width=None if sys.stdout.isatty() else 240).print(table)
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.cloud.openstack")
    parser.add_argument("what", choices=("up", "down", "status", "run"))
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where the state goes ({FOLDER})")
    chosen = parser.parse_args()
    home = Home(chosen.folder.resolve())
    sys.exit({"up": up, "down": down, "status": status, "run": run}[chosen.what](home))


if __name__ == "__main__":
    main()
