"""Traces of the getrandom system call in machine code, one architecture a row.

Not a disassembler: it looks for the instruction that loads getrandom's number into the register of system call
numbers, shortly before a system call instruction (a program that enters the kernel by itself), or into the register of
a function's first argument (a call of `syscall(SYS_getrandom, ...)`). A number that is loaded far from its use, or that
passes through memory or another function, is not found; data that looks like the instructions is. On x86-64 the call
after a first argument is looked up (x86_64.py); elsewhere the load alone is believed.

The numbers are those of the kernel's unistd headers; the encodings those of each architecture's manual.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

REACH = 96  # bytes from the load of the number to the system call
MAX_CANDIDATES = 4096  # loads looked at in one piece of code


@dataclass(frozen=True)
class Encoding:
    """How one architecture writes the three instructions; `alignment` of instructions in bytes."""

    alignment: int
    raw_loads: tuple[bytes, ...]
    traps: tuple[bytes, ...]
    argument_loads: tuple[bytes, ...]


@dataclass(frozen=True)
class Traces:
    """What some code contains: raw system calls of getrandom, and loads of its number as a first argument."""

    raw: bool = False
    argument: bool = False

    def __or__(self, other: Traces) -> Traces:
        return Traces(self.raw or other.raw, self.argument or other.argument)


def _little(*words: int) -> tuple[bytes, ...]:
    return tuple(struct.pack("<I", word) for word in words)


_X86_64 = struct.pack("<I", 318)
_GENERIC = 278  # aarch64, riscv64, loongarch64

ENCODINGS = {
    "EM_X86_64": Encoding(
        alignment=1,
        raw_loads=(b"\xb8" + _X86_64, b"\x48\xc7\xc0" + _X86_64),  # mov $318, %eax; %rax
        traps=(b"\x0f\x05",),  # syscall
        argument_loads=(b"\xbf" + _X86_64, b"\x48\xc7\xc7" + _X86_64),  # mov $318, %edi; %rdi
    ),
    "EM_AARCH64": Encoding(
        alignment=4,
        raw_loads=_little(0x52800008 | _GENERIC << 5, 0xD2800008 | _GENERIC << 5),  # mov w8, #278; x8
        traps=_little(0xD4000001),  # svc #0
        argument_loads=_little(0x52800000 | _GENERIC << 5, 0xD2800000 | _GENERIC << 5),  # mov w0, #278; x0
    ),
    "EM_RISCV": Encoding(
        alignment=2,
        raw_loads=_little(0x00000893 | _GENERIC << 20),  # li a7, 278
        traps=_little(0x00000073),  # ecall
        argument_loads=_little(0x00000513 | _GENERIC << 20),  # li a0, 278
    ),
    "EM_PPC64": Encoding(
        alignment=4,
        raw_loads=_little(0x38000000 | 359),  # li r0, 359
        traps=_little(0x44000002),  # sc
        argument_loads=_little(0x38600000 | 359),  # li r3, 359
    ),
    "EM_S390": Encoding(
        alignment=2,
        raw_loads=(b"\xa7\x19\x01\x5d", b"\xa7\x18\x01\x5d", b"\x41\x10\x01\x5d"),  # lghi, lhi, la %r1, 349
        traps=(b"\x0a\x00",),  # svc 0
        argument_loads=(b"\xa7\x29\x01\x5d", b"\xa7\x28\x01\x5d", b"\x41\x20\x01\x5d"),  # the same, %r2
    ),
    "EM_LOONGARCH": Encoding(
        alignment=4,
        # li.w $a7, 278: as ori, addi.w, addi.d from the zero register
        raw_loads=_little(*(opcode | _GENERIC << 10 | 11 for opcode in (0x03800000, 0x02800000, 0x02C00000))),
        traps=_little(0x002B0000),  # syscall 0
        argument_loads=_little(*(opcode | _GENERIC << 10 | 4 for opcode in (0x03800000, 0x02800000, 0x02C00000))),
    ),
}


def _aligned(code: bytes, needles: tuple[bytes, ...], alignment: int) -> Iterator[int]:
    """Ends of the needles found at an instruction's boundary; at most MAX_CANDIDATES of each."""
    for needle in needles:
        position = code.find(needle)
        for _ in range(MAX_CANDIDATES):
            if position < 0:
                break
            if position % alignment == 0:
                yield position + len(needle)
            position = code.find(needle, position + 1)


def _contains(code: bytes, needles: tuple[bytes, ...], alignment: int) -> bool:
    return next(_aligned(code, needles, alignment), None) is not None


def find_traces(
    machine: str, code: bytes, is_call: Callable[[bytes, int], bool] = lambda _code, _offset: True
) -> Traces:
    """Look through `code`, which begins at an instruction's boundary. Nothing is found where no encoding is known.

    `is_call` is asked, for code after a load of the number as first argument and its offset in `code`, whether that
    goes on to call `syscall`; by default the load is believed.
    """
    encoding = ENCODINGS.get(machine)
    if encoding is None:
        return Traces()
    raw_loads = _aligned(code, encoding.raw_loads, encoding.alignment)
    raw = any(_contains(code[end : end + REACH], encoding.traps, encoding.alignment) for end in raw_loads)
    argument_loads = _aligned(code, encoding.argument_loads, encoding.alignment)
    return Traces(raw, any(is_call(code[end : end + REACH], end) for end in argument_loads))
