"""What the library did in every process of a command, told by tests/native/witness.c, which is preloaded beside it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from preloading import Run, run

STATUS = {1: "active", 2: "off", 3: "no-vdso", 4: "no-params", 5: "no-memory", 6: "no-libc"}
MEMORY = {0: "none", 1: "droppable", 2: "locked", 3: "lock-refused"}


@dataclass(frozen=True)
class Process:
    """One process at its end by exit or _exit; who is killed says nothing."""

    pid: int
    status: str
    memory: str
    calls: int  # served by the vDSO, as are the bytes
    bytes: int
    slots: int  # given in it and its ancestors
    forked: bool  # and not the process in which the library was loaded


@dataclass(frozen=True)
class Witnessed:
    """How a command ended; status is -N after signal N."""

    status: int
    output: bytes
    errors: bytes
    processes: Sequence[Process]

    @property
    def text(self) -> str:
        return self.output.decode()

    @property
    def calls(self) -> int:
        return sum(process.calls for process in self.processes)


def read_testimony(text: str) -> list[Process]:
    """The processes that left a line, but for children on borrowed memory, which spoke of their parents."""
    lines = [json.loads(line) for line in text.splitlines()]
    borrowers = {fields.pop("borrower") for fields in lines}
    processes = []
    for fields in lines:
        if fields["pid"] in borrowers:
            continue
        fields.update(status=STATUS[fields["status"]], memory=MEMORY[fields["memory"]])
        processes.append(Process(**fields))
    return processes


def alone(command: Sequence[str | Path], library: str | Path, **environment: str) -> Run:
    """Run a command to its end with this library preloaded and nothing beside it."""
    return run(command, **{"LD_PRELOAD": str(library), **environment})


@dataclass(frozen=True)
class Witness:
    """`library` with its witness beside it."""

    library: Path
    witness: Path

    def preload(self, before: Path | str = "", after: Path | str = "") -> str:
        """A value of LD_PRELOAD."""
        return ":".join(str(path) for path in (before, self.library, after, self.witness) if path)

    def run(
        self,
        command: Sequence[str | Path],
        stdin: bytes = b"",
        cwd: Path | None = None,
        before: Path | str = "",
        after: Path | str = "",
        **environment: str,
    ) -> Witnessed:
        """Run a command to its end with the library preloaded, and others `before` and `after` it."""
        with tempfile.NamedTemporaryFile(prefix="witness-", suffix=".jsonl") as file:
            done = run(
                command,
                stdin=stdin,
                cwd=cwd,
                **{"LD_PRELOAD": self.preload(before, after), "WITNESS": file.name, **environment},
            )
            return Witnessed(done.status, done.output, done.errors, read_testimony(file.read().decode()))
