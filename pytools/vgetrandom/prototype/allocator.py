"""The allocators of states that can be put into a libc, and the files that each consists of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError

NAMES = ("slots", "freelist", "percpu", "none")
_FUNCTIONS = ("allocator_take", "allocator_put", "allocator_size")
_HOOKS = ("allocator_thread_end", "allocator_fork")
_CORE = "slots.c", "slots.h"
_OWN = "own_allocator.c"  # whatever a file of the user's own is called: it must not take the place of another one


@dataclass(frozen=True)
class Allocator:
    """`files` are its sources and headers, by their names in the libc; they replace core's of the same name."""

    name: str
    files: Mapping[str, Path]
    hooks: frozenset[str]  # functions of allocator.h that the libc has to call


def find_allocator(shim: Path, what: str) -> Allocator | None:
    """One of NAMES, or a C file of the user's own; None for "none", the libc as it is.

    Raises VgetrandomError when there is no such file, or it lacks a function of allocator.h.
    """
    folder = shim / "hosts" / "allocators"
    if what == "none":
        return None
    if what == "slots":
        return Allocator(what, {name: shim / "core" / name for name in _CORE}, frozenset())
    own = what not in NAMES
    source = Path(what) if own else folder / f"{what}.c"
    try:
        text = source.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise VgetrandomError(
            f"{what} can't be read ({error.strerror}); --allocator takes {', '.join(NAMES)} or a C file"
        ) from error
    missing = [name for name in _FUNCTIONS if not _defines(text, name)]
    if missing:
        raise VgetrandomError(f"{source} does not define {', '.join(missing)}, as {folder / 'allocator.h'} asks")
    files = {path.name: path for path in (folder / "allocator.h", folder / "slots.h", folder / "slots.c")}
    files[_OWN if own else source.name] = source.resolve()
    return Allocator(source.stem, files, frozenset(name for name in _HOOKS if _defines(text, name)))


def in_users_words(message: str, allocator: Allocator | None) -> str:
    """What a compiler says of a file of the user's own, with the name of that file."""
    own = allocator.files.get(_OWN) if allocator else None
    return re.sub(rf"\S*\b{re.escape(_OWN)}\b", lambda _: str(own), message) if own else message


def _defines(text: str, name: str) -> bool:
    return re.search(rf"^[\w \t*]*\b{name}\([^;{{)]*\)\s*{{", text, re.MULTILINE) is not None
