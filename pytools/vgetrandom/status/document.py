"""Running processes as an object for JSON."""

from __future__ import annotations

import os
import time
from typing import Any

from .process_watch import Entry, Snapshot

SCHEMA = 2


def snapshot_object(snapshot: Snapshot, details: bool) -> dict[str, Any]:
    """The processes, with every detail where these are wanted."""
    return {
        "schema": SCHEMA,
        "time": time.time(),
        "processes": [_entry_object(entry, details) for entry in snapshot.entries],
        "not_permitted": snapshot.hidden,
    }


def _entry_object(entry: Entry, details: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"pid": entry.pid, "command": entry.command, "readable": entry.record is not None}
    record = entry.record
    if record is None:
        return document
    file = {"path": record.library, "replaced": entry.replaced, "release_now": entry.release or None}
    document.update(status=record.status, warnings=list(entry.warnings), library=file)
    if record.foreign:
        return document
    document.update(
        calls=record.calls,
        bytes=record.bytes,
        release=record.release,
        memory=record.memory,
        slots_used=record.used,
        slots=record.slots,
        calls_per_second=None if entry.rate is None else round(entry.rate, 1),
    )
    if details:
        page = os.sysconf("SC_PAGE_SIZE")
        document.update(
            states=record.states,
            setting=entry.setting or None,
            entry=record.entry,
            parameters={
                "state_size": record.state_size,
                "state_stride": record.state_stride,
                "mmap_prot": record.mmap_prot,
                "mmap_flags": record.mmap_flags,
            },
            large_requests={"bytes": record.large, "vector": record.vector},
            mappings=[
                {
                    "start": mapping.start,
                    "end": mapping.end,
                    "name": mapping.name,
                    "droppable": mapping.droppable,
                    "wiped_at_fork": mapping.wiped,
                    "locked": mapping.locked,
                    "resident_pages": mapping.resident // page,
                    "flags": list(mapping.flags),
                }
                for mapping in entry.mappings
            ],
        )
    return document
