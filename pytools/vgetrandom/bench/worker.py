"""One contender's process, which does a turn of work for each line that it is sent."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.identity import identify, is_mapped, read_mappings, same_file
from ..preload.library import LIBRARY_NAME

_OWN_VARIABLES = ("LD_PRELOAD", "VGETRANDOM", "VGETRANDOM_REPORT")
_LIBC = re.compile(r"libc\.so\.6$|libc-2\..*\.so$|ld-musl-.*|libc\.musl-.*|libc\.so$")  # as libcs install it
_CALIBRATION_NS = 50_000
_CALIBRATION_TURNS = 4
_PATIENCE = 300  # seconds for one answer, on the busiest machine: the longest takes some


class Absent(Exception):
    """The contender can't take part; the text says why in a few words."""


@dataclass(frozen=True)
class Turn:
    """What one turn cost a draw. -1: this host does not count it."""

    ns: float
    instructions: float
    cycles: float
    switches: float


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with nothing preloaded but what `extra` says."""
    kept = {name: value for name, value in os.environ.items() if name not in _OWN_VARIABLES}
    return {**kept, **extra}


class Worker:
    """A running worker. `functions` maps its functions to the most bytes that they take (0: they take no size).

    `paths` are its libc and its library: what the process has mapped, not what it was told to.
    Raises Absent when it can't do its work here; VgetrandomError when it ends, answers what it should not, or has
    another libc than `libc`, or another library than `preload`.
    """

    def __init__(
        self,
        label: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        preload: Path | None,
        libc: Path | None = None,
    ) -> None:
        self.label = label
        self._pending = b""  # what it said behind the last whole line
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 closed with the worker
        try:
            self._process = subprocess.Popen(
                command,
                env=clean_environment(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is for the command, which ends its workers
            )
        except OSError as error:
            raise Absent(f"{command[0]} does not run: {error.strerror}") from error
        try:
            word, _, rest = self._line().partition(" ")
            if word == "absent":
                raise Absent(rest)
            self.version = "" if rest == "unknown" else rest
            names = [entry.rpartition(":") for entry in self._line().split()]
            self.functions = {name: int(most) for name, _, most in names}
            if not self.functions:
                raise Absent("it offers no function")
            self.paths = self._find(preload, libc)
        except BaseException:
            self.close()
            raise

    def _find(self, preload: Path | None, libc: Path | None) -> tuple[Path, ...]:
        """Its libc and library, from its mappings."""
        mappings = read_mappings(Path(f"/proc/{self._process.pid}/maps").read_text())
        if preload and not is_mapped(mappings, preload):
            raise Absent(f"{preload.name} can't be preloaded into it")
        if libc and not is_mapped(mappings, libc):
            raise VgetrandomError(f"{self.label}: its process has another libc than {libc}; report this")
        paths = dict.fromkeys(mapping.path for mapping in mappings)
        others = [path for path in paths if Path(path).name == LIBRARY_NAME and not preload]
        if others:
            raise VgetrandomError(f"{self.label}: {others[0]} is preloaded into it; see /etc/ld.so.preload")
        libcs = [Path(path) for path in paths if (libc and same_file(path, libc)) or _LIBC.match(Path(path).name)]
        return (*libcs[:1], *([preload] if preload else []))

    @property
    def files(self) -> tuple[str, ...]:
        """Its libc and library, with what tells them from others of that name."""
        return tuple(str(identify(path)) for path in self.paths)

    @property
    def main(self) -> str:
        """The function that a worker names first: any number of bytes."""
        return next(iter(self.functions))

    def ask(self, *requests: str) -> list[list[float]]:
        """Send requests, which run one right after the other, and return the numbers that each answered."""
        self._send("".join(f"{request}\n" for request in requests))
        answers = [self._line().split() for _ in requests]
        try:
            return [[float(word) for word in answer] for answer in answers]
        except ValueError:
            raise VgetrandomError(f"the benchmark worker of {self.label} answered {answers!r}; report this") from None

    def pin(self, cpu: int) -> None:
        """Keep it on one CPU; -1 lets it run anywhere again."""
        self._send(f"pin {cpu}\n")

    def turns(self, *requests: tuple[str, int, int]) -> list[Turn]:
        """(function, size, count) each: so many draws a turn, one turn after the other."""
        answers = self.ask(*(f"turn {function} {size} {count}" for function, size, count in requests))
        return [
            Turn(
                ns / count,
                instructions / count if instructions >= 0 else -1,
                cycles / count if cycles >= 0 else -1,
                switches,
            )
            for (ns, instructions, cycles, switches), (_, _, count) in zip(answers, requests)
        ]

    def calibrate(self, function: str, size: int, ns: int) -> int:
        """How many draws take about `ns` nanoseconds."""
        count = 1
        while True:
            # The quickest of some: the first draw of all may set up a library, and any may be interrupted.
            quickest = min(turn.ns for turn in self.turns(*[(function, size, count)] * _CALIBRATION_TURNS))
            if quickest * count >= min(ns, _CALIBRATION_NS):
                return max(1, round(ns / quickest))
            count *= 4

    def close(self) -> None:
        """End it, and whatever it started: a child that is traced stands still, and would never end."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        self._errors.close()

    def _send(self, text: str) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None

    def _line(self) -> str:
        assert self._process.stdout
        while b"\n" not in self._pending:
            ready, _, _ = select.select([self._process.stdout], [], [], _PATIENCE)
            if not ready:
                raise VgetrandomError(
                    f"the benchmark worker of {self.label} said nothing for {_PATIENCE} s; leave it out with --without"
                )
            piece = os.read(self._process.stdout.fileno(), 1 << 16)
            if not piece:
                raise self._ended()
            self._pending += piece
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode(errors="replace")

    def _ended(self) -> VgetrandomError:
        self._process.wait()
        self._errors.seek(0)
        complaint = self._errors.read().strip().splitlines()
        why = complaint[-1] if complaint else f"exit status {self._process.returncode}"
        return VgetrandomError(f"the benchmark worker of {self.label} ended: {why}; leave it out with --without")
