"""What a run found: samples and circumstances, and the JSON file that keeps them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import VgetrandomError

SCHEMA = 1

SYSCALL = "syscall"  # keys of contenders that other modules name
VDSO = "vdso"
THIN = "thin"  # the vDSO behind a function: the least that a library can cost
CONTROL = "vdso-again"
LIBC = "libc"
SHIM = "shim"
SHIM_AVX2 = "shim-noavx512"
SHIM_SSE2 = "shim-noavx2"
SHIM_VDSO = "shim-nobulk"  # all of a large request from the vDSO or the system call


@dataclass(frozen=True)
class Series:
    """One quantity of one contender, measured again and again; sample `i` of every series was taken in round `i`."""

    measure: str  # latency, throughput, first-draw, ...
    contender: str  # a key
    function: str
    parameter: int  # bytes a draw; for throughput, first and slowest draws and memory, threads
    unit: str
    samples: tuple[float, ...]
    # Measured in the same turn of the same process: "vdso" and "syscall", in the same unit; "instructions" and
    # "cycles" a draw, where the host counts them; "switches", how often another process took the CPU.
    beside: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Participant:
    """A contender that took part, or, with a reason, one that could not."""

    key: str
    label: str
    version: str = ""
    main: str = ""  # its function for any number of bytes
    absent: str = ""
    files: tuple[str, ...] = ()  # its libc and its library, as its process had them mapped


@dataclass(frozen=True)
class Run:
    """One run of the benchmark."""

    machine: Mapping[str, str]
    settings: Mapping[str, Any]
    participants: tuple[Participant, ...]
    series: tuple[Series, ...]

    def find(self, measure: str, contender: str, function: str = "", parameter: int = -1) -> Series | None:
        """The first series that matches; an empty function or a negative parameter matches any."""
        return next(self.select(measure, contender, function, parameter), None)

    def select(self, measure: str, contender: str = "", function: str = "", parameter: int = -1) -> Iterator[Series]:
        """All that match, in the order in which they were measured."""
        return (
            series
            for series in self.series
            if series.measure == measure
            and contender in ("", series.contender)
            and function in ("", series.function)
            and parameter in (-1, series.parameter)
        )

    def present(self) -> list[Participant]:
        return [participant for participant in self.participants if not participant.absent]

    def participant(self, key: str) -> Participant | None:
        return next((participant for participant in self.present() if participant.key == key), None)


def save(run: Run, path: Path) -> None:
    """Write a run as JSON; raises VgetrandomError when the file can't be written."""
    content = {"schema": SCHEMA, **dataclasses.asdict(run)}
    try:
        path.write_text(json.dumps(content, separators=(",", ":")).replace('{"measure"', '\n{"measure"') + "\n")
    except OSError as error:
        raise VgetrandomError(f"{path} can't be written: {error.strerror}") from error


def load(path: Path) -> Run:
    """Read what `save` wrote; raises VgetrandomError when the file is not there or not such a file."""
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise VgetrandomError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise VgetrandomError(f"{path} is not JSON ({error}); give a file that bench --json wrote") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise VgetrandomError(f"{path} does not have schema {SCHEMA}; measure again with this version")
    try:
        return Run(
            machine=content["machine"],
            settings=content["settings"],
            participants=tuple(_participant(entry) for entry in content["participants"]),
            series=tuple(_series(entry) for entry in content["series"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise VgetrandomError(f"{path} is incomplete ({error}); measure again") from error


def _participant(entry: dict[str, Any]) -> Participant:
    return Participant(**{**entry, "files": tuple(entry.get("files", ()))})


def _series(entry: dict[str, Any]) -> Series:
    beside = {name: tuple(values) for name, values in entry["beside"].items()}
    return Series(**{**entry, "samples": tuple(entry["samples"]), "beside": beside})
