"""The figures of benchmarks over time: `history.csv`, of which docs/reference/speed.md is made."""

import csv
import datetime as dt
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parent / "history.csv"


@dataclass(frozen=True)
class Figure:
    """One figure of one run.

    day: UTC, as 2026-11-30. commit: the first nine letters. seconds, floor_seconds: medians of wall time. ratio: the median of the ratios,
    pair by pair.
    """

    day: str
    commit: str
    title: str
    seconds: float
    floor: str
    floor_seconds: float
    ratio: float


def note(title: str, seconds: float, floor: str, floor_seconds: float, ratio: float) -> None:
    """Append one figure of this commit, measured now."""
    head = subprocess.run(["git", "rev-parse", "--short=9", "HEAD"], cwd=FILE.parent, check=True, capture_output=True, text=True)
    figure = Figure(
        dt.datetime.now(dt.UTC).date().isoformat(),
        head.stdout.strip(),
        title,
        round(seconds, 2),
        floor,
        round(floor_seconds, 2),
        round(ratio, 2),
    )
    with FILE.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(asdict(figure).values())


def read() -> dict[str, list[Figure]]:
    """Every figure that was noted, by its title, oldest first."""
    found: dict[str, list[Figure]] = {}
    with FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers = {name: float(row[name]) for name in ("seconds", "floor_seconds", "ratio")}
            figure = Figure(day=row["day"], commit=row["commit"], title=row["title"], floor=row["floor"], **numbers)
            found.setdefault(figure.title, []).append(figure)
    return found
