"""Records two revisions offline and compares them: what the working tree changes in stacks."""

import datetime as dt
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from policy import rules
from review import markdown, page, plan
from review.compare import compare
from review.report import Report, build
from review.revisions import ROOT, KeptPreview, NoStackFileError, Refused, TreePreview, commit, interpreter, keep, tree


def compared(stacks: Sequence[str], base: str, planned: Path | None = None, root: Path = ROOT) -> list[Report]:
    """Reports on some stacks: a base revision against the working tree of `root`. Raises RevisionError and rules.WaiversError."""
    today, waivers = dt.datetime.now(dt.UTC).date(), rules.waivers()
    # Whatever cannot be read is said before anything is recorded.
    revision = commit(base, root)
    text = plan.read_file(planned) if planned else ""
    title = f"{base} ({revision[:9]})"
    reports = []
    with ExitStack() as stack:
        # They all run at the same time, each as its own process.
        heads = {name: _preview(stack, root, name, Path(sys.executable)) for name in stacks}
        bases: dict[str, KeptPreview | TreePreview] = {name: KeptPreview(revision, name) for name in stacks}
        unknown = [name for name, each in bases.items() if not each.there]
        if unknown:
            before = stack.enter_context(tree(base, root))
            python = interpreter(before, root)
            bases |= {name: _preview(stack, before, name, python) for name in unknown}
        for name in stacks:
            if not bases[name].there and not heads[name].there:
                raise NoStackFileError(f"stack {name}: neither {base} nor the working tree has Pulumi.{name}.yaml")
            refused, sides = {}, []
            for side, recorder in (("base", bases[name]), ("head", heads[name])):
                try:
                    sides.append(recorder.result())
                except Refused as refusal:
                    refused[side] = str(refusal)
                    sides.append(None)
            if name in unknown and sides[0]:
                keep(revision, sides[0])
            if refused:
                reports.append(Report(name, title, "working tree", refused=refused))
                continue
            if planned:
                old, new, changes = plan.read_plan(text, name)
                # An engine's preview does not report stack outputs. Capacity follows from the stack file alone.
                old.outputs, new.outputs = ({"capacity": side.outputs.get("capacity")} if side else {} for side in sides)
                labels = {"base": "what is deployed", "head": "plan", "stopped": "\n".join(plan.errors(text))}
                report = build(name, old, new, **labels, today=today, waivers=waivers, changes=changes)
                report.differs = plan.disagreements(compare(*sides), changes)
            else:
                report = build(name, sides[0], sides[1], base=title, head="working tree", today=today, waivers=waivers)
            reports.append(report)
    return reports


def _preview(stack: ExitStack, folder: Path, name: str, python: Path) -> TreePreview:
    """The preview of one stack in a tree, which ends with `stack`."""
    preview = TreePreview(folder, name, python)
    stack.callback(preview.close)
    return preview


def refused(reports: Sequence[Report]) -> bool:
    """Whether the program of the working tree, the engine or a rule refuses one of the stacks."""
    return any({"head", "engine"} & report.refused.keys() or report.of("policy") for report in reports)


def as_json(reports: Sequence[Report]) -> str:
    """The reports as one JSON list."""
    return "[" + ",\n".join(report.to_json() for report in reports) + "]\n"


def write(reports: Sequence[Report], out: Path) -> None:
    """Write the reports in every format into a folder, and the recordings, from which others can make the reports again."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.md").write_text(markdown.comment(reports) + "\n", encoding="utf-8")
    (out / "report.html").write_text(page.page(reports), encoding="utf-8")
    (out / "report.json").write_text(as_json(reports), encoding="utf-8")
    for report in reports:
        for side, recording in (("base", report.before), ("head", report.after)):
            if recording:
                (out / f"{report.stack}.{side}.recording.json").write_text(recording.to_json(), encoding="utf-8")
        for side, message in report.refused.items():
            (out / f"{report.stack}.{side}.refused.txt").write_text(message[:10_000], encoding="utf-8")
