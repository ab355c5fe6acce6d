"""Which cells there are: architectures, kernels and libcs, read from a table in TOML (cells.toml says how)."""

from __future__ import annotations

import dataclasses
import fnmatch
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


@dataclass(frozen=True)
class Architecture:
    """A machine that QEMU emulates, and how."""

    name: str
    debian: str
    qemu: str  # the emulator's name
    package: str  # the Debian package that has it
    options: tuple[str, ...]
    console: str  # the kernel's name of the first serial line


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
    directory: Path | None = None


@dataclass(frozen=True)
class Cell:
    """One guest to run."""

    architecture: Architecture
    kernel: Kernel
    libc: Libc

    @property
    def name(self) -> str:
        return f"{self.architecture.name}/{self.kernel.name}/{self.libc.name}"


def read_cells(table: Path) -> list[Cell]:
    """Every cell of a table, in its order. Raises VgetrandomError that names the place where the table is wrong."""
    try:
        with table.open("rb") as stream:
            document = tomllib.load(stream)
    except OSError as error:
        raise VgetrandomError(f"{table} can't be read: {error.strerror}; --table takes a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise VgetrandomError(f"{table} is not TOML: {error}") from error
    try:
        return [cell for name in document for cell in _cells_of(name, document[name], table.resolve().parent)]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise VgetrandomError(f"{table} does not describe cells as {TABLE} does: {what}") from error


def choose(cells: Sequence[Cell], patterns: Sequence[str]) -> list[Cell]:
    """The cells whose name matches one of the wildcards (without any: all). Raises VgetrandomError when none does."""
    chosen = [cell for cell in cells if not patterns or any(fnmatch.fnmatch(cell.name, word) for word in patterns)]
    if not chosen:
        raise VgetrandomError(f"no cell is named like {', '.join(patterns)}; see `vgetrandom matrix --list`")
    return chosen


def with_kernel(cells: Sequence[Cell], arch: str, image: Path) -> list[Cell]:
    """One architecture's cells with a kernel of the user's own in the place of the table's."""
    if not image.is_file():
        raise VgetrandomError(f"{image} is not a file; --kernel takes a kernel image")
    kernel = Kernel(name=image.name, file=image.resolve())
    return _unique([dataclasses.replace(cell, kernel=kernel) for cell in _of(cells, arch)])


def with_libc(cells: Sequence[Cell], arch: str, directory: Path) -> list[Cell]:
    """One architecture's cells with a libc of the user's own in the place of the table's."""
    if not directory.is_dir():
        raise VgetrandomError(f"{directory} is not a folder; --libc takes one with a dynamic loader and its libraries")
    family = "musl" if any(directory.rglob("ld-musl-*.so.1")) else "gnu"
    libc = Libc(name=directory.resolve().name, family=family, directory=directory.resolve())
    return _unique([dataclasses.replace(cell, libc=libc) for cell in _of(cells, arch)])


def _of(cells: Sequence[Cell], arch: str) -> list[Cell]:
    chosen = [cell for cell in cells if cell.architecture.name == arch]
    if not chosen:
        names = ", ".join(dict.fromkeys(cell.architecture.name for cell in cells))
        raise VgetrandomError(f"there are no cells for {arch}; choose with --arch among {names}")
    return chosen


def _unique(cells: Sequence[Cell]) -> list[Cell]:
    return list({cell.name: cell for cell in cells}.values())


def _cells_of(name: str, fields: dict[str, Any], folder: Path) -> list[Cell]:
    architecture = Architecture(
        name=name,
        debian=fields["debian"],
        qemu=fields["qemu"],
        package=fields["package"],
        options=tuple(fields["options"]),
        console=fields["console"],
    )
    kernels = [_kernel(f"{name}.kernel.{key}", key, value, folder) for key, value in fields["kernel"].items()]
    libcs = [_libc(f"{name}.libc.{key}", key, value, folder) for key, value in fields["libc"].items()]
    return [
        Cell(architecture, kernel, libc)
        for kernel in kernels
        for libc in libcs
        if not kernel.libcs or libc.name in kernel.libcs
    ]


def _kernel(place: str, name: str, fields: dict[str, Any], folder: Path) -> Kernel:
    if not ({"release", "package"} <= set(fields) or "file" in fields or "reason" in fields):
        raise ValueError(f"[{place}] has neither release and package, nor file, nor reason")
    settings = {**fields, "libcs": tuple(fields.get("libcs", ()))}
    if "file" in fields:
        settings["file"] = folder / fields["file"]
    return Kernel(name=name, **settings)


def _libc(place: str, name: str, fields: dict[str, Any], folder: Path) -> Libc:
    if fields.get("family") not in _FAMILIES or not {"release", "directory"} & set(fields):
        raise ValueError(f"[{place}] needs family ({' or '.join(_FAMILIES)}) and a release or a directory")
    settings = dict(fields)
    if "directory" in fields:
        settings["directory"] = folder / fields["directory"]
    return Libc(name=name, **settings)
