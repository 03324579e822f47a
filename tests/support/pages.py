"""`python -m tests.support.pages`: the reference pages of the command line, the outputs, the metrics, the alerts, the faults and the speed.

tests/stacks/test_pages.py keeps them as the program makes them. settings/reference.py writes the page of stack files.
"""

import argparse
import importlib.util
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import history
from cli.main import EXIT_CODES, parser
from components.observability import dashboards
from recording import Recording
from recording.model import UNITS
from tests.support.programs import record_data
from tests.support.stack_files import ROOT, STACKS, document, with_models, with_yarn

FOLDER = ROOT / "docs" / "reference"
MADE = "`make docs` writes this page from the program."

OUTPUTS = {
    "zeppelin_url": "The address of Zeppelin. With `entry: none` it is that of a port-forward.",
    "serving": "`false` while the stack stands by for another colour (`zeppelin.standby`).",
    "passwords": "Names and passwords of everybody whom the stack knows, the administrator first.",
    "test_user": "The login name of the test notebook. `gaia smoke` uses it.",
    "kubeconfig": "Administrator access to the Kubernetes cluster.",
    "public_address": "The floating IP of the load balancer.",
    "namespaces": "The namespace of each part of the platform.",
    "datasets": "Each dataset, and the path or the bucket address at which notebooks find it.",
    "kubernetes_version": "The version that the cluster reports. For a cluster that exists it is the one that the stack file names.",
    "wanted_kubernetes_version": "The version that the stack file names. Manifests are checked against it.",
    "capacity": "Nodes, vCPU, memory and disk of the stack when idle and at its full size. Sizes are in GiB.",
}
"""What each output of `__main__.py` means."""

JSON = {
    "preview": "`recording`, `policy`, `manifests`",
    "diff": "a list of reports",
    "doctor": "`findings`",
    "drift": "`wider`, `differences`, `mended`, `unseen`, `deadlines`",
}
"""What a command prints with --json, beside `version` and `stack`."""


def pages() -> dict[str, str]:
    """Every page, by the name of its file."""
    recordings = {stack: record_data(document(stack), "update", stack) for stack in STACKS}
    # What no committed stack has, is described as well.
    everything = with_models(document("prod"))
    on_kubernetes, on_yarn = (record_data(data, "update", "prod") for data in (everything, with_yarn(everything)))
    return {
        "command-line.md": command_line(),
        "outputs.md": outputs(recordings),
        "metrics.md": metrics(on_kubernetes, on_yarn),
        "alerts.md": alerts(on_yarn),
        "faults.md": faults(),
        "speed.md": speed(),
    }


WANTED = {
    "preview of prod": ("1.4", "`gaia preview prod`"),
    "diff of prod with HEAD": ("2", "`gaia diff prod`"),
    "diff of all three with HEAD": ("6", "`gaia diff dev prod local`"),
    "prod with 200 datasets": ("2", "a preview of prod with 200 datasets"),
}
"""The ratio that each figure should not exceed, and what is measured."""


def speed() -> str:
    """What `make bench NOTE=1` noted, as a table of the newest figures and a chart of each."""
    figures = history.read()
    wanted = {title: each for title, each in WANTED.items() if title in figures}
    lines = [
        "# Speed",
        "",
        f"{MADE} The figures are those that `make bench NOTE=1` appends to `benchmarks/history.csv`; a workflow does so every week.",
        "A ratio compares with a floor that is taken in the same run, on the same machine: it says more than the seconds, which differ",
        "from machine to machine. The floor pays for Python's collector. Our programs slow it down and skip it at their end, so a",
        "ratio can be below 1.",
        "",
        "| what | seconds | floor | seconds of the floor | ratio | at most |",
        "|---|---|---|---|---|---|",
    ]
    for title, (most, what) in wanted.items():
        last = figures[title][-1]
        lines.append(f"| {what} | {last.seconds:.2f} | {last.floor} | {last.floor_seconds:.2f} | {last.ratio:.2f} | {most} |")
    for title, (most, what) in wanted.items():
        runs = figures[title]
        lines += [
            "",
            f"## {what[0].upper()}{what[1:]}",
            "",
            "```mermaid",
            "xychart-beta",
            f"    x-axis [{', '.join(f'{chr(34)}{each.day} {each.commit}{chr(34)}' for each in runs)}]",
            f'    y-axis "ratio" 0 --> {max(float(most), *(each.ratio for each in runs)) * 1.25:.1f}',
            f"    bar [{', '.join(f'{each.ratio:.2f}' for each in runs)}]",
            f"    line [{', '.join([most] * len(runs))}]",
            "```",
        ]
    return "\n".join(lines) + "\n"


