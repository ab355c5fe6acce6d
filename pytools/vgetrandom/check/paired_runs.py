"""A command without and with the library: which runs to make, and what they gave."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.exit_report import ExitReport
from ..preload.launch import with_library, without_library
from ..system.elf import privilege_for_others
from . import strace
from .controlled_run import Outcome, Runner
from .fatal_call import FatalCall, FatalTrace
from .gain import LOOKS, UNKNOWN, Gain, judge_runs
from .isolation import isolated
from .start_cost import StartCost, measure_start
from .strace import Trace

_SECONDS = 20.0  # spent on timed runs, after which no other pair is begun


@dataclass
class Side:
    """The runs of one kind. `counted`: the one that strace or the exit reports (or both) looked into."""

    counted: Outcome | None = None
    timed: list[Outcome] = field(default_factory=list)

    @property
    def calls(self) -> int | None:
        """getrandom system calls that the kernel saw; None when they were not counted."""
        return self.counted.trace.calls if self.counted and self.counted.trace else None

    @property
    def seconds(self) -> float | None:
        """Median wall time, without strace."""
        return statistics.median(one.seconds for one in self.timed) if self.timed else None

    @property
    def processor(self) -> float | None:
        """Median of the seconds that processors spent, without strace."""
        return statistics.median(one.processor for one in self.timed) if self.timed else None

    @property
    def status(self) -> int | None:
        """Exit status, or negative signal number; of an undisturbed run where there is one."""
        runs = self.timed or ([self.counted] if self.counted else [])
        return runs[0].status if runs else None

    def statuses(self) -> set[int]:
        """All that were seen, without runs that were ended from outside; those that nothing watched count first."""
        undisturbed = [one.status for one in self.timed if not one.ended]
        watched = [self.counted.status] if self.counted and not self.counted.ended else []
        return set(undisturbed or watched)


@dataclass
class Comparison:
    """What was found. `without` stays empty when the command may run only once.

    raised      how the kernel raises the program's privileges for an ordinary user ("set-uid"); "" if it does not.
                Runs under strace, and root's, are not raised, and have the library all the same
    reach_only  only whether the library is reached was asked
    gain        what the times tell; None when there are none, or when that was not asked
    start       None when it was not asked, or can't be measured
    fatal       for which system call a process was killed by SIGSYS, where one was and that could be seen
    """

    obstacle: str
    reach_only: bool
    once: bool
    gain: Gain | None = None
    start: StartCost | None = None
    without: Side = field(default_factory=Side)
    with_library: Side = field(default_factory=Side)
    fatal: FatalCall | None = None
    raised: str = ""
    trouble: str = ""  # why strace could not count

    @property
    def reports(self) -> tuple[ExitReport, ...]:
        return self.with_library.counted.reports if self.with_library.counted else ()

    def total(self, name: str) -> int:
        """The sum of one number over the exit reports of all processes."""
        return sum(getattr(report, name) for report in self.reports)

    @property
    def silent(self) -> int | None:
        """Processes that left no exit report; None when the processes were not counted."""
        trace = self.with_library.counted.trace if self.with_library.counted else None
        return max(0, trace.processes - len(self.reports)) if trace else None


def compare(
    runner: Runner,
    environment: Mapping[str, str],
    library: Path,
    once: bool = False,
    reach_only: bool = False,
    repeat: int = 0,
    announce: Callable[[str], None] = lambda what: None,
) -> Comparison:
    """Run the command: counted without and with the library, then timed in turns.

    once        with the library only, one run
    reach_only  no more runs than tell whether it is reached: one timed pair
    repeat      pairs of timed runs; 0: until the times tell something, or _SECONDS are over
    announce    is told before each run what it is
    Raises VgetrandomError when no run would be without the library.
    """
    _, trouble = strace.usable()
    bare = without_library(environment) if once else isolated(environment)
    loaded = with_library(bare, library)
    result = Comparison(
        runner.program.obstacle,
        reach_only or once,
        once,
        raised=privilege_for_others(runner.program.executable),
        trouble=trouble,
    )
    if not once and not trouble:
        announce("without the library, counted by strace")
        result.without.counted = runner.run(bare, Trace())
    announce("with the library" + (", its calls reported" if trouble else ", counted by strace"))
    result.with_library.counted = runner.run(loaded, None if trouble else Trace(), report=True)
    if not once and not _must_stop(result):
        _time(runner, bare, loaded, result, repeat or (1 if reach_only else 0), announce)
        if not result.reach_only and not _ended(result):
            result.gain = _judge(result)
            announce("a program that does nothing, to time its start")
            result.start = measure_start(bare, loaded, library)
    if not trouble:
        result.fatal = _look_for_fatal(runner, bare, loaded, result, announce)
    return result


def _look_for_fatal(
    runner: Runner,
    bare: Mapping[str, str],
    loaded: Mapping[str, str],
    result: Comparison,
    announce: Callable[[str], None],
) -> FatalCall | None:
    """Where a run ended in SIGSYS: the same once more, to see for which call; and again, to see whose it is.

    The library is looked at first: with the reports, where it is killed with them alone.
    """
    way = _way_to_fatal(result.without, result.with_library)
    if way is None:
        return None
    environment, report = loaded if way.library else bare, way.report
    announce("to see for which system call it is killed")
    trace = FatalTrace()
    runner.run(environment, trace, report)
    if trace.fatal is None:
        return None
    announce("to see whose call that is")
    closer = FatalTrace(call=trace.fatal.name)
    with contextlib.suppress(VgetrandomError):  # a strace that can show no stacks
        runner.run(environment, closer, report)
    return closer.fatal or trace.fatal


@dataclass(frozen=True)
class _Way:
    """A kind of run: with the library, with its reports."""

    library: bool
    report: bool


def _way_to_fatal(without: Side, with_library: Side) -> _Way | None:
    """The kind of run that ended in SIGSYS, the nearest to normal use first; None when none did by itself."""
    ways: list[tuple[_Way, list[Outcome | None]]] = [
        (_Way(True, False), [*with_library.timed]),
        (_Way(True, True), [with_library.counted]),
        (_Way(False, False), [without.counted, *without.timed]),
    ]
    return next((way for way, runs in ways if any(one and one.sigsys and not one.ended for one in runs)), None)


def _must_stop(result: Comparison) -> bool:
    """Whether another run could meet what an earlier one left, or would be the third that a person has to end."""
    counted = [side.counted for side in (result.without, result.with_library) if side.counted]
    return any(one.left or one.ended for one in counted) and bool(result.without.counted)


def _time(
    runner: Runner,
    bare: Mapping[str, str],
    loaded: Mapping[str, str],
    result: Comparison,
    repeat: int,
    announce: Callable[[str], None],
) -> None:
    sides = [(result.without, bare, "without the library, timed"), (result.with_library, loaded, "with it, timed")]
    start = time.monotonic()
    for pair in range(repeat or LOOKS[-1]):
        for side, environment, what in sides if pair % 2 == 0 else reversed(sides):
            announce(what)
            side.timed.append(runner.run(environment))
        if _ended(result):
            return
        if not repeat and (time.monotonic() - start > _SECONDS or _told(result, pair + 1)):
            return


def _told(result: Comparison, pairs: int) -> bool:
    return pairs in LOOKS and _judge(result).verdict != UNKNOWN


def _judge(result: Comparison) -> Gain:
    pairs = list(zip(result.without.timed, result.with_library.timed))
    return judge_runs(
        [(one.seconds, other.seconds) for one, other in pairs],
        [(one.processor, other.processor) for one, other in pairs],
    )


def _ended(result: Comparison) -> bool:
    """Whether a timed run was ended from outside: its time is not the command's."""
    return any(one.ended for side in (result.without, result.with_library) for one in side.timed)
