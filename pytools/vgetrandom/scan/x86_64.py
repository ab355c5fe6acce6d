"""Which x86-64 calls lead to the C library's `syscall`: through the procedure linkage table, or the GOT directly.

The stub's shapes are those that the linkers write: `jmp *slot(%rip)`, with `endbr64` or a `bnd` prefix before it.
"""

from __future__ import annotations

import re
import struct

from .image import MAX_TABLE, Image

_RELOCATION = struct.Struct("<QQq")  # Elf64_Rela
_STUB = re.compile(rb"(?:\xf3\x0f\x1e\xfa)?\xf2?\xff\x25(....)", re.DOTALL)
# call rel32, jmp rel32; call *slot(%rip), jmp *slot(%rip); call *register
_CALL = re.compile(rb"[\xe8\xe9](....)|\xff[\x15\x25](....)|\xff[\xd0-\xd7]", re.DOTALL)


class SyscallCalls:
    """Answers, for one file, whether the next call after some instruction is one of `syscall`."""

    def __init__(self, image: Image, symbol: int) -> None:
        """`symbol` is the index of `syscall` among the dynamic symbols."""
        self._image = image
        self._slots = set(self._slots_of(symbol))

    def follows(self, code: bytes, address: int) -> bool:
        """Whether the first call or jump in `code`, which lies at `address`, goes to `syscall`.

        A call through a register counts: where the register was loaded is not looked for.
        """
        for found in _CALL.finditer(code):
            after = address + found.end()
            if found[1]:
                target = after + _signed(found[1])
                if not self._is_code(target):
                    continue  # part of another instruction
                return self._stub_slot(target) in self._slots
            if found[2]:
                return after + _signed(found[2]) in self._slots
            return True
        return False

    def _is_code(self, address: int) -> bool:
        return any(load.executable and load.address <= address < load.address + load.size for load in self._image.loads)

    def _stub_slot(self, address: int) -> int | None:
        found = _STUB.match(self._image.at(address, 16))
        return address + found.end() + _signed(found[1]) if found else None

    def _slots_of(self, symbol: int) -> list[int]:
        dynamic = self._image.dynamic
        slots = []
        for table, size in (("DT_JMPREL", "DT_PLTRELSZ"), ("DT_RELA", "DT_RELASZ")):
            data = self._image.at(dynamic.get(table, [0])[0], min(dynamic.get(size, [0])[0], MAX_TABLE))
            entries = _RELOCATION.iter_unpack(data[: len(data) // _RELOCATION.size * _RELOCATION.size])
            slots += [offset for offset, info, _addend in entries if info >> 32 == symbol]
        return slots


def _signed(data: bytes) -> int:
    return int(struct.unpack("<i", data)[0])