def command_line() -> str:
    """Every command of `gaia` with its arguments, as the parser knows them."""
    lines = [
        "# The command line",
        "",
        f"{MADE} `make` puts `gaia` into `.venv/bin`.",
        "A `make` target of the same name calls each command. `gaia COMMAND --help` says the same on a terminal.",
        "",
        "Results go to standard output. Everything else goes to standard error. A command with `--json` prints one JSON document:",
        "",
        "    gaia drift prod --json | jq '.differences | length'",
        "",
        "The document has a `version`. It changes when a reader of the old form would misread the new one.",
        "In the output of `gaia preview`, `recording` has the form of `schema/recording.schema.json`.",
        "",
        "`gaia preview prod --out out` writes `recording.json`, and `manifests/` with one file per Kubernetes object. Secrets are masked.",
        "",
        'A shell can complete commands, options and names of stacks: `eval "$(gaia completion bash)"`, the same for `zsh`, and',
        "`gaia completion fish | source`.",
        "",
        "## What JSON has",
        "",
        *(f"- `gaia {command} --json`: {keys}" for command, keys in JSON.items()),
        "",
        "## Exit codes",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in re.findall(r"^  (\d+) +(.+)$", EXIT_CODES, re.MULTILINE)),
    ]
    for name, command, words in _commands(parser()):
        lines += ["", f"## gaia {name}", "", _sentence(words), "", "| argument | default | meaning |", "|---|---|---|"]
        for action in command._actions:
            if "--help" not in action.option_strings:
                lines.append(f"| `{_argument(action)}` | {_default(action)} | {_sentence(action.help or '')} |")
    return "\n".join(lines) + "\n"


def _commands(top: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    (group,) = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    for choice in group._choices_actions:
        yield choice.dest, group.choices[choice.dest], choice.help or ""


def _argument(action: argparse.Action) -> str:
    value = action.metavar or (" ".join(action.choices) if action.choices else action.dest.upper())
    if not action.option_strings:
        return f"{value}..." if action.nargs == "*" else str(value)
    return action.option_strings[0] + (f" {value}" if action.nargs != 0 else "")


def _default(action: argparse.Action) -> str:
    if action.nargs == 0 or action.default in (None, ""):
        return ""
    if action.default == ROOT:
        return "the program's folder"
    return f"`{' '.join(action.default) if isinstance(action.default, list) else action.default}`"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].replace("|", "\\|").replace("<", "\\<") + ("." if words and words[-1] not in '.")' else "")


