"""Kernel modules that a guest loads, for disks: of this host, or out of the package of a kernel of Debian's."""

from __future__ import annotations

import gzip
import lzma
import shutil
import subprocess
from pathlib import Path

from ..errors import VgetrandomError
from ..system import debian

_DISK = "virtio_blk"  # the driver of the disk that emulator.py gives the machine


def disk_module(release: str, arch: str, pattern: str) -> Path:
    """The driver, from the package whose name matches `pattern`. Raises VgetrandomError when it can't be had."""
    package = debian.find(release, arch, pattern)
    root = debian.fetch(release, arch, [package])
    found = sorted(path for path in root.rglob(f"{_DISK}.ko*") if not path.is_symlink())
    if not found:
        raise VgetrandomError(f"the package {package} of {release} holds no {_DISK}; change the table's pattern")
    return found[0]


def read_module(path: Path) -> bytes:
    """As the kernel takes it, without the compression. Raises VgetrandomError when it can't be read."""
    try:
        packed = path.read_bytes()
        if path.suffix == ".xz":
            return lzma.decompress(packed)
        if path.suffix == ".gz":
            return gzip.decompress(packed)
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise VgetrandomError(f"the kernel module {path} can't be read: {error}") from error
    return _unpack(path) if path.suffix == ".zst" else packed


def _unpack(path: Path) -> bytes:
    if shutil.which("zstd") is None:
        raise VgetrandomError(f"{path} can't be unpacked without zstd; install it (Debian: zstd)")
    done = subprocess.run(["zstd", "-dcq", str(path)], stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise VgetrandomError(f"the kernel module {path} can't be read: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
