"""Which cells there are: architectures, kernels and libcs, read from a table in TOML (cells.toml says how)."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import VgetrandomError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).with_name("cells.toml")
_FAMILIES = ("gnu", "musl")
_NEEDED = ("debian", "qemu", "package", "options", "console", "kernel", "libc")  # of an architecture


@dataclass(frozen=True)
class Architecture:
    """A machine that QEMU emulates, and how."""

    name: str
    debian: str
    qemu: str  # the emulator's name
    package: str  # the Debian package that has it
    options: tuple[str, ...]
    console: str  # the kernel's name of the first serial line
    least: str = ""  # the oldest version of the emulator that boots these kernels; empty: any
    append: str = ""  # more words for the kernel


@dataclass(frozen=True)
class Kernel:
    """A kernel: from a Debian package, or a file."""

    name: str
    release: str = ""
    package: str = ""  # a regular expression
    file: Path | None = None
    vdso: bool | None = None  # whether its vDSO has getrandom; None: not known
    libcs: tuple[str, ...] = ()  # only with these; empty: with all
    note: str = ""
    reason: str = ""  # why it can't be run


@dataclass(frozen=True)
class Libc:
    """A libc: of a Debian release, or a folder."""

    name: str
    family: str  # "gnu" or "musl"
    release: str = ""
    cross: bool = False  # from the packages of Debian's cross compilers
    directory: Path | None = None


@dataclass(frozen=True)
class Cell:
    """One guest to run."""

    architecture: Architecture
    kernel: Kernel
    libc: Libc
    leaves: tuple[tuple[str, str], ...] = ()  # cases that it does not run: a wildcard, and who does

    @property
    def name(self) -> str:
        return f"{self.architecture.name}/{self.kernel.name}/{self.libc.name}"

    def left_to(self, case: str) -> str:
        """Who runs a case in this cell's place; "" when the cell does."""
        return next((who for pattern, who in self.leaves if fnmatch.fnmatch(case, pattern)), "")


def read_cells(table: Path) -> list[Cell]:
    """Every cell of a table, in its order. Raises VgetrandomError that names the place where the table is wrong."""
    try:
        with table.open("rb") as stream:
            document: dict[str, object] = tomllib.load(stream)
    except OSError as error:
        raise VgetrandomError(f"{table} can't be read: {error.strerror}; --table takes a TOML file") from error
    except ValueError as error:  # not TOML, or not even UTF-8
        raise VgetrandomError(f"{table} is not TOML: {error}") from error
    try:
        return [cell for name in document for cell in _cells_of(name, document[name], table.resolve().parent)]
    except ValueError as error:
        raise VgetrandomError(f"{table} does not describe cells as {TABLE} does: {error}") from error


def choose(cells: Sequence[Cell], patterns: Sequence[str]) -> list[Cell]:
    """The cells whose name matches one of the wildcards (without any: all). Raises VgetrandomError when none does."""
    chosen = [cell for cell in cells if not patterns or any(fnmatch.fnmatch(cell.name, word) for word in patterns)]
    if not chosen:
        wanted = f"named like {', '.join(patterns)}; see `vgetrandom matrix --list`" if patterns else "in the table"
        raise VgetrandomError(f"there is no cell {wanted}")
    return chosen


def with_kernel(cells: Sequence[Cell], arch: str, image: Path) -> list[Cell]:
    """One architecture's cells with a kernel of the user's own in the place of the table's."""
    if not image.is_file():
        raise VgetrandomError(f"{image} is not a file; --kernel takes a kernel image")
    kernel = Kernel(name=image.name, file=image.resolve())
    return _unique([dataclasses.replace(cell, kernel=kernel, leaves=()) for cell in _of(cells, arch)])


def with_libc(cells: Sequence[Cell], arch: str, directory: Path) -> list[Cell]:
    """One architecture's cells with a libc of the user's own in the place of the table's."""
    if not directory.is_dir():
        raise VgetrandomError(f"{directory} is not a folder; --libc takes one with a dynamic loader and its libraries")
    family = "musl" if any(directory.rglob("ld-musl-*.so.1")) else "gnu"
    libc = Libc(name=directory.resolve().name, family=family, directory=directory.resolve())
    return _unique([dataclasses.replace(cell, libc=libc, leaves=()) for cell in _of(cells, arch)])


def _of(cells: Sequence[Cell], arch: str) -> list[Cell]:
    chosen = [cell for cell in cells if cell.architecture.name == arch]
    if not chosen:
        names = ", ".join(dict.fromkeys(cell.architecture.name for cell in cells))
        raise VgetrandomError(f"there are no cells for {arch}; choose with --arch among {names}")
    return chosen


def _unique(cells: Sequence[Cell]) -> list[Cell]:
    return list({cell.name: cell for cell in cells}.values())


