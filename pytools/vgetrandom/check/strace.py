"""Counting, by strace(1), what a whole process tree asked the kernel for."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

# What is traced: the draws; the start of programs, of processes and (to tell them apart) of threads; opening of the
# random devices.
# raw: the bytes themselves are nobody's business.
_OPTIONS = ("-f", "-q", "-e", "raw=getrandom,execve")
_CALLS = "trace=getrandom,execve,clone,?clone3,?fork,?vfork,?open,openat"
# Stops at the traced calls alone (strace 5.3): several times faster for most programs.
_FILTER = ("--seccomp-bpf",)

LINE = re.compile(r"(\d+) +(.*)")
_CLONE = re.compile(r"(?:<\.\.\. )?(?:clone3?|v?fork)\b")
_RESULT = re.compile(r"\) += (\d+)\b[^=]*$")
_EXECUTED = re.compile(r"(?:execve\(|<\.\.\. execve resumed>).*= 0(?:x0)?$")
_DEVICE = re.compile(r'open(?:at)?\(.*"/dev/u?random"')
_KILLED = re.compile(r"\+\+\+ killed by (SIG\w+)")


@dataclass
class Trace:
    """What was seen; it grows while the command runs.

    calls      getrandom system calls
    processes  the first one and all its descendants, not their threads
    devices    times that /dev/random or /dev/urandom was opened
    killed     signals that ended processes, with how many
    main       pid of the command's first process, 0 until it is known
    executed   whether the kernel began to execute the command
    alive      tids of what is running
    """

    calls: int = 0
    processes: int = 0
    devices: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    main: int = 0
    executed: bool = False
    alive: set[int] = field(default_factory=set)
    _threads: set[int] = field(default_factory=set)
    _starting_threads: set[int] = field(default_factory=set)  # tids inside an unfinished clone for a thread

    @property
    def ended(self) -> bool:
        """Whether the command's first process is gone; others may be left."""
        return self.main != 0 and self.main not in self.alive

    def running(self) -> list[int]:
        """The pids of what is running, as far as it made one of the traced calls."""
        return [tid for tid in list(self.alive) if tid not in self._threads]

    def read(self, lines: Iterable[str]) -> None:
        """Count line after line until the trace ends."""
        for line in lines:
            match = LINE.match(line)
            if match:
                self._line(int(match[1]), match[2])

    def _line(self, tid: int, text: str) -> None:
        if not self.main:
            self.main, self.processes = tid, 1
            self.alive.add(tid)
        if text.startswith("+++"):
            self._ended(tid, text)
            return
        if text.startswith("---"):  # a signal
            return
        self.alive.add(tid)
        if text.startswith("getrandom("):  # a call cut in two lines has this only in the first
            self.calls += 1
        elif not self.executed and _EXECUTED.match(text):
            self.executed = True
        elif _DEVICE.match(text):
            self.devices += 1
        elif _CLONE.match(text):
            self._cloned(tid, text)

    def _cloned(self, tid: int, text: str) -> None:
        if "CLONE_THREAD" in text:
            self._starting_threads.add(tid)
        result = _RESULT.search(text)
        if "<unfinished" in text and not result:
            return
        thread = tid in self._starting_threads
        self._starting_threads.discard(tid)
        if not result:
            return
        child = int(result[1])
        if thread:
            self._threads.add(child)
        else:
            self.processes += 1

    def _ended(self, tid: int, text: str) -> None:
        self.alive.discard(tid)
        killed = _KILLED.match(text)
        if killed and tid not in self._threads:
            self.killed[killed[1]] += 1
        self._threads.discard(tid)


def fatal_arguments(output: str, environment: Mapping[str, str], call: str) -> list[str]:
    """strace and its options, to learn which system call killed a process; or, when that is known, whose it was."""
    what = ["-k", "-e", f"{_CALLS},{call}"] if call else ["-e", "trace=all"]
    return _words(["-f", "-q", "-e", "raw=all", *what], output, environment)


def arguments(output: str, environment: Mapping[str, str], options: tuple[str, ...]) -> list[str]:
    """strace and its options; the command follows. `environment` is set for the command, not for strace."""
    return _words([*_OPTIONS, "-e", _CALLS, *options], output, environment)


def _words(options: list[str], output: str, environment: Mapping[str, str]) -> list[str]:
    words = [shutil.which("strace") or "strace", *options, "-o", output]
    for name, value in environment.items():
        words += ["-E", f"{name}={value}"]
    return [*words, "--"]


@lru_cache(maxsize=1)
def usable() -> tuple[tuple[str, ...], str]:
    """Whether strace can count here: the options to give it, and "" or a sentence that says why it can't."""
    if not shutil.which("strace"):
        return (), "strace is not installed (apt-get install strace)"
    complaint = ""
    for options in (_FILTER, ()):
        words = [*arguments("/dev/null", {}, options), "/bin/sh", "-c", ":"]  # there, whatever PATH says
        result = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        if result.returncode == 0:
            return options, ""
        complaint = (result.stderr.strip().splitlines() or ["it gives no reason"])[0]
    forbidden = re.search("ptrace|PTRACE|not permitted", complaint)
    way_out = "; a container needs the capability SYS_PTRACE" if forbidden else ""
    return (), f"strace does not work here ({complaint}){way_out}"
