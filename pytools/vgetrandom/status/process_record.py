"""The library's record in a running process, read from /proc/PID/mem without stopping or touching it.

The layouts and their meaning are those of include/vgetrandom.h. The record is found through the exported symbol
`vgetrandom_process` in the dynamic section *in the process's memory*: the file may have been replaced since.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..preload.library import LIBRARY_NAME
from ..preload.settings import SWITCH

_SYMBOL = b"vgetrandom_process"
_MAGIC = 0x6D6F646E61726776
_VERSION = 2
VECTOR_NAMES = {0: "", 1: "none", 2: "NEON", 3: "AVX2", 4: "AVX-512", 5: "SSE2", 6: "VSX", 7: "VX", 8: "LSX", 9: "RVV"}
STATUS_NAMES = {1: "active", 2: "off", 3: "no-vdso", 4: "no-params", 5: "no-memory", 6: "no-libc"}
MEMORY_NAMES = {0: "none", 1: "droppable", 2: "locked", 3: "lock-refused"}
NOT_INITIALISED = "not initialised"

_BEGINNING = struct.Struct("=QI")  # magic and version, in every version
_PROCESS = struct.Struct("=QIIII16sQQQQQIIIIIIQQQQII")
_TAIL = struct.Struct("=QQQQ")

_DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_STRSZ = 4, 5, 6, 10
_PT_DYNAMIC = 2
_MAX_SYMBOLS = 4096
_MAX_STRINGS = 1 << 16  # bytes of a table of names; ours has far fewer
_FIRST_PAGE = re.compile(r"([0-9a-f]+)-[0-9a-f]+ \S{4} 0+ (\S+ [1-9][0-9]*) +(/.*)")  # of a file: proc_pid_maps(5)
_OTHERS: set[str] = set()  # device, inode and path of files that are not ours
_DROPPABLE, _WIPED, _LOCKED = "dp", "wf", "lo"  # the kernel's words in smaps (fs/proc/task_mmu.c)


class ProcessGone(Exception):
    """The process ended, or runs another program now."""


class NotPermitted(Exception):
    """The kernel does not let us look at the process (ptrace(2), "access mode checking")."""


@dataclass(frozen=True)
class Record:
    """What the library does in one process. Addresses are the process's; sizes are in bytes.

    library       the library's file, as the kernel names it: with " (deleted)" where it was replaced or removed
    release       the library's version
    foreign       0, or the version of the record where it is one that can't be read here: then nothing else is known
    memory        of the states: "none", "droppable", "locked", "lock-refused" (asked for, refused: droppable)
    large         the length from which a request is large
    vector        what large requests are made with; "none": by the vDSO or system calls; "": there was none so far
    used, slots   slots given in this process's lineage of forks, and how many there are
    states        slots that hold a state in this process now: a fork wipes them, and the kernel may drop some
    calls, bytes  served from the vDSO in this process; lower bounds after the kernel dropped a state
    """

    pid: int
    status: str
    library: str = ""
    release: str = ""
    foreign: int = 0
    memory: str = "none"
    entry: int = 0
    state_size: int = 0
    state_stride: int = 0
    mmap_prot: int = 0
    mmap_flags: int = 0
    large: int = 0
    vector: str = ""
    used: int = 0
    slots: int = 0
    states: int = 0
    calls: int = 0
    bytes: int = 0
    memory_start: int = 0
    memory_end: int = 0


@dataclass(frozen=True)
class LoadedLibrary:
    """Where the library is in a process, and its file as the kernel names it."""

    base: int
    path: str


@dataclass(frozen=True)
class Mapping:
    """One line of smaps that holds states."""

    start: int
    end: int
    name: str
    resident: int  # bytes
    flags: tuple[str, ...]

    @property
    def droppable(self) -> bool:
        """Whether the kernel may drop these pages (MAP_DROPPABLE)."""
        return _DROPPABLE in self.flags

    @property
    def wiped(self) -> bool:
        """Whether a forked child finds zeros here (MADV_WIPEONFORK, and MAP_DROPPABLE by itself)."""
        return _WIPED in self.flags

    @property
    def locked(self) -> bool:
        """Whether these pages stay in memory (mlock(2)); a forked child's do not."""
        return _LOCKED in self.flags


