"""What a person reads of doctor's findings."""

from __future__ import annotations

import os
import resource

from ..preload.exit_report import ACTIVE, INACTIVE
from ..preload.settings import SWITCH, complaint, says_off
from ..system.host import Host
from .findings import Findings
from .measurement import HELPER, Measurement, Trial

_MMAP_FLAGS = {0x01: "shared", 0x02: "private", 0x08: "droppable", 0x20: "anonymous"}  # linux/mman.h


def lines(found: Findings) -> list[tuple[str, str]]:
    """Everything that was found, as pairs of name and text."""
    host = found.host
    return [
        ("kernel", f"Linux {host.kernel} on {host.machine}"),
        ("vDSO", _vdso(found)),
        ("states", _states(found.measured)),
        ("libc", _libc(found)),
        ("host", _where(host)),
        ("library", f"{found.library}: {_trial(found.trial)}"),
        ("lock", _lock(found.trial)),
        *([(SWITCH, _setting())] if os.environ.get(SWITCH) else []),
        ("speed", _speed(found)),
    ]


def _vdso(found: Findings) -> str:
    if found.function:
        return f"{found.function.symbol}, version {found.function.version or 'unknown'}"
    if found.image:
        return "it has no getrandom; Linux 6.11 brought that for x86-64, 6.12 and later for other architectures"
    return "none to be seen: it is switched off or hidden here, or /proc is not mounted"


def _states(measured: Measurement | None) -> str:
    if not measured or not measured.state_size:
        return "unknown"
    names = [name for bit, name in _MMAP_FLAGS.items() if measured.mmap_flags & bit]
    kind = f"{measured.state_size} bytes each, in {' '.join(names)} memory (mmap flags {measured.mmap_flags:#x})"
    return kind if measured.mapped else f"{kind}, which can't be had here"


def _libc(found: Findings) -> str:
    name = found.host.libc or "unknown"
    if found.libc_uses_vdso is None:
        return name
    return f"{name}, whose own getrandom " + (
        "uses the vDSO already" if found.libc_uses_vdso else "is a system call every time"
    )


def _where(host: Host) -> str:
    place = "no container" if host.container == "none" else f"in a container ({host.container})"
    if host.virtual not in ("none", ""):
        place += ", in a virtual machine" + ("" if host.virtual == "yes" else f" ({host.virtual})")
    filters = {"none": "no seccomp filter", "": "seccomp unknown"}.get(host.seccomp, f"under a seccomp {host.seccomp}")
    return f"{place}, {filters}"


def _trial(trial: Trial) -> str:
    if not trial.status:
        return "it could not be preloaded into a process"
    return "works" if trial.status == ACTIVE else INACTIVE.get(trial.status, trial.status)


def _lock(trial: Trial) -> str:
    if not trial.locked:
        return "unknown"
    if trial.locked == "locked":
        return f"{SWITCH}=lock is granted: states in memory that is never dropped"
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    said = "unlimited" if limit == resource.RLIM_INFINITY else f"{limit // 1024} KiB"
    return f"{SWITCH}=lock is refused here, and states are droppable all the same; RLIMIT_MEMLOCK is {said}"


def _setting() -> str:
    """What the environment says to programs started from here. The library was tried without it."""
    value = os.environ[SWITCH]
    return f"{value} here" + (": off" if says_off(value) else "") + (f"; {said}" if (said := complaint(value)) else "")


def _speed(found: Findings) -> str:
    times = found.measured
    if not times:
        return f"not measured: the package's program {HELPER} is missing or does not run"
    ways = (("system call", times.system_call), ("this libc", times.libc), ("vDSO", times.vdso))
    said = [f"{name} {time:.0f} ns" for name, time in (*ways, ("with the library", found.trial.draw)) if time]
    return f"a draw of 16 bytes: {', '.join(said)}"


def verdict(found: Findings) -> str:
    """Yes or no, and why, in one line."""
    if not found.works:
        return "no: the library would change nothing here; it answers by the system call"
    if found.libc_uses_vdso:
        return (
            "no: getrandom of this libc draws from the vDSO by itself, so small draws gain nothing; left to gain are "
            f"{_left(found)}"
        )
    if found.ratio:
        return f"yes: a draw by the vDSO is {found.ratio:.1f} times as fast as the system call"
    return "yes: it works here"


def _left(found: Findings) -> str:
    """What the library still does better than a libc that uses the vDSO; docs/operators.md names programs."""
    small = f" ({found.ratio:.1f} times as fast)" if found.ratio else ""
    large = f" (64 KiB: {found.large.libc / found.large.library:.1f} times)" if found.large else ""
    return f"getentropy and syscall(SYS_getrandom){small}, and large requests{large}: PHP and Ruby, for example"
