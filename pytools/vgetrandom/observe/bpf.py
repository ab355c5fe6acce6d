"""Maps and programs of BPF: just what observing needs. The instructions are those of RFC 9669."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from .kernel_calls import bpf

# enum bpf_cmd, enum bpf_map_type, ... of linux/bpf.h
_MAP_CREATE, _MAP_LOOKUP, _MAP_UPDATE, _MAP_NEXT_KEY, _PROG_LOAD, _MAP_TAKE, _LINK_CREATE = 0, 1, 2, 4, 5, 21, 28
HASH, ARRAY = 1, 2
_PROG_TYPE_TRACEPOINT = 5
_ATTACH_PERF_EVENT = 41
_PSEUDO_MAP, _PSEUDO_MAP_VALUE = 1, 2
_LICENSE = b"Dual MIT/GPL"
_NAME = b"vgetrandom"  # for who lists the host's programs (bpftool prog)


class Map:
    """A map of `entries` fixed-size entries, all of its memory taken at once. Closed by `close` or with the process."""

    def __init__(self, kind: int, key_size: int, value_size: int, entries: int) -> None:
        self.fd = bpf(_MAP_CREATE, struct.pack("=IIIII", kind, key_size, value_size, entries, 0))
        self._key_size = key_size
        self._value = ctypes.create_string_buffer(value_size)

    def close(self) -> None:
        """Give it back; the kernel frees it when no program uses it."""
        os.close(self.fd)

    def all_keys(self) -> list[bytes]:
        """All keys. What a program adds meanwhile may be missing."""
        return list(self._walk())

    def get(self, key: bytes) -> bytes:
        """The value. Raises OSError (ENOENT) where there is none."""
        return self._read(_MAP_LOOKUP, key)

    def take(self, key: bytes) -> bytes:
        """The same, and the entry is gone."""
        return self._read(_MAP_TAKE, key)

    def put(self, key: bytes, value: bytes) -> None:
        """Add or replace one entry."""
        stored = ctypes.create_string_buffer(value, len(self._value))
        self._run(_MAP_UPDATE, ctypes.create_string_buffer(key, self._key_size), stored)

    def _read(self, command: int, key: bytes) -> bytes:
        self._run(command, ctypes.create_string_buffer(key, self._key_size), self._value)
        return self._value.raw

    def _walk(self) -> Iterator[bytes]:
        key = ctypes.create_string_buffer(self._key_size)
        upcoming = ctypes.create_string_buffer(self._key_size)
        try:
            self._run(_MAP_NEXT_KEY, None, upcoming)
            while True:
                yield upcoming.raw
                key.raw = upcoming.raw
                self._run(_MAP_NEXT_KEY, key, upcoming)
        except FileNotFoundError:  # ENOENT: that was the last
            return

    def _run(self, command: int, key: ctypes.Array[ctypes.c_char] | None, other: ctypes.Array[ctypes.c_char]) -> None:
        address = ctypes.addressof(key) if key else 0
        bpf(command, struct.pack("=IxxxxQQQ", self.fd, address, ctypes.addressof(other), 0))


class Program:
    """A loaded program for tracepoints. Closed by `close` or with the process."""

    def __init__(self, instructions: bytes) -> None:
        """Raises OSError (EINVAL, EACCES) where the kernel's verifier refuses it."""
        code, license_text = ctypes.create_string_buffer(instructions), ctypes.create_string_buffer(_LICENSE)
        count = len(instructions) // 8
        addresses = (ctypes.addressof(code), ctypes.addressof(license_text))
        fields = (_PROG_TYPE_TRACEPOINT, count, *addresses, 0, 0, 0, 0, 0, _NAME)
        self.fd = bpf(_PROG_LOAD, struct.pack("=IIQQIIQII16s", *fields))

    def close(self) -> None:
        """Give it back; the kernel frees it when it is attached nowhere."""
        os.close(self.fd)

    def attach(self, event: int) -> int:
        """Run it at every hit of a perf event's tracepoint; the link's descriptor, and closing that detaches it."""
        return bpf(_LINK_CREATE, struct.pack("=IIII", self.fd, event, _ATTACH_PERF_EVENT, 0))

    @property
    def missed(self) -> int:
        """Hits at which the kernel did not run it: another program, or work on a map, held that CPU (recursion)."""
        for line in Path(f"/proc/self/fdinfo/{self.fd}").read_text().splitlines():
            if line.startswith("recursion_misses:"):
                return int(line.split()[1])
        return 0


