"""Whether a program takes less time with the library: from the times of pairs of runs, and no further than they tell.

A pair is one run without and one with the library, one right after the other; which comes first alternates. Its ratio
says how many times as long the run with the library took. What disturbs a machine for longer than a pair disturbs both.
The clock is asked first. Where its times scatter too much, as on a busy machine, the processors' time is asked: what
others do meanwhile is not in it, but it leaves out processes that nobody waited for.

The interval around the median of the ratios is that of the sign test: each ratio lies above the true median as often as
below, so how many of them do is a binomial number. It supposes nothing about how the times are distributed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LOOKS = (9, 16, 32, 64)  # pairs after which the times are looked at; the first number gives an interval at all
# How often one interval misses the true median. There are two at each look, and one more look when the time is over:
# a false verdict in at most 5 of 100 checks.
_MISS = 0.005
SAME = 0.02  # of the time; an interval that lies within so much of 1 is called no difference

WALL, PROCESSOR = "time", "processor time"
GAINS, NO_DIFFERENCE, LOSES, UNKNOWN = "gains", "no difference", "loses", "can't tell"


@dataclass(frozen=True)
class Interval:
    """A median, and the bounds that hold the true one in 199 of 200 cases; in the unit of the samples."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """What the times tell.

    verdict  GAINS, NO_DIFFERENCE, LOSES or UNKNOWN
    measure  WALL or PROCESSOR: which time tells
    pairs    of runs
    ratio    time with the library in times without, pair by pair; None when there are too few pairs for an interval
    more     pairs beyond these that would probably tell; 0 when they do
    """

    verdict: str
    measure: str
    pairs: int
    ratio: Interval | None
    more: int


def interval(samples: Sequence[float]) -> Interval | None:
    """None for fewer than 9 samples: not even the smallest and the largest hold the median often enough."""
    rank = _rank(len(samples))
    if rank < 0:
        return None
    ordered = sorted(samples)
    return Interval(statistics.median(ordered), ordered[rank], ordered[-1 - rank])


def _rank(number: int) -> int:
    """The largest r for which at most r of `number` fair coins show heads, or tails, no more often than _MISS.

    -1 when not even 0 of them are that seldom.
    """
    rank, ways = -1, 1
    while 2 * ways <= _MISS * 2**number:
        rank += 1
        ways += math.comb(number, rank + 1)
    return rank


def judge_runs(wall: Sequence[tuple[float, float]], processor: Sequence[tuple[float, float]]) -> Gain:
    """By the clock where that tells, else by the processors' time; seconds without and with the library, by pair."""
    by_clock, by_processor = judge_times(wall, WALL), judge_times(processor, PROCESSOR)
    if by_clock.verdict != UNKNOWN or by_processor.ratio is None:
        return by_clock
    if by_processor.verdict != UNKNOWN:
        return by_processor
    return min(by_clock, by_processor, key=lambda gain: gain.more)


def judge_times(pairs: Sequence[tuple[float, float]], measure: str = WALL) -> Gain:
    """`pairs`: times without and with the library, in seconds."""
    ratio = interval([after / before for before, after in pairs if before > 0])
    if not ratio:
        return Gain(UNKNOWN, measure, len(pairs), None, max(1, LOOKS[0] - len(pairs)))
    if ratio.high < 1:
        return Gain(GAINS, measure, len(pairs), ratio, 0)
    if ratio.low > 1:
        return Gain(LOSES, measure, len(pairs), ratio, 0)
    if ratio.low > 1 - SAME and ratio.high < 1 + SAME:
        return Gain(NO_DIFFERENCE, measure, len(pairs), ratio, 0)
    return Gain(UNKNOWN, measure, len(pairs), ratio, _more(len(pairs), ratio))


def _more(pairs: int, ratio: Interval) -> int:
    """An interval narrows as the square root of the number of pairs; the nearer one of both verdicts is aimed at."""
    away = abs(ratio.median - 1)
    wanted = max(away, SAME - away)
    reach = max(ratio.high - ratio.median, ratio.median - ratio.low)
    return max(1, math.ceil(pairs * (reach / wanted) ** 2) - pairs)
