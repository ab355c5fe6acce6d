"""What the first draws of a thread, and of a forked child, cost: where a libc finds a state, and gives it back."""

from __future__ import annotations

from collections.abc import Sequence

from .model import Series
from .session import Session

SIZE = 16  # bytes a draw
# Threads of the process that forks, all of which have drawn; and how many times fewer samples that gets.
FORKING = {1: 1, 100: 4, 1000: 10}
_AT_ONCE = 9  # threads or children a sample, one after the other; the sample is their median
# What the worker's "life" and "fork" print, in this order; all in nanoseconds.
THREAD = (
    "thread-first-draw",
    "thread-second-draw",
    "thread-third-draw",
    "thread-end",
    "thread-end-idle",
    "thread-with-draw",
    "thread",
)
FORK = ("fork-first-draw", "fork-second-draw", "fork-with-draw", "fork")


def measure(session: Session) -> None:
    """Adds, in ns: a thread's first three draws and its end; making a thread that draws once, and one that does not.

    And a forked child's first two draws, and its whole life with one draw and with none; the parameter is how many
    threads its parent has.
    """
    rounds, everybody = session.settings.short_rounds, session.different()
    _measure_together(session, everybody, "threads", "life", THREAD, 1, rounds)
    for threads, part in FORKING.items():
        title = f"forks, {threads} thread{'s' * (threads > 1)}"
        who = everybody if threads == 1 else session.libcs()
        _measure_together(session, who, title, "fork", FORK, threads, max(1, rounds // part))


def _measure_together(
    session: Session, keys: list[str], title: str, request: str, measures: Sequence[str], threads: int, rounds: int
) -> None:
    samples: dict[tuple[str, str], list[float]] = {(key, name): [] for key in keys for name in measures}
    session.progress.begin(title, rounds)
    for _ in range(rounds):
        for key in session.shuffled(keys):
            worker = session.workers[key]
            (values,) = worker.ask(f"{request} {worker.main} {SIZE} {_AT_ONCE} {threads}")
            for name, value in zip(measures, values):
                if value >= 0:  # -1: a forked child does not survive its draw
                    samples[key, name].append(value)
        session.progress.advance()
    session.series += [
        Series(name, key, session.workers[key].main, threads, "ns", tuple(values))
        for (key, name), values in samples.items()
        if values
    ]