def outputs(recordings: dict[str, Recording]) -> str:
    """Every stack output: what it means, and its value in each committed stack."""
    lines = [
        "# Outputs of a stack",
        "",
        f"{MADE} Read an output with `pulumi stack output NAME -s <stack>`. A secret one needs `--show-secrets`.",
        "The examples are the values of the committed stack files. Answers of a cloud are invented.",
    ]
    for name, meaning in OUTPUTS.items():
        found = {stack: recording.outputs[name] for stack, recording in recordings.items() if name in recording.outputs}
        lines += ["", f"## {name}", "", meaning]
        if "[secret]" in found.values():
            lines += ["", "This output is secret."]
            continue
        lines += ["", *(f"- `{stack}`: {_value(value)}" for stack, value in found.items())]
        if len(found) < len(recordings):
            lines += ["", f"Not there in: {', '.join(f'`{stack}`' for stack in recordings if stack not in found)}."]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict) and any(isinstance(each, dict) for each in value.values()):
        return "".join(
            f"\n    - {key}: " + ", ".join(f"{value[key][unit]} {words}" for unit, words in UNITS) for key in sorted(value, reverse=True)
        )
    if isinstance(value, dict):
        return ", ".join(f"`{key}` = `{value[key]}`" for key in sorted(value)) or "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def metrics(recording: Recording, on_yarn: Recording) -> str:
    """The metrics of our own, what Prometheus asks, the recording rules and the panels of each dashboard.

    on_yarn: the same stack on Yarn.
    """
    lines = [
        "# Metrics and dashboards",
        "",
        f"{MADE} A stack has them once its file says `gaia-dmp:monitoring` ([how-to](../how-to/monitoring.md)).",
        "",
        "## The platform's own metrics",
        "",
        "| metric | labels | meaning |",
        "|---|---|---|",
        *(f"| `{name}` | {', '.join(f'`{label}`' for label in labels)} | {text} |" for name, labels, text in _own_metrics()),
        "",
        "## What Prometheus asks",
        "",
        "Prometheus asks every target once in 15 seconds.",
        "",
        "| job | where | path |",
        "|---|---|---|",
    ]
    jobs = {job["job_name"]: job for each in (on_yarn, recording) for job in _prometheus(each, "prometheus.yml")["scrape_configs"]}
    for job in jobs.values():
        where = [name for each in job.get("kubernetes_sd_configs", []) for name in each["namespaces"]["names"]]
        place = f"Pods in `{where[0]}`" if where else f"`{job['static_configs'][0]['targets'][0]}`"
        lines.append(f"| `{job['job_name']}` | {place} | `{job.get('metrics_path', '/metrics')}` |")
    lines += ["", "## Recording rules"]
    for rule in _rules(recording):
        if "record" in rule:
            lines += ["", f"### {rule['record']}", "", *_code(rule["expr"])]
    for title, panels in (dashboards.DASHBOARDS | dashboards.WITH_MODELS).values():
        lines += ["", f"## Dashboard: {title}"]
        for panel in panels:
            lines += ["", f"### {panel.title}", "", panel.text, "", *_code("\n".join(panel.queries))]
    return "\n".join(lines) + "\n"


def _own_metrics() -> Iterator[tuple[str, list[str], str]]:
    """Name, labels and meaning of each metric that the scripts of Pods serve, asked of the scripts themselves."""
    check = _script("spark/files/check_datasets.py")
    state = check.State({"datasets": [{"name": "a", "path": "/data/a", "files": 1, "digest": ""}], "seconds": 1, "every": 1, "listing": 1})
    state.results = {"a": dict.fromkeys(("up", "seconds", "at", "files", "whole"), 1)}
    smoke = _script("observability/files/smoke_test.py")
    run = smoke.State({})
    run.result, run.step, run.at, run.seconds, run.certificate = "fail", "login", 1.0, {"login": 1.0}, 1
    with tempfile.TemporaryDirectory() as store:
        (Path(store) / "mlflow.db").touch()
        models = _script("models/files/gaia_models.py").Numbers(store)
        models.note("gateway", 200, 1.0)
        served = models.text()
    for text in (state.metrics(), run.metrics(), served):
        helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
        for name in sorted(set(re.findall(r"^(gaia_dmp_\w+)", text, re.MULTILINE))):
            (labels, *_) = sorted(re.findall(rf"^{name}(?:{{(.*)}})? ", text, re.MULTILINE), key=len, reverse=True)
            yield name, re.findall(r'(\w+)="', labels), helps[name]


