"""`vgetrandom status`: which running processes have the library, and what it does in them."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from rich.live import Live

from ..errors import VgetrandomError
from ..output.console import Console
from ..output.table import make_table, plain_lines, printable
from ..preload.settings import SWITCH
from ..status.process_record import NotPermitted, ProcessGone, library_base
from ..status.process_watch import Entry, Snapshot, take_snapshot
from ..system.host import require_proc

_SCHEMA = 2
_MEMORY = {
    "none": "none: every call is the system call",
    "locked": f"locked ({SWITCH}=lock)",
    "lock-refused": f"droppable: {SWITCH}=lock was refused",
}
_LARGE = {"": "none so far", "none": "by the vDSO"}
_ONE_SHOT = 0.3  # seconds between the two looks that give a rate
_WATCH = 1.0
_COLUMNS = ("PID", "CALLS", "BYTES", "SLOTS", "MEMORY", "CALLS/S", "STATUS", "COMMAND")
_COMMAND_WIDTH = 60
_NONE = "no process has the library"

_EPILOG = """columns:
  CALLS, BYTES  served from the vDSO in this process; what it did before a fork counts for its parent
  SLOTS         given to threads in this process and those it was forked from; 10240 are all
  MEMORY        of the states: droppable; locked (VGETRANDOM=lock); lock-refused: asked for, and droppable all the same

A process whose states are not in the memory that they need is named below the table.

exit status: 0 at least one process has the library, 1 none has, 2 an error"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `status`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("pids", nargs="*", type=int, metavar="PID", help="these processes, with every detail")
    parser.add_argument("--watch", action="store_true", help="go on until interrupted")
    parser.add_argument("--interval", type=float, metavar="SECONDS", help="time between two looks")
    parser.add_argument("--count", type=int, metavar="N", help="with --watch: stop after N looks")
    parser.add_argument("--json", action="store_true", help="print JSON; with --watch, one object a line")


def run(args: argparse.Namespace) -> int:
    """Look once or repeatedly; tell by the exit status whether any process has the library."""
    interval = (_WATCH if args.watch else _ONE_SHOT) if args.interval is None else args.interval
    if not 0 < interval < 86400:
        raise VgetrandomError("--interval must be above 0 seconds and below a day")
    if args.count is not None and args.count < 1:
        raise VgetrandomError("--count must be at least 1")
    require_proc()
    pids = args.pids or None
    if args.watch:
        return _watch(_snapshots(pids, interval, args.count), args.json)
    first = take_snapshot(pids)
    if first.entries:
        time.sleep(interval)
    snapshot = take_snapshot(pids, first)
    if args.json:
        print(json.dumps(_document(snapshot, details=pids is not None), indent=1))
    elif pids:
        _print_details(snapshot)
    else:
        _print_overview(snapshot)
    _warn(snapshot)
    _explain_absence(snapshot, pids)
    return 0 if snapshot.entries else 1


def _snapshots(pids: Sequence[int] | None, interval: float, count: int | None) -> Iterator[Snapshot]:
    snapshot = take_snapshot(pids)
    while True:
        yield snapshot
        if count is not None and (count := count - 1) == 0:
            return
        time.sleep(interval)
        snapshot = take_snapshot(pids, snapshot)


def _watch(snapshots: Iterator[Snapshot], as_json: bool) -> int:
    """Draw each snapshot, in place on a terminal; an interrupt is how this ends."""
    console = Console()
    seen = False
    try:
        if console.is_terminal and not as_json:
            with Live(console=console, auto_refresh=False) as live:
                for snapshot in snapshots:
                    seen |= bool(snapshot.entries)
                    table = make_table(_COLUMNS, _cells(snapshot))
                    live.update(table if snapshot.entries else _NONE, refresh=True)
        else:
            for snapshot in snapshots:
                seen |= bool(snapshot.entries)
                lines = [json.dumps(_document(snapshot, details=False))] if as_json else _watch_lines(snapshot)
                print("\n".join(lines), flush=True)
    except KeyboardInterrupt:
        pass
    return 0 if seen else 1


def _watch_lines(snapshot: Snapshot) -> list[str]:
    """For a pipe: the time of day, then the table."""
    clock = time.strftime("%H:%M:%S")
    if not snapshot.entries:
        return [f"{clock} {_NONE}"]
    return [clock, *plain_lines(_COLUMNS, _cells(snapshot))]


def _print_overview(snapshot: Snapshot) -> None:
    console = Console()
    if not snapshot.entries:
        print(_NONE)
    elif console.is_terminal:
        console.print(make_table(_COLUMNS, _cells(snapshot)))
    else:
        print("\n".join(plain_lines(_COLUMNS, _cells(snapshot))))
    if snapshot.hidden:
        who = "" if os.geteuid() == 0 else "; run as root to see them"
        number = "1 process" if snapshot.hidden == 1 else f"{snapshot.hidden} processes"
        print(f"{number} can't be looked at{who}", file=sys.stderr)


def _cells(snapshot: Snapshot) -> list[tuple[str, ...]]:
    return [_row(entry) for entry in snapshot.entries]


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


def _print_details(snapshot: Snapshot) -> None:
    for number, entry in enumerate(snapshot.entries):
        if number:
            print()
        print(f"process {entry.pid}: {printable(entry.command)}")
        for name, value in _detail_lines(entry):
            print(f"  {name:<22}{value}")


def _detail_lines(entry: Entry) -> Iterator[tuple[str, str]]:
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


def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")


def _warn(snapshot: Snapshot) -> None:
    for entry in snapshot.entries:
        for warning in entry.warnings:
            print(f"process {entry.pid}: {warning}", file=sys.stderr)


def _explain_absence(snapshot: Snapshot, pids: Sequence[int] | None) -> None:
    """One line for each process that was named and is not shown."""
    for pid in pids or ():
        if snapshot.find(pid) is not None:
            continue
        try:
            library_base(pid)
            why = "does not have the library"
        except ProcessGone:
            why = "does not exist"
        except NotPermitted:
            why = "can't be looked at" + ("" if os.geteuid() == 0 else "; run as root")
        print(f"process {pid} {why}", file=sys.stderr)


def _document(snapshot: Snapshot, details: bool) -> dict[str, Any]:
    return {
        "schema": _SCHEMA,
        "time": time.time(),
        "processes": [_entry_object(entry, details) for entry in snapshot.entries],
        "not_permitted": snapshot.hidden,
    }


def _entry_object(entry: Entry, details: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"pid": entry.pid, "command": entry.command, "readable": entry.record is not None}
    record = entry.record
    if record is None:
        return document
    document.update(status=record.status, warnings=list(entry.warnings))
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
                    "resident_pages": mapping.resident // _page(),
                    "flags": list(mapping.flags),
                }
                for mapping in entry.mappings
            ],
        )
    return document
