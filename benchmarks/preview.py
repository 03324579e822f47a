"""How long the offline preview takes, as ratios against floors taken in the same run. `make bench`; NOTE=1 appends them to history.csv.

Floor 1: the bare import of the very provider modules that the preview of prod imports, in a new interpreter. Floor 2: a stack of 100
datasets. Every figure is the median of several new processes, the two sides of a ratio taken in turn.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks import history

ROOT = Path(__file__).resolve().parent.parent
RUNS = 7
PROVIDERS = ("pulumi_openstack", "pulumi_kubernetes", "pulumi_random", "pulumi_tls")
PREVIEW = "import sys; from cli.main import main; sys.exit(main(['preview', *{arguments!r}]))"
DIFF = "import sys; from cli.main import main; sys.exit(main(['diff', 'prod', '--base', 'HEAD']))"
LISTING = """
import contextlib, io, json, sys
from cli.main import main
with contextlib.redirect_stdout(io.StringIO()):
    main(["preview", {stack!r}])
print(json.dumps([m for m in sys.modules if m.split(".")[0] in {packages!r} or m == "pulumi"]))
"""
SCALED = """
import sys
from pathlib import Path
from preview import manifests
from preview.run import record, stack_config
config, secret_keys = stack_config(Path({folder!r}), "x")
recording = record(Path({root!r}), "x", config=config, secret_keys=secret_keys)
sys.exit(len(manifests.check(manifests.of(recording), recording.kubernetes_version)))
"""


def seconds(code: str) -> float:
    """Wall time of one new interpreter that runs `code`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def floor(stack: str) -> str:
    """A program that imports the provider modules which the preview of a stack imports, and does nothing else."""
    code = LISTING.format(packages=PROVIDERS, stack=stack)
    listed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    return "import " + ", ".join(json.loads(listed.stdout))


def ratio(title: str, code: str, floor_title: str, floor: str, *, noted: bool) -> None:
    """Print the medians of both and the median of their ratios, pair by pair. noted: whether they go into the history."""
    pairs = []
    for run in range(RUNS + 1):
        if sys.stderr.isatty():
            print(f"\r{title}: run {run} of {RUNS}", end="", file=sys.stderr)
        pair = (seconds(code), seconds(floor))
        if run:  # the first pair warms the file cache
            pairs.append(pair)
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    mine, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    times = statistics.median(a / b for a, b in pairs)
    print(f"{title:<34} {mine:6.2f} s   {floor_title:<34} {theirs:6.2f} s   ratio {times:.2f}")
    if noted:
        history.note(title, mine, floor_title, theirs, times)


def stack_of(datasets: int, folder: Path) -> str:
    """A program that records and checks prod with so many datasets."""
    document = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())
    document["config"]["gaia-dmp:protection"] = "on"
    document["config"]["gaia-dmp:datasets"] = [
        {"name": f"d{n}", "mount_path": f"/data/d{n}", "source": {"kind": "adopt", "share": f"share-{n}"}} for n in range(datasets)
    ]
    folder.mkdir()
    (folder / "Pulumi.x.yaml").write_text(yaml.safe_dump(document))
    return SCALED.format(folder=str(folder), root=str(ROOT))


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description="Measure the offline preview against floors.")
    parser.add_argument("--note", action="store_true", help="append the figures to history.csv")
    noted = parser.parse_args().note
    imports, title = floor("prod"), "bare import of its provider modules"
    ratio("preview of prod", PREVIEW.format(arguments=["prod"]), title, imports, noted=noted)
    ratio("diff of prod with HEAD", DIFF, title, imports, noted=noted)
    ratio("diff of all three with HEAD", DIFF.replace("'prod'", "'dev', 'prod', 'local'"), title, imports, noted=noted)
    with tempfile.TemporaryDirectory() as folder:
        large, small = stack_of(200, Path(folder) / "large"), stack_of(100, Path(folder) / "small")
        ratio("prod with 200 datasets", large, "prod with 100 datasets", small, noted=noted)


if __name__ == "__main__":
    main()
