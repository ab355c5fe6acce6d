"""What a run says: whether it is worth anything, and whether what the library draws repeats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .compare import Repeats
from .contenders import BUFFERED, Contender
from .run import OWN, CellResult


@dataclass(frozen=True)
class Verdict:
    """Both empty: yes.

    invalid  why the run shows nothing
    repeats  whose draws repeat that were begun when their kernel knew
    """

    invalid: tuple[str, ...]
    repeats: tuple[str, ...]

    @property
    def word(self) -> str:
        """ "invalid", "no", or "yes": nothing repeats but what was drawn before the kernel knew."""
        return "invalid" if self.invalid else "no" if self.repeats else "yes"


def judge(contenders: Sequence[Contender], cells: Sequence[CellResult]) -> Verdict:
    """By the cells with one processor: there, clones differ in their generation and in nothing else."""
    deciding = [cell for cell in cells if cell.processors == 1]
    invalid = [f"{cell.kernel}: {why}" for cell in deciding for why in _invalid(contenders, cell)]
    if not deciding:
        invalid.append("no guest with one processor was run")
    repeats = [f"{cell.kernel}: {why}" for cell in deciding for why in _repeating(contenders, cell)]
    return Verdict(tuple(invalid), tuple(repeats))


def outcome(repeats: Repeats) -> str:
    """In a word or two: who repeats."""
    if not repeats.compared:
        return "drew nothing"
    if repeats.late:
        return "repeats"
    return "before the kernel knew" if repeats.repeated else "no"


def _invalid(contenders: Sequence[Contender], cell: CellResult) -> Iterator[str]:
    own = cell.trial(OWN)
    assert own
    if None in own.handled_ns:
        yield "a clone's kernel has not noticed its new generation (CONFIG_VMGENID)"
    for trial in cell.trials:
        for one in contenders if trial.kind != OWN else ():
            found = trial.repeats.get(one.name)
            if found is None:
                continue  # only few take part without the device
            if found.repeated < found.compared:
                yield (
                    f"in control {trial.kind} {one.label} repeats {found.repeated:,} of {found.compared:,} draws: "
                    "clones differ in more than their generation"
                )
    for one in contenders:
        found = own.repeats[one.name]
        if not found.compared:
            yield f"{one.label} drew nothing after the snapshot; give it more time with --milliseconds"
        elif one.decides and not found.late_draws and None not in own.handled_ns:
            yield f"{one.label} drew nothing when its kernel knew; ask for more with --draws or --lines"
    if not own.repeats[BUFFERED].late and None not in own.handled_ns:
        yield "the buffered generator does not repeat: this run would not see one that does"


def _repeating(contenders: Sequence[Contender], cell: CellResult) -> Iterator[str]:
    own = cell.trial(OWN)
    assert own
    for one in contenders:
        found = own.repeats[one.name]
        if one.decides and found.late:
            yield f"{one.label} repeats {found.late:,} of {found.compared:,} draws, begun when the kernel knew"
