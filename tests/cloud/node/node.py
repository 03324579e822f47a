"""One node: its processes, and what is done with it from outside."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cloud.kube import die_with_parent
from tests.cloud.node import config, images
from tests.cloud.node.certificates import kubeconfig
from tests.cloud.node.machine import Group, call, enter
from tests.cloud.tools import ROOT, program, progress
from tests.support.eventually import eventually

PROBE, DNS_IMAGE = "localhost/gaia-dmp/probe:tests", "localhost/gaia-dmp/coredns:tests"
_NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup")


class Node:
    """A real node. folder: its state and its logs. pid: of its first process, seen from here."""

    def __init__(self, folder: Path, name: str, number: int, pid: int = 0) -> None:
        self.folder, self.name, self.number, self.pid = folder, name, number, pid
        self.address = config.address(number)
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self, authority: Path, url: str, kubelet: str = "kubelet") -> None:
        """Make its folder. authority: a folder with the cluster's CA. url: where nodes find the API server. kubelet: a program of
        tools."""
        for name in ("log", "images", "bin"):
            (self.folder / name).mkdir(parents=True)
        self._take(kubelet)
        for name in ("ca.crt", "ca.key"):
            shutil.copy(authority / name, self.folder)
        kubeconfig(self.folder, "kubelet", f"system:node:{self.name}", "system:nodes", url)
        kubeconfig(self.folder, "kube-proxy", "system:kube-proxy", "gaia-dmp-tests", url)
        kubeconfig(self.folder, "kube-router", "kube-router", "system:masters", url)
        config.write(self.folder, self.name, self.number)
        probe = {"probe": program("probe"), "etc/passwd": "probe:x:65532:65532::/:/probe\n"}
        images.pack(self.folder / "images/pause.tar", config.PAUSE, probe, Entrypoint=["/probe", "pause"])
        images.pack(self.folder / "images/probe.tar", PROBE, probe, Entrypoint=["/probe"], Cmd=["pause"], User="65532:65532")
        images.pack(self.folder / "images/coredns.tar", DNS_IMAGE, {"coredns": program("coredns")}, Entrypoint=["/coredns"])

    def launch(self) -> None:
        """Start its first process, which waits for `run`."""
        group = Group(self.name)
        group.make()

        def begin() -> None:
            die_with_parent()
            group.enter()

        command = ("unshare", *_NAMESPACES, "--fork", "--kill-child", "--", sys.executable, "-m", "tests.cloud.node.inside")
        with (self.folder / "log/node.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, str(self.folder), self.name], cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log, preexec_fn=begin
            )
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        eventually(lambda: bool(children.read_text().strip()))
        self.pid = int(children.read_text())

    def run(self, labels: Mapping[str, str]) -> None:
        """Let it run its services, now that it has a network."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(json.dumps(config.services(self.folder, self.name, self.number, labels)).encode())
        self._process.stdin.close()

    def dead(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        """End it at once, as a power cut would: its first process takes every other along."""
        if self._process and self._process.poll() is None:
            if self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            else:
                self._process.kill()
            self._process.wait()

    def call(self, *command: str, text: str | None = None) -> str:
        """Run a command in the node, with its files, and return what it prints. Raises RuntimeError."""
        return call(*enter(self.pid, "all"), *command, text=text)

    def processes(self) -> dict[str, int]:
        """The node's services by name, with their process there."""
        found: dict[str, int] = {}
        for line in self.call("ps", "-eo", "pid=,ppid=,args=").splitlines():
            pid, parent, command = line.split(maxsplit=2)
            if parent == "1" and (name := Path(command.split()[0]).name) in ("containerd", "kubelet", "kube-proxy", "kube-router"):
                found[name] = int(pid)
        return found

    def restart(self, service: str) -> None:
        """Kill a service, and wait until the node has started it again."""
        before = self.processes()[service]
        self.call("kill", "-KILL", str(before))
        eventually(lambda: self.processes().get(service, before) != before)

    def upgrade(self, kubelet: str) -> None:
        """Let it run another kubelet in place of its own. kubelet: a program of tools."""
        self._take(kubelet)
        self.restart("kubelet")

    def _take(self, kubelet: str) -> None:
        link = self.folder / "bin/kubelet"
        link.unlink(missing_ok=True)
        link.symlink_to(program(kubelet))

    def load(self, image: Path, name: str = "") -> list[str]:
        """Import an image and return its names. image: an OCI layout as a folder or as a tar, or a docker-archive. name: for a folder
        whose index has none, or another."""
        command = (*enter(self.pid, "all"), "ctr", "--namespace=k8s.io", "images", "import", "-")
        with progress(f"Loading {name or image.name}"), (self.folder / "log/import.log").open("w+b") as log:
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as importing:
                assert importing.stdin
                with importing.stdin as target:
                    images.stream(image, name, target)
            log.seek(0)
            said = log.read().decode()
        if importing.returncode:
            raise RuntimeError(f"{image} cannot be imported: {said}")
        # The kubelet sees an image when containerd has told its own CRI plug-in.
        eventually(lambda: all("io.cri-containerd.image=managed" in line for line in self._images().splitlines()[1:]))
        return [line.split()[1] for line in said.splitlines() if line.startswith("unpacking ")]

    def images(self) -> set[str]:
        """Names of all images that it has."""
        return set(self.call("ctr", "--namespace=k8s.io", "images", "ls", "--quiet").split())

    def _images(self) -> str:
        return self.call("ctr", "--namespace=k8s.io", "images", "ls")

    def log(self) -> str:
        """The end of each log, for a message."""
        return "\n".join(f"{file.name}: {file.read_text(errors='replace')[-1500:]}" for file in sorted((self.folder / "log").iterdir()))
