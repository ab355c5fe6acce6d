"""Which guests a run has - a kernel, and one processor or two - and all that it takes to start them."""

from __future__ import annotations

import dataclasses
import fnmatch
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import VgetrandomError
from ..matrix.cells import TABLE, Architecture, Kernel, read_cells
from ..matrix.guest import find_emulator
from ..matrix.packages import kernel_files
from ..system import debian
from ..system.threads import wait_for
from .contenders import Contender, Root, Table, read_table
from .emulator import Machine, Session
from .guest import INIT, Amount, Parts, write_guest
from .modules import disk_module, read_module
from .programs import build_draws, build_init, library_for
from .run import ABSENT, OWN, SAME, CellResult, Experiment, Setup, run_cell

Note = Callable[[str, str], None]  # gets what is going on: where ("preparing", or a cell's name), and what

_ARCHITECTURE = "x86_64"  # the only one for which a QEMU that Debian has offers the device
# Each instruction is a nanosecond of the guest, and clones do the same until something tells them apart.
_COUNTED = ("-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off")
_PARALLEL = ("-accel", "tcg,thread=multi")
_PROCESSOR = ("-M", "q35", "-cpu", "max,rdrand=off,rdseed=off")
_APPEND = f"quiet loglevel=4 panic=-1 rdinit={INIT} random.trust_cpu=off tsc=reliable no_timer_check"


@dataclass(frozen=True)
class Plan:
    """What is done in every cell.

    memory  of a guest, MiB
    limit   for all, seconds
    jobs    guests with one processor at once
    """

    contenders: Sequence[Contender]
    amount: Amount
    clones: int
    controls: Sequence[str]
    memory: int
    limit: float
    consoles: Path
    jobs: int = 1
    qemu: Path | None = None


@dataclass(frozen=True)
class Guest:
    """What the user asks for: cells by wildcards, a kernel of their own, what it loads, and where PROGRAM is.

    base  an initramfs, in whose root PROGRAM runs
    disk  an image of a disk, in whose file system it runs
    host  files of this host
    """

    cells: Sequence[str] = ()
    kernel: Path | None = None
    modules: Sequence[Path] = ()
    base: Path | None = None
    disk: Path | None = None
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
    disk: Path | None = None


def prepare(guest: Guest, plan: Plan, cache: Path, note: Note) -> list[Cell]:
    """Fetch and compile all that is needed. Raises VgetrandomError when something can't be had."""
    architecture = next(cell.architecture for cell in read_cells(TABLE) if cell.architecture.name == _ARCHITECTURE)
    emulator = find_emulator(architecture, plan.qemu)
    table = read_table()
    kernels = [Kernel("own", file=guest.kernel)] if guest.kernel else list(table.kernels)
    chosen = list(_choose(kernels, guest.cells))
    for option, path, what in (
        ("--kernel", guest.kernel, "a kernel image"),
        ("--initramfs", guest.base, "a cpio archive, as for the kernel"),
        ("--disk", guest.disk, "an image"),
    ):
        if path and not path.is_file():
            raise VgetrandomError(f"{path} is not a file; {option} takes {what}")
    parts = _parts(architecture, table.roots, guest, plan, cache, note)
    append = f"console={architecture.console} {_APPEND}"
    found = []
    for kernel, processors in chosen:
        note("preparing", f"fetching kernel {kernel.name}")
        image = kernel_files(architecture, kernel, cache).path
        modules = [read_module(path) for path in _modules(architecture, kernel, guest, table)]
        own = dataclasses.replace(parts, modules=modules)
        name = f"{kernel.name}-{processors}"
        found.append(Cell(name, processors, image, emulator, append, own, guest.disk))
    return found


