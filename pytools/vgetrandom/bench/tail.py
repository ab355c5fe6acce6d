"""The slowest draws: of threads that have drawn before, few or many of them alive, and after a new key of the kernel's.

What the machine itself does meanwhile is measured beside: a piece of code that does nothing has a tail too.
"""

from __future__ import annotations

from collections.abc import Sequence

from .model import SYSCALL, Series
from .session import Session

SIZE = 16  # bytes a draw
NOTHING = "nothing"  # who draws nothing: what the clock, interrupts and other processes do to any draw
# What the worker's "tail" and "reseed" print, in this order; all in nanoseconds.
QUANTILES = ("median", "99", "99.9", "longest", "longest-kept")
_DRAWS = 100_000  # a sample, of all threads together
_NOTHING = "=nothing"


def measure(session: Session) -> None:
    """Adds "tail-..." for each number of threads, and "reseed-...": the draws for which the kernel gives a new key.

    Of each sample: the median, the 99th and 99.9th of a hundred, the longest, and the longest whose thread was not
    taken off its CPU. For new keys the command must be root's (RNDRESEEDCRNG, drivers/char/random.c); without, the
    kernel makes one a minute, and nothing is added.
    """
    settings = session.settings
    who = [(key, session.workers[key].main, key) for key in session.libcs()]
    if SYSCALL in session.workers:
        who.append((NOTHING, _NOTHING, SYSCALL))
    session.progress.begin("slowest draws", settings.tail_rounds * (len(settings.tail_threads) + 1))
    found: dict[tuple[str, str, int], list[Sequence[float]]] = {}
    for key in dict.fromkeys(worker for _, _, worker in who):
        session.workers[key].pin(-1)
    for _ in range(settings.tail_rounds):
        for threads in settings.tail_threads:
            for name, function, key in session.random.sample(who, len(who)):
                (values,) = session.workers[key].ask(f"tail {function} {SIZE} {_DRAWS} {threads}")
                found.setdefault((name, "tail", threads), []).append(values)
            session.progress.advance()
        for name, function, key in session.random.sample(who, len(who)):
            (values,) = session.workers[key].ask(f"reseed {function} {SIZE} {settings.reseeds}")
            found.setdefault((name, "reseed", 1), []).append(values)
        session.progress.advance()
    for key in dict.fromkeys(worker for _, _, worker in who):
        session.workers[key].pin(session.cpu)
    session.series += _series(session, found)


def _series(session: Session, found: dict[tuple[str, str, int], list[Sequence[float]]]) -> list[Series]:
    """Samples of -1 are of more threads than this host lets a process have, or of keys without root."""
    made = []
    for (name, kind, threads), samples in found.items():
        function = session.workers[name].main if name != NOTHING else _NOTHING
        for quantile, values in zip(QUANTILES, zip(*samples)):
            if min(values) >= 0:
                made.append(Series(f"{kind}-{quantile}", name, function, threads, "ns", tuple(values)))
    return made
