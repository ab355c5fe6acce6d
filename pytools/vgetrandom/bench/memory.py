"""Private memory that a contender adds to a process, and to each of its threads."""

from __future__ import annotations

from pathlib import Path

from . import contenders
from .building import build_empty_library
from .contenders import Contender
from .model import SHIM, Series
from .session import Session
from .start import EMPTY
from .threads import FIRST_SIZE

THREADS = 64  # alive at once
# What the worker's "memory" prints, in this order.
_MEASURES = ("memory", "memory-clean", "page-tables")


def measure(session: Session) -> None:
    """Adds, in KiB: private pages written to, private pages only read and page tables of a process after one draw; and
    "thread-memory", what two draws in each of THREADS threads add to the first of them, a thread.

    The worker of the run stays alive meanwhile, so that pages of the files that both map count as shared.
    """
    fresh: dict[str, tuple[Contender, Path | None]] = {
        key: (session.contenders[key], None) for key in session.different()
    }
    if SHIM in fresh:
        fresh[EMPTY] = (session.contenders[SHIM], build_empty_library())
    starts = max(1, session.settings.short_rounds // 2)  # fresh ones: the address space is laid out anew in each
    samples: dict[tuple[str, str], list[float]] = {
        (key, name): [] for key in fresh for name in (*_MEASURES, "thread-memory")
    }
    session.progress.begin("memory", starts * len(fresh))
    for _ in range(starts):
        for key, (contender, stand_in) in fresh.items():
            worker = contenders.start(contender, session.shim, stand_in)
            try:
                process, thread = worker.ask(
                    f"memory {worker.main} {FIRST_SIZE}", f"thread_memory {worker.main} {FIRST_SIZE} {THREADS}"
                )
            finally:
                worker.close()
            for name, value in zip((*_MEASURES, "thread-memory"), (*process, thread[0] / THREADS)):
                samples[key, name].append(value)
            session.progress.advance()
    session.series += [Series(name, key, "", 0, "KiB", tuple(values)) for (key, name), values in samples.items()]