def run_all(cells: Sequence[Cell], plan: Plan, note: Note) -> tuple[list[CellResult], list[str]]:
    """Those with one processor several at once; then the others, whose times are real, one after another.

    Of the others, which the verdict is not about, returns why one failed. Raises VgetrandomError when one of the first
    fails; all emulators have ended then.
    """
    session = Session(time.monotonic() + plan.limit)
    found: dict[str, CellResult] = {}
    failed: list[str] = []

    def run(cell: Cell) -> None:
        found[cell.name] = _run(cell, plan, session, note)

    with ThreadPoolExecutor(plan.jobs) as pool:
        try:
            wait_for([pool.submit(run, cell) for cell in cells if cell.processors == 1])
            for cell in cells:
                if cell.processors > 1:
                    try:
                        run(cell)
                    except VgetrandomError as error:
                        failed.append(f"{cell.name}: {error}")
        except BaseException:
            session.end()
            pool.shutdown(cancel_futures=True)
            raise
    return [found[cell.name] for cell in cells if cell.name in found], failed


def _run(cell: Cell, plan: Plan, session: Session, note: Note) -> CellResult:
    experiment = Experiment(plan.clones, plan.consoles, session)
    few = [one for one in plan.contenders if one.everywhere]
    with tempfile.TemporaryDirectory(prefix="vgetrandom-clones-") as folder:
        setups = [_setup(cell, plan, few, [OWN], Path(folder, "few"))]
        if cell.processors == 1:
            kinds = [OWN, *(kind for kind in plan.controls if kind == SAME)]
            setups = [_setup(cell, plan, plan.contenders, kinds, Path(folder, "all"))]
            if ABSENT in plan.controls:
                setups.append(_setup(cell, plan, few, [ABSENT], Path(folder, "few")))
        return run_cell(setups, experiment, cell.name, lambda role: note(cell.name, role))


def _setup(cell: Cell, plan: Plan, contenders: Sequence[Contender], kinds: Sequence[str], initramfs: Path) -> Setup:
    """Writes the guest's files to `initramfs`. Raises VgetrandomError when it can't."""
    counted = cell.processors == 1
    try:
        write_guest(initramfs, cell.parts, contenders, plan.amount, idle=counted)
    except OSError as error:
        raise VgetrandomError(
            f"the guest can't be written to {initramfs.parent}: {error.strerror}; name a folder with room in TMPDIR"
        ) from error
    options = (*(_COUNTED if counted else _PARALLEL), *_PROCESSOR)
    machine = Machine(
        cell.emulator,
        options,
        cell.processors,
        plan.memory,
        cell.kernel,
        initramfs,
        cell.append,
        disk=cell.disk,
    )
    return Setup(machine, contenders, kinds)


def _choose(kernels: Sequence[Kernel], patterns: Sequence[str]) -> Iterator[tuple[Kernel, int]]:
    pairs = [(kernel, processors) for processors in (1, 2) for kernel in kernels]
    names = [f"{kernel.name}/{processors}" for kernel, processors in pairs]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise VgetrandomError(f"there is no cell {pattern}; choose among {', '.join(names)}")
    for pair, name in zip(pairs, names):
        if not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            yield pair


def _modules(architecture: Architecture, kernel: Kernel, guest: Guest, table: Table) -> Sequence[Path]:
    """Of the user's, or those that a kernel of the table needs for a disk."""
    if guest.modules or not guest.disk or kernel.name not in table.modules:
        return guest.modules
    return [disk_module(kernel.release, architecture.debian, table.modules[kernel.name])]


def _parts(
    architecture: Architecture, roots: Mapping[str, Root], guest: Guest, plan: Plan, cache: Path, note: Note
) -> Parts:
    note("preparing", "compiling")
    init = build_init(architecture.name, cache)
    draws = build_draws(architecture.name, [one.draw[0] for one in plan.contenders if one.draw], cache)
    library = library_for(architecture.name, cache)
    fetched = {}
    for name in dict.fromkeys(one.root for one in plan.contenders):
        if name in roots:
            note("preparing", f"fetching {name}")
            fetched[name] = debian.fetch(roots[name].release, architecture.debian, list(roots[name].packages))
    return Parts(init, library, draws, fetched, guest.host, guest.base)
