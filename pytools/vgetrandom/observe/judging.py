"""What the library would make of a process that was seen drawing: `scan`'s verdict on what it has mapped."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from ..scan.closure import Root
from ..scan.elf_facts import Facts, Problem, read_facts
from ..scan.processes import is_secure, process_closure
from ..scan.survey import Row as ScanRow
from ..scan.survey import Target, judge_file, survey
from ..scan.verdict import Verdict

_SILENT = "no random calls"  # scan's words; a process that was seen here did draw
_LIBC_ONLY = "only what its libc draws for itself"
_NAME_LENGTH = 15  # letters: the kernel cuts longer names (TASK_COMM_LEN)


@dataclass(frozen=True)
class Opinion:
    """`verdict` is None where nothing could be judged; `reason` then says why.

    basis  what was judged: "process" (what it has mapped), "file" (its program), "name" (a program of that name), ""
    has_it whether the library is in it already
    """

    verdict: Verdict | None
    reason: str
    basis: str
    has_it: bool = False

    @property
    def promises(self) -> bool:
        """Whether its calls would be served with the library, all or some, and are not so far."""
        return self.verdict in (Verdict.REACHED, Verdict.PARTLY) and not self.has_it


class Judge:
    """Judges processes and files; what it has read it remembers, by file."""

    def __init__(self) -> None:
        self._facts: dict[tuple[int, int, int], Facts | Problem | None] = {}
        self._files: dict[str, Opinion] = {}

    def process(self, pid: int) -> Opinion | None:
        """A process that runs; None when it has ended."""
        try:
            closure = process_closure(pid, self._read)
        except VgetrandomError as error:
            return Opinion(None, str(error), "") if Path(f"/proc/{pid}").is_dir() else None
        return _opinion(
            judge_file(closure.program.path, closure, "secure execution" if is_secure(pid) else ""), "process"
        )

    def file(self, path: str, basis: str = "file") -> Opinion | None:
        """A program by its file; None where that can't be judged."""
        if path not in self._files:
            rows = survey([Target(path, Root())], ()).rows
            if not rows:
                return None
            self._files[path] = _opinion(rows[0], "file")
        known = self._files[path]
        return Opinion(known.verdict, known.reason, basis, known.has_it)

    def name(self, name: str) -> Opinion | None:
        """The program on PATH with a process's name; None where there is none."""
        found = shutil.which(name) if len(name) < _NAME_LENGTH and "/" not in name else None
        return self.file(found, "name") if found else None

    def _read(self, path: str) -> Facts | Problem | None:
        try:
            status = Path(path).stat()
        except OSError:
            return read_facts(path)
        key = (status.st_dev, status.st_ino, status.st_mtime_ns)
        if key not in self._facts:
            self._facts[key] = read_facts(path)
        return self._facts[key]


def _opinion(row: ScanRow, basis: str) -> Opinion:
    judgement = row.judgement
    reason = _LIBC_ONLY if judgement.reason == _SILENT else judgement.reason
    return Opinion(judgement.verdict, reason, basis, judgement.preloaded)
