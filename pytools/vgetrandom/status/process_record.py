"""The library's record in a running process, read from /proc/PID/mem without stopping or touching it.

The layouts and their meaning are those of include/vgetrandom.h. The record is found through the exported symbol
`vgetrandom_process` in the dynamic section *in the process's memory*: the file may have been replaced since.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..preload.library import LIBRARY_NAME

_SYMBOL = b"vgetrandom_process"
_MAGIC = 0x6D6F646E61726776
_VERSION = 1
_TID_BITS = 22
_FIRST_BLOCK = 16  # slots; every later block has as many as all before it
_MAX_BLOCKS = 19
VECTOR_NAMES = {0: "", 1: "none", 2: "NEON", 3: "AVX2", 4: "AVX-512", 5: "SSE2", 6: "VSX", 7: "VX", 8: "LSX", 9: "RVV"}
STATUS_NAMES = {1: "active", 2: "off", 3: "no-vdso", 4: "no-params", 5: "no-memory", 6: "no-libc"}

_PROCESS = struct.Struct("=QIIIIQIIIIQQQQQQII")
_SLOTS = struct.Struct(f"=QQQ{_MAX_BLOCKS}Q")
_EPOCH = struct.Struct("=QQQQ32xQQ")
_SLOT = struct.Struct("=QQQQ32x")

_DT_HASH, _DT_STRTAB, _DT_SYMTAB = 4, 5, 6
_PT_DYNAMIC = 2
_MAX_SYMBOLS = 4096
_DROPPABLE = "dp"  # the kernel's word in smaps for MAP_DROPPABLE (fs/proc/task_mmu.c)


class ProcessGone(Exception):
    """The process ended, or runs another program now."""


class NotPermitted(Exception):
    """The kernel does not let us look at the process (ptrace(2), "access mode checking")."""


@dataclass(frozen=True)
class Slot:
    """One slot with an owner: `claim` number and `tid` as in the process's own pid namespace."""

    claim: int
    tid: int
    state: int
    calls: int
    bytes: int


@dataclass(frozen=True)
class Record:
    """What the library does in one process. Addresses are the process's; sizes are in bytes."""

    pid: int
    status: str
    entry: int
    state_size: int
    state_stride: int
    mmap_prot: int
    mmap_flags: int
    large: int  # the length from which a request is large
    vector: str  # what large requests are made with; "none": by the vDSO; "": there was none so far
    forks: int
    blocks: int
    capacity: int  # slots in all blocks
    fallbacks: int
    first_draws: int  # of threads in this process: answered by the system call
    threads_ever: int
    slots: tuple[Slot, ...]  # claimed by this process: not those that an ancestor left behind
    live: int  # of these, how many belong to a thread that runs now

    @property
    def calls(self) -> int:
        """Calls that the vDSO served in this process."""
        return sum(slot.calls for slot in self.slots)

    @property
    def bytes(self) -> int:
        """Bytes that the vDSO served in this process."""
        return sum(slot.bytes for slot in self.slots)


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
        """Whether the kernel may drop these pages."""
        return _DROPPABLE in self.flags


def process_ids() -> list[int]:
    """Every process of this pid namespace."""
    return sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def library_base(pid: int) -> int | None:
    """Where the library is mapped in a process; None when it is not. Raises ProcessGone or NotPermitted."""
    for line in _proc_text(pid, "maps").splitlines():
        columns = line.split(None, 5)
        if len(columns) == 6 and int(columns[2], 16) == 0 and Path(columns[5]).name.startswith(LIBRARY_NAME):
            return int(columns[0].split("-")[0], 16)
    return None


