"""Which guests a run has - a kernel, and one processor or two - and all that it takes to start them."""

from __future__ import annotations

import fnmatch
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import VgetrandomError
from ..matrix.cells import TABLE, Architecture, Kernel, read_cells
from ..matrix.guest import find_emulator
from ..matrix.packages import kernel_files
from ..system import debian
from .contenders import Contender, Root, read_table
from .emulator import Machine
from .guest import INIT, Amount, Parts, write_guest
from .programs import build_draws, build_init, library_for
from .run import CellResult, Experiment, run_cell

_ARCHITECTURE = "x86_64"  # the only one for which a QEMU that Debian has offers the device
# Each instruction is a nanosecond of the guest, and clones do the same until something tells them apart.
_COUNTED = ("-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off")
_PARALLEL = ("-accel", "tcg,thread=multi")
_PROCESSOR = ("-M", "q35", "-cpu", "max,rdrand=off,rdseed=off")
_APPEND = f"quiet loglevel=4 panic=-1 rdinit={INIT} random.trust_cpu=off tsc=reliable"


@dataclass(frozen=True)
class Plan:
    """What is done in every cell; `limit` in seconds, `memory` in MiB."""

    contenders: Sequence[Contender]
    amount: Amount
    clones: int
    controls: Sequence[str]
    memory: int
    limit: float
    consoles: Path
    qemu: Path | None = None


@dataclass(frozen=True)
class Guest:
    """What the user asks for: cells by wildcards, a kernel and an initramfs of their own, files of this host."""

    cells: Sequence[str] = ()
    kernel: Path | None = None
    base: Path | None = None
    host: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """One guest that can be started."""

    name: str
    processors: int
    kernel: Path
    emulator: Path
    append: str
    parts: Parts


def prepare(guest: Guest, plan: Plan, cache: Path, note: Callable[[str], None]) -> list[Cell]:
    """Fetch and compile all that is needed. Raises VgetrandomError when something can't be had."""
    architecture = next(cell.architecture for cell in read_cells(TABLE) if cell.architecture.name == _ARCHITECTURE)
    emulator = find_emulator(architecture, plan.qemu)
    table = read_table()
    kernels = [Kernel("own", file=guest.kernel)] if guest.kernel else list(table.kernels)
    chosen = list(_choose(kernels, guest.cells))
    if guest.base and not guest.base.is_file():
        raise VgetrandomError(f"{guest.base} is not a file; --initramfs takes a cpio archive, as for the kernel")
    parts = _parts(architecture, table.roots, guest, plan, cache, note)
    append = f"console={architecture.console} {_APPEND}"
    found = []
    for kernel, processors in chosen:
        note(f"fetching kernel {kernel.name}")
        image = kernel_files(architecture, kernel, cache).path
        found.append(Cell(f"{kernel.name}-{processors}", processors, image, emulator, append, parts))
    return found


def run_all(cells: Sequence[Cell], plan: Plan, note: Callable[[str], None]) -> list[CellResult]:
    """One cell after another. Raises VgetrandomError when one fails, or when the time is over."""
    deadline = time.monotonic() + plan.limit
    return [_run(cell, plan, deadline, note) for cell in cells]


def _run(cell: Cell, plan: Plan, deadline: float, note: Callable[[str], None]) -> CellResult:
    alone = cell.processors == 1
    contenders = [one for one in plan.contenders if alone or one.with_two]
    with tempfile.TemporaryDirectory(prefix="vgetrandom-clones-") as folder:
        initramfs = Path(folder) / "initramfs"
        note(f"{cell.name}: writing the guest")
        write_guest(initramfs, cell.parts, contenders, plan.amount, idle=alone)
        options = (*(_COUNTED if alone else _PARALLEL), *_PROCESSOR)
        machine = Machine(cell.emulator, options, cell.processors, plan.memory, cell.kernel, initramfs, cell.append)
        controls = plan.controls if alone else ()
        experiment = Experiment(contenders, plan.clones, controls, plan.consoles, deadline)
        return run_cell(machine, experiment, cell.name, lambda role: note(f"{cell.name}: {role}"))


def _choose(kernels: Sequence[Kernel], patterns: Sequence[str]) -> Iterator[tuple[Kernel, int]]:
    pairs = [(kernel, processors) for processors in (1, 2) for kernel in kernels]
    names = [f"{kernel.name}/{processors}" for kernel, processors in pairs]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise VgetrandomError(f"there is no cell {pattern}; choose among {', '.join(names)}")
    for pair, name in zip(pairs, names):
        if not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            yield pair


def _parts(
    architecture: Architecture,
    roots: Mapping[str, Root],
    guest: Guest,
    plan: Plan,
    cache: Path,
    note: Callable[[str], None],
) -> Parts:
    note("compiling")
    init = build_init(architecture.name, cache)
    draws = build_draws(architecture.name, [one.draw[0] for one in plan.contenders if one.draw], cache)
    library = library_for(architecture.name, cache)
    fetched = {}
    for name in dict.fromkeys(one.root for one in plan.contenders):
        if name in roots:
            note(f"fetching {name}")
            fetched[name] = debian.fetch(roots[name].release, architecture.debian, list(roots[name].packages))
    return Parts(init, library, draws, fetched, guest.host, guest.base)
