"""Programs that end with us, in whatever way we end: QEMU would go on for ever where SIGKILL has ended this command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

# PR_SET_PDEATHSIG is 1, and holds across execve (prctl(2), but for set-uid programs). Whoever asks too late, when the
# starter has ended already, has another parent. Done in a process of its own: after a fork of a process that has
# threads, Python code is not safe.
_START = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() == int(sys.argv[1]):
    try:
        os.execv(sys.argv[2], sys.argv[2:])
    except OSError as error:
        print(f"{os.path.basename(sys.argv[2])}: does not run: {error.strerror}", flush=True)
sys.exit(127)
"""


def tied(command: Sequence[str]) -> list[str]:
    """The words that start `command`, a program by its path; it gets SIGKILL when the thread that started it ends.

    A program that can't be run is a line on standard output that begins with its name, and exit status 127.
    """
    return [sys.executable, "-I", "-S", "-c", _START, str(os.getpid()), *command]
