"""Running a command with the shim preloaded, and reading the exit reports that its processes leave."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vgetrandom.preload.library import reporter_beside

SECONDS = 120  # longest that any command here may take


@dataclass(frozen=True)
class Report:
    """One line that the reporter wrote: what the library did in one process."""

    status: str
    memory: str  # of the states
    pid: int
    calls: int  # served by the vDSO, as are the bytes; a thread's first draw is left to the system call
    bytes: int
    slots: int  # given in the process's lineage of forks
    copies: int  # of the library


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


def read_reports(text: str) -> list[Report]:
    """The reports among lines of text; each is exactly what the reporter promises to write."""
    reports = []
    for line in text.splitlines():
        fields = json.loads(line)
        assert fields.pop("vgetrandom") == 2
        reports.append(Report(**fields))
    return reports


def with_reporter(libraries: str | Path) -> str:
    """What LD_PRELOAD has to be: these libraries, a colon between them, and the reporter that lies beside one."""
    beside = [reporter_beside(Path(path)) for path in str(libraries).split(":")]
    return f"{libraries}:{next(path for path in beside if path.exists())}"


def run(
    command: Sequence[str | Path],
    library: str | Path | None = None,
    stdin: bytes = b"",
    cwd: Path | None = None,
    **environment: str,
) -> Run:
    """Run a command to its end, with `library` (several: separated by colons) and the reporter preloaded when given."""
    with tempfile.NamedTemporaryFile(prefix="report-", suffix=".jsonl") as report:
        variables = {**os.environ}
        variables.pop("LD_PRELOAD", None)
        if library:
            variables.update(LD_PRELOAD=with_reporter(library), VGETRANDOM_REPORT=report.name)
        variables.update(environment)
        done = subprocess.run(
            [str(word) for word in command], input=stdin, capture_output=True, cwd=cwd, env=variables, timeout=SECONDS
        )
        return Run(done.returncode, done.stdout, done.stderr, read_reports(report.read().decode()))


def system_call_wins() -> bool:
    """Whether the system call is the cheaper way to 256 bytes and more without vectors: docs/large-requests.md."""
    return re.search(r"vendor_id\s*: (AuthenticAMD|HygonGenuine)\n", Path("/proc/cpuinfo").read_text()) is not None
