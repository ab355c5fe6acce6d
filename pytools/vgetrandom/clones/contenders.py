"""Who draws in a guest, and what the guest is made of, read from contenders.toml (which says how)."""

from __future__ import annotations

import dataclasses
import fnmatch
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import VgetrandomError
from ..matrix.cells import Kernel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).with_name("contenders.toml")
BUFFERED = "buffered"  # the contender that has to repeat in a run that is worth anything
KERNEL, NONE = "kernel", "none"  # what a contender promises
PROGRAM = "program"  # the name of the user's own
HOST = "host"  # a root of files of this host, in which it runs
DISK = "disk"  # or the root on a disk of the user's


@dataclass(frozen=True)
class Root:
    """A root file system of Debian packages."""

    name: str
    release: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Contender:
    """One way to draw random bytes."""

    name: str
    label: str
    root: str  # the name of a Root, or "" for that of the user's own program
    draw: tuple[str, ...] = ()  # file, function, size in bytes, "stop"
    lines: tuple[str, ...] = ()  # or the words of a program
    library: bool = False  # preloaded
    setting: str = ""  # of VGETRANDOM
    promise: str = NONE
    processes: int = 1
    everywhere: bool = False  # also with two processors, and in the control without the device

    @property
    def decides(self) -> bool:
        """Whether the verdict is about it."""
        return self.promise == KERNEL and (self.library or self.name == PROGRAM)


@dataclass(frozen=True)
class Table:
    """All of contenders.toml."""

    kernels: tuple[Kernel, ...]
    modules: Mapping[str, str]  # by a kernel's name: a regular expression for the package with its modules
    roots: Mapping[str, Root]
    contenders: tuple[Contender, ...]


def read_table(path: Path = TABLE) -> Table:
    """The table that comes with this package."""
    with path.open("rb") as stream:
        document: dict[str, Any] = tomllib.load(stream)
    return Table(
        tuple(Kernel(name, fields["release"], fields["package"]) for name, fields in document["kernel"].items()),
        {name: fields["modules"] for name, fields in document["kernel"].items()},
        {name: Root(name, fields["release"], tuple(fields["packages"])) for name, fields in document["root"].items()},
        tuple(_contender(name, fields) for name, fields in document["contender"].items()),
    )


def _contender(name: str, fields: Mapping[str, Any]) -> Contender:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    return Contender(name, **values)


def choose(contenders: Sequence[Contender], patterns: Sequence[str]) -> list[Contender]:
    """Those whose name matches a wildcard, and the buffered one; no wildcard: all.

    Who is asked for takes part everywhere. Raises VgetrandomError for a wildcard that nobody matches.
    """
    for pattern in patterns:
        if not any(fnmatch.fnmatch(one.name, pattern) for one in contenders):
            names = ", ".join(one.name for one in contenders)
            raise VgetrandomError(f"there is no contender {pattern}; choose among {names}")
    if not patterns:
        return list(contenders)
    wanted = [*patterns, BUFFERED]
    return [
        dataclasses.replace(one, everywhere=True)
        for one in contenders
        if any(fnmatch.fnmatch(one.name, pattern) for pattern in wanted)
    ]


def of_program(words: Sequence[str], root: str, library: bool) -> list[Contender]:
    """The contenders that a program of the user's is: as it is, and with the library where that reaches it."""
    label = Path(words[0]).name
    alone = Contender(PROGRAM, label, root, lines=tuple(words), promise=KERNEL, everywhere=True)
    preloaded = dataclasses.replace(alone, name=f"{PROGRAM}-vgetrandom", label=f"{label} + vgetrandom", library=True)
    return [alone, preloaded] if library else [alone]
