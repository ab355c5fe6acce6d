"""What strace saw of a command's random draws, told apart by who made them."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from preloading import read_reports, with_reporter

SECONDS = 60  # longest that a command may take under strace

# raw: arguments as numbers, complete at the entry of a call that another thread's line cuts in two.
_STRACE = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", "raw=getrandom", "-e", "trace=getrandom,?open,openat")
_ARGUMENTS = re.compile(r"(\d+) +getrandom\((?:0x)?[0-9a-f]+, (0x[0-9a-f]+|0), (0x[0-9a-f]+|0)")
_DEVICE = re.compile(r'open(?:at)?\(.*"/dev/u?random"')

_LIBC_OWN = (8, 1)  # glibc's draw of 8 bytes with GRND_NONBLOCK for malloc, and again for each temporary name
_VDSO_RESEED = (32, 0)  # the vDSO's own draw of a key, for each state and then about once a minute


@dataclass(frozen=True)
class Draws:
    """Counts of system calls over a command and all its children.

    own        what the program and its libraries asked for
    libc       what glibc drew for itself
    reseeds    what can be the vDSO's
    devices    openings of /dev/random and /dev/urandom
    first      how many threads made `own`: the library leaves a thread's first draw to the system call
    served     calls that the vDSO served, as the exit reports say
    status     how the command ended
    """

    own: int
    libc: int
    reseeds: int
    devices: int
    first: int = 0
    served: int = 0
    status: int = 0


def parse_trace(text: str) -> Draws:
    """Sort the lines of a trace. As many 32-byte draws as two for each thread can be the vDSO's; more can't."""
    own = libc = devices = 0
    reseeds: list[str] = []
    drew: set[str] = set()
    for line in text.splitlines():
        found = _ARGUMENTS.match(line)
        if found:
            kind = (int(found[2], 0), int(found[3], 0))
            if kind == _LIBC_OWN:
                libc += 1
            elif kind == _VDSO_RESEED:
                reseeds.append(found[1])
            else:
                own += 1
                drew.add(found[1])
        elif _DEVICE.search(line):
            devices += 1
    allowed = 2 * len(set(reseeds))
    return Draws(own + max(0, len(reseeds) - allowed), libc, min(len(reseeds), allowed), devices, len(drew))


def count_draws(
    command: Sequence[str], folder: Path, library: Path | None, environment: Mapping[str, str], user: str | None = None
) -> Draws:
    """Run a command in `folder` under strace, with the library preloaded or without, as `user` when one is named.

    A run that outlasts SECONDS fails the test.
    """
    with tempfile.NamedTemporaryFile(prefix="trace-") as trace, tempfile.NamedTemporaryFile() as report:
        Path(report.name).chmod(0o666)
        words = [*_STRACE, "-o", trace.name, *(["-u", user] if user else [])]
        if library:
            words += ["-E", f"LD_PRELOAD={with_reporter(library)}", "-E", f"VGETRANDOM_REPORT={report.name}"]
        variables = {**os.environ, **environment}
        variables.pop("LD_PRELOAD", None)
        done = subprocess.run(
            [*words, "--", *command],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
        )
        reports = read_reports(report.read().decode())
        return replace(
            parse_trace(trace.read().decode(errors="replace")),
            served=sum(line.calls for line in reports),
            status=done.returncode,
        )
