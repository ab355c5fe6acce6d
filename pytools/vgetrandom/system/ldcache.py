"""Reading ld.so.cache, where glibc's loader looks libraries up, without asking ldconfig.

The layout is glibc's (sysdeps/generic/dl-cache.h): since 2.2 a header that begins with "glibc-ld.so.cache1.1", either
at the start or after the older table that begins with "ld.so-1.7.0". Offsets of names count from that header.
"""

from __future__ import annotations

import struct
from pathlib import Path

from .files import read_regular

_MAGIC = b"glibc-ld.so.cache1.1"
_OLD_MAGIC = b"ld.so-1.7.0"
_OLD_HEADER, _OLD_ENTRY = 16, 12  # bytes
_HEADER, _ENTRY = 48, 24
_MAX_SIZE = 64 << 20
_BIG_ENDIAN = 3  # the low two bits of the header's flags byte; 2: little, 0: older glibc did not say


def read_cache(path: Path) -> dict[str, list[str]]:
    """Library name to paths, the loader's order; variants for particular processors last.

    Empty when there is no cache or it is damaged: the loader ignores such a cache too.
    """
    try:
        return parse_cache(read_regular(path, _MAX_SIZE))
    except OSError:
        return {}


def parse_cache(data: bytes) -> dict[str, list[str]]:
    """As `read_cache`, from the file's contents."""
    start = 0
    if data.startswith(_OLD_MAGIC) and len(data) >= _OLD_HEADER:
        count = struct.unpack_from("=I", data, 12)[0]
        start = (_OLD_HEADER + count * _OLD_ENTRY + 7) // 8 * 8
    if not data.startswith(_MAGIC, start) or len(data) < start + _HEADER:
        return {}
    flags = data[start + 28]
    order = ">" if flags & 3 == _BIG_ENDIAN else "<" if flags & 3 else "="
    (count,) = struct.unpack_from(order + "I", data, start + 20)
    entries = data[start + _HEADER : start + _HEADER + count * _ENTRY]
    plain: dict[str, list[str]] = {}
    special: dict[str, list[str]] = {}
    for _flags, key, value, _version, hwcap in struct.iter_unpack(
        order + "iIIIQ", entries[: len(entries) // _ENTRY * _ENTRY]
    ):
        table = special if hwcap else plain
        table.setdefault(_text(data, start + key), []).append(_text(data, start + value))
    for name, paths in special.items():
        plain.setdefault(name, []).extend(paths)
    return plain


def _text(data: bytes, offset: int) -> str:
    end = data.find(b"\0", offset, offset + 4096)
    return data[offset:end].decode(errors="surrogateescape") if end >= 0 else ""
