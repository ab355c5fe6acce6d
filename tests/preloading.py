"""Running a command with the shim preloaded, and reading the exit reports that its processes leave."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120  # longest that any command here may take


@dataclass(frozen=True)
class Report:
    """One line that VGETRANDOM_REPORT made: what one process did."""

    status: str
    pid: int
    calls: int  # served by the vDSO, as are the bytes
    bytes: int
    fallbacks: int  # answered by the system call for want of a state
    first_draws: int  # answered by the system call because a thread had not drawn before
    threads: int
    forks: int


@dataclass(frozen=True)
class Run:
    """How a command ended; status is -N after signal N."""

    status: int
    output: bytes
    errors: bytes
    reports: Sequence[Report]

    @property
    def text(self) -> str:
        return self.output.decode()

    @property
    def calls(self) -> int:
        return sum(report.calls for report in self.reports)

    @property
    def fallbacks(self) -> int:
        return sum(report.fallbacks for report in self.reports)

    @property
    def first_draws(self) -> int:
        return sum(report.first_draws for report in self.reports)


def read_reports(text: str) -> list[Report]:
    """The reports among lines of text; each is exactly what the library promises to write."""
    reports = []
    for line in text.splitlines():
        fields = json.loads(line)
        assert fields.pop("vgetrandom") == 1
        reports.append(Report(**fields))
    return reports


def run(
    command: Sequence[str | Path],
    library: str | Path | None = None,
    stdin: bytes = b"",
    cwd: Path | None = None,
    **environment: str,
) -> Run:
    """Run a command to its end, with `library` (several: separated by colons) preloaded when given."""
    with tempfile.NamedTemporaryFile(prefix="report-", suffix=".jsonl") as report:
        variables = {**os.environ}
        variables.pop("LD_PRELOAD", None)
        if library:
            variables.update(LD_PRELOAD=str(library), VGETRANDOM_REPORT=report.name)
        variables.update(environment)
        done = subprocess.run(
            [str(word) for word in command], input=stdin, capture_output=True, cwd=cwd, env=variables, timeout=SECONDS
        )
        return Run(done.returncode, done.stdout, done.stderr, read_reports(report.read().decode()))
