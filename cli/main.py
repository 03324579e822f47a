# PYTHON_ARGCOMPLETE_OK
"""The command line of `gaia`. A sub-command's module is imported only when it runs: a preview must not wait for OpenStack's modules."""

import argparse
import atexit
import gc
import importlib
import importlib.metadata
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cli.exit import Exit

# As in layers/__init__.py, and before the imports of a command.
gc.set_threshold(1_000_000)
atexit.register(gc.freeze)

ROOT = Path(__file__).resolve().parent.parent

EXIT_CODES = """\
exit codes:
  0    everything is fine
  1    something is refused, wrong, different or about to expire; a stack file that is missing or wrong is refused
  2    the command line is wrong; nothing was done
  3    the command could not finish: no Pulumi, no answer, no such revision, or time ran out
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
    """One sub-command. stack: `optional` (dev by default), `required` or `many`. json: whether it has the option --json."""
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
    """A time to wait. argparse shows the message of the error."""
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
        description="Preview, review, check and operate the stacks of an on-demand Spark platform on OpenStack or any Kubernetes.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="store_true", help="print the version of this program")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")

    preview = _command(commands, "preview", "show the platform of a stack at a glance and check it, offline", json=True)
    preview.add_argument("--tree", action="store_true", help="print every resource, not one line per component")
    preview.add_argument("--out", type=Path, help="folder for recording.json and manifests/")
    _folder(preview, "folder of the stack file")

    diff = _command(commands, "diff", "show what the working tree changes, worst first, offline", stack="many", json=True)
    diff.add_argument("--base", default="origin/main", help="branch, tag or commit to compare with; origin/main by default")
    diff.add_argument("--tree", action="store_true", help="print every resource and field that changes, not one line per component")
    diff.add_argument("--out", type=Path, help="folder for report.md, report.html, report.json and the recordings")
    diff.add_argument(
        "--plan",
        type=Path,
        help="file with the output of `pulumi preview --json` for the one stack; the report uses it instead of the offline comparison",
    )

    doctor = _command(commands, "doctor", "check the cloud that a stack file names; changes nothing", json=True)
    _folder(doctor, "folder of the stack file")

    drift = _command(commands, "drift", "show where the cloud differs from the state, worst first, and when certificates expire", json=True)
    drift.add_argument("--mend", action="store_true", help="restore Kubernetes objects, and remove rights that the stack does not declare")
    _folder(drift, "folder of the program")

    resume = _command(commands, "resume", "take over what a killed `pulumi up` was creating, after `pulumi cancel`", stack="required")
    resume.add_argument(
        "--unmarked", action="store_true", help="take over what has this stack's name and no stack's mark, too; look at it before"
    )
    _folder(resume, "folder of the program")

    smoke = _command(commands, "smoke", "run the test notebook on a running stack: count, cross-match and plot, as a person would")
    smoke.add_argument("--user", default="", help="login name; by default the stack's test user, or its administrator")
    smoke.add_argument("--url", default="", help="address, if it is not the stack's, such as http://localhost:8080 with a port-forward")
    _folder(smoke, "folder of the program")

    words = "start, list or stop a Spark driver of your own, and print its address for Spark Connect"
    connect = commands.add_parser(
        "connect",
        help=words,
        description=f"{words}. The password is read from GAIA_PASSWORD, or asked for.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    connect.add_argument("url", metavar="URL", help="address of the platform, such as https://gaia.example.org")
    connect.add_argument("--user", required=True, help="login name")
    connect.add_argument("--size", default="spark", help="one of the sizes of Spark, such as spark-large; spark by default")
    what = connect.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list your drivers that were started in this way, and whether they run")
    what.add_argument("--stop", action="store_true", help="stop your driver of this size")
    what.add_argument("--models", action="store_true", help="print a token for MLflow at URL/models, for MLFLOW_TRACKING_TOKEN")

    switch = _command(commands, "switch", "point the public name to the stack that switch/Pulumi.<STACK>.yaml calls live", stack="required")
    switch.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    destroy = _command(commands, "destroy", "destroy a stack, and list what is kept in the cloud", stack="required")
    destroy.add_argument("--confirm", default="", metavar="STACK", help="the stack's name again; required")
    _folder(destroy, "folder of the program")

    restore = _command(commands, "restore", "restore notebooks from a backup; Zeppelin is stopped meanwhile", stack="required")
    restore.add_argument("--snapshot", default="latest", help="id of a backup; latest by default; `list` shows all of them")
    restore.add_argument("--kubeconfig", type=Path, help="kubeconfig of the stack's cluster; by default the stack's output of that name")
    restore.add_argument("--stop-timeout", type=_seconds, metavar="SECONDS", help="how long Zeppelin may take to stop; 300 by default")
    restore.add_argument("--job-timeout", type=_seconds, metavar="SECONDS", help="how long the job may take; three hours by default")

    completion = commands.add_parser("completion", help='print the completion script for a shell: eval "$(gaia completion bash)"')
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command. Returns one of cli.exit.Exit; `smoke` returns the test notebook's own 0 or 1."""
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
        # The reader has gone (`gaia preview | head`). Without this, Python would complain again at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.WELL


if __name__ == "__main__":
    sys.exit(main())
