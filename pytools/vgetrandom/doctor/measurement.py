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

from ..preload.exit_report import ACTIVE, ExitReport, read_reports
from ..preload.launch import with_library, with_reports, without_library
from ..preload.library import helper_path, reporter_path
from ..preload.settings import LOCK, SWITCH
from ..system.vdso import VdsoFunction

HELPER = "vdso_speed.so"
# What a process of this interpreter does with the helper: an offset and a length in, JSON out.
_CODE = """
import ctypes, json, sys
asked, times = (ctypes.c_uint32 * 4)(), (ctypes.c_double * 4)()
speed = ctypes.CDLL(sys.argv[1]).vdso_speed
status = speed(ctypes.c_ulong(int(sys.argv[2], 16)), ctypes.c_size_t(int(sys.argv[3])), asked, times)
names = ("vdso_ns", "syscall_ns", "libc_ns", "other_ns")
found = {name: round(time, 1) if time >= 0 else None for name, time in zip(names, times)}
found.update(zip(("state_size", "mmap_prot", "mmap_flags", "mapped"), (*asked[:3], bool(asked[3]))))
print(json.dumps(found))
sys.exit(status)
"""
LARGE = 65536  # bytes of a large draw; the helper makes no larger ones
_SECONDS = 60  # far more than it takes


@dataclass(frozen=True)
class Measurement:
    """What the kernel asks of a state (0 when it did not tell), and nanoseconds for a draw, by default of 16 bytes.

    The fastest of many rounds counts. A time is None when that way to draw is not to be had. `other`: a system call
    that does next to nothing (getppid).
    """

    state_size: int
    mmap_prot: int
    mmap_flags: int
    mapped: bool
    vdso: float | None
    system_call: float | None
    libc: float | None
    other: float | None = None


@dataclass(frozen=True)
class Large:
    """Nanoseconds for a draw of LARGE bytes by this libc's getrandom, without and with the library."""

    libc: float
    library: float


@dataclass(frozen=True)
class Trial:
    """The library in a process of its own: its status ("" when it never came up), and a draw in nanoseconds.

    locked: "locked" where VGETRANDOM=lock is granted here, "lock-refused" where it is not; "" where nothing is known.
    """

    status: str
    draw: float | None
    locked: str


def measure(function: VdsoFunction | None, length: int = 16) -> Measurement | None:
    """Time draws of `length` bytes without the library; None when the helper is not installed or does not run."""
    found = _run_helper(function, without_library(os.environ), length)
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
        found["other_ns"],
    )


def try_library(library: Path, length: int = 16) -> Trial:
    """Preload the library into a process that draws `length` bytes at a time, and see what it reports.

    And into one with VGETRANDOM=lock.
    """
    environment = with_library(without_library(os.environ), library)
    found = _run_helper(None, environment, length)
    normal = _report_of_process(environment)
    locked = _report_of_process({**environment, SWITCH: LOCK})
    return Trial(
        normal.status if normal and normal.status != "absent" else "",
        found["libc_ns"] if found else None,
        locked.memory if locked and locked.status == ACTIVE else "",
    )


def measure_large(library: Path) -> Large | None:
    """Time large draws without and with the library; None when that can't be measured."""
    plain = measure(None, LARGE)
    served = _run_helper(None, with_library(without_library(os.environ), library), LARGE)
    if not plain or not plain.libc or not served or not served["libc_ns"]:
        return None
    return Large(plain.libc, served["libc_ns"])


def _report_of_process(environment: dict[str, str]) -> ExitReport | None:
    """What is reported of a process that does nothing; None when it leaves no report."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-") as folder:
        report = Path(folder, "report")
        report.touch()
        words = [sys.executable, "-S", "-c", ""]
        subprocess.run(
            words,
            env=with_reports(environment, reporter_path(), str(report)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        return next(iter(read_reports(report)), None)


def _run_helper(function: VdsoFunction | None, environment: dict[str, str], length: int) -> dict[str, Any] | None:
    helper = helper_path(HELPER)
    if not helper:
        return None
    offset = f"{function.offset if function else 0:x}"
    words = [sys.executable, "-S", "-c", _CODE, str(helper), offset, str(length)]
    try:
        result = subprocess.run(
            words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS
        )
        found: dict[str, Any] = json.loads(result.stdout)
        return found
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
