"""Where a cell's kernel, libc and shell come from: Debian's packages, or files of the user's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import VgetrandomError
from ..system import debian
from .cells import Architecture, Cell, Kernel
from .images import bootable

_ANY = "amd64"  # its package lists have the packages for all architectures too, such as the cross compilers' libraries
_LIBC_PACKAGES = {"gnu": ("libc6", "libgcc-s1"), "musl": ("musl",)}  # glibc cancels threads through libgcc_s
_SHELL = "busybox-static"  # for system(3), whatever the libc
_SHELL_RELEASE = "sid"


@dataclass(frozen=True)
class Files:
    """A kernel image, or the folder that stands for `/` of a libc (`flat`: just a folder with its files)."""

    path: Path
    version: str
    flat: bool = False


def kernel_files(architecture: Architecture, kernel: Kernel, cache: Path) -> Files:
    """The kernel image that QEMU can boot. Raises VgetrandomError when it can't be had."""
    arch = architecture.debian
    if kernel.file:
        if not kernel.file.is_file():
            raise VgetrandomError(f"the kernel image {kernel.file} is not there; the table of cells names it")
        return Files(bootable(kernel.file, architecture.name, cache), kernel.name)
    package = debian.find(kernel.release, arch, kernel.package)
    root = debian.fetch(kernel.release, arch, [package])
    images = sorted(path for path in root.rglob("vmlinu*") if path.is_file() and not path.is_symlink())
    if not images:
        raise VgetrandomError(
            f"the package {package} of {kernel.release} holds no kernel image; change the table's pattern"
        )
    return Files(bootable(images[0], architecture.name, cache), package)


def libc_files(cell: Cell) -> Files:
    """The libc's files. Raises VgetrandomError when they can't be had."""
    libc, arch = cell.libc, cell.architecture.debian
    if libc.directory:
        if not libc.directory.is_dir():
            raise VgetrandomError(f"the libc folder {libc.directory} is not there; the table of cells names it")
        return Files(libc.directory, libc.name, flat=True)
    if libc.cross:
        packages = [f"{package}-{arch}-cross" for package in _LIBC_PACKAGES[libc.family]]
        root = debian.fetch(libc.release, _ANY, packages)
        folder = next(path.parent for path in sorted(root.glob("usr/*/lib/libc.so.6")))
        return Files(folder, _version(root, packages[0]), flat=True)
    root = debian.fetch(libc.release, arch, _LIBC_PACKAGES[libc.family])
    return Files(root, _version(root, _LIBC_PACKAGES[libc.family][0]))


def shell(cell: Cell) -> Path:
    """A static busybox of the cell's architecture."""
    root = debian.fetch(_SHELL_RELEASE, cell.architecture.debian, [_SHELL])
    return next(path for path in (root / "usr/bin/busybox", root / "bin/busybox") if path.is_file())


def _version(root: Path, package: str) -> str:
    """From the list of files that debian.fetch leaves: `libc6_2.36-9_arm64.deb`, its colons escaped."""
    found = re.search(rf"^{re.escape(package)}_([^_]+)_", (root / "PACKAGES").read_text(), re.MULTILINE)
    return found.group(1) if found else "?"
