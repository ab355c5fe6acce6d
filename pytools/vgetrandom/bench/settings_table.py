"""Every setting of the library at every size, against those that it must not be slower than."""

from __future__ import annotations

from collections.abc import Iterator

from .model import LIBC, SHIM, SHIM_AVX2, SHIM_SSE2, SHIM_VDSO, SYSCALL, VDSO, Run, Series
from .statistics import ratio, summarise
from .text import NO_VALUE, Table, size_text, times_text
from .verdicts import NEW

SETTINGS = (SHIM, SHIM_AVX2, SHIM_SSE2, SHIM_VDSO)
RIVALS = (SYSCALL, VDSO, NEW)
_TELLABLE = 0.02  # a part of the rival's time: less is not called slower


def table(run: Run) -> Table:
    """Cost against each rival; marked where it is more than the library's own call explains."""
    sizes = sorted({series.parameter for series in run.select("latency", SHIM) if series.parameter})
    rows = []
    for key in SETTINGS:
        for rival in RIVALS:
            who, other = run.participant(key), run.participant(rival)
            if who and other and key != rival:
                found = {size: run.find("latency", key, who.main, size) for size in sizes}
                if any(found.values()):
                    rows.append((who.label, other.label, *(_cell(run, one, rival) for one in found.values())))
    return Table(
        "Every setting, at every size: cost against the system call, the bare vDSO and the newest glibc",
        "Medians over pairs. (!): slower, in more than three of four pairs, by more than "
        f"{_TELLABLE:.0%} and what calling a function costs: {own_cost(run, VDSO):.1f} ns, the library's beyond the "
        f"bare vDSO's, and {own_cost(run, SYSCALL):.1f} ns, a plain libc's beyond the system call's, at the smallest "
        "size.",
        ("setting", "against", *map(size_text, sizes)),
        tuple(rows),
        left=2,
    )


def slower_cells(run: Run) -> Iterator[tuple[str, str, int]]:
    """Setting, rival and size of each cell that is marked."""
    for key in SETTINGS:
        who = run.participant(key)
        for series in run.select("latency", key, who.main if who else ""):
            for rival in RIVALS:
                if is_slower(run, series, rival):
                    yield key, rival, series.parameter


def own_cost(run: Run, rival: str) -> float:
    """Nanoseconds that any function costs which only passes a draw on to the rival, at the smallest size; 0: unknown.

    Of the system call, what a libc's does; of the vDSO, and of who calls it, what the library's does.
    """
    key, reference = (LIBC, SYSCALL) if rival == SYSCALL else (SHIM, VDSO)
    for series in sorted(run.select("latency", key, "getrandom"), key=lambda one: one.parameter):
        against = series.beside.get(reference)
        if against:
            return max(0.0, summarise([mine - other for mine, other in zip(series.samples, against)]).high)
    return 0.0


def is_slower(run: Run, series: Series, rival: str) -> bool:
    """Beyond a function's own cost and what can be told apart, in more than three of four pairs."""
    found = ratio(run, series, rival)
    if found is None or found.low <= 1:
        return False
    rivals_time = summarise(series.samples).median / found.median
    return rivals_time * (found.median - 1) > own_cost(run, rival) + _TELLABLE * rivals_time


def _cell(run: Run, series: Series | None, rival: str) -> str:
    found = ratio(run, series, rival) if series else None
    if series is None or found is None:
        return NO_VALUE
    return times_text(found.median) + (" (!)" if is_slower(run, series, rival) else "")
