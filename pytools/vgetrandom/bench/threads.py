"""Throughput of several threads, and what a new thread or a forked child pays for its first draws."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from .model import Series
from .session import Session

SIZE = 32  # bytes a draw for throughput
FIRST_SIZE = 16  # bytes of a first draw
_SLICE_NS = 8_000_000  # of one throughput sample
_AT_ONCE = 9  # threads or children a sample, one after the other; the sample is their median
# What the worker's "first" and "fork" print, in this order; all in nanoseconds.
FIRST = ("thread-first-draw", "thread-second-draw", "thread-with-draw", "thread")
FORK = ("fork-first-draw", "fork-with-draw", "fork")


def thread_counts(cpus: int) -> list[int]:
    """1 to twice the CPUs, doubling."""
    counts = [1]
    while counts[-1] * 2 < cpus * 2:
        counts.append(counts[-1] * 2)
    return sorted({*counts, cpus, cpus * 2})


def measure_throughput(session: Session) -> None:
    """Adds "throughput": draws of SIZE bytes a second, of all threads together, on all CPUs."""
    keys = session.different()
    counts = thread_counts(len(os.sched_getaffinity(0)))
    samples: dict[tuple[str, int], list[float]] = {(key, count): [] for key in keys for count in counts}
    rounds = session.settings.short_rounds
    session.progress.begin("throughput", rounds * len(counts))
    for key in keys:
        session.workers[key].pin(-1)
    for _ in range(rounds):
        for count in counts:
            for key in session.shuffled(keys):
                worker = session.workers[key]
                ((rate,),) = worker.ask(f"threads {worker.main} {SIZE} {count} {_SLICE_NS}")
                samples[key, count].append(rate)
            session.progress.advance()
    for key in keys:
        session.workers[key].pin(session.cpu)
    session.series += [
        Series("throughput", key, session.workers[key].main, count, "1/s", tuple(values))
        for (key, count), values in samples.items()
    ]


def measure_first_draws(session: Session) -> None:
    """Adds, in ns: a thread's first draw and its second; making a thread that draws once, and one that does not.

    And the same of forks, without the second draw.
    """
    _measure_together(
        session, "first draws of threads", FIRST, lambda function: f"first {function} {FIRST_SIZE} {_AT_ONCE}"
    )
    _measure_together(session, "forks", FORK, lambda function: f"fork {function} {FIRST_SIZE} {_AT_ONCE}")


def _measure_together(session: Session, title: str, measures: Sequence[str], request: Callable[[str], str]) -> None:
    keys = session.different()
    samples: dict[tuple[str, str], list[float]] = {(key, name): [] for key in keys for name in measures}
    session.progress.begin(title, session.settings.short_rounds)
    for _ in range(session.settings.short_rounds):
        for key in session.shuffled(keys):
            worker = session.workers[key]
            (values,) = worker.ask(request(worker.main))
            for name, value in zip(measures, values):
                if value >= 0:  # -1: a forked child does not survive its draw
                    samples[key, name].append(value)
        session.progress.advance()
    session.series += [
        Series(name, key, session.workers[key].main, FIRST_SIZE, "ns", tuple(values))
        for (key, name), values in samples.items()
        if values
    ]
