"""`python -m preview STACK`: the platform of a stack, without Pulumi CLI, credential or network."""

import argparse
import sys
from pathlib import Path

import pulumi
from rich.console import Console

from preview import manifests
from preview.recorder import ProgramError
from preview.run import record, stack_config
from preview.tree import print_recording
from settings import StackFileError

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Preview one stack. Returns 0, or 1 where the stack file, the program or a manifest is refused."""
    parser = argparse.ArgumentParser(prog="preview", description="Preview the whole platform of a stack, offline.")
    parser.add_argument("stack", nargs="?", default="dev", help="name of the stack: Pulumi.<stack>.yaml")
    parser.add_argument("--out", type=Path, help="folder for recording.json and manifests/")
    options = parser.parse_args(arguments)
    # Wide enough that a piped tree is never wrapped; a terminal wraps by itself.
    console = Console(highlight=False, soft_wrap=True)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    if errors.is_terminal:
        errors.print(f"Recording stack {options.stack} ...", style="dim")
    try:
        config, secret_keys = stack_config(ROOT, options.stack)
        recording = record(ROOT, options.stack, config=config, secret_keys=secret_keys)
    except (StackFileError, pulumi.RunError, ProgramError) as error:
        errors.print(str(error), style="red", markup=False)
        return 1
    print_recording(recording, console)
    objects = manifests.of(recording)
    if options.out:
        recording.write(options.out)
        manifests.write(objects, options.out / "manifests")
        console.print(f"\nWritten: {options.out}/recording.json and {len(objects)} manifests")
    findings = manifests.check(objects, recording.kubernetes_version)
    for finding in findings:
        errors.print(finding, style="red", markup=False)
    if findings:
        errors.print(f"{len(findings)} fields are not in the schema of Kubernetes {recording.kubernetes_version}", style="red")
        return 1
    console.print(f"\nManifests: {len(objects)} objects valid against the schema of Kubernetes {recording.kubernetes_version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
