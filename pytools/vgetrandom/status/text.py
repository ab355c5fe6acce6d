"""What a person reads of running processes: a table of all, or every detail of some."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..output.table import fit, left_out_line
from ..preload.settings import SWITCH
from .process_record import NotPermitted, ProcessGone, find_library
from .process_watch import Entry, Snapshot

COLUMNS = ("PID", "CALLS", "BYTES", "SLOTS", "MEMORY", "CALLS/S", "STATUS", "COMMAND")
SPARE = ("BYTES", "MEMORY", "SLOTS", "STATUS", "CALLS")  # what a narrow terminal can do without, this first
NONE = "no process has the library"
_AROUND = 3  # lines of a terminal that are no process: the heading, what is cut, and where the cursor stands
_MEMORY = {
    "none": "none: every call is the system call",
    "locked": f"locked ({SWITCH}=lock)",
    "lock-refused": f"droppable: {SWITCH}=lock was refused",
}
_LARGE = {"": "none so far", "none": "without vectors: by the vDSO or the system call, whichever is quicker"}


def cells(snapshot: Snapshot) -> list[tuple[str, ...]]:
    """A row of the table for each process."""
    return [_row(entry) for entry in snapshot.entries]


def busiest_first(snapshot: Snapshot) -> Snapshot:
    """The same, sorted by calls a second, then by calls; those that warn are before all others."""

    def demand(entry: Entry) -> tuple[bool, float, int]:
        return bool(entry.warnings), entry.rate or 0, entry.record.calls if entry.record else 0

    return replace(snapshot, entries=tuple(sorted(snapshot.entries, key=demand, reverse=True)))


def screen(snapshot: Snapshot, width: int, height: int) -> tuple[list[str], list[list[str]], list[str]]:
    """Columns, rows and lines below them for a terminal: the busiest processes that fit, and what does not."""
    ordered = busiest_first(snapshot)
    columns, rows, left_out = fit(COLUMNS, cells(ordered), width, SPARE)
    below = [left_out_line(left_out, width)] if left_out else []
    room = max(1, height - _AROUND - len(below))
    if len(rows) > room:
        cut = ordered.entries[room:]
        rest = sum(entry.rate or 0 for entry in cut)
        below.append(f"and {len(cut)} more processes, {rest:.0f} calls a second; without --watch all are listed")
    last = max(0, width - sum(max(len(row[i]) for row in [columns, *rows]) + 2 for i in range(len(columns) - 1)))
    return columns, [[*row[:-1], _shortened(row[-1], last)] for row in rows[:room]], below


def _shortened(command: str, width: int) -> str:
    """One line of a command. The end is kept, too: names of scripts and ports are there."""
    if len(command) <= width:
        return command
    head = (width - 3) * 2 // 3
    return command[:head] + "..." + command[len(command) - (width - 3 - head) :] if width > 3 else command[:width]


def detail_lines(entry: Entry) -> Iterator[tuple[str, str]]:
    """Everything that is known of one process, as pairs of name and value."""
    record = entry.record
    if record is None:
        yield "record", "no permission to read its memory" + ("" if os.geteuid() == 0 else "; run as root")
        return
    yield "status", record.status
    if record.foreign:
        return
    yield "release", record.release
    yield "library", record.library
    if entry.setting:
        yield SWITCH, entry.setting
    yield "memory of the states", _MEMORY.get(record.memory, record.memory)
    yield "calls", f"{record.calls}" + ("" if entry.rate is None else f" ({entry.rate:.0f} a second)")
    yield "bytes", str(record.bytes)
    yield "slots", f"{record.used} of {record.slots} given, {record.states} with a state now"
    yield "vDSO entry point", f"{record.entry:#x}"
    yield "state", f"{record.state_size} bytes, one every {record.state_stride}"
    yield "the kernel asks for", f"prot {record.mmap_prot:#x}, flags {record.mmap_flags:#x}"
    yield "large requests", f"from {record.large} bytes on, {_LARGE.get(record.vector, f'made with {record.vector}')}"
    for mapping in entry.mappings:
        kind = "droppable" if mapping.droppable else "locked" if mapping.locked else "not locked"
        pages = f"{mapping.resident // _page()} of {(mapping.end - mapping.start) // _page()} pages resident"
        yield "states in", f"{mapping.start:#x}-{mapping.end:#x} {kind}, {pages} [{' '.join(mapping.flags)}]"


def hidden_line(snapshot: Snapshot) -> str | None:
    """How many processes can't be looked at; None when all can be."""
    if not snapshot.hidden:
        return None
    who = "" if os.geteuid() == 0 else "; run as root to see them"
    number = "1 process" if snapshot.hidden == 1 else f"{snapshot.hidden} processes"
    return f"{number} can't be looked at{who}"


def warning_lines(snapshot: Snapshot) -> list[str]:
    """What is not as it should be in these processes."""
    return [f"process {entry.pid}: {warning}" for entry in snapshot.entries for warning in entry.warnings]


def absence_lines(snapshot: Snapshot, pids: Sequence[int]) -> Iterator[str]:
    """One line for each process that was named and is not shown: why."""
    for pid in pids:
        if snapshot.find(pid) is not None:
            continue
        try:
            find_library(pid)
            why = "does not have the library"
        except ProcessGone:
            why = "does not exist"
        except NotPermitted:
            why = "can't be looked at" + ("" if os.geteuid() == 0 else "; run as root")
        yield f"process {pid} {why}"


def _row(entry: Entry) -> tuple[str, ...]:
    command, record = entry.command, entry.record
    if record is None:
        return (str(entry.pid), *["-"] * 5, "no permission", command)
    rate = "-" if entry.rate is None else f"{entry.rate:.0f}"
    if record.foreign:
        return (str(entry.pid), *["-"] * 5, record.status, command)
    numbers = (record.calls, record.bytes, record.used)
    return (str(entry.pid), *map(str, numbers), record.memory, rate, record.status, command)


def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")
