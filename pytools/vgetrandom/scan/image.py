"""Bounded reading of one ELF file as the loader sees it: header, program headers, dynamic section.

Section headers are never read: the loader ignores them, and stripped or hostile files lie in them. The file is read
with pread and not mapped, because a mapped file that is truncated meanwhile kills the reader.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from elftools.common.exceptions import ELFError
from elftools.common.utils import struct_parse
from elftools.elf.structs import ELFStructs

# Far above what real files have; what lies beyond is taken for damage.
MAX_SEGMENTS = 512
MAX_DYNAMIC = 8192
MAX_TABLE = 64 << 20  # bytes of one string or symbol table


class NotElf(Exception):
    """The file does not begin as an ELF file."""


class Malformed(Exception):
    """The file begins as an ELF file and contradicts itself; the text says where."""


@dataclass(frozen=True)
class Segment:
    """One PT_LOAD: `address` and `memory_size` in the process, `offset` and `size` in the file, in bytes."""

    address: int
    memory_size: int
    offset: int
    size: int
    executable: bool


class Image:
    """An open ELF file. Raises NotElf, Malformed or OSError on construction and use.

    machine, type   as elf(5) names them ("EM_X86_64", "ET_DYN"); a number where it has no name
    bits, order     64 or 32; "<" or ">" as `struct` wants it
    interpreter     PT_INTERP, or an empty string
    loads           what is mapped, in the file's order
    dynamic         tag name to values, in the file's order
    notes           names of the owners of the notes in PT_NOTE
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._fd = stream.fileno()
        self.size = os.fstat(self._fd).st_size
        ident = self.read(0, 16)
        if ident[:4] != b"\x7fELF":
            raise NotElf
        if len(ident) < 16 or ident[4] not in (1, 2) or ident[5] not in (1, 2):
            raise Malformed("its ELF identification is damaged")
        self.bits = 64 if ident[4] == 2 else 32
        self.order = "<" if ident[5] == 1 else ">"
        self._structs = ELFStructs(little_endian=ident[5] == 1, elfclass=self.bits)
        self._structs.create_basic_structs()
        header = self._parse(self._structs.Elf_Ehdr, 0)
        self.machine = str(header["e_machine"])
        self.type = str(header["e_type"])
        self._structs.create_advanced_structs(header["e_type"], header["e_machine"], header["e_ident"]["EI_OSABI"])
        self.interpreter = ""
        self.loads: list[Segment] = []
        self.dynamic: dict[str, list[int]] = {}
        self.notes: set[str] = set()
        self._read_segments(header)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset` of the file; fewer at its end."""
        if not 0 <= offset < self.size:
            return b""
        return os.pread(self._fd, min(size, self.size - offset), offset)

    def at(self, address: int, size: int) -> bytes:
        """Up to `size` bytes at `address` of the loaded image; fewer where the file's part ends."""
        for load in self.loads:
            if load.address <= address < load.address + load.size:
                return self.read(load.offset + address - load.address, min(size, load.address + load.size - address))
        return b""

    def word_at(self, address: int) -> int:
        """The pointer-sized number at an address. Raises Malformed when there is none."""
        return self.number(self.at(address, self.bits // 8))

    def number(self, data: bytes) -> int:
        """One pointer-sized number in the file's byte order. Raises Malformed when bytes are missing."""
        if len(data) < self.bits // 8:
            raise Malformed("an address points outside the file")
        return int(struct.unpack_from(self.order + ("Q" if self.bits == 64 else "I"), data)[0])

    def dynamic_strings(self) -> bytes:
        """The dynamic string table; empty when there is none."""
        address, size = self._table("DT_STRTAB"), self._table("DT_STRSZ")
        return self.at(address, min(size, MAX_TABLE)) if address and size else b""

    def symbols(self) -> Iterator[tuple[int, bool]]:
        """Every dynamic symbol as (offset of its name in the string table, whether it is defined here)."""
        layout = struct.Struct(self.order + ("IBBHQQ" if self.bits == 64 else "IIIBBH"))
        section = 3 if self.bits == 64 else 5
        table = self.at(self._table("DT_SYMTAB"), min(self._symbol_count() * layout.size, MAX_TABLE))
        for symbol in layout.iter_unpack(table[: len(table) - len(table) % layout.size]):
            yield symbol[0], symbol[section] != 0

    def _symbol_count(self) -> int:
        """How many dynamic symbols there are: the loader learns it from the hash tables, and so do we."""
        if self._table("DT_HASH"):
            wide = self.machine in ("EM_ALPHA", "EM_S390") and self.bits == 64
            data = self.at(self._table("DT_HASH"), 16 if wide else 8)
            if len(data) == (16 if wide else 8):
                return int(struct.unpack(self.order + ("QQ" if wide else "II"), data)[1])
        if self._table("DT_GNU_HASH"):
            return self._gnu_symbol_count(self._table("DT_GNU_HASH"))
        strings, symbols = self._table("DT_STRTAB"), self._table("DT_SYMTAB")
        return max(0, strings - symbols) // (24 if self.bits == 64 else 16)

    def _gnu_symbol_count(self, address: int) -> int:
        """Follow the last chain of DT_GNU_HASH to its end."""
        header = self.at(address, 16)
        if len(header) < 16:
            return 0
        buckets, first, bloom, _shift = struct.unpack(self.order + "4I", header)
        start = address + 16 + bloom * self.bits // 8
        data = self.at(start, min(buckets * 4, MAX_TABLE))
        last = max((entry[0] for entry in struct.iter_unpack(self.order + "I", data[: len(data) // 4 * 4])), default=0)
        if last < first:
            return int(first)
        chain = self.at(start + buckets * 4 + (last - first) * 4, 1 << 16)
        for index, (entry,) in enumerate(struct.iter_unpack(self.order + "I", chain[: len(chain) // 4 * 4])):
            if entry & 1:
                return int(last + index + 1)
        return int(last)

    def _table(self, tag: str) -> int:
        return self.dynamic.get(tag, [0])[0]

    def _parse(self, layout: Any, offset: int) -> Any:
        try:
            return struct_parse(layout, io.BytesIO(self.read(offset, 128)), stream_pos=0)
        except (ELFError, struct.error, UnicodeDecodeError) as error:
            raise Malformed(f"its headers end at byte {self.size}") from error

    def _read_segments(self, header: Any) -> None:
        count, size, offset = header["e_phnum"], header["e_phentsize"], header["e_phoff"]
        if count > MAX_SEGMENTS:
            raise Malformed(f"it claims {count} program headers")
        if count and size < self._structs.Elf_Phdr.sizeof():
            raise Malformed(f"its program headers have {size} bytes each")
        dynamic = None
        for index in range(count):
            segment = self._parse(self._structs.Elf_Phdr, offset + index * size)
            kind, start, length = segment["p_type"], segment["p_offset"], segment["p_filesz"]
            if kind == "PT_LOAD":
                executable = bool(segment["p_flags"] & 1)
                load = Segment(segment["p_vaddr"], segment["p_memsz"], start, length, executable)
                self.loads.append(load)
                if start + length > self.size:
                    raise Malformed(f"it is truncated: {self.size} bytes of at least {start + length}")
            elif kind == "PT_INTERP":
                self.interpreter = self.read(start, min(length, 4096)).split(b"\0")[0].decode(errors="replace")
            elif kind == "PT_DYNAMIC":
                dynamic = (start, length)
            elif kind == "PT_NOTE":
                self._read_notes(self.read(start, min(length, 1 << 16)))
        if dynamic:
            self._read_dynamic(*dynamic)

    def _read_dynamic(self, offset: int, size: int) -> None:
        entry = self._structs.Elf_Dyn
        data = self.read(offset, min(size, MAX_DYNAMIC * entry.sizeof()))
        stream = io.BytesIO(data)
        for position in range(0, len(data) - entry.sizeof() + 1, entry.sizeof()):
            item = struct_parse(entry, stream, stream_pos=position)
            if item["d_tag"] == "DT_NULL":
                return
            self.dynamic.setdefault(str(item["d_tag"]), []).append(item["d_val"])

    def _read_notes(self, data: bytes) -> None:
        position = 0
        while position + 12 <= len(data):
            name_size, content_size, _kind = struct.unpack_from(self.order + "III", data, position)
            name = data[position + 12 : position + 12 + min(name_size, 64)].rstrip(b"\0")
            self.notes.add(name.decode(errors="replace"))
            position += 12 + (name_size + 3) // 4 * 4 + (content_size + 3) // 4 * 4
