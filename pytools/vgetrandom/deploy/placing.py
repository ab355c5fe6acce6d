"""Where the library lies for everybody: a file that every user can read, and only root can write."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.identity import identify, is_copy, require_library, require_plain
from ..preload.library import LIBRARY_NAME
from .changes import Change, content_of

PLACE = Path("/usr/local/lib") / LIBRARY_NAME


def require_root(what: str) -> None:
    """Raises VgetrandomError for everybody else."""
    if os.geteuid() != 0:
        raise VgetrandomError(f"{what} is root's to change; run this command with sudo")


def place_for(library: Path, root: Path) -> tuple[Path, list[Change]]:
    """The path by which programs name the library, and what has to be written before they can.

    A library that a package installed is used where it is. Any other is copied to PLACE below `root`.
    Raises VgetrandomError for a file that is no library of ours, and where PLACE holds something else.
    """
    require_library(library)
    if root == Path("/") and str(library).startswith("/usr/") and _roots_alone(library):
        require_plain(library)
        return library, []
    target = root / PLACE.relative_to("/")
    if content_of(target) is not None and not is_copy(target):
        raise VgetrandomError(f"{target} is no build of libvgetrandom.so; move it away first")
    return PLACE, [Change(target, library.read_bytes(), 0o755)]


def _roots_alone(path: Path) -> bool:
    """Whether nobody but root can change what the path leads to, and everybody can read it."""
    for one in (path, *path.parents):
        status = one.stat()
        if status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return False
    return bool(path.stat().st_mode & stat.S_IROTH)


def release_of(path: Path) -> str:
    """One phrase for a library file: its build id, or what is wrong with it."""
    if not path.is_file():
        return "missing"
    return f"build id {identify(path).build_id or 'unknown'}" if is_copy(path) else "no build of libvgetrandom.so"