def read_record(pid: int) -> Record | None:
    """The record of a process; None when the library is not loaded. Raises ProcessGone or NotPermitted.

    Nothing is stopped: counters read one after the other may be a few calls apart.
    """
    base = library_base(pid)
    if base is None:
        return None
    with _Memory(pid) as memory:
        address = _find_symbol(memory, base)
        fields = _PROCESS.unpack(memory.read(address, _PROCESS.size))
        magic, version, _size, status, _page, entry, state_size, prot, flags, stride = fields[:10]
        _limit, large, _span, slots, epoch, vector, most_vector, _reserved = fields[10:]
        if magic == 0:  # loaded, and nothing has been drawn before main
            return Record(pid, "not initialised", 0, 0, 0, 0, 0, 0, "", 0, 0, 0, 0, 0, 0, (), 0)
        if magic != _MAGIC or version != _VERSION:
            raise ProcessGone(f"the library in process {pid} is of another release")
        _claims, forks, blocks, *block = _SLOTS.unpack(memory.read(slots, _SLOTS.size))
        word, _settled, threads, _reported, fallbacks, first_draws = _EPOCH.unpack(memory.read(epoch, _EPOCH.size))
        blocks = min(blocks, _MAX_BLOCKS)
        (chosen,) = struct.unpack("=I", memory.read(vector, 4)) if most_vector else (1,)
        claimed = tuple(_claimed_slots(memory, block[:blocks], word))
    return Record(
        pid=pid,
        status=STATUS_NAMES.get(status, f"status {status}"),
        entry=entry,
        state_size=state_size,
        state_stride=stride,
        mmap_prot=prot,
        mmap_flags=flags,
        large=large,
        vector=VECTOR_NAMES.get(chosen, f"vector {chosen}"),
        forks=forks,
        blocks=blocks,
        capacity=_FIRST_BLOCK << (blocks - 1) if blocks else 0,
        fallbacks=fallbacks,
        first_draws=first_draws,
        threads_ever=threads,
        slots=claimed,
        live=_count_live(pid, word, claimed),
    )


def state_mappings(pid: int, record: Record) -> list[Mapping]:
    """The mappings that hold the states of the claimed slots. Raises ProcessGone or NotPermitted."""
    states = [slot.state for slot in record.slots]
    return [
        mapping
        for mapping in parse_smaps(_proc_text(pid, "smaps"))
        if any(mapping.start <= state < mapping.end for state in states)
    ]


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

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """64-bit numbers."""
        return struct.unpack(f"={count}Q", self.read(address, 8 * count))


def _proc_text(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except PermissionError as error:
        raise NotPermitted from error
    except OSError as error:
        raise ProcessGone from error


def _find_symbol(memory: _Memory, base: int) -> int:
    """The address of the record, through the loaded library's dynamic section (elf(5)). Raises ProcessGone."""
    dynamic = dict(_dynamic(memory, base))
    # glibc relocates these addresses in memory, musl leaves them as they are in the file.
    hash_table, strings, symbols = (
        dynamic.get(tag, 0) if dynamic.get(tag, 0) >= base else base + dynamic.get(tag, 0)
        for tag in (_DT_HASH, _DT_STRTAB, _DT_SYMTAB)
    )
    count = _symbol_count(memory, hash_table)
    for name, _info, _other, _section, value, _size in struct.iter_unpack("=IBBHQQ", memory.read(symbols, 24 * count)):
        if value and memory.read(strings + name, len(_SYMBOL) + 1) == _SYMBOL + b"\0":
            return int(base + value)
    raise ProcessGone


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


def _claimed_slots(memory: _Memory, blocks: list[int], word: int) -> Iterator[Slot]:
    """Slots whose claim belongs to this process: not older than its epoch. None in a child that drew at most once."""
    count = _FIRST_BLOCK
    for number, address in enumerate(blocks):
        count = _FIRST_BLOCK << (number - 1) if number else _FIRST_BLOCK
        data = memory.read(address, count * _SLOT.size)
        for owner, state, calls, size in _SLOT.iter_unpack(data):
            if word and owner >> _TID_BITS >= word >> _TID_BITS:
                yield Slot(owner >> _TID_BITS, owner & ((1 << _TID_BITS) - 1), state, calls, size)


def _count_live(pid: int, word: int, slots: tuple[Slot, ...]) -> int:
    """How many slots belong to a thread that runs; a thread's newest claim counts."""
    threads = _threads(pid, own_numbers=(word & ((1 << _TID_BITS) - 1)) != pid)
    return len({slot.tid for slot in slots} & threads)


def _threads(pid: int, own_numbers: bool) -> set[int]:
    """Thread ids of a process; with `own_numbers` as it sees them itself, in its pid namespace (NSpid in proc(5))."""
    folder = Path(f"/proc/{pid}/task")
    try:
        threads = [path.name for path in folder.iterdir()]
        if not own_numbers:
            return set(map(int, threads))
        found = set()
        for thread in threads:
            for line in (folder / thread / "status").read_text().splitlines():
                if line.startswith("NSpid:"):
                    found.add(int(line.split()[-1]))
        return found
    except (OSError, ValueError):
        return set()
