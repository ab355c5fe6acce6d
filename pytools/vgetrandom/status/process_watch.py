"""Snapshots of every process that has the library, and rates from one snapshot to the next."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..preload.identity import release_of
from ..preload.settings import complaint
from .process_record import (
    Mapping,
    NotPermitted,
    ProcessGone,
    Record,
    command_of,
    find_library,
    lost_flags,
    process_ids,
    read_record,
    settings_of,
    state_mappings,
)

_DELETED = " (deleted)"  # behind the path of a file that lost its name (d_path(), fs/d_path.c)


@dataclass(frozen=True)
class Entry:
    """One process that has the library. `record` is None when its memory may not be read.

    setting   what VGETRANDOM said when it was started
    mappings  those that hold the states
    warnings  sentences on what is not as it should be
    replaced  whether the library's file is not the one any more that is mapped
    release   of the file that has its name now; "" where there is none, or when it was not replaced
    """

    pid: int
    command: str
    record: Record | None
    rate: float | None = None  # calls a second since the snapshot before; None when there is none to compare with
    setting: str = ""
    mappings: tuple[Mapping, ...] = ()
    warnings: tuple[str, ...] = ()
    replaced: bool = False
    release: str = ""


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
            entries.append(_entry(record, _rate(record, before, now)))
    return Snapshot(now, tuple(entries), hidden)


def _entry(record: Record, rate: float | None) -> Entry:
    """What else is to be known of a process; nothing, when it ends meanwhile."""
    setting = ""
    mappings: tuple[Mapping, ...] = ()
    with contextlib.suppress(NotPermitted, ProcessGone):
        setting, mappings = settings_of(record.pid), tuple(state_mappings(record.pid, record))
    replaced = record.library.endswith(_DELETED)
    # As the process sees it, which may be in a container.
    path = record.library[: -len(_DELETED)] if replaced else ""
    release = release_of(Path(f"/proc/{record.pid}/root{path}")) if replaced else ""
    return Entry(
        record.pid,
        command_of(record.pid),
        record,
        rate,
        setting,
        mappings,
        tuple(_warnings(record, setting, mappings, path, release)),
        replaced,
        release,
    )


def _warnings(record: Record, setting: str, mappings: Sequence[Mapping], replaced: str, release: str) -> Iterator[str]:
    """`replaced`: the path whose file is another one now, or none; `release`: that one's."""
    lost = lost_flags(record, mappings)
    if lost:
        yield (
            f"its states are in memory that is not {' and not '.join(lost)}: restored by CRIU older than 4.2? "
            "Then it may draw what others draw; start it anew"
        )
    if record.foreign:
        yield f"its copy of the library is of another release: {record.status}, which this vgetrandom can't read"
    if replaced:
        now = (
            f"the file there is of release {release} now, for" if release else "no library is there now, so nothing for"
        )
        yield (
            f"it has the library's release {record.release or '(unknown)'} from {replaced}, and {now} "
            "what is started anew"
        )
    unknown = complaint(setting)
    if unknown:
        yield unknown


def _is_visible(pid: int) -> bool:
    """Whether the library is seen to be mapped although the memory may not be read (maps asks for less than mem)."""
    try:
        return find_library(pid) is not None
    except (ProcessGone, NotPermitted):
        return False


def _rate(record: Record, before: Snapshot | None, now: float) -> float | None:
    old = before.find(record.pid) if before else None
    if before is None or old is None or old.record is None or now <= before.time or record.calls < old.record.calls:
        return None  # also: the pid is another process's now, or it ran another program
    return (record.calls - old.record.calls) / (now - before.time)
