"""A root file system for a guest, as the kernel unpacks it from memory: a cpio archive of the "newc" kind.

The format is that of Documentation/driver-api/early-userspace/buffer-format.rst in Linux: for each file a header of
thirteen numbers in eight hexadecimal digits, the name, the content, the last two padded to four bytes.
"""

from __future__ import annotations

import contextlib
import gzip
import stat
from pathlib import Path, PurePosixPath

_TRAILER = "TRAILER!!!"


class Initramfs:
    """Files to be in a guest. Paths are absolute ones there; the folders above a file come by themselves."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes]] = {}  # by path without the first slash: mode, content
        self._devices: dict[str, tuple[int, int]] = {}

    def folder(self, path: str, mode: int = 0o755) -> None:
        self._put(path, stat.S_IFDIR | mode, b"")

    def file(self, path: str, content: bytes, mode: int = 0o755) -> None:
        self._put(path, stat.S_IFREG | mode, content)

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._put(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        """A character device."""
        self._put(path, stat.S_IFCHR | mode, b"")
        self._devices[path.lstrip("/")] = (major, minor)

    def write(self, output: Path, packed: bool = True) -> None:
        """Write the archive, compressed or, which takes a guest less time and more memory, not."""
        with contextlib.ExitStack() as stack:
            plain = stack.enter_context(output.open("wb"))
            stream = stack.enter_context(gzip.GzipFile("", "wb", 1, plain, 0)) if packed else plain
            for number, (name, (mode, content)) in enumerate(self._entries.items(), 1):
                stream.write(_header(name, number, mode, len(content), self._devices.get(name, (0, 0))))
                stream.write(content + _padding(len(content)))
            stream.write(_header(_TRAILER, 0, 0, 0, (0, 0)))

    def _put(self, path: str, mode: int, content: bytes) -> None:
        name = path.strip("/")
        for parent in reversed(PurePosixPath(name).parents):
            if str(parent) != ".":
                self._entries.setdefault(str(parent), (stat.S_IFDIR | 0o755, b""))
        self._entries[name] = (mode, content)


def _header(name: str, inode: int, mode: int, size: int, device: tuple[int, int]) -> bytes:
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    #          ino    mode  uid gid nlink mtime size  device of   rdev     length of name, checksum
    numbers = (inode, mode, 0, 0, links, 0, size, 0, 0, *device, len(encoded), 0)
    header = b"070701" + b"".join(b"%08x" % number for number in numbers) + encoded
    return header + _padding(len(header))


def _padding(length: int) -> bytes:
    return b"\0" * (-length % 4)
