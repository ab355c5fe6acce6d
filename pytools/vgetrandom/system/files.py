"""Opening what somebody else names: regular files, and nothing that hangs or acts when it is opened."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """Open for reading. Raises OSError, with EINVAL for a FIFO, a device, a socket; IsADirectoryError for a folder."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file")
    # Something else may take its place meanwhile: without O_NONBLOCK a FIFO would hold us up.
    stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb")
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        return stream
    stream.close()
    raise OSError(errno.EINVAL, "not a regular file")


def read_regular(path: Path, limit: int = -1) -> bytes:
    """The whole file, or `limit` bytes of it. Raises OSError as open_regular."""
    with open_regular(path) as stream:
        return stream.read(limit)
