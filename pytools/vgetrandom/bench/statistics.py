"""Medians, ratios pair by pair, and how much of a difference is noise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .model import CONTROL, VDSO, Run, Series

TOO_NOISY = 0.05  # when two copies of one contender differ by more, differences between contenders mean little
SMALL = 256  # bytes; the latencies by which noise is judged


@dataclass(frozen=True)
class Summary:
    """Median and quartiles, in the unit of the samples."""

    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """The distance between the quartiles, as a part of the median."""
        return (self.high - self.low) / self.median if self.median else math.inf


def summarise(samples: Sequence[float]) -> Summary:
    """`samples` must not be empty."""
    if len(samples) < 2:
        return Summary(samples[0], samples[0], samples[0])
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Summary(middle, low, high)


def ratio(run: Run, series: Series, baseline: str) -> Summary | None:
    """How many times the baseline's time (or memory, or rate) this is: the median over pairs, not a ratio of medians.

    A pair is one turn of one process where the baseline could run in it, else one round of the run. The baseline's
    counterpart is its function of the same name, else its main one. None when there is no counterpart.
    """
    if baseline == series.contender:
        return Summary(1, 1, 1)
    other = series.beside.get(baseline) or _counterpart(run, series, baseline)
    if not other:
        return None
    pairs = [value / against for value, against in zip(series.samples, other) if against > 0]
    return summarise(pairs) if pairs else None


def difference(series: Series, other: Series) -> Summary:
    """How much more this is than the other, round by round, in their unit."""
    return summarise([value - against for value, against in zip(series.samples, other.samples)])


def _counterpart(run: Run, series: Series, baseline: str) -> Sequence[float]:
    participant = run.participant(baseline)
    for function in dict.fromkeys((series.function, participant.main if participant else "")):
        found = run.find(series.measure, baseline, function, series.parameter)
        if found:
            return found.samples
    return ()


@dataclass(frozen=True)
class Noise:
    """What this run could tell apart."""

    difference: float  # between two copies of the same contender, the worst small size; a part of 1
    disturbed: float  # turns during which another process took the CPU; a part of 1

    @property
    def too_noisy(self) -> bool:
        return self.difference > TOO_NOISY


def noise(run: Run) -> Noise | None:
    """None when the run did not measure latency."""
    differences, disturbed, turns = [], 0, 0
    for series in run.select("latency"):
        switches = series.beside.get("switches", ())
        disturbed += sum(count > 0 for count in switches)
        turns += len(switches)
        if series.contender == CONTROL and series.parameter <= SMALL:
            found = _pairs(run, series)
            if found:
                differences.append(abs(found.median - 1))
    if not differences or not turns:
        return None
    return Noise(max(differences), disturbed / turns)


def _pairs(run: Run, series: Series) -> Summary | None:
    """Across processes, as most pairs are: what the control ran beside itself would flatter the machine."""
    other = _counterpart(run, series, VDSO)
    return summarise([value / against for value, against in zip(series.samples, other)]) if other else None


def mean(samples: Sequence[float]) -> float:
    """For memory, which comes in whole pages: the median of such samples jumps from page to page."""
    return statistics.fmean(samples)
