"""One whole run: start the contenders, take every measure, and return what was found."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.identity import require_preloadable
from ..preload.library import library_path
from . import applications, calls, emulated, instructions, latency, lives, machine, memory, sizes, start, tail, threads
from .contenders import Contender
from .model import LIBC, Run
from .session import Progress, Session, Settings

MEASURES: Mapping[str, Callable[[Session], None]] = {
    "latency": latency.measure,
    "throughput": threads.measure_throughput,
    "first": lives.measure,
    "tail": tail.measure,
    "calls": calls.measure,
    "start": start.measure,
    "memory": memory.measure,
    "size": sizes.measure,
    "instructions": instructions.measure,
    "programs": applications.measure,
}


def measure(
    contenders: Sequence[Contender],
    measures: Sequence[str],
    settings: Settings,
    shim: Path | None,
    progress: Progress,
    emulate: Sequence[str] = (),
) -> Run:
    """Run the benchmark; `shim` is a build of the library, or None for the installed one.

    `emulate` names architectures (emulated.ARCHITECTURES) on which the instructions of draws are counted, too.

    Raises VgetrandomError when no contender can take part, or one fails on the way.
    """
    cpus = os.sched_getaffinity(0)
    session = Session(settings, progress, max(cpus), shim)
    library = shim or library_path()
    if "programs" in measures or any(contender.with_shim for contender in contenders):
        require_preloadable(library.resolve())
    try:
        machines = emulated.prepare(emulate, progress)
        session.start(contenders)
        if not session.workers:
            reasons = "; ".join(dict.fromkeys(participant.absent for participant in session.participants))
            raise VgetrandomError(f"no contender can take part: {reasons}")
        timer = _timer(session)
        for name in measures:
            with_cpus = cpus if name in ("throughput", "tail", "programs") else cpus - {session.cpu} or cpus
            os.sched_setaffinity(0, with_cpus)  # out of the workers' way
            MEASURES[name](session)
        if machines:
            emulated.measure(session, machines)
    finally:
        os.sched_setaffinity(0, cpus)
        session.close()
    return Run(
        machine=machine.describe(library),
        settings={**asdict(settings), "measures": list(measures), **timer},
        participants=tuple(session.participants),
        series=tuple(session.series),
    )


def _timer(session: Session) -> dict[str, float]:
    """What looking at the clock costs, and one turn of the measuring loop: nanoseconds; figures contain them."""
    native = session.native()
    if not native:
        return {}
    worker = session.workers[LIBC if LIBC in native else native[0]]
    ((clock,),) = worker.ask("timer")
    loop = sorted(worker.turns(("=nothing", 16, 100_000))[0].ns for _ in range(5))[2]
    return {"timer_ns": clock, "loop_ns": round(loop, 2)}