class Assembler:
    """Instructions one after the other; jumps go forward, to labels. Registers are numbers, R10 is the stack's top."""

    # Sizes of loads and stores
    WORD, HALF, DOUBLE = 0x00, 0x08, 0x18
    # Conditions of jumps, unsigned: not equal, less or equal
    NOT_EQUAL, AT_MOST = 0x50, 0xB0

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int, int]] = []
        self._labels: dict[str, int] = {}
        self._jumps: list[tuple[int, str]] = []

    def load(self, size: int, to: int, base: int, offset: int) -> None:
        """to = *(size *)(base + offset)"""
        self._add(0x61 | size, to, base, offset)

    def store(self, size: int, base: int, offset: int, value: int) -> None:
        """*(size *)(base + offset) = value, a register"""
        self._add(0x63 | size, base, value, offset)

    def store_zero(self, base: int, offset: int) -> None:
        """*(u64 *)(base + offset) = 0"""
        self._add(0x7A, base, 0, offset)

    def copy(self, to: int, value: int) -> None:
        """to = value, both registers"""
        self._add(0xBF, to, value)

    def constant(self, to: int, number: int) -> None:
        """to = number, at most 31 bits"""
        self._add(0xB7, to, 0, 0, number)

    def add_constant(self, to: int, number: int) -> None:
        """to += number"""
        self._add(0x07, to, 0, 0, number)

    def add(self, to: int, value: int) -> None:
        """to += value, a register"""
        self._add(0x0F, to, value)

    def shift_right(self, to: int, bits: int) -> None:
        """to >>= bits, unsigned"""
        self._add(0x77, to, 0, 0, bits)

    def copy_word(self, to: int, value: int) -> None:
        """to = (u32)value, both registers"""
        self._add(0xBC, to, value)

    def atomic_add(self, base: int, offset: int, value: int) -> None:
        """*(u64 *)(base + offset) += value, a register"""
        self._add(0xDB, base, value, offset)

    def address_of(self, to: int, stack_offset: int) -> None:
        """to = an address on the stack"""
        self.copy(to, 10)
        self.add_constant(to, stack_offset)

    def map(self, to: int, of: Map) -> None:
        """to = the map, for the helpers"""
        self._wide(to, _PSEUDO_MAP, of)

    def map_value(self, to: int, of: Map) -> None:
        """to = the address of the only value of an array"""
        self._wide(to, _PSEUDO_MAP_VALUE, of)

    def call(self, helper: int) -> None:
        """r0 = helper(r1, ..., r5); r1 to r5 are lost. The numbers are those of enum bpf_func_id."""
        self._add(0x85, 0, 0, 0, helper)

    def jump_if(self, condition: int, value: int, number: int, label: str) -> None:
        """Where `value`, a register, is so compared with a number: on at the label"""
        self._jumps.append((len(self._code), label))
        self._add(0x05 | condition, value, 0, 0, number)

    def jump_if_same(self, one: int, other: int, label: str) -> None:
        """Where two registers are equal: on at the label"""
        self._jumps.append((len(self._code), label))
        self._add(0x1D, one, other)

    def jump(self, label: str) -> None:
        """On at the label"""
        self._jumps.append((len(self._code), label))
        self._add(0x05, 0)

    def label(self, name: str) -> None:
        """What follows is where jumps to the name go."""
        self._labels[name] = len(self._code)

    def leave(self) -> None:
        """return 0: the kernel does nothing more with this hit"""
        self.constant(0, 0)
        self._add(0x95, 0)

    def bytes(self) -> bytes:
        """The instructions in this machine's byte order."""
        code = list(self._code)
        for index, label in self._jumps:
            operation, to, value, _none, number = code[index]
            code[index] = (operation, to, value, self._labels[label] - index - 1, number)
        return b"".join(map(_encode, code))

    def _add(self, operation: int, to: int, value: int = 0, offset: int = 0, number: int = 0) -> None:
        self._code.append((operation, to, value, offset, number))

    def _wide(self, to: int, kind: int, of: Map) -> None:
        self._add(0x18, to, kind, 0, of.fd)
        self._add(0, 0)


def _encode(instruction: tuple[int, int, int, int, int]) -> bytes:
    operation, to, value, offset, number = instruction
    registers = to | value << 4 if sys.byteorder == "little" else to << 4 | value  # bit fields of a C structure
    return struct.pack("=BBhi", operation, registers, offset, number)
