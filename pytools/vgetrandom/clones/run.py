"""One cell: a guest is booted and stopped, and what its clones draw is compared."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..matrix.guest import emulator_version
from .compare import Repeats, compare, handled_at, stopped_at, together
from .contenders import Contender
from .emulator import Emulator, Machine, Session, guids
from .guest import processes
from .memory import Memory, read_memory

OWN, SAME, ABSENT = "own", "same", "none"  # generations that clones are given: their own, the source's, no device
_CONTROLS = 2  # clones in a control


@dataclass(frozen=True)
class Experiment:
    """What is done in every cell; `consoles` is a folder in which everything that machines said is kept."""

    clones: int
    consoles: Path
    session: Session


@dataclass(frozen=True)
class Setup:
    """A machine, who draws in it, and the trials that are made from its snapshot: OWN and SAME, or ABSENT alone."""

    machine: Machine
    contenders: Sequence[Contender]
    kinds: Sequence[str]


@dataclass(frozen=True)
class Trial:
    """The clones of one snapshot that have one kind of generation.

    handled_ns  for each clone: when its kernel had handled the notification, in guest nanoseconds from the snapshot;
                None: it did not
    repeats     by the name of the contender
    """

    kind: str
    handled_ns: tuple[int | None, ...]
    repeats: dict[str, Repeats]


@dataclass(frozen=True)
class CellResult:
    """All trials of a guest, and what there is to know of it.

    kernel       as uname(2) says
    seconds      from the beginning to the end
    cpu_seconds  of the host, in the emulators
    qemu         version of the emulator
    """

    kernel: str
    processors: int
    trials: tuple[Trial, ...]
    seconds: float
    cpu_seconds: float = 0.0
    qemu: str = ""

    def trial(self, kind: str) -> Trial | None:
        """The trial of a kind, if it was made."""
        return next((trial for trial in self.trials if trial.kind == kind), None)


def run_cell(setups: Sequence[Setup], experiment: Experiment, name: str, note: Callable[[str], None]) -> CellResult:
    """Boot each, take a snapshot, let clones go on; `note` gets what is going on.

    Raises VgetrandomError when that fails, or the session is over.
    """
    began = time.monotonic()
    trials: list[Trial] = []
    cpu_seconds, release = 0.0, ""
    experiment.consoles.mkdir(parents=True, exist_ok=True)
    for setup in setups:
        with tempfile.TemporaryDirectory(prefix="vgetrandom-clones-") as folder:
            work = _Work(setup, experiment, name, Path(folder), note)
            trials += work.trials()
            cpu_seconds += work.cpu_seconds
            release = work.release
    machine = setups[0].machine
    seconds = time.monotonic() - began
    return CellResult(
        release, machine.processors, tuple(trials), seconds, cpu_seconds, emulator_version(machine.emulator)
    )


class _Work:
    """The files and the machines of one setup."""

    def __init__(
        self, setup: Setup, experiment: Experiment, name: str, folder: Path, note: Callable[[str], None]
    ) -> None:
        self._setup, self._experiment, self._name, self._folder = setup, experiment, name, folder
        self._note = note
        self.release = ""
        self.cpu_seconds = 0.0

    def trials(self) -> list[Trial]:
        """All kinds, from one snapshot."""
        generations = guids(1)
        first = None if ABSENT in self._setup.kinds else next(generations)
        source = self._source(first)
        found = []
        for kind in self._setup.kinds:
            count = self._experiment.clones if kind == OWN else _CONTROLS
            clones = [self._clone(f"{kind}-{i + 1}", next(generations) if kind == OWN else first) for i in range(count)]
            found.append(self._compare(kind, source, clones))
        return found

    @property
    def _snapshot(self) -> Path:
        return self._folder / "snapshot"

    @contextlib.contextmanager
    def _start(self, role: str, guid: str | None, snapshot: Path | None = None) -> Iterator[Emulator]:
        self._note(role)
        console = self._experiment.consoles / f"{self._name}-{role}.log"
        with Emulator(self._setup.machine, guid, console, self._experiment.session, snapshot) as emulator:
            yield emulator
        self.cpu_seconds += emulator.cpu_seconds

    def _source(self, guid: str | None) -> Memory:
        with self._start("source" if guid else "source-without", guid) as emulator:
            for line in emulator.wait_for("ready"):
                event, _, rest = line.partition(" ")
                if event == "begin":
                    self.release = rest.split()[0]
            emulator.stop()
            emulator.take_snapshot(self._snapshot)
            return self._memory(emulator)

    def _clone(self, role: str, guid: str | None) -> Memory:
        with self._start(role, guid, self._snapshot) as emulator:
            emulator.go_on()
            emulator.wait_for("done")
            emulator.stop()
            return self._memory(emulator)

    def _memory(self, emulator: Emulator) -> Memory:
        output = self._folder / "memory"
        emulator.save_memory(output)
        try:
            return read_memory(output)
        finally:
            output.unlink()

    def _compare(self, kind: str, source: Memory, clones: Sequence[Memory]) -> Trial:
        found: dict[str, list[Repeats]] = {}
        for number, contender in enumerate(processes(self._setup.contenders)):
            found.setdefault(contender.name, []).append(compare(number, source, clones))
        repeats = {name: together(each) for name, each in found.items()}
        return Trial(kind, tuple(_handled(source, clone) for clone in clones), repeats)


def _handled(source: Memory, clone: Memory) -> int | None:
    at = handled_at(clone)
    return None if at is None else at - stopped_at(source)
