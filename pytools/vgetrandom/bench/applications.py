"""Whole programs without and with the library: time, and the getrandom system calls that the kernel saw."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence

from ..errors import VgetrandomError
from ..preload.library import library_path
from .model import LIBC, SHIM, Participant, Series
from .programs import PROGRAMS, Program
from .session import Session
from .traced import traced
from .worker import clean_environment


def measure(session: Session) -> None:
    """Adds "program" in seconds and, where there is strace, "program-calls"; LIBC is without the library, SHIM with it.

    A program that is not installed, or fails as it is, is noted as absent.
    """
    scale = session.settings.program_scale
    session.progress.begin("programs", len(PROGRAMS))
    for program in PROGRAMS:
        reason = _why_not(program, scale)
        if reason:
            absent = Participant(f"program {program.name}", program.title(scale), absent=reason)
            session.participants.append(absent)
            session.progress.absent(absent)
        else:
            _measure_one(session, program)
        session.progress.advance()


def _why_not(program: Program, scale: float) -> str:
    words = program.words(scale)
    if shutil.which(words[0]) is None:
        return f"{words[0]} is not installed"
    try:
        _run(words, {})
    except VgetrandomError as error:
        return str(error)
    return ""


def _measure_one(session: Session, program: Program) -> None:
    words, title = program.words(session.settings.program_scale), program.title(session.settings.program_scale)
    environments = {LIBC: {}, SHIM: {"LD_PRELOAD": str((session.shim or library_path()).resolve())}}
    samples: dict[str, list[float]] = {key: [] for key in environments}
    for _ in range(session.settings.program_rounds):
        for key in session.shuffled(list(environments)):
            samples[key].append(_run(words, environments[key]))
    for key, environment in environments.items():
        session.series.append(Series("program", key, title, 0, "s", tuple(samples[key])))
        calls = _system_calls(words, environment)
        if calls is not None:
            session.series.append(Series("program-calls", key, title, 0, "calls", (calls,)))


def _run(words: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds from start to end. Raises VgetrandomError when the program fails."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-bench-") as folder:
        start = time.perf_counter()
        done = subprocess.run(
            words, cwd=folder, env=clean_environment(environment), stdin=subprocess.DEVNULL, capture_output=True
        )
        taken = time.perf_counter() - start
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise VgetrandomError(f"{words[0]} failed: {lines[-1] if lines else f'exit status {done.returncode}'}")
    return round(taken, 6)


def _system_calls(words: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """How many getrandom system calls the whole process tree made; None where strace is missing or may not trace."""
    lines = traced(words, environment, ("--seccomp-bpf", "-e", "trace=getrandom"))
    return None if lines is None else sum(" getrandom(" in line for line in lines)


def program_note(title: str, scale: float) -> str:
    """Where the program of this title gets its random bytes from."""
    return next((program.why for program in PROGRAMS if program.title(scale) == title), "")
