"""What a program of this host needs to run elsewhere: its file, its interpreter, its libraries."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import VgetrandomError
from ..scan.closure import Loader, Root
from ..scan.elf_facts import Facts, read_facts
from ..system.program import Program

_CACHE = "/etc/ld.so.cache"  # which tells the loader of folders that it does not know by itself


def files_of(program: Program, more: Sequence[Path]) -> dict[str, Path]:
    """Files by the paths at which they will be found, which are their own.

    `more` are files and folders that the program needs beside them: what no file says. Raises VgetrandomError when one
    is not there.
    """
    found = {path: Path(path) for path in (_CACHE,) if Path(path).is_file()}
    for path in (Path(program.path).absolute(), program.executable.absolute(), *_all(more)):
        found[str(path)] = path.resolve()
        found.update({needed: Path(needed).resolve() for needed in _needed(str(path))})
    return found


def _all(places: Sequence[Path]) -> Iterator[Path]:
    for place in places:
        if not place.exists():
            raise VgetrandomError(f"{place} is not there; --file takes a file or folder that the program needs")
        if place.is_file():
            yield place.absolute()
        for folder, _, names in os.walk(place.absolute()):
            yield from (path for name in names if (path := Path(folder, name)).is_file())


def _needed(path: str) -> Iterator[str]:
    """The loader and the libraries of an ELF file; nothing of another file."""
    facts = read_facts(path)
    if not isinstance(facts, Facts):
        return
    if facts.interpreter:
        yield facts.interpreter
    for needed in Loader(read_facts, Root()).closure(path, facts).objects[1:]:
        yield needed.seen_as
