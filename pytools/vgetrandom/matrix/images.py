"""Kernel images that QEMU can boot. Debian's are, but for those of the EFI kind with the real image compressed inside.

That format is in Linux's drivers/firmware/efi/libstub/zboot-header.S: "MZ", "zimg" at 4, then offset and size of the
compressed image (little-endian, at 8 and 12), and the compression's name at 24.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import struct
import subprocess
from pathlib import Path

from ..errors import VgetrandomError


def bootable(image: Path, arch: str, cache: Path) -> Path:
    """The image itself, or, below `cache`, what it holds. Raises VgetrandomError when that can't be unpacked."""
    with image.open("rb") as stream:
        header = stream.read(64)
        if header[:2] != b"MZ" or header[4:8] != b"zimg":
            return image
        offset, size = struct.unpack_from("<II", header, 8)
        stream.seek(offset)
        packed = stream.read(size)
    kind = header[24:32].rstrip(b"\0").decode(errors="replace")
    output = cache / "matrix" / f"kernel-{hashlib.sha256(packed).hexdigest()[:24]}"
    if not output.is_file():
        output.parent.mkdir(parents=True, exist_ok=True)
        scratch = output.with_suffix(".new")
        scratch.write_bytes(_unpack(packed, kind, image))
        scratch.replace(output)
    return output


def _unpack(packed: bytes, kind: str, image: Path) -> bytes:
    if kind == "gzip":
        return gzip.decompress(packed)
    tool = {"zstd": "zstd", "xzkern": "xz", "lzma": "xz", "lz4": "lz4"}.get(kind)
    if tool is None:
        raise VgetrandomError(f"{image} is compressed with {kind!r}, which is not known; give an uncompressed image")
    if shutil.which(tool) is None:
        raise VgetrandomError(f"{image} can't be unpacked without {tool}; install it (Debian: {tool})")
    done = subprocess.run([tool, "-dcq"], input=packed, capture_output=True)
    if done.returncode != 0 and not done.stdout:
        raise VgetrandomError(f"{image} can't be unpacked: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
