"""Running one command several times under control: with a trace or without, ended by Ctrl-C or a time limit."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

from ..errors import VgetrandomError
from ..preload.exit_report import ExitReport, read_reports
from ..preload.launch import refusal, with_reports, words_for
from ..preload.library import reporter_path
from ..system.program import NOT_EXECUTABLE, Program
from . import strace
from .fatal_call import FatalTrace
from .process_tree import descendants, traced_by
from .strace import Trace

_GRACE = 5.0  # seconds between asking a command to end and ending it; also for what it leaves in the background
_TAIL = 4096  # bytes of its standard error that are kept


@dataclass(frozen=True)
class Outcome:
    """How one run went.

    status     exit status, or a negative signal number
    seconds    wall time
    processor  seconds of user and system time: the command's, and that of descendants that were waited for
    ended      "" if by itself, else what ended it: "Ctrl-C" or "the time limit" (SIGTERM and SIGHUP end the check)
    left       processes that outlived the command and had to be ended; known only with a trace
    trace      None when it was not traced
    reports    one for each process that wrote an exit report
    complaint  the last line of its standard error, if that was not shown
    """

    status: int
    seconds: float
    processor: float
    ended: str
    left: int
    trace: Trace | None
    reports: tuple[ExitReport, ...]
    complaint: str

    @property
    def sigsys(self) -> bool:
        """Whether a filter killed the command's first process, or, where it was traced, any."""
        by_filter = self.status in (-signal.SIGSYS, 128 + signal.SIGSYS)
        return by_filter or bool(self.trace and self.trace.killed["SIGSYS"])


@dataclass(frozen=True)
class Streams:
    """What the command gets as its standard streams.

    input  file to read from the start in every run; None: our own standard input
    shown  its output goes to where `output` says (and errors to ours); otherwise nowhere
    """

    input: Path | None
    shown: bool
    output: int


@dataclass(frozen=True)
class Runner:
    """A command, and how it is to be run every time. `limit` is in seconds, 0 for none."""

    program: Program
    command: list[str]
    streams: Streams
    limit: float

    def run(self, environment: Mapping[str, str], trace: Trace | None = None, report: bool = False) -> Outcome:
        """One run, with this environment; `trace`, a new one, is filled by strace.

        Raises VgetrandomError when the kernel refuses to start it.
        """
        with _open_folder() as folder:
            if report:
                # For processes that have changed their user by then, too.
                (folder / "report").touch(0o666)
                (folder / "report").chmod(0o666)
                environment = with_reports(environment, reporter_path(), str(folder / "report"))
            with _Started(self, environment, trace, folder / "trace") as started:
                status = started.wait()
            if started.trace and not started.trace.executed:
                why = started.complaint() or "strace gave no reason"
                raise VgetrandomError(f"{self.program.path} can't be run here: {why}", NOT_EXECUTABLE)
            return Outcome(
                status=status,
                seconds=started.seconds,
                processor=started.processor,
                ended=started.ended,
                left=started.left,
                trace=started.trace,
                reports=tuple(read_reports(folder / "report")) if report else (),
                complaint=started.complaint(),
            )