def _cells_of(name: str, fields: object, folder: Path) -> list[Cell]:
    table = _Fields(name, fields, _NEEDED, ("least", "append", "leave"))
    architecture = Architecture(
        name=name,
        debian=table.text("debian"),
        qemu=table.text("qemu"),
        package=table.text("package"),
        options=table.texts("options"),
        console=table.text("console"),
        least=table.text("least"),
        append=table.text("append"),
    )
    libcs = [_libc(f"{name}.libc.{key}", key, value, folder) for key, value in table.table("libc").items()]
    kernels = [_kernel(f"{name}.kernel.{key}", key, value, folder) for key, value in table.table("kernel").items()]
    for kernel in kernels:
        if unknown := sorted(set(kernel.libcs) - {libc.name for libc in libcs}):
            raise ValueError(
                f"[{name}.kernel.{kernel.name}] names the libc {unknown[0]}, but there is no [{name}.libc.{unknown[0]}]"
            )
    pairs = [(kernel, libc) for kernel in kernels for libc in libcs if not kernel.libcs or libc.name in kernel.libcs]
    leaves = _leaves(name, table.table("leave"), {f"{kernel.name}/{libc.name}" for kernel, libc in pairs})
    return [Cell(architecture, *pair, leaves[f"{pair[0].name}/{pair[1].name}"]) for pair in pairs]


def _leaves(name: str, fields: dict[str, Any], cells: set[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    """For each cell of an architecture: the cases that it leaves, and to whom. The first wildcard decides."""
    table = _Fields(f"{name}.leave", fields, (), tuple(fields))
    return {
        cell: tuple(
            (pattern, "" if table.text(pattern) == cell else f"{name}/{who}" if who in cells else who)
            for pattern in fields
            for who in [table.text(pattern)]
        )
        for cell in cells
    }


def _kernel(place: str, name: str, fields: object, folder: Path) -> Kernel:
    kernel = _Fields(place, fields, (), ("release", "package", "file", "vdso", "libcs", "note", "reason"))
    if not ((kernel.has("release") and kernel.has("package")) or kernel.has("file") or kernel.has("reason")):
        raise ValueError(f"[{place}] has neither release and package, nor file, nor reason")
    try:
        re.compile(kernel.text("package"))
    except re.error as error:
        raise ValueError(f"package in [{place}] is not a regular expression: {error}") from error
    return Kernel(
        name=name,
        release=kernel.text("release"),
        package=kernel.text("package"),
        file=folder / kernel.text("file") if kernel.has("file") else None,
        vdso=kernel.flag("vdso"),
        libcs=kernel.texts("libcs"),
        note=kernel.text("note"),
        reason=kernel.text("reason"),
    )


def _libc(place: str, name: str, fields: object, folder: Path) -> Libc:
    libc = _Fields(place, fields, ("family",), ("release", "cross", "directory"))
    if libc.text("family") not in _FAMILIES:
        raise ValueError(f"family in [{place}] is neither {' nor '.join(_FAMILIES)}")
    if not (libc.has("release") or libc.has("directory")):
        raise ValueError(f"[{place}] has neither release nor directory")
    directory = folder / libc.text("directory") if libc.has("directory") else None
    cross = libc.flag("cross") or False
    if cross and libc.text("family") != "gnu":
        raise ValueError(f"[{place}] has cross, but Debian's cross compilers come with glibc only")
    return Libc(name, libc.text("family"), libc.text("release"), cross, directory)


class _Fields:
    """One table of the file, whose fields are asked for by type. Everything raises ValueError that names the place."""

    def __init__(self, place: str, fields: object, needed: Sequence[str], optional: Sequence[str]) -> None:
        if not isinstance(fields, dict):
            raise ValueError(f"{place} is not a table")
        self._place, self._fields = place, fields
        for name in needed:
            if name not in fields:
                raise ValueError(f"[{place}] has no {name}")
        for name in fields:
            if name not in needed and name not in optional:
                raise ValueError(f"[{place}] has {name}, which means nothing there")

    def has(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str:
        return str(self._get(name, str, "a string", ""))

    def texts(self, name: str) -> tuple[str, ...]:
        words = self._get(name, list, "a list of strings", [])
        if not all(isinstance(word, str) for word in words):
            raise ValueError(f"{name} in [{self._place}] is not a list of strings")
        return tuple(words)

    def flag(self, name: str) -> bool | None:
        value: bool | None = self._get(name, bool, "true or false", None)
        return value

    def table(self, name: str) -> dict[str, Any]:
        value: dict[str, Any] = self._get(name, dict, "a table", {})
        return value

    def _get(self, name: str, kind: type, what: str, missing: Any) -> Any:
        value = self._fields.get(name, missing)
        if name in self._fields and not isinstance(value, kind):
            raise ValueError(f"{name} in [{self._place}] is not {what}")
        return value
