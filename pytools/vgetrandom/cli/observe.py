"""`vgetrandom observe`: which processes of this running host ask the kernel for random bytes, and what that costs."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.live import Live
from rich.text import Text

from ..errors import VgetrandomError
from ..observe.containers import chosen_group, is_within
from ..observe.document import look_object
from ..observe.observing import Look, Observer, observing
from ..observe.text import look_lines
from ..output.console import Console
from .number_arguments import DAY, MOST_PID, Amount, Whole, pid, times

_SECONDS = 10.0
_WATCH = 2.0
_TOP = 20

_EPILOG = """columns:
  CALLS/S  entries into the getrandom system call; what the vDSO serves does not count
  SIZES    the two most frequent sizes, in bytes; "libc": 8 bytes that glibc draws for itself (malloc, mkstemp)
  CPU%     what these calls cost, by the price of one here, as a share of one CPU
  GAIN%    what the library would save of that; "<": at most, because some of its calls can't be reached
  VERDICT  as `vgetrandom scan --pid` gives it with its reason; "?": of the program with that name; "has it"
  WHERE    the container or the service, from the control group

The kernel counts by its tracepoint syscalls:sys_enter_getrandom. Nothing is attached to a process, nothing restarts.
Reads of /dev/urandom are not seen, nor are calls of 32-bit processes on x86-64. Ctrl-C ends a look early.

exit status: 0 there is something to gain, 1 there is not, 2 an error"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `observe`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "--seconds", type=Amount(0.1, DAY), metavar="N", help="how long to look: 10; with --watch each time, 2"
    )
    parser.add_argument("--watch", action="store_true", help="one look after the other until interrupted")
    parser.add_argument("--count", type=times, metavar="N", help="with --watch: stop after N looks")
    parser.add_argument("--pid", type=pid, action="append", default=[], help="only this process; may be repeated")
    parser.add_argument(
        "--cgroup", action="append", default=[], metavar="PATH", help="only this control group, and those below it"
    )
    parser.add_argument("--top", type=Whole(0, MOST_PID), default=_TOP, metavar="N", help="rows to show: 20; 0 for all")
    parser.add_argument("--json", action="store_true", help="print JSON; with --watch, one object a line")


def run(args: argparse.Namespace) -> int:
    """Look once or repeatedly; tell by the exit status whether there is something to gain."""
    seconds = (_WATCH if args.watch else _SECONDS) if args.seconds is None else args.seconds
    if args.count is not None and not args.watch:
        raise VgetrandomError("--count goes with --watch")
    for number in args.pid:
        if not Path(f"/proc/{number}/task").is_dir():
            raise VgetrandomError(f"there is no process {number}; ps -e lists those that run")
    args.cgroup = [chosen_group(text) for text in args.cgroup]
    with contextlib.ExitStack() as stack:
        with _note("measuring what a call costs here", True):
            observer = stack.enter_context(observing())
        stop = stack.enter_context(_stop_at_interrupt())
        return _show(_looks(observer, seconds, stop, args), args)


def _looks(observer: Observer, seconds: float, stop: threading.Event, args: argparse.Namespace) -> Iterator[Look]:
    """One look, which `stop` ends early, or with --watch as many as are wanted until `stop`."""
    left = (args.count or -1) if args.watch else 1
    while left and not (args.watch and stop.is_set()):
        left -= 1
        with _note(f"looking for {seconds:g} s; Ctrl-C ends it early", not args.watch):
            look = observer.look(seconds, stop, args.pid)
        if not (args.watch and stop.is_set()):
            yield _only(look, args.cgroup)


@contextlib.contextmanager
def _note(text: str, wanted: bool) -> Iterator[None]:
    """For a person who waits: a line on the terminal that goes away again."""
    wanted = wanted and sys.stderr.isatty()
    if wanted:
        print(text, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if wanted:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _stop_at_interrupt() -> Iterator[threading.Event]:
    """Ctrl-C sets the event, once; the next one is an interrupt again. Where it is ignored, it stays so."""
    stop = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def set_event(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop.set()

    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, set_event)
    try:
        yield stop
    finally:
        if before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, before)


def _only(look: Look, cgroups: list[str]) -> Look:
    if not cgroups:
        return look
    return replace(look, rows=tuple(row for row in look.rows if any(is_within(row.cgroup, one) for one in cgroups)))


def _show(looks: Iterator[Look], args: argparse.Namespace) -> int:
    console = Console()
    gains = False
    if args.watch and console.is_terminal and not args.json:
        with Live(console=console, auto_refresh=False) as live:
            for look in looks:
                gains |= has_gain(look)
                lines = _fitting(look, args.top, console.width, console.height)
                live.update(Text("\n".join(lines), no_wrap=True), refresh=True)
        return 0 if gains else 1
    for look in looks:
        gains |= has_gain(look)
        if args.json:
            print(json.dumps(look_object(look), indent=None if args.watch else 1), flush=True)
            continue
        if args.watch:
            print(time.strftime("%H:%M:%S"))
        print("\n".join(look_lines(look, args.top, console.width if console.is_terminal else None)), flush=True)
    return 0 if gains else 1


def _fitting(look: Look, top: int, width: int, height: int) -> list[str]:
    """As many rows as the terminal has room for."""
    top = min(top, len(look.rows)) or len(look.rows)
    while len(lines := look_lines(look, top, width)) >= height and top > 1:
        top -= 1
    return lines


def has_gain(look: Look) -> bool:
    """Whether the library would save anything in the rows: with prices by them, else by the verdicts."""
    if look.prices:
        return any(row.gain for row in look.rows)
    return any(row.opinion.promises and sum(row.demand.calls) > row.processes for row in look.rows)
