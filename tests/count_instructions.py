"""Instructions of a large request on each architecture, with vectors and from the vDSO.

Usage: python tests/count_instructions.py

qemu-user runs one instruction at a time and names each; two requests less one are what a request takes. The vector code
is compiled from this tree; the vDSO is that of Debian's newest kernel for the architecture, taken out of the kernel's
image and mapped beside data that says "ready".

Needs ziglang, Debian's cross compilers (tests/packages.txt), zstd, and network for the kernels and a newer qemu-user.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conftest import NATIVE, ROOT
from foreign import compile_by, emulator
from vgetrandom.system import debian

CORE = ROOT / "shim" / "core"
KEY = 32  # bytes
KEYS = 3  # that the vDSO makes at a time (include/vdso/getrandom.h: a batch of 96 bytes)
SIZES = (256, 4096, 65536)  # bytes
ONE_BY_ONE = ["-one-insn-per-tb", "-d", "exec,nochain"]
ONE_BY_ONE_SINCE = 9  # QEMU's version
LARGEST_IMAGE = 1 << 20  # bytes


@dataclass(frozen=True)
class Kind:
    """One architecture's vectors, and where its vDSO is found."""

    arch: str
    file: str  # shim/core/chacha/FILE.c
    vector: int  # enum vgetrandom_vector
    compiler: str
    debian: str  # Debian's name of the architecture
    kernel: str  # what Debian's packages of its kernel end with
    symbol: str
    patches: str = ""  # struct format of an entry of the image's .altinstructions
    beside: tuple[str, ...] = ()  # other vectors that the chooser knows

    def vdso(self) -> bytes:
        package = debian.find("sid", self.debian, rf"linux-binary-[0-9.]+\+deb[0-9]+-{self.kernel}")
        root = debian.fetch("sid", self.debian, [package])
        image = next(root.glob("usr/lib/modules/*/vmlinu*")).read_bytes()
        return patched(next(vdso for data in unpacked(image) for vdso in vdsos(data)), self.patches)


# No QEMU emulates AVX-512.
KINDS = [
    Kind("x86_64", "sse2", 5, "gcc", "amd64", "cloud-amd64", "__vdso_getrandom", beside=("avx2", "avx512")),
    Kind("x86_64", "avx2", 3, "gcc", "amd64", "cloud-amd64", "__vdso_getrandom", beside=("sse2", "avx512")),
    Kind("aarch64", "neon", 2, "gcc", "arm64", "cloud-arm64", "__kernel_getrandom", "<iiHBB"),
    Kind("powerpc64le", "vsx", 6, "gcc", "ppc64el", "powerpc64le", "__kernel_getrandom"),
    Kind("s390x", "vx", 7, "gcc", "s390x", "s390x", "__kernel_getrandom", ">iiIB"),
    Kind("loongarch64", "lsx", 8, "zig", "loong64", "loong64", "__vdso_getrandom"),
    Kind("riscv64", "rvv", 9, "zig", "riscv64", "riscv64", "__vdso_getrandom"),
]


def unpacked(data: bytes) -> Iterator[bytes]:
    """A kernel image as it is, and whatever is compressed in it by gzip or zstd."""
    yield data
    for magic, unpack in ((b"\x1f\x8b\x08", _gzip), (b"\x28\xb5\x2f\xfd", _zstd)):
        at = data.find(magic)
        while at >= 0:
            out = unpack(data[at:])
            if len(out) > LARGEST_IMAGE:
                yield out
            at = data.find(magic, at + 1)


def _gzip(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(data)
    except zlib.error:
        return b""


def _zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def vdsos(data: bytes) -> Iterator[bytes]:
    """The shared objects in `data` that have a symbol which ends with _getrandom."""
    at = data.find(b"\x7fELF\x02")
    while at >= 0:
        order = ">" if data[at + 5] == 2 else "<"
        (kind,) = struct.unpack_from(f"{order}H", data, at + 16)
        (sections,) = struct.unpack_from(f"{order}Q", data, at + 40)
        (count,) = struct.unpack_from(f"{order}H", data, at + 60)
        whole = data[at : at + sections + 64 * count] if sections < LARGEST_IMAGE else b""
        if kind == 3 and b"_getrandom\0" in whole:
            yield whole
        at = data.find(b"\x7fELF\x02", at + 1)


def patched(image: bytes, entry: str) -> bytes:
    """With the instructions for a processor that has everything, as the kernel puts them in when it starts.

    Each entry begins with two offsets, from the field itself, and ends with a length (struct alt_instr in
    arch/arm64/include/asm/alternative.h and arch/s390/include/asm/alternative.h).
    """
    out = bytearray(image)
    order = entry[:1] or "<"
    (sections,) = struct.unpack_from(f"{order}Q", image, 40)
    count, names = struct.unpack_from(f"{order}HH", image, 60)
    (strings,) = struct.unpack_from(f"{order}Q", image, sections + 64 * names + 24)
    for number in range(count if entry else 0):
        name, _, _, _, start, size = struct.unpack_from(f"{order}IIQQQQ", image, sections + 64 * number)
        if image[strings + name :].split(b"\0", 1)[0] != b".altinstructions":
            continue
        for at in range(start, start + size, struct.calcsize(entry)):
            fields = struct.unpack_from(entry, image, at)
            old, new, length = at + fields[0], at + 4 + fields[1], fields[-1]
            out[old : old + length] = image[new : new + length]
    return bytes(out)


def count(command: list[str], *words: object, pieces: int = 1) -> int:
    """Instructions of one piece of work, the mean of some; raises CalledProcessError when the program fails."""

    def run(times: int) -> int:
        done = subprocess.run([*command, *map(str, words), str(times)], stderr=subprocess.PIPE, check=True)
        return done.stderr.count(b"Trace ")

    return round((run(1 + pieces) - run(1)) / pieces)


def main() -> int:
    print("| architecture | vectors | bytes | with vectors | from the vDSO |\n| --- | --- | --: | --: | --: |")
    with tempfile.TemporaryDirectory(prefix="vgetrandom-count-") as folder:
        for kind in KINDS:
            program, image = Path(folder) / f"count.{kind.file}", Path(folder) / f"vdso.{kind.file}"
            sources = [NATIVE / "chacha_count.c", CORE / "chacha" / f"choose-{kind.arch}.c"]
            sources += [CORE / "chacha" / f"{name}.c" for name in kind.beside]
            include = ["-I", CORE, "-I", ROOT / "shim" / "preload"]
            compile_by(kind.compiler, kind.arch, program, sources, CORE / "chacha" / f"{kind.file}.c", "-O2", *include)
            image.write_bytes(kind.vdso())
            command = [*emulator(kind.arch, ONE_BY_ONE_SINCE), *ONE_BY_ONE, str(program)]
            key = count(command, image, kind.symbol, KEY, pieces=KEYS)
            print(f"| {kind.arch} | {kind.file} | a key | | {key:,} |")
            for size in SIZES:
                with_vectors, without = count(command, kind.vector, size), count(command, image, kind.symbol, size)
                print(f"| {kind.arch} | {kind.file} | {size:,} | {with_vectors:,} | {without:,} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
