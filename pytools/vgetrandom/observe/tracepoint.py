"""Where the kernel says what the tracepoint of the getrandom system call is: in tracefs, wherever that is mounted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .kernel_calls import mount_nowhere

_MOUNTED = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")  # Documentation/trace/ftrace.rst
_EVENT = "events/syscalls/sys_enter_getrandom"


@dataclass(frozen=True)
class Tracepoint:
    """`number` for perf_event_open(2); where in a hit, in bytes, are the length asked for and the flags."""

    number: int
    length_at: int
    flags_at: int


def find_tracepoint() -> Tracepoint:
    """The tracepoint syscalls:sys_enter_getrandom.

    Raises OSError: ENOENT where the kernel has none, ENODEV where it has no tracefs, EPERM or EACCES without the right.
    """
    with _tracefs() as folder:
        return parse_format(_read(folder, f"{_EVENT}/format"))


def parse_format(text: str) -> Tracepoint:
    """Read an event's `format` file. Raises OSError (ENOENT) where it is not one of getrandom."""
    number = re.search(r"^ID: (\d+)$", text, re.MULTILINE)
    # Linux 6.11 names the argument `len`; before 5.19 it was `count`.
    length = re.search(r"field:size_t (?:len|count);\s*offset:(\d+);\s*size:8;", text)
    flags = re.search(r"field:unsigned int flags;\s*offset:(\d+);\s*size:8;", text)
    if not number or not length or not flags:
        raise FileNotFoundError(2, "the event's format is not known here", f"{_EVENT}/format")
    return Tracepoint(int(number[1]), int(length[1]), int(flags[1]))


@contextmanager
def _tracefs() -> Iterator[int]:
    """A descriptor of tracefs: mounted already, or mounted for this moment at no place, so nothing is left behind."""
    folder = _mounted()
    if folder is None:
        folder = mount_nowhere("tracefs")
    try:
        yield folder
    finally:
        os.close(folder)


def _mounted() -> int | None:
    for name in _MOUNTED:
        if os.access(f"{name}/{_EVENT}/format", os.R_OK):
            return os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return None


def _read(folder: int, name: str) -> str:
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)) as stream:
        return stream.read()
