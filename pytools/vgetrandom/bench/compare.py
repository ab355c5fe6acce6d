"""Two runs beside each other: what became faster or slower by more than noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .model import LIBC, SYSCALL, VDSO, Run, Series
from .statistics import Summary, noise, ratio, summarise
from .text import Table, time_text

_FLOOR = 0.03  # smaller changes are never called changes, however quiet the machine seemed
_BIGGER_IS_BETTER = "1/s"
# What a measure is compared by: a faster machine changes this contender's figures as much as everybody's.
_YARDSTICKS = {
    "latency": VDSO,
    "throughput": SYSCALL,
    "thread-first-draw": SYSCALL,
    "thread-second-draw": SYSCALL,
    "thread-third-draw": SYSCALL,
    "thread-end": SYSCALL,
    "thread-with-draw": SYSCALL,
    "thread": SYSCALL,
    "fork-first-draw": SYSCALL,
    "fork-second-draw": SYSCALL,
    "fork-with-draw": SYSCALL,
    "fork": SYSCALL,
    "start": LIBC,
    "program": LIBC,
}


@dataclass(frozen=True)
class Change:
    """One series in both runs. `factor` is how many times dearer the second is; below 1, cheaper."""

    series: Series
    before: float
    after: float
    factor: float
    significant: bool


def changes(first: Run, second: Run) -> Iterator[Change]:
    """Every series that both runs have.

    Times are compared as multiples of a yardstick of their own run, everything else as it is. Significant: beyond the
    noise of both runs, with quartiles apart.
    """
    floor = max([_FLOOR, *(found.difference for run in (first, second) if (found := noise(run)))])
    for series in first.series:
        other = second.find(series.measure, series.contender, series.function, series.parameter)
        if not other or not series.samples or not other.samples:
            continue
        one, two = _comparable(first, series), _comparable(second, other)
        if not one.median or not two.median:
            continue
        factor = two.median / one.median
        apart = two.low > one.high or two.high < one.low
        if series.unit == _BIGGER_IS_BETTER:
            factor = 1 / factor
        judged = series.contender != _YARDSTICKS.get(series.measure)
        significant = judged and abs(factor - 1) > floor and (apart or len(series.samples) == 1)
        yield Change(series, summarise(series.samples).median, summarise(other.samples).median, factor, significant)


def table(first: Run, second: Run, everything: bool) -> Table:
    """The significant changes, or all."""
    rows = [_row(change) for change in changes(first, second) if everything or change.significant]
    return Table(
        "What changed" if rows else "Nothing changed beyond noise",
        "Latencies are judged as multiples of their own run's bare vDSO call, other times of its system call or libc.",
        ("measure", "contender", "function", "size or threads", "first", "second", "cost", ""),
        tuple(rows),
        left=4,
    )


def slower(first: Run, second: Run) -> bool:
    """Whether anything became slower or bigger beyond noise."""
    return any(change.significant and change.factor > 1 for change in changes(first, second))


def _comparable(run: Run, series: Series) -> Summary:
    yardstick = _YARDSTICKS.get(series.measure, series.contender)
    against = ratio(run, series, yardstick) if yardstick != series.contender else None
    return against or summarise(series.samples)


def _row(change: Change) -> tuple[str, ...]:
    series = change.series
    verdict = ("dearer" if change.factor > 1 else "cheaper") if change.significant else ""
    texts = [_value_text(series.unit, value) for value in (change.before, change.after)]
    return (
        series.measure,
        series.contender,
        series.function,
        str(series.parameter),
        *texts,
        f"{change.factor - 1:+.1%}",
        verdict,
    )


def _value_text(unit: str, value: float) -> str:
    if unit in ("ns", "s"):
        return time_text(value * (1e9 if unit == "s" else 1))
    return f"{value:,.0f} {unit}" if unit != _BIGGER_IS_BETTER else f"{value / 1e6:.2f} M/s"
