"""What a libc's way to find a state costs, as plain tables: first draws, forks, slowest draws, calls, memory, size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from . import calls, lives, tail
from .cells import full_name, time_cell
from .model import LIBC, Run, Series
from .sizes import SIZES
from .start import EMPTY
from .statistics import mean
from .text import NO_VALUE, Table, digits, time_text

_Column = tuple[str, str, int]  # heading, measure, parameter


def all_tables(run: Run) -> Iterator[Table]:
    """Those without samples have no rows."""
    yield first_draws(run)
    yield forks(run)
    yield from slowest(run)
    yield system_calls(run)
    yield memory_use(run)
    yield file_sizes(run)


def first_draws(run: Run) -> Table:
    """Of programs and threads."""
    crowd = max((series.parameter for series in run.select("crowd-first-draw")), default=0)
    columns = [
        ("program's first", "program-first-draw", -1),
        ("second", "program-second-draw", -1),
        ("thread's first", "thread-first-draw", -1),
        ("second", "thread-second-draw", -1),
        ("third", "thread-third-draw", -1),
        ("its end", "thread-end", -1),
        ("end without draws", "thread-end-idle", -1),
        (f"one of {crowd:,}: first", "crowd-first-draw", crowd),
        ("second", "crowd-second-draw", crowd),
        ("third", "crowd-third-draw", crowd),
        ("thread that draws", "thread-with-draw", -1),
        ("thread", "thread", -1),
    ]
    return _times(
        run,
        f"The first draws of a program and of a thread, {lives.SIZE} bytes",
        "Threads one after the other, and threads that are all alive. An end is from the last draw until somebody who "
        "joins the thread knows; the last two columns are from making a thread to joining it, with a draw and without.",
        columns,
    )


def forks(run: Run) -> Table:
    """Of forked children, by the threads of their parent."""
    columns = []
    for threads in sorted({series.parameter for series in run.select("fork-first-draw")}):
        columns.append((f"first, {threads:,} thread{'s' * (threads > 1)}", "fork-first-draw", threads))
        columns.append(("second", "fork-second-draw", threads))
        columns.append(("child that draws", "fork-with-draw", threads))
        columns.append(("child", "fork", threads))
    return _times(
        run,
        f"The first draws of a forked child, {lives.SIZE} bytes, by the threads of its parent",
        "All threads have drawn. A child's whole life is from fork to its end, with one draw and with none.",
        columns,
    )


def slowest(run: Run) -> Iterator[Table]:
    """A table for each quantile, with what the machine does to a piece of code that draws nothing."""
    titles = {
        "99": "One draw of a hundred takes longer",
        "99.9": "One draw of a thousand takes longer",
        "longest": "The longest draw",
        "longest-kept": "The longest draw whose thread kept its CPU",
    }
    counts = sorted({series.parameter for series in run.select("tail-99")})
    for quantile, title in titles.items():
        columns = [(f"{count:,} thread{'s' * (count > 1)}", f"tail-{quantile}", count) for count in counts]
        columns.append(("a new key", f"reseed-{quantile}", -1))
        what = "The longest of all samples." if quantile.startswith("longest") else "Medians over samples."
        yield _times(
            run,
            f"{title}, {tail.SIZE} bytes",
            f"{what} Threads are alive at once and draw, on all CPUs; last, a draw after a new key of the kernel's.",
            columns,
            {tail.NOTHING: "nothing drawn: clock and machine"},
            largest=quantile.startswith("longest"),
        )


def _times(
    run: Run,
    title: str,
    explanation: str,
    columns: Sequence[_Column],
    others: Mapping[str, str] | None = None,
    largest: bool = False,
) -> Table:
    """A row for each contender that has any of the measures; columns that nobody has are left out."""
    names = {**{who.key: full_name(who) for who in run.present()}, **(others or {})}
    there = [column for column in columns if any(True for _ in run.select(column[1], "", "", column[2]))]
    rows = []
    for key, name in names.items():
        found = [run.find(measure, key, "", parameter) for _, measure, parameter in there]
        if any(found):
            rows.append((name, *(_longest_cell(series) if largest else time_cell(series) for series in found)))
    return Table(title, explanation, ("contender", *(heading for heading, _, _ in there)), tuple(rows))


def _longest_cell(series: Series | None) -> str:
    return NO_VALUE if series is None else time_text(max(series.samples))


def system_calls(run: Run) -> Table:
    """Names and numbers, by stage."""
    rows = []
    for who in run.present():
        found = {stage: list(run.select("calls", who.key, stage)) for stage in calls.STAGES}
        if any(found.values()):
            rows.append((full_name(who), *(_calls_text(series) for series in found.values())))
    return Table(
        "System calls of each stage",
        "As strace saw them: of each draw; of a thread's end, beyond those of a thread that did not draw; and of fork "
        "in a process with eleven threads, in parent and child, beside the fork itself.",
        ("contender", *(stage.replace("-", "'s ") for stage in calls.STAGES)),
        tuple(rows),
        left=len(calls.STAGES) + 1,
    )


def _calls_text(found: Sequence[Series]) -> str:
    if not found:
        return NO_VALUE
    counted = [(series.unit, series.samples[0]) for series in found if series.samples[0]]
    return ", ".join(f"{name} x{count:g}" if count > 1 else name for name, count in counted) or "none"


def memory_use(run: Run) -> Table:
    """Private memory, in KiB."""
    libc = run.participant(LIBC)
    names = {participant.key: full_name(participant) for participant in run.present()}
    names[EMPTY] = f"{libc.label if libc else 'libc'} + an empty library"
    columns = [("written", "memory", -1), ("only read", "memory-clean", -1), ("page tables", "page-tables", -1)]
    for threads in sorted({series.parameter for series in run.select("thread-memory")}):
        columns.append((f"a thread, of {threads:,}", "thread-memory", threads))
    rows = []
    for key, label in names.items():
        found = [run.find(measure, key, "", parameter) for _, measure, parameter in columns]
        if any(found):
            rows.append((label, *(NO_VALUE if series is None else digits(mean(series.samples)) for series in found)))
    return Table(
        "Private memory of a process that draws once, and of each further thread that draws three times, in KiB",
        "Means over fresh processes. What a library adds is the difference to its libc alone.",
        ("contender", *(heading for heading, _, _ in columns)),
        tuple(rows),
    )


def file_sizes(run: Run) -> Table:
    """Bytes in the files."""
    rows = []
    for who in run.present():
        found = [list(run.select(name, who.key)) for name in SIZES]
        if all(found):
            rows.append((who.label, *(" + ".join(f"{one.samples[0]:,.0f}" for one in series) for series in found)))
    return Table(
        "Size of libc, and of the library where there is one, in bytes",
        "As size(1) counts: code and constants, initialised data, data that starts as zeros.",
        ("contender", *SIZES),
        tuple(rows),
    )
