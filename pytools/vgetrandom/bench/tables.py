"""What a person reads of a run, as plain tables: terminal.py and markdown.py only draw them."""

from __future__ import annotations

from collections.abc import Sequence

from . import life_tables, settings_table, threads
from .applications import program_note
from .cells import full_name, time_cell
from .model import CONTROL, LIBC, SHIM, SYSCALL, VDSO, Run, Series
from .start import EMPTY
from .statistics import Summary, difference, ratio, summarise
from .text import NO_VALUE, Table, digits, size_text, time_text, times_text
from .verdicts import aims, slower


def all_tables(run: Run, baseline: str) -> list[Table]:
    """Every table that this run has samples for; ratios are to the contender `baseline`."""
    made = [
        aims(run),
        *latency(run, baseline),
        settings_table.table(run),
        interface(run, baseline),
        throughput(run),
        *life_tables.all_tables(run),
        start(run),
        instructions(run),
        emulated(run),
        programs(run),
        slower(run),
        absent(run),
        identities(run),
    ]
    return [table for table in made if table.rows]


def latency(run: Run, baseline: str) -> list[Table]:
    """Two tables of every contender's main function by size: time, and times as fast as the baseline."""
    sizes = sorted({series.parameter for series in run.select("latency") if series.parameter})
    times, ratios, spreads = [], [], []
    for participant in run.present():
        found = {size: run.find("latency", participant.key, participant.main, size) for size in sizes}
        if not any(found.values()) or participant.key == CONTROL:
            continue
        name = full_name(participant)
        times.append((name, *(time_cell(series) for series in found.values())))
        ratios.append((name, *(_faster_cell(run, series, baseline) for series in found.values())))
        spreads += [summarise(series.samples).spread for series in found.values() if series]
    header = ("contender", *map(size_text, sizes))
    label = _label(run, baseline)
    worst = (
        f" Between the quartiles of a cell lie {sorted(spreads)[len(spreads) // 2]:.0%} of it (median)."
        if spreads
        else ""
    )
    return [
        Table("One draw, by size", f"Medians.{worst}", header, tuple(times)),
        Table(f"One draw, by size: times as fast as {label}", "Medians over pairs.", header, tuple(ratios)),
    ]


def interface(run: Run, baseline: str) -> Table:
    """Each function of the interface, under each libc; at 32 bytes where it takes a size."""
    functions = ("getrandom", "getentropy", "arc4random_buf", "arc4random", "arc4random_uniform", "syscall")
    rows = []
    for participant in run.present():
        found = [
            run.find("latency", participant.key, function, 32) or run.find("latency", participant.key, function, 4)
            for function in functions
        ]
        if sum(series is not None for series in found) > 1:
            rows.append((participant.label, *(time_cell(series) for series in found)))
    return Table(
        "The functions of the interface, 32 bytes a draw",
        "arc4random and arc4random_uniform(1000) draw 4 bytes.",
        ("contender", *functions),
        tuple(rows),
    )


def throughput(run: Run) -> Table:
    """Millions of draws a second."""
    counts = sorted({series.parameter for series in run.select("throughput")})
    rows = []
    for participant in run.present():
        found = [run.find("throughput", participant.key, "", count) for count in counts]
        if any(found):
            cells = [f"{digits(summarise(s.samples).median / 1e6)} M" if s else NO_VALUE for s in found]
            rows.append((full_name(participant), *cells))
    return Table(
        f"Draws of {threads.SIZE} bytes a second, all threads together",
        f"Threads run on any of the {run.machine.get('cpus', '?')} CPUs.",
        ("contender", *(f"{count} thread{'s' * (count > 1)}" for count in counts)),
        tuple(rows),
    )


def start(run: Run) -> Table:
    """Program start; the differences are pair by pair."""
    names = {LIBC: "alone", EMPTY: "with an empty library preloaded", SHIM: "with vgetrandom preloaded"}
    alone = run.find("start", LIBC)
    rows = []
    for key, name in names.items():
        series = run.find("start", key)
        if series and alone:
            added = NO_VALUE if key == LIBC else time_text(difference(series, alone).median)
            rows.append((f"{series.function} {name}", time_cell(series), added))
    return Table("Starting a program", "From starting it to its end.", ("program", "time", "added"), tuple(rows))


