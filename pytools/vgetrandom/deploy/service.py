"""One service of systemd: a drop-in that preloads the library, behind what the service preloads already."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import VgetrandomError
from ..preload.identity import is_copy
from ..preload.launch import require_sanitizer_first
from ..preload.library import LIBRARY_NAME
from ..system.program import NOT_EXECUTABLE, NOT_FOUND, find_program
from .changes import Change, content_of
from .units import Unit, full_name, read_unit

DROP_IN = "50-vgetrandom.conf"
_MARK = "# Written by `vgetrandom deploy service"


def drop_in(name: str, root: Path) -> Path:
    """Where ours is for a service."""
    return root / "etc/systemd/system" / f"{full_name(name)}.d" / DROP_IN


def insertion(name: str, root: Path, library: Path) -> list[Change]:
    """What has to be written so that a service preloads `library`, a path as the service sees it.

    Raises VgetrandomError where that would change nothing, or do harm; with status 1 where the library can't reach it.
    """
    unit = read_unit(name, root, skip=DROP_IN)
    path = drop_in(unit.name, root)
    old = content_of(path)
    if old is not None and not old.startswith(_MARK.encode()):
        raise VgetrandomError(f"{path} is there, and not of this command; move it away first")
    _require_effect(unit, root)
    value = ":".join([*_others(unit, root), str(library)])
    _require_reachable(unit, root, library, value)
    text = (
        f"{_MARK} {unit.name}`; `--undo` takes it back.\n"
        f"[Service]\n"
        f'Environment="LD_PRELOAD={value}"\n'
    )  # fmt: skip
    return [Change(path, text.encode())]


def removal(name: str, root: Path) -> list[Change]:
    """The drop-in's end; empty when there is none of ours. Raises VgetrandomError for what is no service's name."""
    path = drop_in(name, root)
    text = content_of(path)
    return [Change(path, None)] if text and text.startswith(_MARK.encode()) else []


def deployed(root: Path) -> list[tuple[str, Path, Path]]:
    """Each service that has our drop-in: its name, the drop-in, and the library that it names."""
    found = []
    for path in sorted((root / "etc/systemd/system").glob(f"*.service.d/{DROP_IN}")):
        library = re.search(r'LD_PRELOAD=(?:.*:)?([^:"]+)"', path.read_text(errors="replace"))
        if library:
            found.append((path.parent.name[: -len(".d")], path, Path(library[1])))
    return found


def _others(unit: Unit, root: Path) -> Sequence[str]:
    """What the service preloads without us. A copy of the library, written there by hand, is not kept twice."""
    value = unit.variable("LD_PRELOAD")
    if "\\" in value or '"' in value:
        raise VgetrandomError(
            f"{unit.name} has LD_PRELOAD={value}, which can't be kept safely; write the drop-in by hand"
        )
    words = re.split(r"[\s:]+", value)
    return [word for word in words if word and Path(word).name != LIBRARY_NAME and not is_copy(root / word.lstrip("/"))]


def _require_effect(unit: Unit, root: Path) -> None:
    """Raises VgetrandomError where another setting would undo ours (systemd.exec(5))."""
    for word in unit.words("EnvironmentFile"):
        path = root / word.lstrip("-").lstrip("/")
        if path.is_file() and re.search(r"^\s*LD_PRELOAD=", path.read_text(errors="replace"), re.MULTILINE):
            raise VgetrandomError(
                f"{path} sets LD_PRELOAD for {unit.name}, and comes after any drop-in; add the library to its end there"
            )
    if any(word.partition("=")[0] == "LD_PRELOAD" for word in unit.words("UnsetEnvironment")):
        raise VgetrandomError(f"{unit.name} has UnsetEnvironment=LD_PRELOAD, which takes it out again; remove that")
    for key in ("RootDirectory", "RootImage"):
        if unit.last(key):
            raise VgetrandomError(
                f"{unit.name} has {key}={unit.last(key)}, and sees no file of the host; copy the library into there, "
                "and set LD_PRELOAD by hand to the path inside"
            )


def _require_reachable(unit: Unit, root: Path, library: Path, value: str) -> None:
    """Raises VgetrandomError with status 1 where the service's program can't have the library, or would not start."""
    program = unit.program()
    if not program or root != Path("/"):
        return
    try:
        found = find_program([program], os.environ, library)
        if found.obstacle:
            raise VgetrandomError(f"{found.obstacle}; nothing is written for {unit.name}", 1)
        require_sanitizer_first(found, {"LD_PRELOAD": value})
    except VgetrandomError as error:
        if error.status == NOT_FOUND:  # another unit may make it, or mount it
            return
        raise VgetrandomError(str(error), 1 if error.status == NOT_EXECUTABLE else error.status) from None
