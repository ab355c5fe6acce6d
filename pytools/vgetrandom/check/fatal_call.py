"""For which system call a filter killed a process (SIGSYS), and whose code made that call.

strace(1) says it. Where the filter sends a signal (SECCOMP_RET_TRAP), the signal names the call (si_syscall). Where it
kills, nothing names it, and the last call of the thread that died is the one: it never returned. Whose it is shows the
stack at that call (strace -k), from the innermost function outwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .strace import LINE, Trace

_CALL = re.compile(r"([a-z_][a-z0-9_]*)\(")
_SENT = re.compile(r"--- SIGSYS (?!.*\bsi_code=SYS_SECCOMP\b)")  # by kill(2) and its like
_NAMED = re.compile(r"--- SIGSYS \{.*\bsi_syscall=(?:__NR_)?(\w+)")
_FRAME = re.compile(r" > (.+?)\((.*)\) \[0x[0-9a-f]+\]$")
_NOBODYS = re.compile(r"(libc\.so\.6|libc-[0-9.]+\.so|libpthread[-.].*|ld-.*|libc\.musl.*|\[vdso\])$")


@dataclass(frozen=True)
class Frame:
    """A function on the stack: the file that holds it, and its name with an offset, or an offset alone."""

    file: str
    function: str

    def __str__(self) -> str:
        return f"{self.file} ({self.function})" if self.function else self.file


@dataclass(frozen=True)
class FatalCall:
    """The system call that a process was killed for.

    name   as in syscalls(2)
    stack  from the innermost function outwards; empty when it is not known
    """

    name: str
    stack: tuple[Frame, ...] = ()

    @property
    def makers(self) -> tuple[Frame, ...]:
        """The stack without libc, the loader and the vDSO, which make calls for others."""
        return tuple(frame for frame in self.stack if not _NOBODYS.match(frame.file.rpartition("/")[2]))


@dataclass
class FatalTrace(Trace):
    """A trace that looks for the call that killed. `fatal`: None when no process was killed by SIGSYS.

    call   the system call that is looked for with its stack, where it is known already; "": every call is
    """

    call: str = ""
    fatal: FatalCall | None = None
    _last: dict[int, FatalCall] = field(default_factory=dict)  # by tid
    _tid: int = 0  # whom the frames that follow belong to

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            match = LINE.match(line)
            if match:
                self._tid = int(match[1])
                self._note(self._tid, match[2])
                self._line(self._tid, match[2])
            elif (frame := _FRAME.match(line.rstrip())) and self._tid in self._last:
                last = self._last[self._tid]
                self._last[self._tid] = replace(last, stack=(*last.stack, Frame(frame[1], frame[2])))

    def _note(self, tid: int, text: str) -> None:
        call = _NAMED.match(text) or _CALL.match(text)
        if call:  # the stack follows, behind the signal as well
            self._last[tid] = FatalCall(call[1])
        if _SENT.match(text):
            self._last.pop(tid, None)
        if text.startswith("+++ killed by SIGSYS") and not self.fatal and tid in self._last:
            self.fatal = self._last[tid]
