"""Throughput of several threads."""

from __future__ import annotations

import os

from .model import Series
from .session import Session

SIZE = 32  # bytes a draw for throughput
_SLICE_NS = 8_000_000  # of one throughput sample


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
