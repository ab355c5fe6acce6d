"""What a comparison proves: does the command gain, did the library serve its calls, and did nothing else change?"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from ..preload.exit_report import ACTIVE, INACTIVE
from ..preload.identity import is_copy
from ..preload.library import REPORTER_NAME, reporter_path
from .controlled_run import Outcome
from .fatal_call import FatalCall
from .gain import GAINS, NO_DIFFERENCE, PROCESSOR, UNKNOWN, Gain, Interval
from .paired_runs import Comparison
from .start_cost import StartCost


@dataclass(frozen=True)
class Verdict:
    """`good`: yes to what was asked. `reached`: the library served calls. One sentence, and `notes` for the rest."""

    good: bool
    reached: bool
    sentence: str
    notes: tuple[str, ...]


def judge(found: Comparison) -> Verdict:
    """What the runs prove."""
    notes = tuple(_notes(found))
    changed = _changed(found)
    why_not = _why_not_reached(found)
    if changed:
        return Verdict(False, not why_not, f"no: {changed}", notes)
    if why_not:
        return Verdict(False, False, f"no: not reached: {why_not}{_loss_besides(found)}", notes)
    reached = f"reached: {_served(found)}"
    if found.reach_only:
        return Verdict(True, True, f"yes: {reached}", notes)
    if not found.gain:
        return Verdict(False, True, f"no: can't tell what it gains, as no run was timed to its end; {reached}", notes)
    good = found.gain.verdict == GAINS
    return Verdict(good, True, f"{'yes' if good else 'no'}: {_gain(found, found.gain)}; {reached}", notes)


def _why_not_reached(found: Comparison) -> str:
    """Why the library served no call; "" when it did."""
    if found.raised:
        return f"the program is {found.raised}: the loader ignores LD_PRELOAD there, but for root or its owner"
    states = {report.status for report in found.reports}
    if found.reports and ACTIVE not in states:
        reasons = " and ".join(INACTIVE.get(state, state) for state in sorted(states))
        return f"the library stayed inactive: {reasons}"
    # A process that left no report may have been served, and the kernel's count tells that, too.
    if found.total("calls") or (_fewer(found) and (found.silent or not found.reports)):
        return ""
    if found.reports:
        return _nothing(found)
    return found.obstacle or "no process of the command reported: none loaded the library, or none ended by exiting"


def _loss_besides(found: Comparison) -> str:
    """What a command pays for a library that it does not use. A gain would not be the library's, and is not told."""
    return f"; {_gain(found, found.gain)}" if found.gain and found.gain.verdict not in (GAINS, UNKNOWN) else ""


def _gain(found: Comparison, gain: Gain) -> str:
    """What the times tell, in words."""
    if gain.verdict == UNKNOWN:
        so_far = f": {_bounds(gain.ratio)}" if gain.ratio else ""
        return (
            f"can't tell from {_count(gain.pairs, 'pair')} of runs{so_far}; about {gain.more:,} more would tell "
            f"(--repeat {gain.pairs + gain.more})"
        )
    assert gain.ratio
    if gain.verdict == NO_DIFFERENCE:
        return f"no difference: {_bounds(gain.ratio)}" + (f" {gain.measure}" if gain.measure == PROCESSOR else "")
    before, after = (
        (found.without.processor, found.with_library.processor)
        if gain.measure == PROCESSOR
        else (found.without.seconds, found.with_library.seconds)
    )
    times = f"{_seconds(before)} became {_seconds(after)}"
    return f"{gain.verdict}: {_change(gain.ratio.median)} {gain.measure} ({_bounds(gain.ratio)}), {times}"


def _bounds(ratio: Interval) -> str:
    if ratio.high < 1:
        return f"{_percent(ratio.high)} to {_change(ratio.low)}"
    if ratio.low > 1:
        return f"{_percent(ratio.low)} to {_change(ratio.high)}"
    return f"between {_change(ratio.low)} and {_change(ratio.high)}"


def _change(ratio: float) -> str:
    """ "12 % less", "0.4 % more"."""
    return f"{_percent(ratio)} % {'less' if ratio < 1 else 'more'}"


def _percent(ratio: float) -> str:
    change = abs(ratio - 1) * 100
    return f"{change:.{0 if change >= 10 else 1}f}"


def _seconds(seconds: float | None) -> str:
    assert seconds is not None
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _fewer(found: Comparison) -> bool:
    before, after = found.without.calls, found.with_library.calls
    if before is None or after is None:
        return False
    # Where a run was ended from outside, how far it had come by then makes a difference, too.
    by_itself = not any(side.counted and side.counted.ended for side in (found.without, found.with_library))
    return after < before if by_itself else after < before / 2


def _served(found: Comparison) -> str:
    """What the library did, and what the kernel's counts say of it."""
    before, after, served = found.without.calls, found.with_library.calls, found.total("calls")
    if after is None:
        return f"the vDSO served {_count(served, 'call')}; the system calls that remain were not counted"
    if before is None:
        return f"the vDSO served {_count(served, 'call')}, {_count(after, 'system call')} remained"
    if served > 2 * before:  # nobody saved system calls that were not made
        mean = found.total("bytes") // served
        return (
            f"the library served {_count(served, 'call')} of {_count(mean, 'byte')} on average, most of which were no "
            f"system calls without it either ({before:,} there, {after:,} with it)"
        )
    if after < before:
        return f"{_count(before, 'system call')} became {after:,}"
    return (
        f"the vDSO served {_count(served, 'call')}, and {_count(before, 'system call')} became {after:,}: a thread's "
        "first draws cost as many"
    )


