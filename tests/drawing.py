"""Python code that draws in a way that costs a system call a draw without the library, whatever libc this is.

getentropy is such a way. getrandom, and so os.urandom, is not: glibc draws from the vDSO there since 2.41.
"""

from __future__ import annotations

import platform

# Whether getrandom of this host's libc draws from the vDSO by itself.
NEW_GLIBC = platform.libc_ver()[0] == "glibc" and tuple(map(int, platform.libc_ver()[1].split("."))) >= (2, 41)


def draws(count: int) -> str:
    """A statement that draws 16 bytes so many times. It imports os, too, for what comes behind it."""
    code = "import ctypes, os; buffer = (ctypes.c_char * 16)(); draw = ctypes.CDLL(None).getentropy"
    return f"{code}; [draw(buffer, 16) for _ in range({count})]"
