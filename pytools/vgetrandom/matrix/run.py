"""Running cells: fetch and compile what a guest needs, boot it, and read what it says."""

from __future__ import annotations

import re
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..conformance.cases import Case
from ..conformance.results import Result
from ..errors import VgetrandomError
from ..preload.builder import Target
from ..preload.identity import identify
from .cells import Cell
from .console import PROBE, Probe, Transcript, case_results, read_probe, verdict
from .guest import Machine, check_version, emulator_version, find_emulator, run_guest
from .identity import IDENTITY, wrong_files
from .packages import Files, kernel_files, libc_files, shell
from .programs import LIBC_FOLDER, Programs, build_programs, zig_compiler
from .root import LIBRARY, write_root

# The guest itself, as a case of its own: the first result of every cell.
GUEST = Case(
    name="guest",
    group="matrix",
    promise="The guest boots, and its draws come from the vDSO exactly where its kernel has getrandom there.",
    source="this project's reason to exist",
    kind="promise",
    path=Path(__file__).with_name("probe.c"),
    extra_sources=(),
    libraries=(),
    alone=True,
)


@dataclass(frozen=True)
class Plan:
    """What every cell runs, and how."""

    cases: Sequence[Case]
    cache: Path
    consoles: Path  # a folder: each cell's console is kept there
    profile: str = "quick"
    limit: float = 3600  # seconds a cell
    patience: int = 10  # multiplies the cases' watchdogs: an emulated processor is slow
    qemu: Path | None = None  # a folder with emulators
    jobs: int = 1  # compilers at once
    everywhere: bool = False  # also the cases that a cell leaves to another

    def cases_of(self, cell: Cell) -> list[Case]:
        """What a cell runs."""
        return [case for case in self.cases if self.everywhere or not cell.left_to(case.name)]


@dataclass(frozen=True)
class Prepared:
    """A cell that can be started."""

    machine: Machine
    kernel: Files
    libc: Files
    programs: Programs


@dataclass(frozen=True)
class CellResult:
    """One cell: the guest's own result first, then one for each case."""

    cell: Cell
    results: tuple[Result, ...]
    seconds: float = 0.0  # on this host, from start to end
    release: str = ""  # of the kernel that ran
    libc: str = ""  # its version
    qemu: str = ""  # its version
    date: str = ""  # of the start, UTC: YYYY-MM-DD
    probe: Probe | None = None
    console: Path | None = None

    @property
    def outcome(self) -> str:
        """ "pass", "fail", or "skip" when it could not be run."""
        if self.results[0].outcome == "skip":
            return "skip"
        return "fail" if any(result.bad for result in self.results) else "pass"

    @property
    def reason(self) -> str:
        """Why it is not a pass: the guest's own reason first."""
        bad = [result for result in self.results if result.bad or result is self.results[0]]
        return next((result.reason for result in bad if result.reason), "")


def obstacle(cell: Cell, qemu: Path | None) -> str:
    """Why this host can't run a cell, as far as can be told before anything is fetched; "" when nothing is known."""
    if cell.kernel.reason:
        return cell.kernel.reason
    missing = []
    for wanted in (
        lambda: check_version(cell.architecture, find_emulator(cell.architecture, qemu)),
        lambda: zig_compiler(cell.architecture.name),
    ):
        try:
            wanted()
        except VgetrandomError as error:
            missing.append(str(error))
    return "; ".join(missing)


def prepare(cell: Cell, plan: Plan, done: Callable[[str], None]) -> Prepared:
    """Fetch and compile all that a cell needs. Raises VgetrandomError when something can't be had."""
    emulator = find_emulator(cell.architecture, plan.qemu)
    kernel = kernel_files(cell.architecture, cell.kernel, plan.cache)
    libc = libc_files(cell)
    target = Target(cell.architecture.name, cell.libc.family)
    programs = build_programs(target, plan.cases_of(cell), plan.cache, plan.jobs, done)
    return Prepared(Machine(cell.architecture, emulator, kernel.path, Path()), kernel, libc, programs)


