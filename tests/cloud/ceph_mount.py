"""Mounts of the tests' Ceph on this machine."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

from tests.cloud.ceph import CephError, missing
from tests.cloud.kube import die_with_parent


class Mount:
    """A path of the cluster that `conf` leads to, mounted by `ceph-fuse` in a folder that it makes.

    Raises CephError where the key does not open the path.
    """

    def __init__(self, conf: Path, folder: Path, path: str, ceph_id: str, key: str) -> None:
        self.folder = folder
        folder.mkdir()
        keyring = folder.with_name(f"{folder.name}.keyring")
        keyring.write_text(f"[client.{ceph_id}]\n\tkey = {key}\n")
        who = ("--conf", str(conf), "--id", ceph_id, "--keyring", str(keyring))
        self._process = subprocess.Popen(
            ("ceph-fuse", "-f", *who, "--client-mountpoint", path, "--client-mount-timeout", "20", str(folder)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=die_with_parent,
        )
        while not folder.is_mount():
            if self._process.poll() is not None:
                assert self._process.stderr
                raise CephError(self._process.stderr.read().decode()[-1000:])
            time.sleep(0.05)

    def end(self) -> None:
        """Unmount it, whatever state it is in: a mount that hangs ends with its process alone."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        subprocess.run(("umount", "--lazy", str(self.folder)), capture_output=True, check=False)


def fuse_missing() -> str:
    """Why nothing can be mounted on this machine, or ""."""
    if not Path("/dev/fuse").exists() or os.geteuid():
        return "mounting needs root and /dev/fuse"
    return missing()
