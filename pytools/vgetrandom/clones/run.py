"""One cell: a guest is booted and stopped, and what its clones draw is compared."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .compare import Repeats, compare, handled_at, stopped_at, together
from .contenders import Contender
from .emulator import Emulator, Machine, guids
from .guest import processes
from .memory import Memory, read_memory

OWN, SAME, ABSENT = (
    "own",
    "same",
    "none",
)  # the generations that clones are given: of their own, the source's, no device
_CONTROLS = 2  # clones in a control


@dataclass(frozen=True)
class Experiment:
    """What is done in every cell."""

    contenders: Sequence[Contender]
    clones: int
    controls: Sequence[str]  # SAME, ABSENT
    consoles: Path  # a folder: what every machine said is kept there
    deadline: float  # time.monotonic()


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
    """All trials of a guest, and what there is to know of it."""

    kernel: str  # as uname(2) says
    processors: int
    trials: tuple[Trial, ...]
    seconds: float

    def trial(self, kind: str) -> Trial | None:
        """The trial of a kind, if it was made."""
        return next((trial for trial in self.trials if trial.kind == kind), None)


def run_cell(machine: Machine, experiment: Experiment, name: str, note: Callable[[str], None]) -> CellResult:
    """Boot, take a snapshot, let clones go on; `note` gets what is going on. Raises VgetrandomError when that fails."""
    began = time.monotonic()
    experiment.consoles.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vgetrandom-clones-") as folder:
        work = _Work(machine, experiment, name, Path(folder), note)
        kinds = [OWN, *(kind for kind in experiment.controls if kind == SAME)]
        trials = work.trials(kinds)
        if ABSENT in experiment.controls:
            trials += work.trials([ABSENT])
    return CellResult(work.release, machine.processors, tuple(trials), time.monotonic() - began)


class _Work:
    """The files and the machines of one cell."""

    def __init__(
        self, machine: Machine, experiment: Experiment, name: str, folder: Path, note: Callable[[str], None]
    ) -> None:
        self._machine, self._experiment, self._name, self._folder = machine, experiment, name, folder
        self._note = note
        self.release = ""

    def trials(self, kinds: Sequence[str]) -> list[Trial]:
        """All these kinds, from one snapshot."""
        generations = guids(1)
        first = None if kinds == [ABSENT] else next(generations)
        source = self._source(first)
        found = []
        for kind in kinds:
            count = self._experiment.clones if kind == OWN else _CONTROLS
            clones = [self._clone(f"{kind}-{i + 1}", next(generations) if kind == OWN else first) for i in range(count)]
            found.append(self._compare(kind, source, clones))
        return found

    @property
    def _snapshot(self) -> Path:
        return self._folder / "snapshot"

    def _start(self, role: str, guid: str | None, snapshot: Path | None = None) -> Emulator:
        self._note(role)
        console = self._experiment.consoles / f"{self._name}-{role}.log"
        return Emulator(self._machine, guid, console, self._experiment.deadline, snapshot)

    def _source(self, guid: str | None) -> Memory:
        self._snapshot.unlink(missing_ok=True)
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
        for number, contender in enumerate(processes(self._experiment.contenders)):
            found.setdefault(contender.name, []).append(compare(number, source, clones))
        repeats = {name: together(each) for name, each in found.items()}
        return Trial(kind, tuple(_handled(source, clone) for clone in clones), repeats)


def _handled(source: Memory, clone: Memory) -> int | None:
    at = handled_at(clone)
    return None if at is None else at - stopped_at(source)
