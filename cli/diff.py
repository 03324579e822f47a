"""`gaia diff`: what the working tree changes in stacks, worst first."""

import argparse
import sys

from cli.exit import Exit
from cli.output import complain, progress, summary, wide
from policy.rules import WaiversError
from review.revisions import NoStackFileError, RevisionError
from review.run import as_json, compared, refused, write
from review.terminal import print_reports


def run(options: argparse.Namespace) -> Exit:
    """Compare stacks: FOUND where program, engine or a rule refuses, or a stack has no file; FAILED where nothing can be compared."""
    if options.plan and len(options.stacks) > 1:
        complain("--plan needs exactly one stack")
        return Exit.USAGE
    try:
        with progress(f"Recording {', '.join(options.stacks)} at {options.base} and in the working tree"):
            reports = compared(options.stacks, options.base, options.plan)
    except NoStackFileError as error:
        complain(error)
        return Exit.FOUND
    except (RevisionError, WaiversError, OSError) as error:
        complain(error)
        return Exit.FAILED
    if options.out:
        try:
            write(reports, options.out)
        except OSError as error:
            complain(f"--out {options.out} cannot be written: {error.strerror}")
            return Exit.FAILED
    if options.json:
        sys.stdout.write(as_json(reports))
    else:
        console = wide() if options.tree else summary()
        print_reports(reports, console, tree=options.tree)
        if not options.tree and any(report.changes for report in reports):
            console.print("Every field that changes: --tree", style="dim")
        if options.out:
            console.print(f"Written: report.md, report.html, report.json and recordings in {options.out}")
    return Exit.FOUND if refused(reports) else Exit.WELL
