"""Types for argparse: files that a user names. Nothing but a regular file is ever opened to read or overwrite.

A FIFO that nobody writes to would hang the verb, and to open a device can do what nobody asked for.
"""

from __future__ import annotations

import argparse
import errno
import os
import stat
from pathlib import Path


def input_file(text: str) -> Path:
    """A file to read. One that is missing is told by whoever reads it."""
    path, mode = Path(text), _mode(text)
    if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise argparse.ArgumentTypeError(f"{text} is {_kind(mode)}, and not a file that can be read; name a file")
    return path


def output_file(text: str) -> Path:
    """A file to write. A pipe that somebody reads will do, and so will a terminal or /dev/null."""
    path, mode = Path(text), _mode(text)
    if mode is None or stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISCHR(mode):
        return path
    if not stat.S_ISFIFO(mode):
        raise argparse.ArgumentTypeError(f"{text} is {_kind(mode)}, and can't be written to; name a file")
    try:
        os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # stays open: with the last writer, the reader would go
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise argparse.ArgumentTypeError(f"{text} is a FIFO that nobody reads; name a file") from None
    return path


def _mode(text: str) -> int | None:
    try:
        return Path(text).stat().st_mode
    except (OSError, ValueError):  # a name with a NUL byte
        return None


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a disk"}
    return kinds.get(stat.S_IFMT(mode), "something else")
