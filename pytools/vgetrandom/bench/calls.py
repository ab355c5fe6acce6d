"""The system calls of each stage of a life: the first draws of a program and of a thread, its end, a fork, a child's.

Counted by strace from outside. The worker says in which stage it is by a call that the kernel refuses (native/calls.c).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping

from . import contenders
from .lives import SIZE
from .model import Participant, Series
from .session import Session
from .traced import traced
from .worker import Absent

# In the order of a life. "fork" is what parent and child do before they have returned from it, beside the fork itself.
STAGES = (
    "program-first",
    "program-second",
    "program-third",
    "thread-first",
    "thread-second",
    "thread-third",
    "thread-end",
    "fork",
    "child-first",
    "child-second",
)
_IDLE_END = "idle-end"  # of a thread that did not draw: what its end takes anyway
_LINE = re.compile(r"(?P<pid>\d+) +(?P<call>\w+)\((?P<rest>.*)")
_MARK = re.compile(r'-1, "@(?P<stage>[a-z-]*)"')
_FORKS = ("clone", "clone3", "fork", "vfork")  # what a fork is anyway
_LIMIT = 120  # seconds; strace takes two


def measure(session: Session) -> None:
    """Adds "calls": how often a contender's `function`, which is a stage here, makes the system call in `unit`.

    A stage without any call has one series, of 0. Nothing is added, and a reason noted, where strace is missing.
    """
    if shutil.which("strace") is None:
        absent = Participant("calls", "system calls of each stage", absent="strace is not installed")
        session.participants.append(absent)
        session.progress.absent(absent)
        return
    keys = session.libcs()
    session.progress.begin("system calls", len(keys))
    for key in keys:
        for stage, calls in _trace(session, key).items():
            session.series += [
                Series("calls", key, stage, SIZE, name, (count,)) for name, count in (calls or {"": 0}).items()
            ]
        session.progress.advance()


def _trace(session: Session, key: str) -> Mapping[str, Mapping[str, int]]:
    """The calls of each stage; nothing where the worker may not be traced, or does not come to its end."""
    try:
        program = contenders.program(session.contenders[key], session.shim)
    except Absent:
        return {}
    text = f"calls {session.workers[key].main} {SIZE}\n".encode()
    lines = traced(program.command, program.environment, text=text, seconds=_LIMIT)
    return {} if lines is None else stages(lines)


def stages(lines: Iterable[str]) -> dict[str, dict[str, int]]:
    """How often each call was made in each stage, from what `strace -f -o` writes: "PID call(...) = ..." each.

    A thread's end has only the calls that the end of one that never drew does not have, too.
    """
    found: dict[str, dict[str, int]] = {stage: {} for stage in (*STAGES, _IDLE_END)}
    at: dict[str, str] = {}  # where each thread is
    forked = False
    for line in lines:
        match = _LINE.match(line)
        if not match:
            continue  # a signal, or the second half of a call that was cut in two
        pid, call = match["pid"], match["call"]
        mark = _MARK.match(match["rest"]) if call == "write" else None
        if mark:
            at[pid] = mark["stage"]
            forked = forked or mark["stage"] == "fork"
            continue
        # After the mark no thread begins but the child.
        stage = at.setdefault(pid, "fork" if forked else "")
        if stage in found and call not in _FORKS:
            found[stage][call] = found[stage].get(call, 0) + 1
    idle = found.pop(_IDLE_END)
    found["thread-end"] = {
        call: count - idle.get(call, 0) for call, count in found["thread-end"].items() if count > idle.get(call, 0)
    }
    return found
