"""What a run says of the library: whether it met its aims, and where it is not the fastest."""

from __future__ import annotations

from collections.abc import Iterator

from .model import CONTROL, LIBC, SHIM, SHIM_AVX2, SHIM_SSE2, SHIM_VDSO, SYSCALL, THIN, VDSO, Participant, Run
from .statistics import Summary, difference, mean, ratio, summarise
from .text import Table, digits, size_text, time_text, times_text

NEW = "glibc-2.43"  # the newest libc that draws from the vDSO by itself, as aims name it
_CLEARLY = 1.02  # smaller differences are not listed
# Large requests: size in bytes, the contender, whom it is compared with, and how many times as fast it is to be.
_LARGE = (
    (256, SHIM, NEW, 1.5),
    (1024, SHIM, NEW, 3),
    (65536, SHIM, NEW, 7),
    (65536, SHIM, SYSCALL, 12),
    (65536, SHIM_AVX2, NEW, 4),
    (65536, SHIM, "openssl", 1),
    (1048576, SHIM, NEW, 7),
    (1048576, SHIM, SYSCALL, 12),
    (1048576, SHIM_AVX2, NEW, 4),
    (1048576, SHIM, "openssl", 0),
)
# What is compared: the measure, how to say it with and without the parameter, and whether more is better.
_COMPARED = (
    ("throughput", "draws a second (threads: {:,})", True),
    ("thread-first-draw", "a thread's first draw", False),
    ("thread-second-draw", "a thread's second draw", False),
    ("program-first-draw", "a program's first draw", False),
    ("fork-first-draw", "a child's first draw (threads: {:,})", False),
    ("fork-second-draw", "a child's second draw (threads: {:,})", False),
    ("thread-memory", "memory a thread (of {:,})", False),
)


def aims(run: Run) -> Table:
    """The library's own aims, and whether this run saw them met."""
    rows = []
    for name, value, aim, met in _aims(run):
        rows.append((name, value, aim, "" if met is None else "yes" if met else "no"))
    return Table(
        "What the library aims at",
        "Ratios are medians over pairs, with quartiles in brackets.",
        ("measure", "found", "aim", "met"),
        tuple(rows),
    )


def _aims(run: Run) -> Iterator[tuple[str, str, str, bool | None]]:
    for size in (1, 4, 16, 32):
        series = run.find("latency", SHIM, "getrandom", size)
        if not series:
            continue
        name = f"getrandom, {size} byte{'s' if size > 1 else ''}"
        found = ratio(run, series, VDSO)
        if found:
            yield f"{name}: cost against the bare vDSO call", _spread_text(found), "at most 1.10x", found.median <= 1.10
        thin = run.find("latency", THIN, "getrandom", size)
        found = ratio(run, thin, VDSO) if thin else None
        if found:
            yield f"{name}: what a function costs that only passes the call on", _spread_text(found), "", None
        found = ratio(run, series, SYSCALL)
        if found:
            aim, met = ("20x", 1 / found.median >= 20) if size == 4 else ("", None)
            yield f"{name}: times as fast as the system call", _spread_text(_inverse(found)), aim, met
        found = ratio(run, series, NEW)
        if found:
            yield f"{name}: cost against glibc 2.43", _spread_text(found), "not above 1x", found.median <= 1.005
    series = run.find("latency", SHIM, "getentropy", 32)
    found = ratio(run, series, NEW) if series else None
    if found:
        yield (
            "getentropy, 32 bytes: times as fast as glibc 2.43",
            _spread_text(_inverse(found)),
            "5x",
            1 / found.median >= 5,
        )
    yield from _aims_of_large(run)
    yield from _aims_of_life(run)


