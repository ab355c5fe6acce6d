"""What contenders drew, read from a guest's saved memory; native/record.h has the layout."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PAGE = 4096
_ONE = 0x6E6F6C63 << 32 | 0x76670A
_MARK = struct.pack("<QQ", _ONE, ~_ONE & (1 << 64) - 1)
_HEADER = struct.Struct("<16sQQ32x")
_RECORD = struct.Struct("<QQ48s")
_KERNEL = 0xFFFF  # stands for a contender in the pages with the kernel's messages


@dataclass(frozen=True)
class Draw:
    """One draw, of those that a ring still holds.

    number  counts a contender's draws from 1
    begun   guest nanoseconds (CLOCK_MONOTONIC) just before; of a line: when the one before it came
    value   its last bytes, or a line of text
    """

    number: int
    begun: int
    value: bytes


@dataclass(frozen=True)
class Memory:
    """All records of one guest: by the number of the contender, in the order in which they were drawn."""

    draws: dict[int, list[Draw]]
    messages: list[tuple[int, str]]  # of the kernel about its generator: guest nanoseconds, text

    def last(self, contender: int) -> int:
        """How often it had drawn; 0: never."""
        return max((draw.number for draw in self.draws.get(contender, [])), default=0)


def read_memory(path: Path) -> Memory:
    """Look through a file with all of a guest's memory."""
    found: dict[int, dict[int, Draw]] = {}
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        for offset in range(0, len(memory), _PAGE):
            if memory[offset : offset + len(_MARK)] == _MARK:
                page = memory[offset : offset + _PAGE]
                contender = _HEADER.unpack_from(page)[1]
                found.setdefault(contender, {}).update((draw.number, draw) for draw in _draws(page))
    draws = {contender: [by[number] for number in sorted(by)] for contender, by in found.items()}
    messages = [(draw.begun, draw.value.decode(errors="replace")) for draw in draws.pop(_KERNEL, [])]
    return Memory(draws, messages)


def _draws(page: bytes) -> Iterator[Draw]:
    for number, begun, value in _RECORD.iter_unpack(page[_HEADER.size :]):
        if number:
            yield Draw(number, begun, value.rstrip(b"\0"))
