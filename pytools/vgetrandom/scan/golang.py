"""The Go release that built a program, from the build information that the Go linker leaves in its data.

The layout is that of Go's package debug/buildinfo: a magic string at a multiple of 16 bytes, the size of a pointer,
flags, and from Go 1.18 on the version itself as a counted string; before that, a pointer to a Go string header.
"""

from __future__ import annotations

import re

from .image import Image, Malformed

MAGIC = b"\xff Go buildinf:"
_ALIGNMENT = 16
_HEADER = 32  # bytes
_INLINE, _BIG_ENDIAN = 2, 1
_NOTE = "Go"
_MAX_DATA = 64 << 20  # bytes of one segment
# The runtime calls the kernel's vDSO getrandom by itself since this release (its file vgetrandom_linux.go).
FIRST_WITH_VDSO = (1, 24)


def is_go(image: Image) -> bool:
    """Whether the Go linker made this file: it leaves a note of its own, which other linkers drop after it."""
    return _NOTE in image.notes


def go_version(image: Image) -> str | None:
    """Such as "1.22.5"; None where the file doesn't say."""
    for load in image.loads:
        # Without a section table we look for it everywhere in the data.
        data = b"" if load.executable else image.read(load.offset, min(load.size, _MAX_DATA))
        position = data.find(MAGIC)
        while position >= 0:
            if (load.address + position) % _ALIGNMENT == 0:
                found = re.match(
                    r"(?:go|devel go)(1\.\d+(?:\.\d+)?)", _version_text(image, data[position : position + 256])
                )
                if found:
                    return found[1]
            position = data.find(MAGIC, position + 1)
    return None


def uses_vdso(version: str | None) -> bool:
    """Whether programs of this Go release already draw from the vDSO."""
    return version is not None and tuple(map(int, version.split(".")[:2])) >= FIRST_WITH_VDSO


def _version_text(image: Image, info: bytes) -> str:
    if len(info) <= _HEADER:
        return ""
    pointer_size, flags = info[14], info[15]
    if flags & _INLINE:
        return info[_HEADER + 1 : _HEADER + 1 + info[_HEADER]].decode(
            errors="replace"
        )  # lengths below 128 are one byte
    if pointer_size != image.bits // 8 or bool(flags & _BIG_ENDIAN) != (image.order == ">"):
        return ""
    try:
        header = image.at(image.number(info[16:]), 2 * pointer_size)
        return image.at(image.number(header), min(image.number(header[pointer_size:]), 128)).decode(errors="replace")
    except Malformed:
        return ""
