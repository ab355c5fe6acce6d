"""Bytes of a libc and of the library in the file: code, data, and what starts as zeros."""

from __future__ import annotations

from ..system.elf import section_sizes
from .model import SYSCALL, VDSO, Series
from .session import Session

SIZES = ("text", "data", "bss")


def measure(session: Session) -> None:
    """Adds "text", "data" and "bss" in bytes, as size(1) counts them, of each libc and of the library.

    The function of a series is the file's name. Only of contenders that are a libc: of others the process maps much
    that is not theirs.
    """
    keys = [key for key in session.libcs() if key not in (SYSCALL, VDSO)]
    session.progress.begin("sizes", len(keys))
    for key in keys:
        for path in session.workers[key].paths:
            found = section_sizes(path)
            if found:
                session.series += [
                    Series(name, key, path.name, 0, "bytes", (size,)) for name, size in zip(SIZES, found)
                ]
        session.progress.advance()
