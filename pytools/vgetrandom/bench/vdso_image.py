"""The vDSO of another architecture: taken out of Debian's newest kernel for it, as a file that a program can map."""

from __future__ import annotations

import struct
import subprocess
import zlib
from collections.abc import Iterator

from ..errors import VgetrandomError
from ..system import debian

_LARGEST = 1 << 20  # bytes of a vDSO; a kernel is larger
_SHARED = 3  # ET_DYN, elf(5)


def fetch_vdso(arch: str, kernel: str, symbol: str, patches: str) -> bytes:
    """The vDSO with `symbol` in the kernel whose Debian package for `arch` ends with `kernel`.

    `patches` is the struct format of an entry of the image's .altinstructions; "" where it has none.
    Raises VgetrandomError when the package can't be had, or holds no such image.
    """
    package = debian.find("sid", arch, rf"linux-binary-[0-9.]+\+deb[0-9]+-{kernel}")
    root = debian.fetch("sid", arch, [package])
    for path in root.glob("usr/lib/modules/*/vmlinu*"):
        for data in _unpacked(path.read_bytes()):
            for image in vdsos(data, symbol):
                return patched(image, patches)
    raise VgetrandomError(f"{package} of Debian's {arch} has no vDSO with {symbol}; report this")


def _unpacked(data: bytes) -> Iterator[bytes]:
    """A kernel image as it is, and whatever is compressed in it by gzip or zstd."""
    yield data
    for magic, unpack in ((b"\x1f\x8b\x08", _gzip), (b"\x28\xb5\x2f\xfd", _zstd)):
        at = data.find(magic)
        while at >= 0:
            out = unpack(data[at:])
            if len(out) > _LARGEST:
                yield out
            at = data.find(magic, at + 1)


def _gzip(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(data)
    except zlib.error:
        return b""


def _zstd(data: bytes) -> bytes:
    try:
        done = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise VgetrandomError(f"kernels are unpacked by zstd, which does not run: {error.strerror}") from error
    return done.stdout


def vdsos(data: bytes, symbol: str) -> Iterator[bytes]:
    """The shared objects of 64 bits in `data` that name the symbol; no longer than a vDSO is."""
    at = data.find(b"\x7fELF\x02")
    while at >= 0:
        if len(data) - at >= 64:
            order = ">" if data[at + 5] == 2 else "<"
            (kind,) = struct.unpack_from(f"{order}H", data, at + 16)
            (sections,) = struct.unpack_from(f"{order}Q", data, at + 40)
            (count,) = struct.unpack_from(f"{order}H", data, at + 60)
            whole = data[at : at + sections + 64 * count] if sections < _LARGEST else b""
            if kind == _SHARED and f"{symbol}\0".encode() in whole:
                yield whole
        at = data.find(b"\x7fELF\x02", at + 1)


def patched(image: bytes, entry: str) -> bytes:
    """With the instructions for a processor that has everything, as the kernel puts them in when it starts.

    Each entry begins with two offsets, from the field itself, and ends with a length (struct alt_instr in
    arch/arm64/include/asm/alternative.h and arch/s390/include/asm/alternative.h).
    """
    if not entry:
        return image
    out = bytearray(image)
    order = entry[0]
    (sections,) = struct.unpack_from(f"{order}Q", image, 40)
    count, names = struct.unpack_from(f"{order}HH", image, 60)
    (strings,) = struct.unpack_from(f"{order}Q", image, sections + 64 * names + 24)
    for number in range(count):
        name, _, _, _, start, size = struct.unpack_from(f"{order}IIQQQQ", image, sections + 64 * number)
        if image[strings + name :].split(b"\0", 1)[0] != b".altinstructions":
            continue
        for at in range(start, start + size, struct.calcsize(entry)):
            fields = struct.unpack_from(entry, image, at)
            old, new, length = at + fields[0], at + 4 + fields[1], fields[-1]
            out[old : old + length] = image[new : new + length]
    return bytes(out)
