"""Instructions a draw, counted by single-stepping: the one figure that no other process on the machine disturbs."""

from __future__ import annotations

from .model import Series
from .session import Session
from .worker import Worker

# The vDSO makes 96 bytes at a time (CHACHA_BLOCK_SIZE * 3 / 2 in include/vdso/getrandom.h): so many draws of a size in
# bytes end where they began.
DRAWS = {4: 24, 16: 6, 32: 3, 64: 3, 256: 3, 4096: 3}

_LONG = 4000  # instructions


def measure(session: Session) -> None:
    """Adds "instructions" a draw, without the measuring loop; a system call counts as one."""
    keys = session.different()
    session.progress.begin("instructions", len(keys) * len(DRAWS))
    for key in keys:
        worker = session.workers[key]
        for size, count in DRAWS.items():
            value = _instructions(worker, size, count)
            if value >= 0:
                session.series.append(Series("instructions", key, worker.main, size, "instructions", (value,)))
            session.progress.advance()


def _instructions(worker: Worker, size: int, count: int) -> float:
    """Of one draw. Of long ones no more is stepped through than one: a step takes two turns of the scheduler.

    Each is counted twice. The kernel may have made a new key in between, with which the vDSO begins a draw anew, and
    the less is the usual.
    """
    stepped, empty = min(worker.ask(*[f"steps {worker.main} {size} 1"] * 2))
    if stepped < 0:
        return -1
    if stepped < _LONG and count > 1:
        stepped, empty = min(worker.ask(*[f"steps {worker.main} {size} {count}"] * 2))
        return round((stepped - empty) / count, 1)
    return stepped - empty
