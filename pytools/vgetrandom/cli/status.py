"""`vgetrandom status`: which running processes have the library, and what it does in them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.live import Live
from rich.text import Text

from ..errors import Terminated, VgetrandomError
from ..output.console import Console
from ..output.table import make_table, plain_lines, print_table, printable
from ..status.document import snapshot_object
from ..status.process_watch import Snapshot, take_snapshot
from ..status.text import (
    COLUMNS,
    NONE,
    SPARE,
    absence_lines,
    cells,
    detail_lines,
    hidden_line,
    screen,
    warning_lines,
)
from ..system.host import require_proc
from .number_arguments import DAY, Amount, pid, times

_ONE_SHOT = 0.3  # seconds between the two looks that give a rate
_WATCH = 1.0

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
    parser.add_argument("pids", nargs="*", type=pid, metavar="PID", help="these processes, with every detail")
    parser.add_argument("--watch", action="store_true", help="go on until interrupted")
    parser.add_argument("--interval", type=Amount(0.01, DAY), metavar="SECONDS", help="time between two looks")
    parser.add_argument("--count", type=times, metavar="N", help="with --watch: stop after N looks")
    parser.add_argument("--json", action="store_true", help="print JSON; with --watch, one object a line")


def run(args: argparse.Namespace) -> int:
    """Look once or repeatedly; tell by the exit status whether any process has the library."""
    interval = (_WATCH if args.watch else _ONE_SHOT) if args.interval is None else args.interval
    if args.count is not None and not args.watch:
        raise VgetrandomError("--count goes with --watch")
    require_proc()
    pids = args.pids or None
    if args.watch:
        return _watch(_snapshots(pids, interval, args.count), args.json)
    first = take_snapshot(pids)
    if first.entries:
        time.sleep(interval)
    snapshot = take_snapshot(pids, first)
    if args.json:
        print(json.dumps(snapshot_object(snapshot, details=pids is not None), indent=1))
    elif pids:
        _print_details(snapshot)
    else:
        _print_overview(snapshot)
    for line in (*warning_lines(snapshot), *absence_lines(snapshot, args.pids)):
        print(line, file=sys.stderr)
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
                    live.update(_drawn(console, snapshot) if snapshot.entries else NONE, refresh=True)
        else:
            for snapshot in snapshots:
                seen |= bool(snapshot.entries)
                lines = [json.dumps(snapshot_object(snapshot, details=False))] if as_json else _watch_lines(snapshot)
                print("\n".join(lines), flush=True)
    except Terminated:
        raise
    except KeyboardInterrupt:
        pass
    return 0 if seen else 1


def _drawn(console: Console, snapshot: Snapshot) -> Group:
    """A look that fits the terminal, each process in one line."""
    columns, rows, below = screen(snapshot, console.width, console.height)
    return Group(make_table(columns, rows, console.width), *(Text(line, style="dim") for line in below))


def _watch_lines(snapshot: Snapshot) -> list[str]:
    """For a pipe: the time of day, then the table."""
    clock = time.strftime("%H:%M:%S")
    if not snapshot.entries:
        return [f"{clock} {NONE}"]
    return [clock, *plain_lines(COLUMNS, cells(snapshot))]


def _print_overview(snapshot: Snapshot) -> None:
    print_table(COLUMNS, cells(snapshot), spare=SPARE)
    if not snapshot.entries:
        print(NONE)
    if hidden := hidden_line(snapshot):
        print(hidden, file=sys.stderr)


def _print_details(snapshot: Snapshot) -> None:
    for number, entry in enumerate(snapshot.entries):
        if number:
            print()
        print(f"process {entry.pid}: {printable(entry.command)}")
        for name, value in detail_lines(entry):
            print(f"  {name:<22}{value}")
