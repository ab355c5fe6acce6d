"""The lines that the library writes when a process exits and VGETRANDOM_REPORT is set."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

ACTIVE = "active"
# What the library says of itself when it answers by system calls instead, in words
INACTIVE = {
    "off": "VGETRANDOM=off is set",
    "no-vdso": "this kernel's vDSO has no getrandom, or the process has no vDSO",
    "no-params": "the vDSO did not tell how its state is to be kept",
    "no-memory": "the kernel refused the memory that the states need",
    "no-libc": "the program has a loader but no libc, and draws by itself",
}


@dataclass(frozen=True)
class ExitReport:
    """One process: what it did in its whole life.

    calls, bytes  served by the vDSO
    fallbacks     calls answered by the system call for want of a state
    first_draws   calls answered by the system call because they were a thread's first in this process
    threads       that took a state
    forks         between the process that loaded the library and this one; a process that did not draw does not count
    """

    pid: int
    status: str
    calls: int
    bytes: int
    fallbacks: int
    first_draws: int
    threads: int
    forks: int


def read_reports(path: Path) -> list[ExitReport]:
    """Every report in a file, in the order of exit. Lines that are not whole reports are left out. Raises OSError."""
    reports = (_parse(line) for line in path.read_text(errors="replace").splitlines())
    return [report for report in reports if report]


def _parse(line: str) -> ExitReport | None:
    try:
        entry = json.loads(line)
        if entry["vgetrandom"] != 1:
            return None
        values = {field.name: entry[field.name] for field in fields(ExitReport)}
    except (ValueError, KeyError, TypeError):
        return None
    numbers = [value for name, value in values.items() if name != "status"]
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        return None
    return ExitReport(**values)
