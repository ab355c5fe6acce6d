"""A run of the benchmark as an HTML page: charts, tables, and on what it was measured."""

from __future__ import annotations

from collections.abc import Sequence

from ..output.chart import Line, log_chart
from ..output.page import Cell, Figure, Grid, Page, Section
from .model import CONTROL, SHIM, SYSCALL, VDSO, Participant, Run, Series
from .statistics import ratio, summarise
from .tables import all_tables, facts
from .terminal import noise_text, noise_warning
from .text import Table, size_text, time_text, times_text

_NO_NOISE = "noise: not known, as the bare vDSO call and its second copy did not both take part"
_STRONG = (SHIM, VDSO, SYSCALL)  # who the charts are about: the first colours


def as_page(run: Run, baseline: str) -> Page:
    """Charts of latencies, then every table that the run has samples for; ratios are to `baseline`."""
    noise = noise_text(run)
    verdict = Cell(noise or _NO_NOISE, "bad" if noise_warning(run) else "dim")
    charts = {"Latency by size": _charts(run), "The slowest draws": _tail_charts(run)}
    sections = [Section(title, [Figure(svg) for svg in found]) for title, found in charts.items() if found]
    sections += [_section(table) for table in all_tables(run, baseline)]
    return Page("Random bytes, side by side", verdict, facts(run), sections)


def _section(table: Table) -> Section:
    grid = Grid(table.header, table.rows, table.left)
    return Section(table.title, [table.explanation, grid] if table.explanation else [grid])


def _charts(run: Run) -> list[str]:
    who = [
        participant
        for participant in run.present()
        if participant.key != CONTROL and len(_points(run, participant)) > 1
    ]
    if not who:
        return []
    families = [*_STRONG, *(key for key in dict.fromkeys(_family(one) for one in who) if key not in _STRONG)]
    times, ratios = [], []
    for one in who:
        points = _points(run, one)
        times.append(_line(one, [(s.parameter, summarise(s.samples).median) for s in points], families))
        against = [(s.parameter, 1 / found.median) for s in points if (found := ratio(run, s, SYSCALL))]
        if against:
            ratios.append(_line(one, against, families))
    charts = [log_chart("Time of one draw, by size", times, lambda x: size_text(int(x)), time_text)]
    if ratios:
        charts.append(log_chart("Times as fast as the system call", ratios, lambda x: size_text(int(x)), times_text))
    return charts


def _tail_charts(run: Run) -> list[str]:
    """The draw of a hundred, and of a thousand, that takes longer, by the number of threads."""
    families = [*_STRONG, *dict.fromkeys(_family(one) for one in run.present())]
    charts = []
    for quantile, title in (
        ("99", "One draw of a hundred takes longer"),
        ("99.9", "One draw of a thousand takes longer"),
    ):
        lines = []
        for who in run.present():
            found = list(run.select(f"tail-{quantile}", who.key))
            if len(found) > 1:
                points = [(float(one.parameter), summarise(one.samples).median) for one in found]
                lines.append(_line(who, points, families))
        if lines:
            charts.append(log_chart(f"{title}, by threads", lines, lambda x: f"{x:,.0f}", time_text))
    return charts


def _line(who: Participant, points: Sequence[tuple[float, float]], families: Sequence[str]) -> Line:
    dash = "2 4" if who.key.startswith(f"{SHIM}-") else "7 4" if who.key.endswith(f"+{SHIM}") else ""
    return Line(who.label, points, families.index(_family(who)), dash, who.key in _STRONG)


def _points(run: Run, who: Participant) -> list[Series]:
    found = run.select("latency", who.key, who.main)
    return sorted((series for series in found if series.parameter and series.samples), key=lambda one: one.parameter)


def _family(who: Participant) -> str:
    """A libc keeps its colour with the library; the library keeps its own with another setting."""
    return SHIM if who.key.startswith(f"{SHIM}-") else who.key.removesuffix(f"+{SHIM}")
