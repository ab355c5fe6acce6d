"""The verdicts of scan against the kernel's truth: what strace counts with and without the library."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import needs
import pytest
from drawing import NEW_GLIBC
from draws import Draws, count_draws
from real_programs import PROGRAMS, Absent, Real, find
from vgetrandom.preload.library import reporter_beside
from vgetrandom.scan.closure import Root
from vgetrandom.scan.survey import Row, Target, survey
from vgetrandom.scan.verdict import Served, Verdict

ENOUGH = 40  # programs that must be found
FEW = 3  # fallbacks that a reached program may make, for its constructors above all
MOST = 0.8  # the part of an unreachable program's draws that must be seen again; they differ from run to run
SHOWN = 8  # programs whose draws must visibly move: those that draw once don't, for a first draw is a system call
DRAWING = "bash python3 node ruby php openssl ssh-keygen gpg shuf sort mktemp mcookie uuidgen rg fdfind batcat dig sshd"


@dataclass(frozen=True)
class Case:
    """A program's verdict, and its draws without and with the library."""

    real: Real
    row: Row
    before: Draws
    after: Draws


def disagreement(case: Case) -> str:
    """What contradicts the verdict; empty when nothing does."""
    before, after, verdict = case.before, case.after, case.row.judgement.verdict
    served = {call.served for call in case.row.judgement.calls}
    if before.status != after.status:
        return "it ends differently with the library"
    if case.row.judgement.reason == "no random calls" and (before.own or after.own or before.devices):
        return "it draws"
    if verdict is Verdict.REACHED and after.own > FEW + after.first:
        return "draws are left in the kernel that did not go through the library"
    if verdict is Verdict.REACHED and before.devices and Served.FALLBACK not in served:
        return "it opens a random device"
    if verdict is Verdict.NATIVE and before.own:
        return "it enters the kernel by itself"
    if verdict is Verdict.UNREACHABLE and after.own < MOST * before.own:
        return "the library took draws over"
    if verdict is Verdict.PARTLY and after.own > before.own + after.first:  # a libc's own first draw may be none
        return "there are more draws with the library"
    return ""


def measure(real: Real, library: Path, folder: Path) -> Case:
    """Judge and run one program. Raises Absent."""
    found = find(real)
    root = Root(str(found.root)) if found.root else Root()
    result = survey([Target(str(found.path), root)])
    assert not result.troubles and len(result.rows) == 1, result.troubles
    if real.setup:
        (folder / real.setup[0]).write_text(real.setup[1])
    environment = {"HOME": str(folder), "TMPDIR": str(folder), "GNUPGHOME": str(folder)}
    runs = []
    for preloaded in (None, library):
        for leftover in folder.glob("key*"):
            leftover.unlink()
        runs.append(count_draws(found.command, folder, preloaded, environment, real.user or None))
    return Case(real, result.rows[0], *runs)


@pytest.fixture(scope="module")
def open_library(library: Path) -> Iterator[Path]:
    """The library, its reporter beside it, where every user can load them."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-") as folder:
        Path(folder).chmod(0o755)
        shutil.copy(reporter_beside(library), folder)
        yield Path(shutil.copy(library, folder))


def in_own_folder(real: Real, library: Path) -> Case:
    """`measure` in an empty folder that every user can write to. Raises Absent."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-") as name:
        Path(name).chmod(0o777)
        return measure(real, library, Path(name))


@pytest.mark.parametrize("real", PROGRAMS, ids=[f"{real.name}-{real.release or 'host'}" for real in PROGRAMS])
def test_the_verdict_agrees_with_strace(real: Real, open_library: Path) -> None:
    try:
        case = in_own_folder(real, open_library)
    except Absent as absent:
        needs.skip(str(absent), needs.MIRROR if real.release else needs.install(real.name))
    print(case.row.judgement.verdict.value, "|", case.row.judgement.reason, "|", case.before, "|", case.after)
    assert not disagreement(case), f"{case.row.judgement}\n{case.before}\n{case.after}"


def test_enough_programs_are_here_and_every_verdict_is_among_them() -> None:
    targets = []
    for real in PROGRAMS:
        with contextlib.suppress(Absent):
            found = find(real)
            targets.append(Target(str(found.path), Root(str(found.root)) if found.root else Root()))
    verdicts = Counter(row.judgement.verdict for row in survey(targets).rows)
    if sum(verdicts.values()) < ENOUGH:
        needs.skip(f"only {sum(verdicts.values())} of the programs are here", needs.PROGRAMS)
    assert set(verdicts) == set(Verdict)


@needs.host(not NEW_GLIBC, "whose libc makes a system call in getrandom: glibc older than 2.41")
def test_for_many_programs_the_draws_visibly_move_to_the_vdso(open_library: Path) -> None:
    moved, here = [], 0
    for real in PROGRAMS:
        if real.name in DRAWING.split() and not real.release:
            with contextlib.suppress(Absent):
                case = in_own_folder(real, open_library)
                here += 1
                if case.after.own < case.before.own:
                    moved.append(real.name)
    if here < SHOWN:
        needs.skip(f"only {here} of the programs that draw in any case are installed", needs.PROGRAMS)
    assert len(moved) >= SHOWN, moved
