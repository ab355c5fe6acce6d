"""From what a user names (files, folders, packages) to the files that are judged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from .closure import Root
from .packages import package_files
from .survey import Target, Trouble, distinct, files_below, files_in

# Where a system keeps programs, in the order of a usual PATH; with --root, nobody's PATH is known.
PROGRAM_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass(frozen=True)
class Named:
    """What to scan, as a user says it: paths or programs on PATH; packages; with `everywhere`, all programs on PATH.

    root  what the programs take for `/`, and where every path and name is looked up; "": what belongs to each path
    """

    paths: Sequence[str]
    packages: Sequence[str] = ()
    everywhere: bool = False
    root: str = ""


def find_targets(named: Named, troubles: list[Trouble]) -> tuple[list[Target], set[str]]:
    """What to judge, and which of it was named one by one. What can't be looked at is appended to `troubles`.

    Raises VgetrandomError when the root is no folder or a package is to be looked up in it, or as package_files.
    """
    if named.root and named.packages:
        raise VgetrandomError(
            "--package asks this host's package manager; with --root, name files or folders, or --all"
        )
    if named.root and not Path(named.root).is_dir():
        raise VgetrandomError(f"--root {named.root} is no folder; name the folder that stands for /")
    root = Root(str(Path(named.root).resolve()) if named.root else "/")
    targets: list[Target] = []
    explicit: set[str] = set()
    for name in named.paths:
        try:
            path = _inside(name, root) if named.root else _existing(name)
        except OSError as error:
            troubles.append(Trouble(name, (error.strerror or str(error)).lower()))
            continue
        if path is None:
            where = f"in {named.root} or in its folders for programs" if named.root else "here or on PATH"
            troubles.append(Trouble(name, f"no such file or folder, {where}"))
        elif Path(path).is_dir():
            own_root = Root(path, fallback=True) if not named.root and _is_package_layout(Path(path)) else root
            targets += [Target(file, own_root) for file in files_below(path, troubles)]
        else:
            explicit.add(path)
            targets.append(Target(path, root))
    for name in named.packages:
        targets += [Target(path, root) for path in package_files(name) if Path(path).is_file()]
    if named.everywhere:
        programs = _programs_of(root) if named.root else files_in(os.get_exec_path())
        targets += [Target(path, root) for path in programs]
    return distinct(targets, explicit), explicit


def _existing(name: str) -> str | None:
    """The path of a file or folder, here or on PATH; None when there is none. Raises OSError where we may not look."""
    if Path(name).exists():
        return str(Path(name).resolve()) if Path(name).is_dir() else str(Path(name).absolute())
    return shutil.which(name) if "/" not in name else None


def _inside(name: str, root: Root) -> str | None:
    """What a name means to a program whose `/` is the root: a path in it, or a program in its folders for these.

    A path that lies in the root already is taken as it is.
    """
    path = str(Path(name).absolute())
    if "/" in name and path.startswith(f"{root.folder}/") and Path(path).exists():
        return path
    wanted = [f"/{name.lstrip('/')}"] if "/" in name else [f"{folder}/{name}" for folder in PROGRAM_FOLDERS]
    found = (one for path in wanted for one in root.locate(path))
    return next((one for one in found if Path(one).exists()), None)


def _programs_of(root: Root) -> Iterator[str]:
    """What is in the root's folders for programs; links are followed as if the root were `/`."""
    for folder in PROGRAM_FOLDERS:
        for found in root.locate(folder):
            if Path(found).is_dir():
                for path in sorted(Path(found).iterdir()):
                    yield from (one for one in root.locate(f"{folder}/{path.name}") if os.access(one, os.X_OK))


def _is_package_layout(folder: Path) -> bool:
    """Whether a folder holds an unpacked package or a system: then it is what its programs take for `/`."""
    return folder != Path("/") and os.access(f"{folder}/usr/", os.X_OK)
