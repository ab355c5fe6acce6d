"""What an ELF file wants from the process that loads it."""

from __future__ import annotations

import io
from dataclasses import dataclass

from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection


@dataclass(frozen=True)
class Needs:
    """libraries: DT_NEEDED; loader: PT_INTERP; strong: undefined symbols that are not weak; versions: of symbols."""

    machine: str
    libraries: tuple[str, ...]
    loader: bool
    strong: frozenset[str]
    versions: bool
    executable_stack: bool
    build_id: str


def needs_of(content: bytes) -> Needs:
    """Of the bytes of one file."""
    elf = ELFFile(io.BytesIO(content))
    segments = list(elf.iter_segments())
    dynamic = [one for one in segments if isinstance(one, DynamicSegment)]
    table = elf.get_section_by_name(".dynsym")
    symbols = list(table.iter_symbols())[1:] if isinstance(table, SymbolTableSection) else []
    undefined = [one for one in symbols if one["st_shndx"] == "SHN_UNDEF"]
    stack = next((one for one in segments if one["p_type"] == "PT_GNU_STACK"), None)
    notes = [note for part in elf.iter_sections() if isinstance(part, NoteSection) for note in part.iter_notes()]
    return Needs(
        machine=str(elf["e_machine"]),
        libraries=tuple(tag.needed for one in dynamic for tag in one.iter_tags("DT_NEEDED")),
        loader=any(one["p_type"] == "PT_INTERP" for one in segments),
        strong=frozenset(one.name for one in undefined if one["st_info"]["bind"] != "STB_WEAK"),
        versions=any(True for one in dynamic for _ in one.iter_tags("DT_VERNEED")),
        executable_stack=stack is None or bool(stack["p_flags"] & 1),
        build_id=next((str(note["n_desc"]) for note in notes if note["n_type"] == "NT_GNU_BUILD_ID"), ""),
    )
