"""A chart with two logarithmic axes, as SVG whose colours the page's style sheet gives (page.css)."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

COLOURS = 12  # that the style sheet has
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 820, 78, 16, 34, 48  # pixels
_PLOT = 400  # height of the drawing area
_LEGEND_ROW, _LEGEND_COLUMNS = 20, 2


@dataclass(frozen=True)
class Line:
    """One series: pairs of x and y, both above 0. `colour` counts from 0; `dash` is SVG's stroke-dasharray."""

    label: str
    points: Sequence[tuple[float, float]]
    colour: int
    dash: str = ""
    strong: bool = False


def log_chart(title: str, lines: Sequence[Line], x_text: Callable[[float], str], y_text: Callable[[float], str]) -> str:
    """Draw the lines; x values are marked where there are points, y values at 1, 2 and 5 times powers of ten."""
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    place_x = _scale(xs[0], xs[-1], _LEFT + 12, _WIDTH - _RIGHT - 12)
    place_y = _scale(min(ys), max(ys), _TOP + _PLOT - 12, _TOP + 12)
    rows = math.ceil(len(lines) / _LEGEND_COLUMNS)
    height = _TOP + _PLOT + _BOTTOM + rows * _LEGEND_ROW + 8
    drawn = [f'<text x="{_LEFT}" y="20" font-weight="600">{html.escape(title)}</text>']
    for y in _round_values(min(ys), max(ys)):
        drawn.append(_rule(_LEFT, place_y(y), _WIDTH - _RIGHT, place_y(y)))
        drawn.append(_label(_LEFT - 8, place_y(y) + 4, "end", y_text(y)))
    for x in xs:
        drawn.append(_rule(place_x(x), _TOP, place_x(x), _TOP + _PLOT))
        drawn.append(_label(place_x(x), _TOP + _PLOT + 20, "middle", x_text(x)))
    drawn += [_line(line, place_x, place_y) for line in sorted(lines, key=lambda line: not line.strong)]
    drawn += [_legend(line, number, rows) for number, line in enumerate(lines)]
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{html.escape(title)}">{"".join(drawn)}</svg>'


def _scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    span = math.log(high / low) or 1

    def place(value: float) -> float:
        return round(first + (last - first) * math.log(value / low) / span, 1)

    return place


def _round_values(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    return [value for power in powers for step in steps if low <= (value := step * 10.0**power) <= high]


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="axis" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _label(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _line(line: Line, place_x: Callable[[float], float], place_y: Callable[[float], float]) -> str:
    points = [(place_x(x), place_y(y)) for x, y in sorted(line.points)]
    path = " ".join(f"{x},{y}" for x, y in points)
    marks = "".join(f'<circle class="mark" cx="{x}" cy="{y}" r="{4 if line.strong else 2.6}"/>' for x, y in points)
    title = f"<title>{html.escape(line.label)}</title>"
    return (
        f'<g class="{_colour(line)}">{title}<polyline class="{_series(line)}"{_dash(line)} points="{path}"/>{marks}</g>'
    )


def _legend(line: Line, number: int, rows: int) -> str:
    x = _LEFT + (number // rows) * (_WIDTH - _LEFT) / _LEGEND_COLUMNS
    y = _TOP + _PLOT + _BOTTOM + number % rows * _LEGEND_ROW
    stroke = f'<polyline class="{_series(line)}"{_dash(line)} points="{x},{y} {x + 34},{y}"/>'
    return f'<g class="{_colour(line)}">{stroke}{_label(x + 42, y + 4, "start", line.label)}</g>'


def _colour(line: Line) -> str:
    return f"c{line.colour % COLOURS}"


def _series(line: Line) -> str:
    return "series strong" if line.strong else "series"


def _dash(line: Line) -> str:
    return f' stroke-dasharray="{line.dash}"' if line.dash else ""
