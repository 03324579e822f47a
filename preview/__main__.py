"""`python -m preview STACK`: the platform of a stack, without Pulumi CLI, credential or network."""

import argparse
import datetime as dt
import sys
from pathlib import Path

import pulumi
from rich.console import Console

from policy import rules
from preview import manifests
from preview.recorder import ProgramError
from preview.recording import Recording
from preview.run import record, record_with_fingerprints, stack_config
from preview.tree import print_recording
from settings import StackFileError

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Preview one stack. Returns 0, or 1 where the stack file, the program, a manifest or a policy refuses."""
    parser = argparse.ArgumentParser(prog="preview", description="Preview the whole platform of a stack, offline.")
    parser.add_argument("stack", nargs="?", default="dev", help="name of the stack: Pulumi.<stack>.yaml")
    parser.add_argument("--out", type=Path, help="folder for recording.json and manifests/")
    parser.add_argument("--recording", type=Path, help="folder for recording.json alone: nothing is shown or checked (`make diff`)")
    options = parser.parse_args(arguments)
    # Wide enough that a piped tree is never wrapped; a terminal wraps by itself.
    console = Console(highlight=False, soft_wrap=True)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    if errors.is_terminal:
        errors.print(f"Recording stack {options.stack} ...", style="dim")
    try:
        config, secret_keys = stack_config(ROOT, options.stack)
        # Whoever wants the recording as a file wants to compare it.
        recorded = record_with_fingerprints if options.out or options.recording else record
        recording = recorded(ROOT, options.stack, config=config, secret_keys=secret_keys)
    except (StackFileError, pulumi.RunError, ProgramError) as error:
        errors.print(str(error), style="red", markup=False)
        return 1
    if options.recording:
        recording.write(options.recording)
        return 0
    print_recording(recording, console)
    objects = manifests.of(recording)
    if options.out:
        recording.write(options.out)
        manifests.write(objects, options.out / "manifests")
        console.print(f"\nWritten: {options.out}/recording.json and {len(objects)} manifests")
    wrong = _print_policy(recording, console, errors)
    findings = manifests.check(objects, recording.kubernetes_version)
    for finding in findings:
        errors.print(finding, style="red", markup=False)
    if findings:
        errors.print(f"{len(findings)} fields are not in the schema of Kubernetes {recording.kubernetes_version}", style="red")
        return 1
    console.print(f"\nManifests: {len(objects)} objects valid against the schema of Kubernetes {recording.kubernetes_version}")
    return 1 if wrong else 0


def _print_policy(recording: Recording, console: Console, errors: Console) -> bool:
    """Print what policy/rules.py finds. Returns whether anything is broken without a waiver."""
    try:
        findings = rules.check(recording, rules.waivers(), dt.datetime.now(dt.UTC).date())
    except rules.WaiversError as error:
        errors.print(str(error), style="red", markup=False)
        return True
    wrong = rules.broken(findings)
    for finding in wrong:
        errors.print(f"{finding.rule}: {finding.name}: {finding.message}; {finding.fix}", style="red", markup=False)
    waived = [finding for finding in findings if finding.waived]
    console.print(f"\nPolicy: {len(rules.RULES)} rules, {len(wrong)} broken, {len(waived)} waived")
    for finding in waived:
        console.print(f"    {finding.rule}: {finding.name}: {finding.message}\n      waived: {finding.waived}", style="dim", markup=False)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
