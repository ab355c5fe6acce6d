"""What preloading the library adds to the start of a program."""

from __future__ import annotations

from ..preload.library import library_path
from .building import build_empty_library
from .model import LIBC, SHIM, Series
from .session import Session

PROGRAM = "/bin/true"
EMPTY = "empty"  # an empty library preloaded: what any preloading costs


def measure(session: Session) -> None:
    """Adds "start", in nanoseconds from starting PROGRAM to its end: alone, with an empty library, with this one.

    All by one worker that has nothing preloaded itself.
    """
    launcher = session.workers.get(LIBC)
    if launcher is None or SHIM not in session.workers:
        return
    preloads = {LIBC: "", EMPTY: str(build_empty_library()), SHIM: str((session.shim or library_path()).resolve())}
    samples: dict[str, list[float]] = {key: [] for key in preloads}
    session.progress.begin("program start", session.settings.starts)
    for _ in range(session.settings.starts):
        for key in session.shuffled(list(preloads)):
            ((taken,),) = launcher.ask(f"start {PROGRAM} {preloads[key]}".rstrip())
            samples[key].append(taken)
        session.progress.advance()
    session.series += [Series("start", key, PROGRAM, 0, "ns", tuple(values)) for key, values in samples.items()]
