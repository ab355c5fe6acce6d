"""A folder with a libc somewhere in it: which loader and libc are in it, and how a program is started with them."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from ..system.elf import read_elf

LIBC = "libc.so.6"  # glibc's; musl's is its loader
_MUSL_BANNER = b"musl libc ("  # what musl's loader says when it is started without a program (ldso/dynlink.c)
_GLIBC_LIBRARIES = (LIBC, "libpthread.so.0", "libdl.so.2", "libgcc_s.so.1")
_MUSL_LIBRARIES = ("libc.so", "libgcc_s.so.1")


@dataclass(frozen=True)
class LibcFolder:
    """All paths are absolute, and in the folder."""

    loader: Path
    libc: Path  # the file that is mapped as the libc
    search: tuple[Path, ...]  # where the loader looks for libraries
    musl: bool

    @property
    def prefix(self) -> tuple[str, ...]:
        """The words before a program's path. Raises VgetrandomError when the loader can't be told the folders."""
        for folder in self.search:
            if re.search(r"[:;\n$]", str(folder)):
                raise VgetrandomError(f"a loader can't be told the folder {folder}, with : ; or $ in it; rename it")
        return (str(self.loader), "--library-path", ":".join(map(str, self.search)))


def look(folder: Path) -> LibcFolder:
    """Find the libc for this host: in an unpacked package, an install (also one by DESTDIR), or a build tree.

    Links are followed with the folder as `/` where they lead out of it, as they do in what DESTDIR made.
    Raises VgetrandomError when there is none, or only one that is not in the folder.
    """
    if not folder.is_dir():
        raise VgetrandomError(f"{folder} is not a folder; libc: needs one with a dynamic loader and its libraries")
    folder = folder.resolve()
    loader = _loader(folder)
    musl = _is_musl(loader)
    names = _MUSL_LIBRARIES if musl else _GLIBC_LIBRARIES
    libc = loader if musl else _one(folder, [LIBC], f"there is no {LIBC} for {platform.machine()} in {folder}")
    places = {path.parent for name in names for path in folder.rglob(name) if inside(folder, path)}
    search = (libc.parent, *sorted(places - {libc.parent}))
    return LibcFolder(loader, libc.resolve(), search if loader.parent in search else (*search, loader.parent), musl)


def inside(folder: Path, path: Path) -> Path | None:
    """The file in `folder` that a path in it leads to; None when it leads out, or to nothing.

    An absolute link means a place in the folder where it does not lead there by itself.
    """
    for _ in range(40):  # as many links as Linux follows: path_resolution(7)
        if path.exists() and folder in path.resolve().parents:
            return path.resolve()
        if not path.is_symlink():
            return None
        target = path.readlink()
        path = folder / str(target).lstrip("/") if target.is_absolute() else path.parent / target
    return None


def _loader(folder: Path) -> Path:
    machine = platform.machine().replace("_", "[_-]")
    patterns = [f"ld-linux-{machine}.so.*", "ld-linux*.so.*", "ld64.so.*", f"ld-musl-{machine}.so.1", "ld.so"]
    missing = f"there is no dynamic loader (ld-linux*.so.*, ld-musl-*.so.1, musl's lib/libc.so) in {folder}"
    try:
        return _one(folder, patterns, missing)
    except VgetrandomError:
        # a build tree of musl: its loader gets its name when it is installed
        built = [
            path for path in sorted(folder.rglob("libc.so")) if (found := inside(folder, path)) and _is_musl(found)
        ]
        if not built:
            raise
        return _one(folder, ["libc.so"], missing, built)


def _one(folder: Path, patterns: Sequence[str], missing: str, among: Sequence[Path] | None = None) -> Path:
    """The first file of a pattern that a program of this host can load."""
    host = read_elf(Path("/proc/self/exe"))
    reason = missing
    for pattern in patterns:
        for path in among or sorted(folder.rglob(pattern)):
            found = inside(folder, path)
            if found is None:
                if path.is_symlink():
                    reason = (
                        f"{path} leads to {path.readlink()}, which is not in {folder}; name the folder that has both"
                    )
                continue
            elf = read_elf(found)
            if elf is None:
                continue
            if host is None or host.loads(elf):
                return found
            reason = f"{path} is {elf}, and this host's programs are {host}"
    raise VgetrandomError(reason)


def _is_musl(loader: Path) -> bool:
    return _MUSL_BANNER in loader.read_bytes()
