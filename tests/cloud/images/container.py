"""An image's root file system, run much as a kubelet would run it: read-only, as its own user, with processes and network of its own."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from images import build, layout
from images.recipes import RECIPES

_RUN = """
root=$1 user=$2 mounts=$3; shift 3
ip link set lo up
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
for each in $mounts; do mount --bind "${each%%:*}" "$root${each#*:}"; done
exec chroot --userspec="$user:$user" "$root" "$@"
"""


@dataclass(frozen=True)
class Container:
    """An unpacked image. root: its folder. user: number of its account."""

    root: Path
    user: int
    environment: Mapping[str, str]

    def run(self, *command: str, mounts: Mapping[Path, str] | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command and wait for it. mounts: files and folders to paths that the image has. environment: beside the image's own."""
        # A file that everybody may write, because programs open /dev/stdout by its name.
        output = self.root.parent / "output"
        output.touch()
        output.chmod(0o666)
        pairs = " ".join(f"{source}:{target}" for source, target in (mounts or {}).items())
        unshare = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", _RUN, "sh")
        with output.open("w") as file:
            done = subprocess.run(
                (*unshare, str(self.root), str(self.user), pairs, *command),
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        return subprocess.CompletedProcess(done.args, done.returncode, output.read_text())


def unpacked(name: str, folder: Path) -> Container:
    """Unpack an image, with the files that a kubelet adds."""
    root = folder / name
    root.mkdir()
    layout.unpack(build.image(name).layout, root)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    # The folder is root's alone, and the image's user must pass.
    folder.chmod(0o755)
    config = RECIPES[name].oci_config()
    return Container(root, RECIPES[name].user, dict(each.split("=", 1) for each in config["Env"]))