@contextlib.contextmanager
def _open_folder() -> Iterator[Path]:
    """A temporary folder that any user can reach into, but not list."""
    with tempfile.TemporaryDirectory(prefix="vgetrandom-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


class _Started:
    """A running command; as a context, it starts it, and handles Ctrl-C and the time limit.

    SIGTERM and SIGHUP end the command with all its processes, and then come to whoever handled them before.
    """

    def __init__(self, runner: Runner, environment: Mapping[str, str], trace: Trace | None, fifo: Path) -> None:
        self.ended = ""
        self.left = 0
        self.seconds = 0.0
        self.processor = 0.0
        self.trace = trace
        self._limit = runner.limit
        self._requests = 0
        self._fifo = fifo if trace else None
        self._over = threading.Event()
        self._reader: threading.Thread | None = None
        self._errors: list[bytes] = []
        self._before: dict[int, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._runner = runner
        self._environment = environment
        self._last = 0  # SIGTERM or SIGHUP, once it came
        self._doomed: dict[int, int] = {}  # pid to pidfd of what was told to end then

    def _start(self) -> None:
        runner, environment, fifo = self._runner, self._environment, self._fifo
        path, words = words_for(runner.program, runner.command)
        if fifo and "PATH" not in environment:  # strace looks for the program on its own
            words[0] = path
        if fifo:
            words = _traced(words, environment, fifo, self.trace)
            path, environment = words[0], {name: value for name, value in environment.items() if name != "LD_PRELOAD"}
            self._reader = self._follow(fifo)
            threading.Thread(target=self._end_leftovers, daemon=True).start()
        self._spent = _processor_time()
        self._started = time.perf_counter()
        try:
            self.process = _spawn(path, words, environment, runner.streams)
        except OSError as error:
            raise refusal(runner.program, error) from None
        for stream, kept in ((self.process.stdout, None), (self.process.stderr, self._errors)):
            if stream:
                threading.Thread(target=_drain, args=(stream, kept), daemon=True).start()

    def _follow(self, fifo: Path) -> threading.Thread:
        os.mkfifo(fifo)
        trace = self.trace

        def read() -> None:
            with fifo.open(errors="replace") as lines:
                assert trace
                trace.read(lines)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        return reader

    def __enter__(self) -> _Started:
        for number, handler in (
            (signal.SIGINT, self._interrupted),
            (signal.SIGTERM, self._terminated),
            (signal.SIGHUP, self._terminated),
            (signal.SIGALRM, self._too_long),
        ):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup(1)
                self._before[number] = signal.signal(number, handler)
        try:
            self._start()
        except BaseException:
            self._restore()
            raise
        if self._last:  # it came before there was a process, as the next may have
            self._end_all()
        elif self._requests:
            self._tell(signal.SIGINT)
        elif self._limit:
            signal.setitimer(signal.ITIMER_REAL, self._limit)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()
        if self._last:
            self._wait_for_doomed()
            os.kill(os.getpid(), self._last)

    def _restore(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self) -> int:
        """Until it is over; its exit status, or a negative signal number."""
        assert self.process
        status = self.process.wait()
        self._over.set()
        self.seconds = time.perf_counter() - self._started
        self.processor = _processor_time() - self._spent
        if self._reader and self._fifo:
            with contextlib.suppress(OSError):  # let the reader see an end even if strace never opened it
                os.close(os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK))
            self._reader.join()
        return status

    def _end_leftovers(self) -> None:
        """strace waits for every process: for those that the command leaves in the background, not for ever."""
        while not self._over.wait(0.2):
            if self.trace and self.trace.ended:
                for number in (signal.SIGTERM, signal.SIGKILL):
                    if self._over.wait(_GRACE):
                        return
                    self._tell(number)

    def complaint(self) -> str:
        text = b"".join(self._errors)[-_TAIL:].decode(errors="replace")
        return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")

    def _interrupted(self, _number: int, _frame: FrameType | None) -> None:
        """First the command's own way to end, then SIGTERM, then SIGKILL."""
        self.ended = self.ended or "Ctrl-C"
        self._requests += 1
        alone = not (self.trace and self.trace.ended)
        if self._requests == 1:
            said = (
                f"vgetrandom: Ctrl-C ends this run, twice or thrice with more force; kill {os.getpid()} ends the rest\n"
            )
            with contextlib.suppress(OSError):
                os.write(2, said.encode())
        if self._requests > 2:
            self._tell(signal.SIGKILL)
        elif self._requests == 2 or not alone:
            self._tell(signal.SIGTERM)
        elif not _in_foreground():  # else the terminal has told it already
            self._tell(signal.SIGINT)

    def _terminated(self, number: int, _frame: FrameType | None) -> None:
        self._last = self._last or number
        self._end_all()

    def _end_all(self) -> None:
        """SIGTERM for every process, and SIGKILL a while later."""
        for pid in self._targets():
            if pid not in self._doomed:
                with contextlib.suppress(OSError):
                    self._doomed[pid] = os.pidfd_open(pid)
        self._tell(signal.SIGTERM)
        self.ended = self.ended or "SIGTERM"
        signal.setitimer(signal.ITIMER_REAL, _GRACE)

    def _wait_for_doomed(self) -> None:
        """Processes that outlive the command's first one: they had their time, and are killed when it is over."""
        limit = time.monotonic() + _GRACE
        for descriptor in self._doomed.values():
            if not select.select([descriptor], [], [], max(0.0, limit - time.monotonic()))[0]:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            os.close(descriptor)

    def _too_long(self, _number: int, _frame: FrameType | None) -> None:
        self._tell(signal.SIGKILL if self.ended else signal.SIGTERM)
        self.ended = self.ended or "the time limit"
        signal.setitimer(signal.ITIMER_REAL, _GRACE)

    def _tell(self, number: int) -> None:
        """Signal every process of the command, as systemd.kill(5) does."""
        for pid in self._targets():
            with contextlib.suppress(OSError):
                os.kill(pid, number)

    def _targets(self) -> set[int]:
        if self.process is None:
            return set()
        targets = set(descendants(self.process.pid))
        if self.trace is None:
            targets.add(self.process.pid)  # else it is strace, which ends with the last of them
        else:
            targets.update(traced_by(self.process.pid) or self.trace.running())
            if self.trace.ended:
                self.left = self.left or len(targets)
        return targets


def _traced(words: list[str], environment: Mapping[str, str], fifo: Path, trace: Trace | None) -> list[str]:
    """The command line under strace, which itself must not have the library."""
    options, _ = strace.usable()
    preload = {name: environment[name] for name in ("LD_PRELOAD",) if name in environment}
    if isinstance(trace, FatalTrace):
        return [*strace.fatal_arguments(str(fifo), preload, trace.call), *words]
    return [*strace.arguments(str(fifo), preload, options), *words]


def _spawn(path: str, words: list[str], environment: Mapping[str, str], streams: Streams) -> subprocess.Popen[bytes]:
    hidden = subprocess.PIPE
    with contextlib.ExitStack() as stack:
        return subprocess.Popen(
            words,
            executable=path,
            env=environment,
            stdin=stack.enter_context(streams.input.open("rb")) if streams.input else None,
            stdout=streams.output if streams.shown else hidden,
            stderr=None if streams.shown else hidden,
        )


def _processor_time() -> float:
    """Seconds that processors spent on processes that we have waited for, and they on theirs (getrusage(2))."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _drain(stream: IO[bytes], kept: list[bytes] | None) -> None:
    """Read it to the end, so that the command never waits; keep the last part."""
    for piece in iter(lambda: stream.read1(1 << 16), b""):  # type: ignore[attr-defined]
        if kept is not None:
            kept[:] = [b"".join(kept)[-_TAIL:], piece]


def _in_foreground() -> bool:
    """Whether Ctrl-C at the terminal goes to the command as well: it runs in our process group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
