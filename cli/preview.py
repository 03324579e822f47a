"""`gaia preview`: the platform of a stack at a glance, checked against the policy and the schemas of Kubernetes, offline."""

import argparse
import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict

import pulumi
from rich.console import Console

from cli.exit import Exit
from cli.main import ROOT
from cli.output import complain, print_json, progress, summary, wide
from policy import rules
from preview import manifests
from preview.recorder import ProgramError
from preview.run import record, record_with_fingerprints, stack_config
from preview.summary import print_summary
from preview.tree import print_tree
from recording import Recording
from settings import StackFileError


def run(options: argparse.Namespace) -> Exit:
    """Preview one stack: FOUND if the stack file, the program, a rule or a schema refuses it, FAILED if `--out` cannot be written."""
    try:
        with progress(f"Recording stack {options.stack}"):
            config, secret_keys = stack_config(options.folder, options.stack)
            # A recording in a file is for comparison, which needs fingerprints.
            recorded = record_with_fingerprints if options.out else record
            recording = recorded(ROOT, options.stack, config=config, secret_keys=secret_keys)
            findings = rules.check(recording, rules.waivers(), dt.datetime.now(dt.UTC).date())
            objects = manifests.of(recording)
            invalid = manifests.check(objects, recording.kubernetes_version)
    except (StackFileError, pulumi.RunError, ProgramError, rules.WaiversError) as error:
        complain(error)
        return Exit.FOUND
    if options.out:
        try:
            recording.write(options.out)
            manifests.write(objects, options.out / "manifests")
        except OSError as error:
            complain(f"--out {options.out} cannot be written: {error.strerror}")
            return Exit.FAILED
    if options.json:
        plain = {"stack": options.stack, "recording": asdict(recording), "policy": list(map(asdict, findings)), "manifests": invalid}
        print_json({"version": 1} | plain)
    else:
        console = wide() if options.tree else summary()
        (print_tree if options.tree else print_summary)(recording, console)
        if options.out:
            console.print(f"\nWritten: {options.out}/recording.json and {len(objects)} manifests")
        _print_policy(findings, console)
        _print_invalid(invalid, len(objects), recording, console)
        if not options.tree:
            console.print(f"\nEvery resource: gaia preview {options.stack} --tree", style="dim", markup=False)
    return Exit.FOUND if invalid or rules.broken(findings) else Exit.WELL


def _print_policy(findings: Sequence[rules.Finding], console: Console) -> None:
    broken, advised = rules.broken(findings), rules.advised(findings)
    waived = [finding for finding in findings if finding.waived]
    for finding in broken:
        complain(finding.text)
    if broken:
        complain("For an exception, add an entry to policy/waivers.yaml, with a reason and a last day: docs/how-to/review.md")
    console.print(f"\nPolicy: {len(rules.RULES)} rules, {len(broken)} violations, {len(waived)} waived, {len(advised)} advisory")
    for finding in advised:
        console.print(f"    advice: {finding.text}", style="yellow", markup=False)
    for finding in waived:
        console.print(f"    {finding.rule}: {finding.name}: {finding.message}\n      waived: {finding.waived}", style="dim", markup=False)


def _print_invalid(invalid: Sequence[str], objects: int, recording: Recording, console: Console) -> None:
    for finding in invalid:
        complain(finding)
    if invalid:
        complain(f"{len(invalid)} fields do not fit the schema of Kubernetes {recording.kubernetes_version}")
    else:
        console.print(f"\nManifests: {objects} objects valid against the schema of Kubernetes {recording.kubernetes_version}")
