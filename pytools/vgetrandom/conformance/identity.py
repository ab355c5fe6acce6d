"""Whether a target's processes have the libc and the library that were asked for: proven before anything is run.

A loader goes on without a library that it can't preload, and finds another libc than the one that was meant. Then every
case would pass, and none would have asked the target. The program tests/conformance/identity.c is started as the cases
are, starts itself in each way in which they start processes, and each process tells its mappings.

Not covered: set-uid programs. Their loader ignores LD_PRELOAD (ld.so(8)), and they can't be started by way of another
loader; `sandbox_setuid` asks the host's libc there.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import VgetrandomError
from ..preload.identity import File, Mapping, file_at, identify, is_mapped, read_mappings, same_file
from .cases import Case, cases_folder
from .targets import Target

WAYS = ("direct", "fork", "exec", "spawn", "shell")
_SECONDS = 60  # for the six processes, times the patience
_SAID = re.compile(r"cannot be preloaded|Error loading shared library|error while loading|cannot open shared object")


@dataclass(frozen=True)
class Identity:
    """What the processes of a target have mapped, in every one of WAYS."""

    target: str
    libc: File | None  # the archive where it is linked into the program; None: one that the linker did not name
    library: File | None  # the preloaded library, where the target has one
    server: File  # whose getrandom a program calls; the program itself where that is static
    static: bool = False

    def __str__(self) -> str:
        if self.static:
            return f"{self.target}: libc {self.libc or 'unknown'}, linked into programs that have no other file mapped"
        parts = [f"libc {self.libc}"]
        if self.library:
            parts.append(f"library {self.library}")
        if self.server not in (self.libc, self.library):
            parts.append(f"getrandom from {self.server}")
        return f"{self.target}: {', '.join(parts)}; mapped in processes started by {', '.join(WAYS)}"

    def as_json(self) -> dict[str, Any]:
        """Stable keys; null for what the target does not have."""
        return {
            "libc": self.libc.as_json() if self.libc else None,
            "library": self.library.as_json() if self.library else None,
            "getrandom": self.server.as_json(),
            "ways": list(WAYS),
        }


@dataclass(frozen=True)
class Process:
    """What one process of the probe said of itself."""

    way: str  # how it was started: one of WAYS
    mappings: tuple[Mapping, ...]
    addresses: dict[str, int]

    def file_of(self, function: str) -> str:
        """The path of the file that a function is in; "" when it is in none."""
        return file_at(self.mappings, self.addresses.get(function, 0))


def probe() -> Case:
    """The program that tells, in the form that the compile step takes."""
    return Case("identity", "identity", "", "", "promise", cases_folder() / "identity.c", (), (), False)


def prove(target: Target, program: Path, environment: dict[str, str], patience: int = 1) -> Identity:
    """Start the built probe in every way, and compare.

    `environment` is what the cases get. Raises VgetrandomError when a process has something else mapped than `target`
    asks for, or can't be started.
    """
    words = [*target.prefix, str(program)]
    try:
        done = subprocess.run(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS * patience,
            start_new_session=True,
        )
    except OSError as error:
        raise VgetrandomError(f"{target.name}: {words[0]} can't be run: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise VgetrandomError(f"{target.name}: a first program does not end; give --patience a higher number") from None
    complaint = _complaint(done.stderr.decode(errors="replace"))
    processes = {process.way: process for process in read_processes(os.fsdecode(done.stdout))}
    if "direct" not in processes:
        raise VgetrandomError(f"{target.name}: programs don't start{complaint or f': status {done.returncode}'}")
    for way in WAYS:
        if way not in processes:
            raise VgetrandomError(f"{target.name}: a process started by {way} does not end well{complaint}")
        _require(target, processes[way], complaint)
    return _identity(target, processes["direct"])


def _require(target: Target, process: Process, complaint: str) -> None:
    """Raises VgetrandomError when the process lacks what the target asks for."""
    where = f"{target.name}: in a process started by {process.way}"
    if target.library and not is_mapped(process.mappings, target.library):
        raise VgetrandomError(f"{where}, {target.library} is not loaded{complaint}")
    libc, server = process.file_of("libc"), process.file_of("getrandom")
    if target.static:
        others = {mapping.path for mapping in process.mappings if mapping.path.startswith("/")} - {libc}
        if others:
            raise VgetrandomError(f"{where}, {min(others)} is mapped: the program is not static")
        return
    if target.libc and not same_file(libc, target.libc):
        raise VgetrandomError(f"{where}, the libc is {libc or 'unknown'}, not {target.libc}{complaint}")
    if complaint:
        raise VgetrandomError(f"{target.name}: the loader did not do as it was told{complaint}")
    if server.startswith("[") or (not server and process.addresses.get("getrandom")):
        raise VgetrandomError(f"{where}, getrandom is that of {server or 'no file'}, which is none that programs call")
    if target.library and not same_file(server, target.library):
        raise VgetrandomError(f"{where}, getrandom is that of {server or 'nobody'}, in front of {target.library}")
    if not target.library and not target.wrapped and server and server != libc:
        raise VgetrandomError(f"{where}, getrandom is that of {server}, not the libc's; see /etc/ld.so.preload")


def _identity(target: Target, process: Process) -> Identity:
    libc, server = process.file_of("libc"), process.file_of("getrandom")
    archive = identify(target.libc) if target.libc else None
    return Identity(
        target.name,
        archive if target.static else identify(Path(libc)),
        identify(target.library) if target.library else None,
        identify(Path(server or libc)),
        bool(target.static),
    )


def read_processes(output: str) -> list[Process]:
    """From what the probe printed."""
    processes = []
    for text in re.findall(r"^way (.*?)^end$", output, re.MULTILINE | re.DOTALL):
        found = re.findall(r"^address (\S+) ([0-9a-f]+)$", text, re.MULTILINE)
        addresses = {name: int(address, 16) for name, address in found}
        processes.append(Process(text.splitlines()[0], tuple(read_mappings(text)), addresses))
    return processes


def _complaint(errors: str) -> str:
    """What the loader says of it, as the end of a sentence; "" when it says nothing."""
    lines = [line.strip() for line in errors.splitlines() if _SAID.search(line)]
    return f": {lines[0].removeprefix('ERROR: ')}" if lines else ""
