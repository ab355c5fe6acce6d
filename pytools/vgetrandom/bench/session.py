"""A run in progress: the workers that are there, the settings, and what has been measured so far."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from . import contenders
from .contenders import Contender
from .model import CONTROL, SYSCALL, VDSO, Participant, Series
from .worker import Absent, Worker


@dataclass(frozen=True)
class Settings:
    """How much a run does."""

    sizes: tuple[int, ...]  # bytes a draw
    rounds: int  # latency samples of each contender, function and size
    passes: int  # the rounds are spread over so many passes through everything, so that no bad minute hits one size
    turn_ns: int  # work of one turn
    short_rounds: int  # samples of everything else
    starts: int  # program starts of each kind
    program_rounds: int  # runs of each whole program
    interface: tuple[int, ...]  # bytes a draw of the other functions of the interface, those of `sizes` among them
    tail_threads: tuple[int, ...]  # alive at once
    tail_rounds: int  # samples of the slowest draws
    reseeds: int  # new keys a sample
    program_scale: float = 1.0


FULL = Settings(
    sizes=(1, 4, 8, 16, 32, 64, 256, 1024, 4096, 65536, 1048576),
    rounds=160,
    passes=8,
    turn_ns=1_000_000,
    short_rounds=40,
    starts=500,
    program_rounds=9,
    interface=(1, 32, 256),
    tail_threads=(1, 10, 100, 1000, 10_000),
    tail_rounds=4,
    reseeds=2000,
)
QUICK = Settings(
    sizes=(4, 16, 32, 256, 4096, 65536),
    rounds=40,
    passes=2,
    turn_ns=400_000,
    short_rounds=8,
    starts=100,
    program_rounds=3,
    interface=(16, 32),
    tail_threads=(1, 10, 1000),
    tail_rounds=2,
    reseeds=500,
    program_scale=0.2,
)


class Progress(Protocol):
    """Whoever wants to know how far a run is."""

    def begin(self, measure: str, steps: int) -> None: ...

    def advance(self) -> None: ...

    def absent(self, participant: Participant) -> None: ...


@dataclass
class Session:
    """Close it: it owns the workers' processes."""

    settings: Settings
    progress: Progress
    cpu: int  # where workers are pinned
    shim: Path | None
    workers: dict[str, Worker] = field(default_factory=dict)  # by contender's key, in the order of the tables
    contenders: dict[str, Contender] = field(default_factory=dict)
    participants: list[Participant] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    random: random.Random = field(default_factory=random.Random)

    def start(self, chosen: Sequence[Contender]) -> None:
        """Start the workers; those that can't be are noted with their reason."""
        self.progress.begin("starting", len(chosen))
        for contender in chosen:
            try:
                worker = contenders.start(contender, self.shim)
            except Absent as reason:
                absent = Participant(contender.key, contender.label, absent=str(reason))
                self.participants.append(absent)
                self.progress.absent(absent)
            else:
                worker.pin(self.cpu)
                self.workers[contender.key] = worker
                self.contenders[contender.key] = contender
                self.participants.append(contenders.participant(contender, worker))
            self.progress.advance()

    def shuffled(self, keys: Sequence[str]) -> Iterator[str]:
        """Everybody once, in an order that changes from round to round: nobody always follows the same neighbour."""
        yield from self.random.sample(keys, len(keys))

    def native(self) -> list[str]:
        """Keys of the workers in C, which know every measure."""
        return [key for key in self.workers if self.contenders[key].source.suffix == ".c"]

    def different(self) -> list[str]:
        """Of these, no second copy and no second setting of one: for all measures but latency."""
        return [key for key in self.native() if key != CONTROL and not self.contenders[key].setting]

    def libcs(self) -> list[str]:
        """Of these, the two references and every libc, with the library and without: who has a state a thread."""
        return [key for key in self.different() if key in (SYSCALL, VDSO) or self.contenders[key].source.stem == "libc"]

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()