def _script(path: str) -> ModuleType:
    file = ROOT / "components" / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def alerts(recording: Recording) -> str:
    """Every alert: what it says, when it fires, how serious it is, and its runbook."""
    lines = [
        "# Alerts",
        "",
        f"{MADE} Prometheus fires an alert when its condition has held for the time given here.",
        "",
        "| alert | severity | after | runbook |",
        "|---|---|---|---|",
    ]
    found = [rule for rule in _rules(recording) if "alert" in rule]
    for rule in found:
        name, labels = rule["alert"], rule["labels"]
        runbook = f"[{labels['runbook']}](../runbooks/{labels['runbook']}.md)"
        lines.append(f"| [{name}](#{name.lower()}) | {labels['severity']} | {rule['for']} | {runbook} |")
    for rule in found:
        lines += ["", f"## {rule['alert']}", "", rule["annotations"]["summary"], "", *_code(rule["expr"])]
    return "\n".join(lines) + "\n"


def faults() -> str:
    """Every moment at which something went wrong under an engine, as tests saw it: tests/recorded/faults/ has one file per test."""
    groups = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "tests/recorded/faults").glob("*.json"))]
    moments = [each for group in groups for each in group["moments"]]
    lost, twice = (sum(bool(each[what]) for each in moments) for what in ("lost", "twice"))
    lines = [
        "# Moments at which something goes wrong",
        "",
        "`make docs` writes this page from `tests/recorded/faults/`, which `tests/engine` writes: only what a test saw stands here.",
        "The engine, its plug-ins and the services of OpenStack were real, the machines behind them were not",
        "([how it is tested](../testing.md)).",
        "",
        f"Tests saw {len(moments)} moments. Data or resources were lost in {lost or 'none'} of them. In {twice or 'none'}, something stood",
        "twice after the commands that mend.",
        "",
        "How to read it:",
        "",
        "- The faults of one `up` or `destroy` were ordered one after another. The commands are those of the whole round, each for what",
        "  its message names: `openstack share delete` removes the share that a message calls empty, and no other.",
        "- What is lost and what stands twice is counted in the cloud before the round's last `pulumi up` or `pulumi destroy`.",
        "- A `destroy` of this stack takes everything away. So its rows cannot show a loss; a share that is kept has tests of its own",
        "  ([data safety](../explanation/data-safety.md)).",
        "- The run of *The engine is killed* stopped in its `destroy`, before its last moments.",
        "- `<id>` and `<random>` stand for what differs from run to run. Long messages are cut.",
        "",
        "| what went wrong | moments | engine | seen on |",
        "|---|---|---|---|",
    ]
    for group in groups:
        anchor = re.sub(r"[^\w\- ]", "", group["title"].lower()).replace(" ", "-")
        lines.append(f"| [{group['title']}](#{anchor}) | {len(group['moments'])} | {group['engine']} | {group['day']} |")
    for group in groups:
        lines += ["", f"## {group['title']}", "", group["text"], ""]
        lines += ["| when | the message | what mends it | lost | twice |", "|---|---|---|---|---|"]
        lines += [_moment(each) for each in group["moments"]]
    return "\n".join(lines) + "\n"


def _moment(moment: dict[str, Any]) -> str:
    # What the provider's own log says of itself is no part of the message.
    told = re.sub(r"sdk-v2/provider2\.go:\d+: sdk\.helper_schema: ", "", moment["told"]).replace("`", "'").replace("|", "/")
    mended = ", ".join(f"`{command}`" for command in moment["mended"]) or "nothing is needed"
    lost, twice = (", ".join(moment[what]) or "nothing" for what in ("lost", "twice"))
    return f"| {moment['when']} | `{told}` | {mended} | {lost} | {twice} |"


def _code(text: str) -> list[str]:
    return ["```promql", *text.strip().splitlines(), "```"]


def _prometheus(recording: Recording, file: str) -> dict[str, Any]:
    releases = (each for each in recording.of_type("kubernetes:helm.sh/v3:Release") if each.inputs["name"] == "prometheus")
    return next(releases).inputs["values"]["serverFiles"][file]


def _rules(recording: Recording) -> list[dict[str, Any]]:
    return [rule for group in _prometheus(recording, "rules.yml")["groups"] for rule in group["rules"]]


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
