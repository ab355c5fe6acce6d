"""Runs a command with another glibc in the place of this host's, for that command alone.

Usage: python tests/newer_libc.py ROOT COMMAND...

ROOT is an unpacked libc6 of Debian, such as `python -m vgetrandom.system.debian trixie amd64 libc6` prints. Its files
are mounted over this host's of the same name, in a mount namespace of its own. Needs root; exits with 3 where that
is not to be had.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWNS, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 0x1000, 0x4000, 1 << 18  # linux/sched.h, linux/mount.h
_TRIPLET = f"{os.uname().machine}-linux-gnu"


def mount_over(root: Path) -> None:
    """Raises OSError where it may not be done. Nothing is executed on the way: halves of two libcs do not run."""
    libc = ctypes.CDLL(None, use_errno=True)

    def check(status: int) -> None:
        if status:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    check(libc.unshare(_CLONE_NEWNS))
    check(libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None))
    for file in sorted((root / "usr/lib" / _TRIPLET).glob("*.so*")):
        own = Path("/usr/lib", _TRIPLET, file.name)
        if file.is_file() and own.is_file():
            check(libc.mount(os.fsencode(file), os.fsencode(own.resolve()), None, ctypes.c_ulong(_MS_BIND), None))


if __name__ == "__main__":
    try:
        mount_over(Path(sys.argv[1]))
    except OSError as error:
        sys.exit(f"{sys.argv[0]}: {error.strerror}") if error.errno != 1 else sys.exit(3)
    os.execvp(sys.argv[2], sys.argv[2:])