def not_run(cell: Cell, why: str) -> CellResult:
    """The result of a cell that can't be run here."""
    return CellResult(cell, (Result(GUEST, cell.name, "skip", why, 0.0, "", {}, (), f"{why}\n"),))


def run_cell(
    cell: Cell, prepared: Prepared, plan: Plan, started: Callable[[str], None], stopped: threading.Event
) -> CellResult:
    """Boot a cell and run every case in it; `started` gets the name of each. The console is kept in every case."""
    plan.consoles.mkdir(parents=True, exist_ok=True)
    console = plan.consoles / (re.sub(r"[^A-Za-z0-9.-]+", "-", cell.name) + ".log")
    seed = hex(secrets.randbits(63))
    transcript = Transcript()

    def line(text: str) -> None:
        before = transcript.running
        transcript.read(text)
        if transcript.running and transcript.running != before:
            started(transcript.running)

    with tempfile.TemporaryDirectory(prefix="vgetrandom-matrix-") as folder:
        initramfs = Path(folder) / "initramfs"
        write_root(initramfs, prepared.programs, prepared.libc, shell(cell), _variables(plan, seed))
        machine = Machine(cell.architecture, prepared.machine.emulator, prepared.machine.kernel, initramfs)
        began, date = time.monotonic(), time.strftime("%Y-%m-%d", time.gmtime())
        why = run_guest(machine, console, plan.limit, line, stopped)
        seconds = time.monotonic() - began
    if why and transcript.complaint:
        why = f"{why}: {transcript.complaint}"
    probe = read_probe(transcript.ended[PROBE]) if PROBE in transcript.ended else None
    ran = plan.cases_of(cell)
    results = (
        _guest_result(cell, transcript, prepared, probe, why, seconds),
        *case_results(transcript, cell.name, seed, ran, lambda case: _missing(case, prepared.programs, why)),
        *(_left(cell, case) for case in plan.cases if case not in ran),
    )
    qemu = emulator_version(prepared.machine.emulator)
    return CellResult(cell, results, seconds, transcript.release, prepared.libc.version, qemu, date, probe, console)


def _variables(plan: Plan, seed: str) -> dict[str, str]:
    return {
        "CONFORM_SEED": seed,
        "CONFORM_PROFILE": plan.profile,
        "CONFORM_PATIENCE": str(plan.patience),
        "CONFORM_CHANGE_HOST": "1",  # the guest is nobody else's
    }


def _guest_result(
    cell: Cell, transcript: Transcript, prepared: Prepared, probe: Probe | None, why: str, seconds: float
) -> Result:
    if not transcript.release:
        reason = f"the guest did not start: {why or 'it ended at once'}"
    elif PROBE not in transcript.ended:
        reason = f"the guest ended before its first draw: {why}"
    else:
        folder = LIBC_FOLDER if prepared.libc.flat else ""
        files = wrong_files(transcript.ended.get(IDENTITY), LIBRARY, folder)
        reason = verdict(probe, cell.kernel.vdso) or why or files
    facts = {"kernel": transcript.release, "page size": str(probe.page_size), "status": probe.status} if probe else {}
    facts["library"] = f"sha256 {identify(prepared.programs.library).sha256[:16]}"
    said = "\n".join([*transcript.troubles, reason, ""])
    outcome = "fail" if reason else "pass"
    return Result(GUEST, cell.name, outcome, reason, seconds, "", facts, (reason,) if reason else (), said)


def _left(cell: Cell, case: Case) -> Result:
    why = f"left to {cell.left_to(case.name)}; -k runs it here too"
    return Result(case, cell.name, "skip", why, 0.0, "", {}, (), f"{why}\n")


def _missing(case: Case, programs: Programs, why: str) -> str:
    program = programs.cases[case.name]
    if isinstance(program, VgetrandomError):
        return str(program)
    return f"no result: {why}" if why else "no result, though the guest came to its end"
