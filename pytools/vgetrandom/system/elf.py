"""What the loader will make of one ELF file, and whether the kernel will run it with raised privileges."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_DT_FLAGS_1
from elftools.elf.segments import InterpSegment, Segment

from .files import open_regular

_NAMES = {
    "EM_X86_64": "x86-64",
    "EM_386": "x86",
    "EM_AARCH64": "aarch64",
    "EM_ARM": "arm",
    "EM_RISCV": "riscv",
    "EM_PPC64": "powerpc64",
    "EM_S390": "s390x",
    "EM_LOONGARCH": "loongarch64",
}


@dataclass(frozen=True)
class ElfFile:
    """One ELF file as its header and program headers tell."""

    bits: int
    little_endian: bool
    machine: str  # as elf(5) names it: "EM_X86_64"
    interpreter: str  # the loader it asks for, "" for none
    static: bool  # a program that no loader ever sees

    def __str__(self) -> str:
        order = " big-endian" if self.machine == "EM_PPC64" and not self.little_endian else ""
        return f"{self.bits}-bit {_NAMES.get(self.machine, self.machine)}{order}"

    def loads(self, library: ElfFile) -> bool:
        """Whether a process of this program can map `library`."""
        mine, other = (
            (self.bits, self.little_endian, self.machine),
            (library.bits, library.little_endian, library.machine),
        )
        return mine == other


def read_elf(path: Path) -> ElfFile | None:
    """Read an ELF file; None when it is another kind of file or damaged. Raises OSError."""
    with open_regular(path) as stream:
        try:
            elf = ELFFile(stream)
            segments = list(elf.iter_segments())
            interpreter = next((one.get_interp_name() for one in segments if isinstance(one, InterpSegment)), "")
            return ElfFile(
                bits=elf.elfclass,
                little_endian=elf.little_endian,
                machine=str(elf["e_machine"]),
                interpreter=interpreter,
                static=not interpreter and (elf["e_type"] == "ET_EXEC" or _is_static_pie(segments)),
            )
        except (ELFError, ValueError, KeyError, TypeError):
            return None


def needed_libraries(path: Path) -> tuple[str, ...]:
    """The names of the libraries that a file itself asks for (DT_NEEDED, elf(5)); empty when it can't be read."""
    try:
        with open_regular(path) as stream:
            segments = [one for one in ELFFile(stream).iter_segments() if isinstance(one, DynamicSegment)]
            return tuple(str(getattr(tag, "needed", "")) for one in segments for tag in one.iter_tags("DT_NEEDED"))
    except (OSError, ELFError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def section_sizes(path: Path) -> tuple[int, int, int] | None:
    """Bytes of code and constants, of initialised data, and of zeros, as size(1) counts them; None for no ELF file.

    A file without sections has none of any.
    """
    text = data = bss = 0
    try:
        with path.open("rb") as stream:
            for section in ELFFile(stream).iter_sections():
                flags, size = int(section["sh_flags"]), int(section["sh_size"])
                if not flags & SH_FLAGS.SHF_ALLOC:
                    continue
                if section["sh_type"] == "SHT_NOBITS":
                    bss += size
                elif flags & SH_FLAGS.SHF_WRITE:
                    data += size
                else:
                    text += size
    except (OSError, ELFError, ValueError, KeyError, TypeError):
        return None
    return text, data, bss


def _is_static_pie(segments: Sequence[Segment]) -> bool:
    """A loader that is run as a command has no interpreter either, but is not marked as a program."""
    for segment in segments:
        if isinstance(segment, DynamicSegment):
            return any(tag["d_val"] & ENUM_DT_FLAGS_1["DF_1_PIE"] for tag in segment.iter_tags("DT_FLAGS_1"))
    return True


def privilege(path: Path) -> str:
    """How the kernel would raise this program's privileges for us ("set-uid"), or "" if it would not.

    Then AT_SECURE is set, and the loader ignores LD_PRELOAD (execve(2), ld.so(8); for root capabilities(7)).
    """
    if os.getuid() != os.geteuid() or os.getgid() != os.getegid():
        return "started by a process with raised privileges"
    return _raised(path, os.getuid(), os.getgid())


def privilege_for_others(path: Path) -> str:
    """The same for users who are neither root nor the file's owner; "" where it can't be read, too."""
    try:
        return _raised(path, None, None)
    except OSError:
        return ""


def _raised(path: Path, user: int | None, group: int | None) -> str:
    """How a program is raised for this user and group; None is whoever is neither root nor the file's owner."""
    status = path.stat()
    if os.statvfs(path).f_flag & os.ST_NOSUID:
        return ""
    if status.st_mode & stat.S_ISUID and status.st_uid != user:
        return "set-uid"
    if status.st_mode & stat.S_ISGID and status.st_mode & stat.S_IXGRP and status.st_gid != group:
        return "set-gid"
    return "given file capabilities" if user != 0 and _has_capabilities(path) else ""


def _has_capabilities(path: Path) -> bool:
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError:
        return False
