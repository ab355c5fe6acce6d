"""Which file a process really has mapped, and what tells it from another of the same name.

A loader that can't preload what it was told to goes on without it (ld.so(8)). So nobody believes LD_PRELOAD: whoever
measures or tests with the library, or with a libc of the user's, reads the process's mappings.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection, SymbolTableSection

from ..errors import VgetrandomError
from ..system.elf import read_elf
from ..system.files import open_regular, read_regular

RECORD = "vgetrandom_process"  # what every build of the library exports (include/vgetrandom.h)
_SEPARATORS = " \t\n\v\f\r:"  # of LD_PRELOAD: glibc's are space and colon, musl's are isspace(3) and colon
_TOKEN = re.compile(r"\$(?:\{|ORIGIN|LIB|PLATFORM)")  # ld.so(8) puts something else in their place
_RELEASE = re.compile(rb"vgetrandom-release=(\d+\.\d+\.\d+[-+.\w]*)\0")  # load.c
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S{4} [0-9a-f]+ \S+ [0-9]+ +([/[].*)")


@dataclass(frozen=True)
class File:
    """One file, as it was when it was read."""

    path: Path
    build_id: str  # hexadecimal; "" when the linker left none
    sha256: str  # hexadecimal

    def __str__(self) -> str:
        build_id = f"build id {self.build_id}, " if self.build_id else ""
        return f"{self.path} ({build_id}sha256 {self.sha256[:16]})"

    def as_json(self) -> dict[str, str]:
        """Stable keys."""
        return {"path": str(self.path), "build_id": self.build_id, "sha256": self.sha256}


@dataclass(frozen=True)
class Mapping:
    """A range of addresses, [start, end), and the file behind it."""

    start: int
    end: int
    path: str  # as the kernel writes it, " (deleted)" behind the path of a file that is gone; or "[vdso]", "[stack]"


def identify(path: Path) -> File:
    """What `path` is. Raises VgetrandomError when it can't be read."""
    try:
        status = path.stat()
        return _identify(path.resolve(), status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise VgetrandomError(f"{path} can't be read: {error.strerror}") from error


@functools.lru_cache(None)
def _identify(path: Path, _changed: int, _size: int) -> File:
    content = read_regular(path)
    return File(path, _build_id(path), hashlib.sha256(content).hexdigest())


def _build_id(path: Path) -> str:
    try:
        with open_regular(path) as stream:
            for section in ELFFile(stream).iter_sections():
                if isinstance(section, NoteSection):
                    for note in section.iter_notes():
                        if note["n_type"] == "NT_GNU_BUILD_ID":
                            return str(note["n_desc"])
    except (ELFError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return ""


def read_mappings(text: str) -> list[Mapping]:
    """The mappings with a name in what /proc/PID/maps says (proc_pid_maps(5)), in the order of addresses."""
    found = (_MAPPING.match(line) for line in text.splitlines())
    # The kernel writes a newline in a path as \012, and nothing else in another way (show_map_vma, fs/proc/task_mmu.c).
    return [Mapping(int(m[1], 16), int(m[2], 16), m[3].replace("\\012", "\n")) for m in found if m]


def is_mapped(mappings: Sequence[Mapping], path: Path) -> bool:
    """Whether this very file is among them."""
    return any(same_file(mapping.path, path) for mapping in mappings)


def file_at(mappings: Sequence[Mapping], address: int) -> str:
    """The path that is mapped at an address; "" when no file is."""
    return next((mapping.path for mapping in mappings if mapping.start <= address < mapping.end), "")


def same_file(mapped: str, path: Path) -> bool:
    """Whether a mapping's path leads to this file now. (On overlays, the devices in maps are not those of stat.)"""
    try:
        return mapped == str(path.resolve()) or Path(mapped).samefile(path)
    except OSError:
        return False


def require_nameable(library: Path) -> None:
    """Raises VgetrandomError when LD_PRELOAD can't name the file: it would end early, or mean another (ld.so(8))."""
    text = str(library)
    if set(text) & set(_SEPARATORS):
        what = "a space or colon in it"
    elif _TOKEN.search(text):
        what = "$ORIGIN, $LIB or $PLATFORM in it"
    else:
        return
    raise VgetrandomError(
        f"LD_PRELOAD can't hold {text!r}, with {what}; copy the library elsewhere and name the copy "
        "(this project's: in VGETRANDOM_LIBRARY)"
    )


def require_plain(library: Path) -> None:
    """Raises VgetrandomError for a path that can't be written wherever LD_PRELOAD is.

    The list ends a name at a space or colon (ld.so(8)); shells, units of systemd and manifests expand $ and %.
    """
    if set(str(library)) & {*_SEPARATORS, "$", "%"}:
        raise VgetrandomError(
            f"LD_PRELOAD can't hold {str(library)!r} everywhere, with a space, a colon, $ or % in it; "
            "copy the library elsewhere and set VGETRANDOM_LIBRARY to the copy"
        )


def require_library(library: Path) -> Path:
    """Returns the path. Raises VgetrandomError when it is no build of this library, whatever the architecture."""
    try:
        elf = read_elf(library)
        mine = elf is not None and not elf.interpreter and _exports(library, RECORD)
    except OSError as error:
        raise VgetrandomError(f"the library {library} can't be read: {error.strerror}") from error
    if not mine:
        raise VgetrandomError(f"{library} is no build of libvgetrandom.so; `vgetrandom build` makes one")
    return library


def require_usable(library: Path) -> None:
    """Raises VgetrandomError when programs of this host can't be started with the file preloaded."""
    require_nameable(library)
    require_library(library)
    _require_loadable(library)


def require_generator(library: Path) -> None:
    """The same for a library of whoever's, which must have a getrandom: programs would call that."""
    require_nameable(library)
    try:
        elf = read_elf(library)
    except OSError as error:
        raise VgetrandomError(f"the library {library} can't be read: {error.strerror}") from error
    if elf is None or elf.interpreter or not _exports(library, "getrandom"):
        raise VgetrandomError(f"{library} is no shared library that defines getrandom; make one with adapter.c")
    _require_loadable(library)


def _require_loadable(library: Path) -> None:
    host, other = read_elf(Path("/proc/self/exe")), read_elf(library)
    if host and other and not host.loads(other):
        raise VgetrandomError(f"{library} is {other}, and this host's programs are {host}; give a build for this host")


def require_preloadable(library: Path) -> None:
    """Raises VgetrandomError when a program of this host, started with the file preloaded, does not have it mapped.

    The program is cat(1): it has been loaded when it gives back a byte.
    """
    require_usable(library)
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    try:
        with subprocess.Popen(
            ["cat"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        ) as process:
            assert process.stdin and process.stdout and process.stderr
            process.stdin.write(b"x")
            process.stdout.read(1)
            mapped = is_mapped(read_mappings(Path(f"/proc/{process.pid}/maps").read_text()), library)
            process.stdin.close()
            complaint = process.stderr.read().decode(errors="replace").strip().splitlines()
    except OSError as error:
        raise VgetrandomError(f"no program can be started to try {library}: {error.strerror}") from error
    if not mapped:
        why = f": {complaint[0]}" if complaint else ""
        raise VgetrandomError(f"{library} is not loaded into programs of this host{why}")


def is_copy(path: Path) -> bool:
    """Whether a file is a build of this library, under whatever name. False when it can't be read."""
    try:
        return RECORD.encode() in read_regular(path) and _exports(path, RECORD)
    except OSError:
        return False


def release_of(path: Path) -> str:
    """The version of a build of this library, from its file; "" when the file is none, or can't be read."""
    if not is_copy(path):
        return ""
    try:
        with open_regular(path) as stream:
            section = ELFFile(stream).get_section_by_name(".rodata")
            found = _RELEASE.search(section.data()) if section else None
    except (OSError, ELFError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    return found[1].decode() if found else ""


def _exports(library: Path, name: str) -> bool:
    try:
        with open_regular(library) as stream:
            table = ELFFile(stream).get_section_by_name(".dynsym")
            found = table.get_symbol_by_name(name) if isinstance(table, SymbolTableSection) else None
            return any(symbol["st_shndx"] != "SHN_UNDEF" for symbol in found or ())
    except (ELFError, ValueError, KeyError, TypeError, AttributeError):
        return False
