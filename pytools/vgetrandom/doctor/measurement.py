"""The helper program that times one draw, and whether the library works in a process here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..preload.exit_report import read_reports
from ..preload.launch import with_library, without_library
from ..preload.library import helper_path
from ..system.vdso import VdsoFunction

HELPER = "vdso_speed"
_SECONDS = 60  # far more than it takes


@dataclass(frozen=True)
class Measurement:
    """What the kernel asks of a state (0 when it did not tell), and nanoseconds for a draw of 16 bytes.

    The fastest of many rounds counts. A time is None when that way to draw is not to be had.
    """

    state_size: int
    mmap_prot: int
    mmap_flags: int
    mapped: bool
    vdso: float | None
    system_call: float | None
    libc: float | None


@dataclass(frozen=True)
class Trial:
    """The library in a process of its own: its status ("" when it never came up), and a draw in nanoseconds."""

    status: str
    draw: float | None


def measure(function: VdsoFunction | None) -> Measurement | None:
    """Time the draws without the library; None when the helper is not installed or does not run."""
    found = _run_helper(function, without_library(os.environ))
    if not found:
        return None
    return Measurement(
        found["state_size"],
        found["mmap_prot"],
        found["mmap_flags"],
        found["mapped"],
        found["vdso_ns"],
        found["syscall_ns"],
        found["libc_ns"],
    )


def try_library(library: Path) -> Trial:
    """Preload the library into a process and see what it reports."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-") as folder:
        report = Path(folder, "report")
        environment = with_library(without_library(os.environ), library, str(report))
        found = _run_helper(None, environment)
        if not found:  # any program that draws will do
            words = [sys.executable, "-c", "import os; os.urandom(16)"]
            subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True)
        reports = read_reports(report) if report.exists() else []
    return Trial(reports[0].status if reports else "", found["libc_ns"] if found else None)


def _run_helper(function: VdsoFunction | None, environment: dict[str, str]) -> dict[str, Any] | None:
    helper = helper_path(HELPER)
    if not helper:
        return None
    words = [str(helper), f"{function.offset if function else 0:x}"]
    try:
        result = subprocess.run(
            words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS
        )
        found: dict[str, Any] = json.loads(result.stdout)
        return found
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
