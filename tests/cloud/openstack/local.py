"""`python -m tests.cloud.openstack.local`: the whole platform on the lasting cloud of this machine, by the Pulumi on PATH.

Program, stack file and state are copied beside the cloud's folder, so nothing of it touches the tracked tree. The platform goes with
the cloud (`make cloud-down`), or by `pulumi destroy` in that folder.
"""

import os
import shutil
import subprocess
import sys

from tests.cloud.openstack.__main__ import FOLDER, Home, up
from tests.cloud.openstack.program import copy_program, engine_environment
from tests.support.stack_files import document

STACK = "here"


def main() -> int:
    """Bring cloud and platform up; returns the exit code."""
    if shutil.which("pulumi") is None:
        print("pulumi is not on PATH: install it and its plug-ins as docs/how-to/install.md says", file=sys.stderr)
        return 1
    home = Home(FOLDER)
    code = up(home)
    if code:
        return code
    program = copy_program(home.folder / "program", STACK, document("dev"))
    environment = engine_environment(home.folder / "clouds.yaml", home.folder / "pulumi")

    def pulumi(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["pulumi", "--cwd", str(program), *words], env=os.environ | environment, text=True, check=False)

    if pulumi("stack", "select", "--create", STACK).returncode or pulumi("up", "--yes", "--skip-preview").returncode:
        print("pulumi up failed; `make local` again goes on from where it stopped", file=sys.stderr)
        return 1
    kubeconfig = home.folder / "kubeconfig"
    output = ["pulumi", "--cwd", str(program), "stack", "output", "kubeconfig", "--show-secrets", "--stack", STACK]
    kubeconfig.write_text(subprocess.run(output, env=os.environ | environment, capture_output=True, text=True, check=True).stdout)
    kubeconfig.chmod(0o600)
    print("\nThe platform stands. No container runs in it: nodes and Pods are played by KWOK.")
    print(f"export KUBECONFIG={kubeconfig}")
    print(f"cd {program} && export {' '.join(f'{name}={value}' for name, value in environment.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
