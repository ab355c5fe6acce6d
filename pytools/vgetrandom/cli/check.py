"""`vgetrandom check`: run a command without and with the library, and compare."""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import stat
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..check.controlled_run import Runner, Streams
from ..check.paired_runs import Comparison, Side, compare
from ..check.start_cost import StartCost
from ..check.verdict import Verdict, describe, judge
from ..output.console import Console
from ..output.table import print_table, printable
from ..preload.identity import require_library
from ..preload.launch import own_environment, require_sanitizer_first, with_library
from ..preload.library import library_path
from ..system.program import find_program
from .command_argument import add_command, command_of
from .number_arguments import DAYS_30, Amount, Whole

SCHEMA = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reached", action="store_true", help="ask whether the library is reached, not what it gains")
    parser.add_argument(
        "--once", action="store_true", help="for a command that can't run twice: --reached, with the library only"
    )
    parser.add_argument(
        "--timeout", type=Amount(0.01, DAYS_30), default=0, metavar="S", help="end each run after S seconds"
    )
    parser.add_argument("--repeat", type=Whole(1, 10_000), default=0, metavar="N", help="time N pairs of runs")
    parser.add_argument("-q", "--quiet", action="store_true", help="never show the command's output")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_command(parser)
    parser.epilog = (
        "Exit status: 0 if the command takes less time with the library, beyond noise (--reached: if the library "
        "serves its draws), 1 if not, 2 on an error. It runs until the times tell, at most 130 times; after 20 seconds "
        "of timed runs no other begins. Its output is shown when it has a terminal. Standard input that is not a "
        "terminal is read to its end first, and every run gets it. Ctrl-C ends the run; SIGTERM and SIGHUP end the "
        "check."
    )


def run(args: argparse.Namespace) -> int:
    command = command_of(args, "check")
    library = require_library(library_path())
    environment = own_environment()
    program = find_program(command, environment, library)
    require_sanitizer_first(program, with_library(environment, library))
    shown = not args.quiet and sys.stdin.isatty() and sys.stderr.isatty()
    with tempfile.TemporaryDirectory(prefix="vgetrandom-input-") as folder:
        output = sys.stdout.fileno() if sys.stdout.isatty() and not args.json else sys.stderr.fileno()
        streams = Streams(_standard_input(Path(folder)), shown, output)
        runner = Runner(program, command, streams, args.timeout)
        found = compare(runner, environment, library, args.once, args.reached, args.repeat, _announcer(shown))
    verdict = judge(found)
    if args.json:
        print(json.dumps(_as_json(command, found, verdict), indent=2))
    else:
        _print(found, verdict)
    return 0 if verdict.good else 1


def _standard_input(folder: Path) -> Path | None:
    """A file with our standard input, for every run anew; None when it can be handed on as it is."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return Path(os.devnull)
    if stat.S_ISCHR(mode):  # a terminal, or /dev/null, which is the same every time
        return None
    if not select.select([0], [], [], 2)[0]:
        print(
            "vgetrandom: waiting for standard input to end; add </dev/null if the command needs none", file=sys.stderr
        )
    copy = folder / "input"
    with copy.open("wb") as target, open(0, "rb", closefd=False) as source:
        shutil.copyfileobj(source, target)
    return copy


def _announcer(shown: bool) -> Any:
    number = 0

    def announce(what: str) -> None:
        nonlocal number
        number += 1
        if shown:
            print(f"vgetrandom: run {number}, {what}", file=sys.stderr)
            sys.stderr.flush()

    return announce


def _print(found: Comparison, verdict: Verdict) -> None:
    print_table(("", "without", "with the library"), _rows(found))
    console = Console(highlight=False, markup=False, emoji=False)
    for line in (*(f"note: {note}" for note in verdict.notes), verdict.sentence):
        console.print(printable(line), soft_wrap=not console.is_terminal)


def _rows(found: Comparison) -> list[tuple[str, str, str]]:
    before, after = found.without, found.with_library

    def reported(name: str) -> str:
        return f"{found.total(name):,}" if found.reports else "-"

    rows = [
        ("getrandom system calls", _number(before.calls), _number(after.calls)),
        ("calls served by the vDSO", "-", reported("calls")),
        ("bytes served by the vDSO", "-", reported("bytes")),
        ("slots given to threads", "-", reported("slots")),
        ("processes", _number(_processes(before)), _number(_processes(after))),
        ("ends with", _ending(before), _ending(after)),
    ]
    pairs = len(after.timed)
    if pairs:
        median = "" if pairs == 1 else f", median of {pairs}"
        rows.append((f"wall time{median}", _seconds(before.seconds), _seconds(after.seconds)))
        rows.append((f"processor time{median}", _seconds(before.processor), _seconds(after.processor)))
    return [row for row in rows if row[1:] != ("-", "-")]


def _processes(side: Side) -> int | None:
    return side.counted.trace.processes if side.counted and side.counted.trace else None


def _number(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _ending(side: Side) -> str:
    return "-" if side.status is None else describe(side.status)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _as_json(command: list[str], found: Comparison, verdict: Verdict) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "command": command,
        "good": verdict.good,
        "reached": verdict.reached,
        "gain": asdict(found.gain) if found.gain else None,
        "start": _start_as_json(found.start) if found.start else None,
        "fatal_call": asdict(found.fatal) if found.fatal else None,
        "verdict": verdict.sentence,
        "notes": list(verdict.notes),
        "without": None if found.once else _side_as_json(found.without),
        "with": {
            **_side_as_json(found.with_library),
            **{name: found.total(name) for name in ("calls", "bytes", "slots")},
            "reports": len(found.reports),
            "silent_processes": found.silent,
        },
    }


def _start_as_json(start: StartCost) -> dict[str, Any]:
    """Seconds; draws: that earn a start back, null when none do or it is not known."""
    return {**asdict(start), "draws": start.draws}


def _side_as_json(side: Side) -> dict[str, Any]:
    """exit_status and signal of one run: one of them is null. seconds, processor_seconds: medians of the timed runs."""
    status = side.status
    return {
        "system_calls": side.calls,
        "processes": _processes(side),
        "random_device_opens": side.counted.trace.devices if side.counted and side.counted.trace else None,
        "exit_status": status if status is not None and status >= 0 else None,
        "signal": describe(status) if status is not None and status < 0 else None,
        "seconds": side.seconds,
        "timed_runs": [one.seconds for one in side.timed],
        "processor_seconds": side.processor,
        "timed_processor": [one.processor for one in side.timed],
    }