def process_ids() -> list[int]:
    """Every process of this pid namespace."""
    return sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def find_library(pid: int) -> LoadedLibrary | None:
    """Which library of ours is mapped in a process; None when none is. Raises ProcessGone or NotPermitted.

    It is known by what it exports, whatever its file is called. Where only the list of files may be read (it asks for
    less than memory does), by its name.
    """
    files = [
        (int(m[1], 16), f"{m[2]} {m[3]}", m[3])
        for m in map(_FIRST_PAGE.match, _proc_text(pid, "maps").splitlines())
        if m
    ]
    try:
        with _Memory(pid) as memory:
            for base, identity, path in files:
                if _is_ours(memory, base, identity):
                    return LoadedLibrary(base, path)
    except NotPermitted:
        for base, _identity, path in files:
            if Path(path).name.startswith(LIBRARY_NAME):
                return LoadedLibrary(base, path)
    return None


def _is_ours(memory: _Memory, base: int, identity: str) -> bool:
    """Whether the file that is mapped at `base` exports the record. One that was read and does not is asked once."""
    if identity in _OTHERS:
        return False
    try:
        dynamic = _addresses(memory, base)
        if memory.find(dynamic[_DT_STRTAB], min(dynamic.get(_DT_STRSZ, 0), _MAX_STRINGS), b"\0" + _SYMBOL + b"\0"):
            _find_symbol(memory, base)
            return True
    except (ProcessGone, KeyError):  # no library, one that is being mapped or unmapped, or the process has ended
        return False
    _OTHERS.add(identity)
    return False


def read_record(pid: int) -> Record | None:
    """The record of a process; None when the library is not loaded. Raises ProcessGone or NotPermitted.

    Nothing is stopped: counters read one after the other may be a few calls apart.
    """
    library = find_library(pid)
    if library is None:
        return None
    with _Memory(pid) as memory:
        address = _find_symbol(memory, library.base)
        magic, version = _BEGINNING.unpack(memory.read(address, _BEGINNING.size))
        if magic == 0:  # the loader has not come to its constructor yet
            return Record(pid, NOT_INITIALISED, library=library.path)
        if magic != _MAGIC:
            raise ProcessGone(f"the library in process {pid} has no record that could be read")
        if version != _VERSION:
            return Record(pid, f"record version {version}", library=library.path, foreign=version)
        return _describe(pid, library, memory, _PROCESS.unpack(memory.read(address, _PROCESS.size)))


