"""Counting every entry into the getrandom system call, in the kernel: a small BPF program at its tracepoint.

Each process has an entry for each CPU that it drew on, so that no two CPUs write to one line of memory; the kernel runs
the program with preemption off, so plain additions do. Nobody reads a stream of events, so none can overflow. An entry
also carries a *phase*: to read entries while calls go on, the reader moves to the next phase, waits until no program
can still be in the one before, and takes that one's entries out of the map. So no call is counted twice or forgotten.

Everything hangs on descriptors of this process. However it ends, SIGKILL included, the kernel takes all of it away.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from .bpf import ARRAY, HASH, Assembler, Map, Program
from .kernel_calls import open_tracepoint, wait_for_running_programs
from .tracepoint import Tracepoint, find_tracepoint

CLASSES = (16, 32, 256, 4096)  # bytes: the largest request of each size class; what is larger is a class of its own
_LIBC = len(CLASSES) + 1  # after the size classes: what glibc draws for itself
_COUNTERS = struct.Struct(f"={2 * (_LIBC + 1)}Q")  # calls and bytes of each class
_REST = struct.Struct("=16sQQ")  # name of the thread, number of its cgroup, whether it is the process's first thread
_VALUE_SIZE = _COUNTERS.size + _REST.size
_KEY = struct.Struct("=IHH")  # process, CPU, phase
_ENTRIES = 32768  # 6 MB of the kernel's memory
# glibc for its own use (malloc's tcache key, names of temporary files): 8 bytes with GRND_NONBLOCK. No preloaded
# library can answer that (malloc/malloc.c and sysdeps/posix/tempname.c of glibc 2.36 to 2.43).
_LIBC_LENGTH, _LIBC_FLAGS = 8, 1
_MAX_REQUEST = 0x7FFFF000  # bytes: what one system call gives at most, INT_MAX & PAGE_MASK
_GRACE = 0.05  # seconds

# enum bpf_func_id
_LOOKUP, _UPDATE, _PROCESSOR, _PID_TGID, _COMM, _CGROUP = 1, 2, 8, 14, 16, 80
_NO_REPLACE = 1  # BPF_NOEXIST


@dataclass(frozen=True)
class Sample:
    """Calls of one process on one CPU since the drain before, by size class."""

    pid: int
    name: str  # of the thread that called first
    leader: bool  # whether that was the process's first thread, whose name is the process's
    cgroup: int  # its number in the unified hierarchy (cgroup v2)
    calls: tuple[int, ...]  # by size class
    bytes: tuple[int, ...]  # asked for
    libc: int  # further calls, glibc's for its own use


class Counter:
    """Counts from its making until `close`. Raises OSError where the kernel can't do it, or forbids it.

    `entries`: how many processes times CPUs it has room for between two drains; calls of others are lost, and counted.
    """

    def __init__(self, entries: int = _ENTRIES) -> None:
        tracepoint = find_tracepoint()
        with contextlib.ExitStack() as stack:
            self._counts = Map(HASH, _KEY.size, _VALUE_SIZE, entries)
            stack.callback(self._counts.close)
            self._phase = Map(ARRAY, 4, 4, 1)
            stack.callback(self._phase.close)
            self._lost = Map(ARRAY, 4, 8, 1)
            stack.callback(self._lost.close)
            self._number = 0
            self._program = Program(_instructions(tracepoint, self._counts, self._phase, self._lost))
            stack.callback(self._program.close)
            event = open_tracepoint(tracepoint.number)
            stack.callback(os.close, event)
            stack.callback(os.close, self._program.attach(event))
            self._stack = stack.pop_all()

    def close(self) -> None:
        """The kernel counts no more."""
        self._stack.close()

    def drain(self) -> list[Sample]:
        """All calls since the drain before. Takes 10 to 50 ms, in which nothing is missed."""
        self._number = (self._number + 1) % 65536
        self._phase.put(bytes(4), struct.pack("=I", self._number))
        try:
            wait_for_running_programs()
        except OSError:
            time.sleep(_GRACE)
        retired = [key for key in self._counts.all_keys() if _KEY.unpack(key)[2] != self._number]
        return [_sample(key, self._counts.take(key)) for key in retired]

    @property
    def lost(self) -> int:
        """Calls since the start that are in no sample: the map was full, or the kernel could not run the program."""
        (full,) = struct.unpack("=Q", self._lost.get(bytes(4)))
        return int(full) + self._program.missed


def size_class(length: int) -> int:
    """The index of a request's size class."""
    return next((index for index, largest in enumerate(CLASSES) if length <= largest), len(CLASSES))


