"""The files of a guest."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from elftools.elf.elffile import ELFFile

from ..errors import VgetrandomError
from ..preload.library import LIBRARY_NAME, REPORTER_NAME
from .console import PROBE
from .identity import IDENTITY
from .initramfs import Initramfs
from .packages import Files
from .programs import LIBC_FOLDER, Programs

LIBRARY, _REPORTER = f"/vgetrandom/{LIBRARY_NAME}", f"/vgetrandom/{REPORTER_NAME}"
_NOT_NEEDED = {"gconv", "audit", "share"}  # folders of a libc package


def write_root(output: Path, programs: Programs, libc: Files, shell: Path, variables: Mapping[str, str]) -> None:
    """Write the root file system: init, its plan, the libraries, every case that compiled, the libc, a shell."""
    root = Initramfs()
    root.device("/dev/console", 5, 1)
    root.device("/dev/null", 1, 3, 0o666)
    root.file("/init", programs.init.read_bytes())
    root.file("/bin/busybox", shell.read_bytes())
    root.link("/bin/sh", "busybox")
    root.file(LIBRARY, programs.library.read_bytes())
    root.file(_REPORTER, programs.library.with_name(REPORTER_NAME).read_bytes())
    environment = {"PATH": "/bin", "HOME": "/", "LD_PRELOAD": LIBRARY, **variables}
    if libc.flat:
        environment["LD_LIBRARY_PATH"] = LIBC_FOLDER
        _add_flat(root, libc.path, _loader(programs.probe))
    else:
        _add_tree(root, libc.path)
    built = {name: path for name, path in programs.cases.items() if isinstance(path, Path)}
    for name, program in {PROBE: programs.probe, IDENTITY: programs.identity, **built}.items():
        for path in sorted(program.parent.iterdir()):
            root.file(f"/cases/{name}/{path.name}", path.read_bytes())
    plan = [f"env {name}={value}" for name, value in environment.items()]
    plan += [
        f"run {PROBE} VGETRANDOM_REPORT=fd:1 LD_PRELOAD={LIBRARY}:{_REPORTER}",
        f"run {IDENTITY}",
        *(f"run {name}" for name in built),
    ]
    root.file("/plan", "".join(f"{line}\n" for line in plan).encode(), 0o644)
    root.write(output)


def _add_tree(root: Initramfs, tree: Path) -> None:
    """The library folders of unpacked packages, at their own places, with their links."""
    for path in _walk(tree):
        inside = "/" + str(path.relative_to(tree))
        if not inside.startswith(("/lib", "/usr/lib")):
            continue
        if path.is_symlink():
            root.link(inside, str(path.readlink()))
        elif path.is_file():
            root.file(inside, path.read_bytes(), stat.S_IMODE(path.stat().st_mode))


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink() and path.name not in _NOT_NEEDED:
            yield from _walk(path)


def _add_flat(root: Initramfs, folder: Path, loader: str) -> None:
    """All shared objects of a folder in one folder, and the loader where programs name it."""
    for path in sorted(folder.rglob("*.so*")):
        if path.is_file() and _NOT_NEEDED.isdisjoint(path.parts):
            root.file(f"{LIBC_FOLDER}/{path.name}", path.read_bytes())
    own = sorted(path.name for path in folder.rglob("*") if path.name == Path(loader).name)
    own = own or sorted(path.name for path in folder.rglob("ld*.so*"))
    if not own:
        raise VgetrandomError(
            f"there is no dynamic loader ({Path(loader).name}) in {folder}; give a folder that has one"
        )
    root.link(loader, f"{LIBC_FOLDER}/{own[0]}")


def _loader(program: Path) -> str:
    """The path of the dynamic loader that a program names."""
    with program.open("rb") as stream:
        for segment in ELFFile(stream).iter_segments("PT_INTERP"):
            return os.fsdecode(bytes(segment.data()).rstrip(b"\0"))
    raise VgetrandomError(f"{program} names no dynamic loader; it was not linked dynamically")
