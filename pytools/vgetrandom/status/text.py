"""What a person reads of running processes: a table of all, or every detail of some."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ..preload.settings import SWITCH
from .process_record import NotPermitted, ProcessGone, library_base
from .process_watch import Entry, Snapshot

COLUMNS = ("PID", "CALLS", "BYTES", "SLOTS", "MEMORY", "CALLS/S", "STATUS", "COMMAND")
NONE = "no process has the library"
_COMMAND_WIDTH = 60
_MEMORY = {
    "none": "none: every call is the system call",
    "locked": f"locked ({SWITCH}=lock)",
    "lock-refused": f"droppable: {SWITCH}=lock was refused",
}
_LARGE = {"": "none so far", "none": "by the vDSO"}


def cells(snapshot: Snapshot) -> list[tuple[str, ...]]:
    """A row of the table for each process."""
    return [_row(entry) for entry in snapshot.entries]


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
            library_base(pid)
            why = "does not have the library"
        except ProcessGone:
            why = "does not exist"
        except NotPermitted:
            why = "can't be looked at" + ("" if os.geteuid() == 0 else "; run as root")
        yield f"process {pid} {why}"


def _row(entry: Entry) -> tuple[str, ...]:
    command = entry.command if len(entry.command) <= _COMMAND_WIDTH else entry.command[: _COMMAND_WIDTH - 3] + "..."
    record = entry.record
    if record is None:
        return (str(entry.pid), *["-"] * 5, "no permission", command)
    rate = "-" if entry.rate is None else f"{entry.rate:.0f}"
    if record.foreign:
        return (str(entry.pid), *["-"] * 5, record.status, command)
    numbers = (record.calls, record.bytes, record.used)
    return (str(entry.pid), *map(str, numbers), record.memory, rate, record.status, command)


def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")