def _sample(key: bytes, value: bytes) -> Sample:
    pid, _cpu, _phase = _KEY.unpack(key)
    counters: Sequence[int] = _COUNTERS.unpack_from(value)
    name, cgroup, leader = _REST.unpack_from(value, _COUNTERS.size)
    text = name.split(b"\0")[0].decode(errors="replace")
    calls, lengths = tuple(counters[::2]), tuple(counters[1::2])
    return Sample(pid, text, bool(leader), cgroup, calls[:_LIBC], lengths[:_LIBC], calls[_LIBC])


def _instructions(tracepoint: Tracepoint, counts: Map, phase: Map, lost: Map) -> bytes:
    """The program. r6 is the request's length, r9 its flags, r7 the process, r8 the thread.

    The key and the value of a new entry are on the stack.
    """
    key = -_KEY.size
    value = key - _VALUE_SIZE
    rest = value + _COUNTERS.size
    code = Assembler()

    def call_with_map(helper: int) -> None:
        code.map(1, counts)
        code.address_of(2, key)
        code.call(helper)

    code.load(code.DOUBLE, 6, 1, tracepoint.length_at)
    code.load(code.DOUBLE, 9, 1, tracepoint.flags_at)
    code.call(_PID_TGID)
    code.copy(7, 0)
    code.shift_right(7, 32)
    code.copy_word(8, 0)
    code.call(_PROCESSOR)
    code.map_value(1, phase)
    code.load(code.WORD, 1, 1, 0)
    code.store(code.WORD, 10, key, 7)
    code.store(code.HALF, 10, key + 4, 0)
    code.store(code.HALF, 10, key + 6, 1)
    call_with_map(_LOOKUP)
    code.jump_if(code.NOT_EQUAL, 0, 0, "found")

    for offset in range(value, key, 8):
        code.store_zero(10, offset)
    code.address_of(1, rest)
    code.constant(2, 16)
    code.call(_COMM)
    code.call(_CGROUP)
    code.store(code.DOUBLE, 10, rest + 16, 0)
    code.constant(1, 1)
    code.jump_if_same(7, 8, "leader")
    code.constant(1, 0)
    code.label("leader")
    code.store(code.DOUBLE, 10, rest + 24, 1)
    code.address_of(3, value)
    code.constant(4, _NO_REPLACE)
    call_with_map(_UPDATE)
    call_with_map(_LOOKUP)
    code.jump_if(code.NOT_EQUAL, 0, 0, "found")
    code.map_value(1, lost)
    code.constant(2, 1)
    code.atomic_add(1, 0, 2)
    code.leave()

    code.label("found")
    code.jump_if(code.NOT_EQUAL, 6, _LIBC_LENGTH, "program")
    code.jump_if(code.NOT_EQUAL, 9, _LIBC_FLAGS, "program")
    code.constant(1, 16 * _LIBC)
    code.jump("count")
    code.label("program")
    for index, largest in enumerate(CLASSES):
        code.constant(1, 16 * index)
        code.jump_if(code.AT_MOST, 6, largest, "count")
    code.constant(1, 16 * len(CLASSES))
    code.jump_if(code.AT_MOST, 6, _MAX_REQUEST, "count")
    code.constant(6, _MAX_REQUEST)
    code.label("count")
    code.add(0, 1)
    code.load(code.DOUBLE, 2, 0, 0)
    code.add_constant(2, 1)
    code.store(code.DOUBLE, 0, 0, 2)
    code.load(code.DOUBLE, 2, 0, 8)
    code.add(2, 6)
    code.store(code.DOUBLE, 0, 8, 2)
    code.leave()
    return code.bytes()
