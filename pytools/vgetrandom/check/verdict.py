"""What a comparison proves: did the library serve the command's calls, and did nothing else change?"""

from __future__ import annotations

import signal
from dataclasses import dataclass

from ..preload.exit_report import ACTIVE, INACTIVE
from .controlled_run import Outcome
from .paired_runs import Comparison


@dataclass(frozen=True)
class Verdict:
    """`good`: the library served the calls, and nothing else changed. One sentence, and what else is to be known."""

    good: bool
    sentence: str
    notes: tuple[str, ...]


def judge(found: Comparison) -> Verdict:
    """What the runs prove."""
    notes = tuple(_notes(found))
    changed = _changed(found)
    if changed:
        return Verdict(False, f"no: {changed}", notes)
    states = {report.status for report in found.reports}
    if found.reports and ACTIVE not in states:
        reasons = " and ".join(INACTIVE.get(state, state) for state in sorted(states))
        return Verdict(False, f"no: the library stayed inactive: {reasons}", notes)
    # A process that left no report may have been served, and the kernel's count tells that, too.
    if found.total("calls") or (_fewer(found) and (found.silent or not found.reports)):
        return Verdict(True, f"yes: {_gain(found)}", notes)
    if found.reports:
        return Verdict(False, f"no: {_nothing(found)}", notes)
    ending = "no process of the command reported: none loaded the library, or none ended by exiting"
    return Verdict(False, f"no: {found.obstacle or ending}", notes)


def _fewer(found: Comparison) -> bool:
    before, after = found.without.calls, found.with_library.calls
    if before is None or after is None:
        return False
    # Where a run was ended from outside, how far it had come by then makes a difference, too.
    by_itself = not any(side.counted and side.counted.ended for side in (found.without, found.with_library))
    return after < before if by_itself else after < before / 2


def _gain(found: Comparison) -> str:
    before, after, served = found.without.calls, found.with_library.calls, found.total("calls")
    if after is None:
        return f"the vDSO served {_count(served, 'call')}; the system calls that remain were not counted"
    if before is None:
        return f"the vDSO served {_count(served, 'call')}, {_count(after, 'system call')} remained"
    if after < before:
        return f"{_count(before, 'system call')} became {after:,}"
    return (
        f"the vDSO served {_count(served, 'call')}, too few to gain: {_count(before, 'system call')} became {after:,}"
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
    odd = sorted(ours - normal)
    if not normal or not odd:
        return ""
    return f"with the library the command ends with {describe(odd[0])}, without it with {describe(min(normal))}"


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
    if _killed_by_report(found):
        notes.append(
            "a sandbox of the command allows no file to be written at exit: the process was killed by SIGSYS when it "
            "wrote the report, and is not when there is none to write"
        )
    return notes + _notes_on_endings(found, counted)


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


def _killed_by_report(found: Comparison) -> bool:
    """SIGSYS in the run that wrote reports, and in none that did not."""
    if not found.with_library.counted or not found.with_library.timed:
        return False
    others = [one for one in (found.without.counted, *found.without.timed, *found.with_library.timed) if one]
    return _sigsys(found.with_library.counted) and not any(_sigsys(one) for one in others)


def _sigsys(run: Outcome) -> bool:
    return run.status in (-signal.SIGSYS, 128 + signal.SIGSYS) or bool(run.trace and run.trace.killed["SIGSYS"])


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
