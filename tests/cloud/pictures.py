"""Dashboards as pictures, drawn from a real Prometheus' answers: Grafana is in no package registry, and somebody has to see each panel.

It shows what Grafana would show of the same queries: title, description, one line per answer, its last value in the legend.
"""

import html
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import sync_playwright

from components.observability.dashboards import Panel
from tests.cloud.tools import chromium

WIDTH, HEIGHT, LEFT, BOTTOM = 560, 170, 64, 20
"""Of a chart, and of the room for its axes, in pixels."""

COLOURS = ("#3274d9", "#e0752d", "#37872d", "#c4162a", "#8f3bb8", "#b58900", "#008080", "#d4517f", "#5f6b7a", "#7a5230")
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ font: 13px sans-serif; background: #f4f5f5; color: #24292e; margin: 16px; width: 1200px }}
h1 {{ font-size: 18px }} main {{ display: grid; grid-template-columns: 1fr 1fr; gap: 10px }}
section {{ background: white; border: 1px solid #d8dade; padding: 8px 12px }} h2 {{ font-size: 14px; margin: 0 }}
p {{ color: #555; margin: 2px 0 6px; min-height: 32px }} text {{ font-size: 11px; fill: #555 }}
ul {{ list-style: none; padding: 0; margin: 4px 0 0; font-size: 11px }} li {{ display: inline-block; margin-right: 14px }}
i {{ display: inline-block; width: 12px; height: 3px; margin-right: 4px; vertical-align: middle }}
</style><h1>{title}</h1><main>{panels}</main>"""


@dataclass(frozen=True)
class Line:
    """One line of a panel. points: seconds since the beginning of the picture, and the value there."""

    legend: str
    points: Sequence[tuple[float, float]]


def stacked(lines: Sequence[Line]) -> list[Line]:
    """The lines on top of each other, as Grafana stacks them."""
    below: dict[float, float] = {}
    found = []
    for line in lines:
        points = [(at, below.get(at, 0) + value) for at, value in line.points]
        below |= dict(points)
        found.append(Line(line.legend, points))
    return found


def amount(value: float, unit: str) -> str:
    """A value with its unit, as Grafana's units write it."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit in ("bytes", "Bps"):
        for power, sign in enumerate(("B", "KiB", "MiB", "GiB", "TiB")):
            if abs(value) < 1024 ** (power + 1) or sign == "TiB":
                return f"{value / 1024**power:.3g} {sign}{'/s' if unit == 'Bps' else ''}"
    return f"{value:.3g}{' s' if unit == 's' else ''}"


def chart(lines: Sequence[Line], unit: str, seconds: float) -> str:
    """The lines of a panel as SVG, from zero as on the dashboards."""
    top = max((value for line in lines for _, value in line.points), default=0) or 1
    steps = [after[0] - before[0] for line in lines for before, after in itertools.pairwise(line.points)]
    gap = 1.5 * min(steps, default=seconds)
    parts = [f'<svg width="{WIDTH}" height="{HEIGHT + BOTTOM}">']
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        y = HEIGHT - share * (HEIGHT - 10)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e5e8"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{amount(top * share, unit)}</text>')
        x = LEFT + share * (WIDTH - LEFT)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT + 15}" text-anchor="{anchor}">{share * seconds:.0f} s</text>')
    for index, line in enumerate(lines):
        places = [(LEFT + at / seconds * (WIDTH - LEFT), HEIGHT - value / top * (HEIGHT - 10)) for at, value in line.points]
        colour = COLOURS[index % len(COLOURS)]
        # Where an answer is missing, the line has a gap.
        path = "".join(
            f"{'M' if not number or line.points[number][0] - line.points[number - 1][0] > gap else 'L'}{x:.1f},{y:.1f}"
            for number, (x, y) in enumerate(places)
        )
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.4" fill="{colour}"/>' for x, y in places]
    if not lines:
        parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT / 2}" text-anchor="middle">No data</text>')
    return "".join([*parts, "</svg>"])


def page(title: str, panels: Sequence[tuple[Panel, Sequence[Line]]], seconds: float) -> str:
    """A dashboard as a page of HTML."""
    sections = []
    for panel, lines in panels:
        legend = "".join(
            f'<li><i style="background:{COLOURS[index % len(COLOURS)]}"></i>{html.escape(line.legend)}: '
            f"{amount(line.points[-1][1], panel.unit)}</li>"
            for index, line in enumerate(lines)
        )
        drawn = chart(stacked(lines) if panel.stacked else lines, panel.unit, seconds)
        sections.append(f"<section><h2>{html.escape(panel.title)}</h2><p>{html.escape(panel.text)}</p>{drawn}<ul>{legend}</ul></section>")
    return PAGE.format(title=html.escape(title), panels="".join(sections))


def shoot(pages: Mapping[str, str], folder: Path) -> None:
    """Write each page as `<name>.png` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"]) as browser:
        for name, text in pages.items():
            shown = browser.new_page(viewport={"width": 1232, "height": 800})
            shown.set_content(text)
            shown.screenshot(path=folder / f"{name}.png", full_page=True)
