"""Private memory that a contender adds to a process, and to each of its threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from . import contenders
from .building import build_empty_library
from .contenders import Contender
from .lives import SIZE
from .model import SHIM, Series
from .session import Session
from .start import EMPTY

FEW = 64  # threads alive at once
THREADS = (1, FEW, 1000)  # of contenders that have a state for each thread
# What the worker's "memory" prints, in this order: KiB, and nanoseconds.
_MEASURES = {
    "memory": "KiB",
    "memory-clean": "KiB",
    "page-tables": "KiB",
    "program-first-draw": "ns",
    "program-second-draw": "ns",
    "program-third-draw": "ns",
}
# What its "thread_memory" prints, the first of all threads together.
_OF_THREADS = {
    "thread-memory": "KiB",
    "crowd-first-draw": "ns",
    "crowd-second-draw": "ns",
    "crowd-third-draw": "ns",
}


def measure(session: Session) -> None:
    """Adds, in KiB: private pages written to, private pages only read and page tables of a process after one draw; and
    "thread-memory", what three draws in each of some threads add to the first of them, a thread.

    And what these draws cost in ns, the first of a program and of threads of which nobody has ended before.
    The worker of the run stays alive meanwhile, so that pages of the files that both map count as shared.
    """
    fresh: dict[str, tuple[Contender, Path | None]] = {
        key: (session.contenders[key], None) for key in session.different()
    }
    if SHIM in fresh:
        fresh[EMPTY] = (session.contenders[SHIM], build_empty_library())
    starts = max(1, session.settings.short_rounds // 2)  # fresh ones: the address space is laid out anew in each
    samples: dict[tuple[str, str, int], list[float]] = {}
    libcs = session.libcs()
    session.progress.begin("memory", starts * len(fresh))
    for _ in range(starts):
        for key, (contender, stand_in) in fresh.items():
            crowds = THREADS if key in libcs else (FEW,)
            for name, threads, value in _one_process(session, contender, stand_in, crowds):
                samples.setdefault((key, name, threads), []).append(value)
            session.progress.advance()
    session.series += [
        Series(name, key, "", threads, {**_MEASURES, **_OF_THREADS}[name], tuple(values))
        for (key, name, threads), values in samples.items()
    ]


def _one_process(
    session: Session, contender: Contender, stand_in: Path | None, crowds: Sequence[int]
) -> Iterator[tuple[str, int, float]]:
    """Measure, threads, value. There may not be so many threads on this host."""
    worker = contenders.start(contender, session.shim, stand_in)
    try:
        process, *answers = worker.ask(
            f"memory {worker.main} {SIZE}",
            *(f"thread_memory {worker.main} {SIZE} {threads}" for threads in crowds),
        )
    finally:
        worker.close()
    yield from ((name, 0, value) for name, value in zip(_MEASURES, process))
    for threads, (kib, *draws) in zip(crowds, answers):
        if kib >= 0:
            yield from ((name, threads, value) for name, value in zip(_OF_THREADS, (kib / threads, *draws)))
