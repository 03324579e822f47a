# PYTHON_ARGCOMPLETE_OK
"""`gaia`: what its command line takes. A sub-command's module is imported once it is chosen: a preview must not wait for OpenStack's."""

import argparse
import importlib
import importlib.metadata
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cli.exit import Exit

ROOT = Path(__file__).resolve().parent.parent

EXIT_CODES = """\
exit codes:
  0    all is well
  1    it looked, and something is refused, wrong, different or near its end
  2    the command line is wrong; nothing was done
  3    it could not be done or told: no Pulumi, no answer, no such revision, time is up
  130  interrupted
"""

_Subparsers = Any


def stacks(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Names of stacks, for completion."""
    folder = getattr(parsed_args, "folder", ROOT)
    folder = folder / "switch" if getattr(parsed_args, "command", "") == "switch" else folder
    names = (path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in folder.glob("Pulumi.*.yaml"))
    return sorted(name for name in names if name.startswith(prefix))


def _command(commands: _Subparsers, name: str, words: str, *, stack: str = "optional", json: bool = False) -> argparse.ArgumentParser:
    """One sub-command. stack: `optional` (dev by default), `required` or `many`. json: whether it prints for machines, too."""
    parser = commands.add_parser(
        name, help=words, description=words, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    explained = "name of the stack, as in Pulumi.<stack>.yaml"
    match stack:
        case "many":
            argument = parser.add_argument("stacks", metavar="STACK", nargs="*", default=["dev"], help=f"{explained}; dev by default")
        case "required":
            argument = parser.add_argument("stack", metavar="STACK", help=explained)
        case _:
            argument = parser.add_argument("stack", metavar="STACK", nargs="?", default="dev", help=f"{explained}; dev by default")
    argument.completer = stacks  # type: ignore[attr-defined]  # argcomplete's own way
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON, for machines")
    return parser


def _folder(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument("--folder", type=Path, default=ROOT, help=f"{words}; by default that of this program")


def _seconds(text: str) -> float:
    """A time to wait. argparse says what is wrong of it by the message."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not (math.isfinite(seconds) and seconds > 0):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of seconds above 0")
    return seconds


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="gaia",
        description="An on-demand Spark platform on OpenStack or any Kubernetes: what is done with a stack of it.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="store_true", help="print the version of this program")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")

    preview = _command(commands, "preview", "show the platform of a stack at a glance and check it, offline", json=True)
    preview.add_argument("--tree", action="store_true", help="print every resource, not one line per component")
    preview.add_argument("--out", type=Path, help="folder for recording.json and manifests/")
    _folder(preview, "where the stack file is")

    diff = _command(commands, "diff", "say what the working tree changes, worst first, offline", stack="many", json=True)
    diff.add_argument("--base", default="origin/main", help="branch, tag or commit to compare with; origin/main by default")
    diff.add_argument("--tree", action="store_true", help="print every resource and field that changes, not one line per component")
    diff.add_argument("--out", type=Path, help="folder for report.md, report.html, report.json and the recordings")
    diff.add_argument("--plan", type=Path, help="what `pulumi preview --json` printed for the one stack: the report is made of it")

    doctor = _command(commands, "doctor", "check the cloud that a stack file names; asks, and changes nothing", json=True)
    _folder(doctor, "where the stack file is")

    drift = _command(commands, "drift", "say what is not as the state says, worst first, and days left on certificates", json=True)
    drift.add_argument("--mend", action="store_true", help="put objects of Kubernetes back, and take away rights that nobody declared")
    _folder(drift, "where the program is")

    smoke = _command(commands, "smoke", "count, cross-match and plot in a notebook of a stack that stands, as a person would")
    smoke.add_argument("--user", default="", help="login name; by default the stack's own test user, or else its administrator")
    smoke.add_argument("--url", default="", help="address, where it is not the stack's: http://localhost:8080 behind a port-forward")
    _folder(smoke, "where the program is")

    switch = _command(commands, "switch", "lead the public name to the stack that switch/Pulumi.<STACK>.yaml calls live", stack="required")
    switch.add_argument("--yes", action="store_true", help="do not ask before it is done")

    destroy = _command(commands, "destroy", "take a stack down, and say what is kept", stack="required")
    destroy.add_argument("--confirm", default="", metavar="STACK", help="its name once more; without it nothing is done")
    _folder(destroy, "where the program is")

    restore = _command(commands, "restore", "put backed-up notebooks back, with Zeppelin stopped for as long", stack="required")
    restore.add_argument("--snapshot", default="latest", help="id of a backup; latest by default; list shows what there is")
    restore.add_argument("--kubeconfig", type=Path, help="of the stack's cluster; by default the stack's output of that name")
    restore.add_argument("--stop-timeout", type=_seconds, metavar="SECONDS", help="how long Zeppelin may take to stop; 300 by default")
    restore.add_argument("--job-timeout", type=_seconds, metavar="SECONDS", help="how long the job may take; three hours by default")

    completion = commands.add_parser("completion", help='print what a shell needs to complete: eval "$(gaia completion bash)"')
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command. Returns one of cli.exit.Exit; for `smoke` the test notebook's own 0 or 1."""
    program = parser()
    if "_ARGCOMPLETE" in os.environ:
        importlib.import_module("argcomplete").autocomplete(program)
    options = program.parse_args(arguments)
    if options.version:
        print(f"gaia {importlib.metadata.version('gaia-dmp')}")
        return Exit.WELL
    if not options.command:
        program.print_help()
        return Exit.USAGE
    run: Callable[[argparse.Namespace], int] = importlib.import_module(f"cli.{options.command}").run
    try:
        return run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read has gone (`gaia preview | head`); Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.WELL


if __name__ == "__main__":
    sys.exit(main())