def instructions(run: Run) -> Table:
    """Instructions a draw."""
    sizes = sorted({series.parameter for series in run.select("instructions")})
    rows = []
    for participant in run.present():
        found = [run.find("instructions", participant.key, "", size) for size in sizes]
        if any(found):
            cells = [f"{series.samples[0]:,.0f}" if series else NO_VALUE for series in found]
            rows.append((full_name(participant), *cells))
    return Table(
        "Instructions a draw in user space",
        "Counted by single-stepping, without the measuring loop; exact, but a system call counts as one.",
        ("contender", *map(size_text, sizes)),
        tuple(rows),
    )


def emulated(run: Run) -> Table:
    """Instructions on other architectures."""
    kinds = dict.fromkeys((series.contender, series.function) for series in run.select("emulated"))
    sizes = sorted({series.parameter for series in run.select("emulated")})
    rows = []
    for arch, kind in kinds:
        found = [run.find("emulated", arch, kind, size) for size in sizes]
        cells = [f"{series.samples[0]:,.0f}" if series else NO_VALUE for series in found]
        rows.append((arch, "the vDSO alone" if kind == VDSO else f"the library, {kind.upper()}", *cells))
    return Table(
        "Instructions a draw on each architecture",
        "Of a warm thread, counted under QEMU's emulation of a user program, with the vDSO of Debian's newest kernel "
        "for the architecture; means over some draws.",
        ("architecture", "from", *map(size_text, sizes)),
        tuple(rows),
        left=2,
    )


def programs(run: Run) -> Table:
    """Whole programs without and with the library."""
    scale = float(run.settings.get("program_scale", 1))
    rows = []
    for without in run.select("program", LIBC):
        series = run.find("program", SHIM, without.function)
        if not series:
            continue
        pairs = ratio(run, series, LIBC)
        calls = [run.find("program-calls", key, without.function) for key in (LIBC, SHIM)]
        counts = [f"{found.samples[0]:,.0f}" if found else NO_VALUE for found in calls]
        before, after = (summarise(one.samples).median for one in (without, series))
        gain = _gain_text(pairs)
        rows.append(
            (
                without.function,
                time_text(before * 1e9),
                time_text(after * 1e9),
                gain,
                *counts,
                program_note(without.function, scale),
            )
        )
    return Table(
        "Whole programs, without the library and with it",
        "Median times, the change pair by pair, and the getrandom system calls that strace counted in the whole tree.",
        ("program", "without", "with", "change", "calls without", "with", "its random bytes"),
        tuple(rows),
    )


def _gain_text(pairs: Summary | None) -> str:
    if pairs is None:
        return NO_VALUE
    if pairs.low <= 1 <= pairs.high:
        return f"{pairs.median - 1:+.0%} (noise)"
    return f"{pairs.median - 1:+.0%}"


def absent(run: Run) -> Table:
    """Who could not take part, and why."""
    rows = tuple((participant.label, participant.absent) for participant in run.participants if participant.absent)
    return Table("Not measured", "", ("contender", "why"), rows, left=2)


def identities(run: Run) -> Table:
    """Which files the contenders' processes had mapped."""
    files: dict[str, list[str]] = {}
    for participant in run.present():
        for file in participant.files:
            files.setdefault(file, []).append(participant.label)
    rows = tuple((file, ", ".join(labels)) for file, labels in files.items())
    return Table("Libc and library, as the processes had them mapped", "", ("file", "contenders"), rows, left=2)


def facts(run: Run) -> Sequence[tuple[str, str]]:
    """The circumstances, as pairs of name and value."""
    named = {"timer_ns": "one look at the clock", "loop_ns": "the measuring loop, a draw"}
    costs = [
        (text, f"{run.settings[key]:g} ns, contained in what is shown")
        for key, text in named.items()
        if key in run.settings
    ]
    versions = [(participant.label, participant.version) for participant in run.present() if participant.version]
    samples = [("samples", f"{run.settings[key]} of each latency") for key in ("rounds",) if key in run.settings]
    return [*run.machine.items(), *costs, *samples, *dict(versions).items()]


def _label(run: Run, key: str) -> str:
    participant = run.participant(key)
    return (
        f"the {participant.label}"
        if key in (SYSCALL, VDSO) and participant
        else participant.label
        if participant
        else key
    )


def _faster_cell(run: Run, series: Series | None, baseline: str) -> str:
    found = ratio(run, series, baseline) if series else None
    return NO_VALUE if found is None else times_text(1 / found.median)
