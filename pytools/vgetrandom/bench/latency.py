"""What one draw costs, by size, for each function: the contenders take turns of about a millisecond on one CPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .model import CONTROL, SYSCALL, VDSO, Series
from .session import Session
from .worker import Turn, Worker

REFERENCES = {VDSO: "=vdso", SYSCALL: "=syscall"}  # what every worker in C can measure beside its own function
REFERENCE_PART = 4  # of the turn
MOST_REFERENCED = 4096  # bytes; above, the differences between contenders are not in the call
NO_SIZE = 4  # bytes that a function without a size draws (arc4random)
INTERFACE = ("getrandom", "getentropy", "arc4random_buf", "arc4random", "arc4random_uniform", "syscall")


@dataclass
class _Cell:
    """One contender, function and size."""

    key: str
    function: str
    size: int
    count: int = 0
    reference_counts: dict[str, int] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    references: dict[str, list[float]] = field(default_factory=dict)


def measure(session: Session) -> None:
    """Adds the series "latency", in nanoseconds a draw."""
    groups = list(_groups(session))
    cells = [cell for group in groups for cell in group]
    settings = session.settings
    rounds = max(1, settings.rounds // settings.passes)
    session.progress.begin("latency", len(cells) + settings.passes * len(groups))
    for cell in cells:
        _calibrate(session, cell)
        session.progress.advance()
    for _ in range(settings.passes):
        for group in groups:
            by_key = {cell.key: cell for cell in group}
            for _ in range(rounds):
                for key in session.shuffled(list(by_key)):
                    _take_turn(session.workers[key], by_key[key])
            session.progress.advance()
    session.series += [_series(cell) for cell in cells]


def _groups(session: Session) -> Iterator[list[_Cell]]:
    """Cells whose turns alternate: the main functions at one size, then each function of the interface."""
    settings, workers = session.settings, session.workers
    yield from (
        [_Cell(key, worker.main, size) for key, worker in workers.items() if size <= worker.functions[worker.main]]
        for size in settings.sizes
    )
    others = dict.fromkeys(name for worker in workers.values() for name in list(worker.functions)[1:])
    for function in others:
        owners = [key for key, worker in workers.items() if function in list(worker.functions)[1:]]
        most = max(workers[key].functions[function] for key in owners)
        sizes = [size for size in settings.sizes if size in settings.interface]
        for size in [size for size in sizes if size <= most] or [NO_SIZE]:
            yield [_Cell(key, function, size) for key in owners]


def _calibrate(session: Session, cell: _Cell) -> None:
    worker, ns = session.workers[cell.key], session.settings.turn_ns
    cell.count = worker.calibrate(cell.function, cell.size, ns)
    if cell.size > MOST_REFERENCED or cell.key == CONTROL or cell.key not in session.native():
        return
    for name in REFERENCES.keys() & session.workers.keys():
        cell.reference_counts[name] = worker.calibrate(REFERENCES[name], cell.size, ns // REFERENCE_PART)
        cell.references[name] = []


def _take_turn(worker: Worker, cell: _Cell) -> None:
    requests = [(REFERENCES[name], cell.size, count) for name, count in cell.reference_counts.items()]
    own, *references = worker.turns((cell.function, cell.size, cell.count), *requests)
    cell.turns.append(own)
    for name, turn in zip(cell.reference_counts, references):
        cell.references[name].append(turn.ns)


def _series(cell: _Cell) -> Series:
    beside = {name: _rounded(values) for name, values in cell.references.items()}
    counted = {
        "instructions": [turn.instructions for turn in cell.turns],
        "cycles": [turn.cycles for turn in cell.turns],
        "switches": [turn.switches for turn in cell.turns],
    }
    beside |= {name: _rounded(values) for name, values in counted.items() if min(values) >= 0}
    samples = _rounded([turn.ns for turn in cell.turns])
    return Series("latency", cell.key, cell.function, cell.size, "ns", samples, beside)


def _rounded(values: list[float]) -> tuple[float, ...]:
    return tuple(round(value, 2) for value in values)