def _nothing(found: Comparison) -> str:
    """Why nothing was served though the library was there."""
    left = found.with_library.calls
    if left:
        return (
            "the command asks for no random bytes that the vDSO could serve; "
            f"what was seen ({_count(left, 'system call')}) is a thread's first draw, made inside libc, or made by "
            "instructions of its own"
        )
    return "the command asks for no random bytes"


def _changed(found: Comparison) -> str:
    """What the library changed, if it did."""
    normal, ours = found.without.statuses(), found.with_library.statuses()
    runs = [one for one in (found.with_library.counted, *found.with_library.timed) if one]
    odd = sorted(ours - normal)
    if not normal or not odd:
        return ""
    why = f": a filter kills it {_for_which(found.fatal)}" if found.fatal and any(one.sigsys for one in runs) else ""
    return f"with the library the command ends with {describe(odd[0])}, without it with {describe(min(normal))}{why}"


def _notes(found: Comparison) -> list[str]:
    notes = []
    counted, trace = found.with_library.counted, found.with_library.counted and found.with_library.counted.trace
    if found.obstacle and found.reports:
        notes.append(found.obstacle)
    if found.trouble:
        notes.append(f"system calls were not counted: {found.trouble}")
    if found.silent:
        notes.append(
            f"{found.silent:,} of {_count(trace.processes if trace else 0, 'process')} left no report: ended by a "
            "signal or without exiting, confined (PR_SET_NO_NEW_PRIVS, seccomp), or not reached (static, set-uid, "
            "LD_PRELOAD taken away)"
        )
    if any(report.copies > 1 for report in found.reports):
        notes.append("there is more than one copy of the library in the command; the first one was looked at")
    if trace and trace.devices:
        notes.append(f"/dev/urandom or /dev/random was opened {_count(trace.devices, 'time')}: reads are not served")
    notes += _sigsys(found)
    if found.start:
        notes.append(_start(found.start))
    return notes + _notes_on_endings(found, counted)


def _start(start: StartCost) -> str:
    """What a start costs, in words."""
    if not start.told:
        most = max(start.cost.high * 1e6, 0)
        return f"what the library adds to the start of a program is lost in noise: less than {most:,.0f} µs"
    said = (
        f"starting a program that does nothing takes {start.cost.median * 1e6:,.0f} µs longer with the library "
        f"({start.cost.low * 1e6:,.0f} to {start.cost.high * 1e6:,.0f})"
    )
    if start.plain is None or start.served is None:
        return said
    price = f"{start.plain * 1e9:.0f} ns each, {start.served * 1e9:.0f} with it"
    if start.draws is None:
        return f"{said}; draws of 16 bytes never earn that back ({price})"
    return f"{said}; about {start.draws:,} draws of 16 bytes earn that back ({price})"


def _notes_on_endings(found: Comparison, counted: Outcome | None) -> list[str]:
    notes = []
    runs = [one for side in (found.without, found.with_library) for one in (side.counted, *side.timed) if one]
    ended = {one.ended for one in runs if one.ended}
    if ended:
        notes.append(f"runs were ended by {' and '.join(sorted(ended))}: counts are those until then")
    left = max((one.left for one in runs), default=0)
    if left:
        notes.append(
            f"the command left {_count(left, 'process')} running, ended after a while; the runs were not timed"
        )
    if len(found.without.statuses()) > 1:
        several = ", ".join(describe(status) for status in sorted(found.without.statuses()))
        notes.append(f"it does not always end alike, even without the library: {several}")
    status = found.with_library.status
    if status and not ended:
        words = f": {counted.complaint}" if counted and counted.complaint else ""
        notes.append(f"the command itself ends with {describe(status)}{words}")
    return notes


def _sigsys(found: Comparison) -> list[str]:
    """What is known of processes that a filter killed, and no more."""
    with_reports = found.with_library.counted
    others = [one for one in (found.without.counted, *found.without.timed, *found.with_library.timed) if one]
    anywhere = any(one.sigsys for one in others)
    if not anywhere and not (with_reports and with_reports.sigsys):
        return []
    said = "a process was killed by SIGSYS; by whom and for what was not seen"
    if found.fatal:
        said = f"a filter killed a process (SIGSYS) {_for_which(found.fatal)}"
    if anywhere or not others:
        return [said]
    return [f"{said}, in the run that wrote reports at exit and in no other"]


def _for_which(fatal: FatalCall) -> str:
    """ "for openat, made by chronyd (open_socket+0x1f)"."""
    return f"for {fatal.name}{_made_by(fatal)}"


def _made_by(fatal: FatalCall) -> str:
    """Whose call it was, from its stack."""
    makers = fatal.makers
    if not makers:
        return "; whose call that was is not known"
    if Path(makers[0].file).name == reporter_path().name:
        return f", made by {REPORTER_NAME}, which writes the reports"
    if not is_copy(Path(makers[0].file)):
        return f", made by {makers[0]}"
    behind = next((frame for frame in makers if frame.file != makers[0].file), None)
    if makers[0].function.startswith("syscall+"):  # hands every other call on
        return f", made by {behind}" if behind else ""
    return ", made by the library" + (f" for {behind}" if behind else "")


def _count(number: int, what: str) -> str:
    """A number with its noun: "1 process", "2 processes"."""
    plural = "es" if what.endswith("s") else "s"
    return f"{number:,} {what}{'' if number == 1 else plural}"


def describe(status: int) -> str:
    """An exit status or a signal, in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
