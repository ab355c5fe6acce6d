"""The vDSO image that the kernel maps into every process, and its getrandom."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerSymSection
from elftools.elf.sections import SymbolTableSection

# The kernel's names for it: arch/*/kernel/vdso*/vdso*.lds.S
SYMBOLS = ("__vdso_getrandom", "__kernel_getrandom")


@dataclass(frozen=True)
class VdsoFunction:
    """getrandom in the vDSO: the symbol, its version ("" where the image does not tell), its offset in bytes."""

    symbol: str
    version: str
    offset: int


def vdso_image() -> bytes | None:
    """This process's vDSO; None when it has none or when /proc does not show it (vdso(7))."""
    try:
        match = re.search(r"^(\w+)-(\w+) .*\[vdso\]$", Path("/proc/self/maps").read_text(), re.MULTILINE)
        if not match:
            return None
        start, end = (int(number, 16) for number in match.groups())
        memory = os.open("/proc/self/mem", os.O_RDONLY)
    except OSError:
        return None
    try:
        return os.pread(memory, end - start, start)
    except OSError:
        return None
    finally:
        os.close(memory)


def find_getrandom(image: bytes) -> VdsoFunction | None:
    """getrandom in a vDSO image; None when there is none."""
    try:
        elf = ELFFile(io.BytesIO(image))
        table = elf.get_section_by_name(".dynsym")
        symbols = table.iter_symbols() if isinstance(table, SymbolTableSection) else ()
        for index, symbol in enumerate(symbols):
            if symbol.name in SYMBOLS and symbol["st_shndx"] != "SHN_UNDEF":
                return VdsoFunction(symbol.name, _version(elf, index), symbol["st_value"])
    except ELFError:
        pass
    return None


def _version(elf: ELFFile, symbol: int) -> str:
    indices, definitions = elf.get_section_by_name(".gnu.version"), elf.get_section_by_name(".gnu.version_d")
    if not isinstance(indices, GNUVerSymSection) or not isinstance(definitions, GNUVerDefSection):
        return ""
    index = indices.get_symbol(symbol)["ndx"]
    for definition, names in definitions.iter_versions():
        if definition["vd_ndx"] == index:
            return str(next(names).name)
    return ""