def _describe(pid: int, library: LoadedLibrary, memory: _Memory, fields: tuple[Any, ...]) -> Record:
    _magic, _version, _size, status, kind, release, entry, _limit, large, _span, states, *rest = fields
    state_size, stride, prot, flags, page_size, most_vector, _first, _slot, used, vector, slots, _reserved = rest
    given = chosen = 0
    tails: list[tuple[int, ...]] = []
    end = states
    if states and 0 < stride <= page_size:
        given = min(memory.number(used), slots)
        chosen = memory.number(vector) if most_vector else 1
        a_page = page_size // stride
        end = states + -(-slots // a_page) * page_size
        for slot in range(given):
            state = states + slot // a_page * page_size + slot % a_page * stride
            tails.append(_TAIL.unpack(memory.read(state + state_size, _TAIL.size)))
    return Record(
        pid=pid,
        library=library.path,
        status=STATUS_NAMES.get(status, f"status {status}"),
        release=release.split(b"\0")[0].decode(errors="replace"),
        memory=MEMORY_NAMES.get(kind, f"memory {kind}"),
        entry=entry,
        state_size=state_size,
        state_stride=stride,
        mmap_prot=prot,
        mmap_flags=flags,
        large=large,
        vector=VECTOR_NAMES.get(chosen, f"vector {chosen}"),
        used=given,
        slots=slots,
        states=sum(stamp != 0 for stamp, *_ in tails),
        calls=sum(calls for _stamp, _begun, calls, _bytes in tails),
        bytes=sum(size for *_, size in tails),
        memory_start=states,
        memory_end=end,
    )


def state_mappings(pid: int, record: Record) -> list[Mapping]:
    """The mappings that hold the states. Raises ProcessGone or NotPermitted."""
    return [
        mapping
        for mapping in parse_smaps(_proc_text(pid, "smaps"))
        if mapping.start < record.memory_end and record.memory_start < mapping.end
    ]


def lost_flags(record: Record, mappings: Sequence[Mapping]) -> tuple[str, ...]:
    """What the memory of the states should be and is not: "droppable", "wiped at a fork". Empty when all is well.

    A process that CRIU older than 4.2 restored has ordinary memory there: its forks, and whoever is restored from the
    same image, draw the same bytes.
    """
    lost = []
    if record.memory in ("droppable", "lock-refused") and not all(mapping.droppable for mapping in mappings):
        lost.append("droppable")
    if record.memory != "none" and not all(mapping.wiped for mapping in mappings):
        lost.append("wiped at a fork")
    return tuple(lost)


def settings_of(pid: int) -> str:
    """What VGETRANDOM said when the process was started; "" when it was not set. Raises ProcessGone or NotPermitted."""
    prefix = f"{SWITCH}="
    entries = _proc_text(pid, "environ").split("\0")
    return next((entry[len(prefix) :] for entry in entries if entry.startswith(prefix)), "")


def parse_smaps(text: str) -> Iterator[Mapping]:
    """The mappings of /proc/PID/smaps (proc(5))."""
    head: list[str] = []
    resident = 0
    for line in text.splitlines():
        words = line.split()
        if words and not words[0].endswith(":"):
            head, resident = line.split(None, 5), 0
        elif line.startswith("Rss:"):
            resident = int(words[1]) * 1024
        elif line.startswith("VmFlags:") and head:
            start, end = (int(number, 16) for number in head[0].split("-"))
            yield Mapping(start, end, head[5] if len(head) == 6 else "", resident, tuple(words[1:]))


def command_of(pid: int) -> str:
    """A process's command line, or its name in brackets; empty when it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").split("\0")
        name = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""
    return " ".join(" ".join(words).split()) if words != [""] else f"[{name}]"


class _Memory:
    """/proc/PID/mem, open. Reads raise ProcessGone where nothing is mapped any more."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> _Memory:
        try:
            self._fd = os.open(f"/proc/{self._pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError as error:
            raise NotPermitted from error
        except OSError as error:
            raise ProcessGone from error
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self._fd)

    def read(self, address: int, size: int) -> bytes:
        """Exactly `size` bytes."""
        try:
            data = os.pread(self._fd, size, address)
        except PermissionError as error:
            raise NotPermitted from error
        except (OSError, OverflowError) as error:
            raise ProcessGone from error
        if len(data) != size:
            raise ProcessGone
        return data

    def find(self, address: int, size: int, text: bytes) -> bool:
        """Whether `text` is within `size` bytes at an address."""
        return text in self.read(address, size)

    def number(self, address: int) -> int:
        """A number of 32 bits."""
        return int(struct.unpack("=I", self.read(address, 4))[0])


def _proc_text(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except PermissionError as error:
        raise NotPermitted from error
    except OSError as error:
        raise ProcessGone from error


def _find_symbol(memory: _Memory, base: int) -> int:
    """The address of the record, through the loaded library's dynamic section (elf(5)). Raises ProcessGone."""
    dynamic = _addresses(memory, base)
    try:
        hash_table, strings, symbols = (dynamic[tag] for tag in (_DT_HASH, _DT_STRTAB, _DT_SYMTAB))
    except KeyError:
        raise ProcessGone from None
    count = _symbol_count(memory, hash_table)
    for name, _info, _other, _section, value, _size in struct.iter_unpack("=IBBHQQ", memory.read(symbols, 24 * count)):
        if value and memory.read(strings + name, len(_SYMBOL) + 1) == _SYMBOL + b"\0":
            return int(base + value)
    raise ProcessGone


def _addresses(memory: _Memory, base: int) -> dict[int, int]:
    """The dynamic section: tags and their values, those that are addresses as addresses in the process."""
    found = dict(_dynamic(memory, base))
    for tag in (_DT_HASH, _DT_STRTAB, _DT_SYMTAB):
        # glibc relocates these in memory, musl leaves them as they are in the file.
        if tag in found and found[tag] < base:
            found[tag] += base
    return found


def _symbol_count(memory: _Memory, hash_table: int) -> int:
    # The one architecture with 64-bit hash words is s390x.
    word = "Q" if os.uname().machine == "s390x" else "I"
    size = struct.calcsize(word)
    (count,) = struct.unpack(f"={word}", memory.read(hash_table + size, size))
    return min(int(count), _MAX_SYMBOLS)


def _dynamic(memory: _Memory, base: int) -> Iterator[tuple[int, int]]:
    header = memory.read(base, 64)
    if header[:4] != b"\x7fELF":
        raise ProcessGone
    (offset,) = struct.unpack_from("=Q", header, 32)
    size, count = struct.unpack_from("=HH", header, 54)
    for index in range(min(count, 64)):
        segment = memory.read(base + offset + index * size, 56)
        if struct.unpack_from("=I", segment)[0] == _PT_DYNAMIC:
            address, length = struct.unpack_from("=Q", segment, 16)[0], struct.unpack_from("=Q", segment, 40)[0]
            data = memory.read(base + address, min(length, 16 * 256))
            yield from struct.iter_unpack("=QQ", data[: len(data) // 16 * 16])
