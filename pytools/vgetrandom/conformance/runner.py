"""Run cases against targets: each in a session of its own and an empty folder, several at once."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from ..errors import VgetrandomError
from ..system.threads import wait_for
from .building import Compiler, build_case, find_compiler, find_static_compiler
from .cases import Case
from .expected import Expectation, compare
from .identity import Identity, probe, prove
from .results import Result, judge
from .targets import Target

Built = Union[Path, VgetrandomError]  # a case's program, or why there is none
PROFILES = ("quick", "full", "soak")
# The case's own watchdog is the normal end of a hung case. This is for one that loses it.
_LAST_RESORT = 1800  # seconds
# Not passed on: they would change what is asked.
_FOREIGN = (
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "VGETRANDOM", "VGETRANDOM_REPORT"),
    *("CONFORM_EXEC", "CONFORM_RECORD", "CONFORM_ALLOWED"),  # from a case to the programs that it starts
)


@dataclass(frozen=True)
class Plan:
    """What to run, and how."""

    cases: Sequence[Case]
    targets: Sequence[Target]
    profile: str = "quick"
    repeat: int = 1
    jobs: int = 2
    seed: int | None = None  # None: a new one for each run
    patience: int = 1  # multiplies the cases' watchdogs
    deadline: float = 0  # soak: seconds; rounds go on until then
    expected: Sequence[Expectation] = ()  # failures that are known


@dataclass(frozen=True)
class _Run:
    case: Case
    target: Target
    program: Path | None
    problem: str  # why there is no program
    seed: int


class Runner:
    """Runs a plan; `stop()` from another thread or a signal handler's exception ends all that is under way."""

    def __init__(self, plan: Plan, cache: Path) -> None:
        self.plan = plan
        self.results: list[Result] = []  # of what has ended, also when run() was interrupted
        self.identities: list[Identity] = []  # of the targets, once build() has proven them
        self._cache = cache
        self._stopped = threading.Event()
        self._groups: set[int] = set()
        self._lock = threading.Lock()

    def build(self, done: Callable[[str], None] = lambda name: None) -> dict[tuple[str, str], Built]:
        """Prove that each target's processes have mapped what it asks for, and compile every case for every family.

        Returns, by family and case name, the program's path, or the VgetrandomError that says why there is none;
        `done` is called with the name of each case that is ready. Raises VgetrandomError when there is no compiler, or
        a target is not what it is called (identity.py).
        """
        compilers = {target.family: _compiler(target) for target in self.plan.targets}
        for target in self.plan.targets:
            program = build_case(probe(), compilers[target.family], self._cache)
            self.identities.append(prove(target, program, self._environment(target), self.plan.patience))
        wanted = [(family, case) for family in compilers for case in self.plan.cases]
        programs: dict[tuple[str, str], Built] = {}

        def one(family: str, case: Case) -> None:
            programs[family, case.name] = _program_or_error(case, compilers[family], self._cache)
            done(case.name)

        with ThreadPoolExecutor(self.plan.jobs) as pool:
            list(pool.map(lambda pair: one(*pair), wanted))
        return programs

    def run(
        self,
        programs: Mapping[tuple[str, str], Built],
        started: Callable[[Case, Target], None] = lambda case, target: None,
        finished: Callable[[Result], None] = lambda result: None,
    ) -> list[Result]:
        """Run everything; returns the results in the order of rounds, targets and cases.

        Cases that must be alone run one at a time when the others have ended. `started` and `finished` are called
        from other threads, one call at a time.
        """
        began = time.monotonic()
        rounds = 0
        while not self._stopped.is_set():
            self._round(programs, started, finished)
            rounds += 1
            if rounds >= self.plan.repeat and time.monotonic() - began >= self.plan.deadline:
                break
        return self.results

    def stop(self) -> None:
        """Kill what is running; nothing new is started."""
        self._stopped.set()
        with self._lock:
            for group in self._groups:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)

    def _round(
        self,
        programs: Mapping[tuple[str, str], Built],
        started: Callable[[Case, Target], None],
        finished: Callable[[Result], None],
    ) -> None:
        runs = list(self._runs(programs))
        order = {id(run): place for place, run in enumerate(runs)}
        results: dict[int, Result] = {}
        lock = threading.Lock()

        def one(run: _Run) -> None:
            if self._stopped.is_set():
                return
            with lock:
                started(run.case, run.target)
            result = compare(self._execute(run), self.plan.expected)
            with lock:
                if not self._stopped.is_set():
                    results[order[id(run)]] = result
                    finished(result)

        try:
            for alone in (False, True):
                with ThreadPoolExecutor(1 if alone else self.plan.jobs) as pool:
                    try:
                        wait_for([pool.submit(one, run) for run in runs if run.case.alone == alone])
                    except BaseException:
                        self.stop()
                        raise
        finally:
            self.results += [results[place] for place in sorted(results)]

    def _runs(self, programs: Mapping[tuple[str, str], Built]) -> Iterator[_Run]:
        for target in self.plan.targets:
            for case in self.plan.cases:
                built = programs[target.family, case.name]
                program = built if isinstance(built, Path) else None
                seed = secrets.randbits(63) if self.plan.seed is None else self.plan.seed
                yield _Run(case, target, program, "" if program else str(built), seed)

    def _execute(self, run: _Run) -> Result:
        if run.program is None:
            return Result(
                run.case, run.target.name, "error", run.problem, 0.0, hex(run.seed), {}, (), run.problem + "\n"
            )
        command = [*run.target.prefix, str(run.program)]
        environment = {**self._environment(run.target), "CONFORM_SEED": hex(run.seed)}
        with tempfile.TemporaryDirectory(prefix="conform-") as folder, tempfile.TemporaryFile() as output:
            with tempfile.TemporaryFile() as errors:
                began = time.monotonic()
                status = self._wait(command, environment, Path(folder), output.fileno(), errors.fileno())
                seconds = time.monotonic() - began
                errors.seek(0)
                said = errors.read().decode(errors="replace")
            output.seek(0)
            printed = output.read().decode(errors="replace")
        return judge(run.case, run.target.name, status, seconds, hex(run.seed), printed, said)

    def _environment(self, target: Target) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        environment.update(target.environment)
        environment["CONFORM_PROFILE"] = self.plan.profile
        environment["CONFORM_PATIENCE"] = str(self.plan.patience)
        environment["CONFORM_EXEC"] = "\n".join(target.prefix)
        return environment

    def _wait(self, command: list[str], environment: dict[str, str], folder: Path, output: int, errors: int) -> int:
        try:
            with self._lock:
                process = subprocess.Popen(
                    command,
                    env=environment,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                )
                self._groups.add(process.pid)
        except OSError as error:
            raise VgetrandomError(f"{command[0]} can't be run: {error.strerror}") from error
        try:
            status = process.wait(timeout=_LAST_RESORT * self.plan.patience)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # children that it left behind
            with self._lock:
                self._groups.discard(process.pid)
        return status


def _compiler(target: Target) -> Compiler:
    return find_static_compiler(target.static) if target.static else find_compiler(target.family)


def _program_or_error(case: Case, compiler: Compiler, cache: Path) -> Built:
    try:
        return build_case(case, compiler, cache)
    except VgetrandomError as error:
        return error
