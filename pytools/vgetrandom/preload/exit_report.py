"""The lines that libvgetrandom-report.so writes when a process exits and VGETRANDOM_REPORT is set."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

ACTIVE = "active"
# Why the library answers by system calls instead, in words
INACTIVE = {
    "off": "VGETRANDOM=off is set",
    "no-vdso": "this kernel's vDSO has no getrandom, or the process has no vDSO",
    "no-params": "the vDSO did not tell how its state is to be kept",
    "no-memory": "the kernel refused the memory that the states need",
    "no-libc": "the program has a loader but no libc, and draws by itself",
    "absent": "it was not loaded",
    "not-initialised": "its constructor has not run",
    "other-release": "it is of another release than the one that reports",
}


@dataclass(frozen=True)
class ExitReport:
    """One process: what it did in its whole life.

    memory        of the states: "none", "droppable", "locked", "lock-refused" (VGETRANDOM=lock, refused: droppable)
    calls, bytes  served by the vDSO; lower bounds where the kernel dropped a state
    slots         given in its lineage of forks: as many thread records, alive at different addresses, took a state
    copies        of the library in the process; the first one serves it
    """

    pid: int
    status: str
    memory: str
    calls: int
    bytes: int
    slots: int
    copies: int


def read_reports(path: Path) -> list[ExitReport]:
    """Every report in a file, in the order of exit. Lines that are not whole reports are left out. Raises OSError."""
    reports = (_parse(line) for line in path.read_text(errors="replace").splitlines())
    return [report for report in reports if report]


def _parse(line: str) -> ExitReport | None:
    try:
        entry = json.loads(line)
        if entry["vgetrandom"] != 2:
            return None
        values = {field.name: entry[field.name] for field in fields(ExitReport)}
    except (ValueError, KeyError, TypeError):
        return None
    numbers = [value for name, value in values.items() if name not in ("status", "memory")]
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        return None
    return ExitReport(**values)