def _aims_of_large(run: Run) -> Iterator[tuple[str, str, str, bool | None]]:
    for size, key, baseline, aim in _LARGE:
        series, who, other = run.find("latency", key, "", size), run.participant(key), run.participant(baseline)
        found = ratio(run, series, baseline) if series else None
        if found and who and other:
            vectors = " without AVX-512" if key == SHIM_AVX2 else ""
            name = f"getrandom, {size_text(size)}{vectors}: times as fast as {other.label}"
            wanted, met = (f"{aim:g}x", 1 / found.median >= aim) if aim else ("", None)
            yield name, _spread_text(_inverse(found)), wanted, met
    for series in run.select("latency", SHIM, "getrandom"):
        found = ratio(run, series, SHIM_VDSO) if series.parameter > 64 else None
        if found:
            name = f"getrandom, {size_text(series.parameter)}: cost against nobulk, the vDSO or the system call"
            yield name, _spread_text(found), "not above 1x", found.median <= 1.005


def _aims_of_life(run: Run) -> Iterator[tuple[str, str, str, bool | None]]:
    series = run.find("thread-first-draw", SHIM)
    if series:
        new = run.find("thread-first-draw", NEW)
        beside = f" (glibc 2.43: {time_text(summarise(new.samples).median)})" if new else ""
        yield "a thread's first draw, 16 bytes", time_text(summarise(series.samples).median) + beside, "", None
    series, without = run.find("start", SHIM), run.find("start", LIBC)
    if series and without:
        added = difference(series, without).median
        yield f"added to the start of {series.function}", time_text(added), "below 45 µs", added < 45_000
    series, without = run.find("memory", SHIM), run.find("memory", LIBC)
    if series and without:
        added = mean(series.samples) - mean(without.samples)
        yield "private memory added to a process", f"{added:.1f} KiB", "at most 24 KiB", added <= 24


def _spread_text(summary: Summary) -> str:
    return f"{times_text(summary.median)} [{digits(summary.low)}, {digits(summary.high)}]"


def _inverse(summary: Summary) -> Summary:
    return Summary(1 / summary.median, 1 / summary.high, 1 / summary.low)


def slower(run: Run) -> Table:
    """Where somebody else is quicker than the library, or needs less memory: found, not chosen."""
    rows = []
    for participant in run.present():
        key = participant.key
        if key in (SHIM, SHIM_AVX2, SHIM_SSE2, SHIM_VDSO, CONTROL, "python") or key.endswith(f"+{SHIM}"):
            continue
        found = [*_slower_draws(run, participant), *_slower_otherwise(run, participant)]
        if found:
            rows.append((participant.label, "; ".join(found)))
    return Table(
        "Where the library is not the fastest",
        "What others do quicker or with less, and how many times their cost the library's is: what differs by more than"
        f" {_CLEARLY - 1:.0%}, in more than three of four pairs.",
        ("contender", "measures"),
        tuple(rows),
        left=2,
    )


def _slower_draws(run: Run, participant: Participant) -> Iterator[str]:
    library = run.participant(SHIM)
    for function in dict.fromkeys(series.function for series in run.select("latency", SHIM)):
        comparable = (library and function == library.main) or run.find("latency", participant.key, function)
        if not comparable:
            continue
        sizes = []
        for own in run.select("latency", SHIM, function):
            pairs = ratio(run, own, participant.key)
            if pairs and _clear(pairs):
                sizes.append(f"{size_text(own.parameter)} ({times_text(pairs.median)})")
        if sizes:
            yield f"{function} {', '.join(sizes)}"


def _slower_otherwise(run: Run, participant: Participant) -> Iterator[str]:
    if participant.key == VDSO:
        return  # on a state that is ready: it has no first draw
    for measure, name, more_is_better in _COMPARED:
        for own in run.select(measure, SHIM):
            pairs = ratio(run, own, participant.key)
            if pairs and more_is_better:
                pairs = _inverse(pairs)
            if pairs and _clear(pairs):
                yield f"{name.format(own.parameter)} ({times_text(pairs.median)})"


def _clear(pairs: Summary) -> bool:
    return pairs.low > 1 and pairs.median > _CLEARLY
