"""From what a user names (files, folders, packages) to the files that are judged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from .closure import Root
from .packages import package_files
from .survey import Target, Trouble, distinct, files_below, files_in


@dataclass(frozen=True)
class Named:
    """What to scan, as a user says it: paths or programs on PATH; packages; with `everywhere`, all programs on PATH.

    root  what the programs take for `/`; "": what belongs to each path
    """

    paths: Sequence[str]
    packages: Sequence[str] = ()
    everywhere: bool = False
    root: str = ""


def find_targets(named: Named, troubles: list[Trouble]) -> tuple[list[Target], set[str]]:
    """What to judge, and which of it was named one by one. What can't be looked at is appended to `troubles`.

    Raises VgetrandomError when the root is no folder, or as package_files.
    """
    if named.root and not Path(named.root).is_dir():
        raise VgetrandomError(f"--root {named.root} is no folder; name the folder that stands for /")
    root = Root(str(Path(named.root).resolve()) if named.root else "/")
    targets: list[Target] = []
    explicit: set[str] = set()
    for name in named.paths:
        try:
            path = _existing(name)
        except OSError as error:
            troubles.append(Trouble(name, (error.strerror or str(error)).lower()))
            continue
        if path is None:
            troubles.append(Trouble(name, "no such file or folder, here or on PATH"))
        elif Path(path).is_dir():
            own_root = Root(path, fallback=True) if not named.root and _is_package_layout(Path(path)) else root
            targets += [Target(file, own_root) for file in files_below(path, troubles)]
        else:
            explicit.add(path)
            targets.append(Target(path, root))
    for name in named.packages:
        targets += [Target(path, root) for path in package_files(name) if Path(path).is_file()]
    if named.everywhere:
        targets += [Target(path, root) for path in files_in(os.get_exec_path())]
    return distinct(targets, explicit), explicit


def _existing(name: str) -> str | None:
    """The path of a file or folder, here or on PATH; None when there is none. Raises OSError where we may not look."""
    if Path(name).exists():
        return str(Path(name).resolve()) if Path(name).is_dir() else str(Path(name).absolute())
    return shutil.which(name) if "/" not in name else None


def _is_package_layout(folder: Path) -> bool:
    """Whether a folder holds an unpacked package or a system: then it is what its programs take for `/`."""
    return folder != Path("/") and os.access(f"{folder}/usr/", os.X_OK)
