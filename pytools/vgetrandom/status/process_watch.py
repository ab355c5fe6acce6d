"""Snapshots of every process that has the library, and rates from one snapshot to the next."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from .process_record import NotPermitted, ProcessGone, Record, command_of, library_base, process_ids, read_record


@dataclass(frozen=True)
class Entry:
    """One process that has the library. `record` is None when its memory may not be read."""

    pid: int
    command: str
    record: Record | None
    rate: float | None = None  # calls a second since the snapshot before; None when there is none to compare with


@dataclass(frozen=True)
class Snapshot:
    """Processes with the library, by pid; `hidden` counts those that can't be looked at at all. `time` in seconds."""

    time: float
    entries: tuple[Entry, ...]
    hidden: int

    def find(self, pid: int) -> Entry | None:
        """The entry of one process."""
        return next((entry for entry in self.entries if entry.pid == pid), None)


def take_snapshot(pids: Sequence[int] | None = None, before: Snapshot | None = None) -> Snapshot:
    """Look at `pids`, by default at every process; what ends meanwhile is left out. Rates are since `before`."""
    now = time.monotonic()
    entries = []
    hidden = 0
    for pid in process_ids() if pids is None else pids:
        try:
            record = read_record(pid)
        except ProcessGone:
            continue
        except NotPermitted:
            if not _is_visible(pid):
                hidden += 1
                continue
            entries.append(Entry(pid, command_of(pid), None))
            continue
        if record is not None:
            entries.append(Entry(pid, command_of(pid), record, _rate(record, before, now)))
    return Snapshot(now, tuple(entries), hidden)


def _is_visible(pid: int) -> bool:
    """Whether the library is seen to be mapped although the memory may not be read (maps asks for less than mem)."""
    try:
        return library_base(pid) is not None
    except (ProcessGone, NotPermitted):
        return False


def _rate(record: Record, before: Snapshot | None, now: float) -> float | None:
    old = before.find(record.pid) if before else None
    if before is None or old is None or old.record is None or now <= before.time or record.calls < old.record.calls:
        return None  # also: the pid is another process's now, or it ran another program
    return (record.calls - old.record.calls) / (now - before.time)
