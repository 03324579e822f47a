"""`python -m tests.cloud.node up | down | status | build`: real nodes that stay until they are told to go, in one folder of the cache.

As with tests/cloud/openstack, `up` starts a supervisor of its own session, which is the parent of everything, and follows it. `down`
also clears up after a supervisor that was killed.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.cloud.node.cluster import Cluster
from tests.cloud.node.machine import missing, sweep
from tests.cloud.openstack.__main__ import Home
from tests.cloud.tools import CACHE, CONTROL_PLANE, NODE_PROGRAMS, ROOT, ToolError, program, progress

FOLDER = CACHE / "node"


def build() -> None:
    """Build every program that is missing, where a node can run at all. Raises ToolError."""
    if not missing():
        for name in (*CONTROL_PLANE, *NODE_PROGRAMS):
            program(name)


def run(home: Home, nodes: int) -> None:
    """Be the supervisor: start the nodes, watch them, end them when told to or when one dies."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with home.held():
        cluster = Cluster(home.folder, lambda line: home.say(state="starting", doing=line, pid=os.getpid()))
        try:
            home.say(state="starting", doing="programs", pid=os.getpid())
            build()
            cluster.start(nodes)
            home.say(state="up", pid=os.getpid(), pids=cluster.pids())
            while not cluster.dead():
                time.sleep(1)
            home.say(state="failed", doing=f"{cluster.dead()} has died", pid=os.getpid())
        except (RuntimeError, ToolError, AssertionError) as error:
            home.say(state="failed", doing=str(error), pid=os.getpid())
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            cluster.stop()


def up(home: Home, nodes: int) -> int:
    """Start the nodes, or find them started; returns the exit code."""
    if reason := missing():
        print(f"No node can run here: {reason}.", file=sys.stderr)
        return 1
    if home.hear().get("state") != "up":
        home.folder.parent.mkdir(parents=True, exist_ok=True)
        supervisor = None
        if not home.hear():
            home.said.unlink(missing_ok=True)
            command = [sys.executable, "-m", "tests.cloud.node", "run", "--folder", str(home.folder), "--nodes", str(nodes)]
            with home.log.open("wb") as log:
                supervisor = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        with progress("Starting the node", lambda: home.hear().get("doing", "")):
            while (said := home.hear()).get("state") != "up":
                # Ours may have ended because another `up` was first: that one's is followed then.
                if not said and (supervisor is None or supervisor.poll() is not None):
                    print(f"The node did not start: {home.last_words()}\n{home.log.read_text()[-2000:]}", file=sys.stderr)
                    return 1
                time.sleep(0.2)
    status(home)
    print(f"\nexport KUBECONFIG={home.folder}/kubeconfig")
    return 0


def down(home: Home) -> int:
    """End the nodes and leave nothing of them; returns the exit code."""
    said = home.hear()
    if said:
        os.kill(said["pid"], signal.SIGTERM)
        with progress("Stopping the node"):
            end = time.monotonic() + 60
            while home.hear() and time.monotonic() < end:
                time.sleep(0.1)
        if home.hear():
            # Its children die with it.
            os.kill(said["pid"], signal.SIGKILL)
    sweep()
    shutil.rmtree(home.folder, ignore_errors=True)
    home.said.unlink(missing_ok=True)
    print("The node is down.")
    return 0


def status(home: Home) -> int:
    """Show what runs; returns 0 where the nodes are up."""
    said = home.hear()
    if said.get("state") != "up":
        doing = said.get("doing", "") or home.last_words()
        print(f"The node is {said.get('state', 'down')}{': ' + doing if doing else ''}.")
        return 1
    table = Table("what", "pid", "log", box=None, pad_edge=False)
    for name, pid in said["pids"].items():
        logs = home.folder / name / "log" if name.startswith("node-") else home.folder / f"{name}.log"
        table.add_row(name, str(pid), str(logs))
    Console(width=None if sys.stdout.isatty() else 240).print(table)
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.cloud.node")
    parser.add_argument("what", choices=("up", "down", "status", "build", "run"))
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where the state goes ({FOLDER})")
    parser.add_argument("--nodes", type=int, default=1, help="how many nodes (1)")
    chosen = parser.parse_args()
    home = Home(chosen.folder.resolve())
    match chosen.what:
        case "up":
            sys.exit(up(home, chosen.nodes))
        case "run":
            run(home, chosen.nodes)
        case "build":
            try:
                build()
            except ToolError as error:
                sys.exit(str(error))
        case what:
            sys.exit({"down": down, "status": status}[what](home))


if __name__ == "__main__":
    main()
