"""A libc's source tree to work on: copied from a folder, or unpacked from Debian's source package."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import VgetrandomError
from ..system.debian import fetch_source
from .description import Description

_PACKAGES = {"musl": "musl", "glibc": "glibc"}  # Debian's names of source packages
_NOT_COPIED = shutil.ignore_patterns(".git")


def copy_source(source: Path, tree: Path, libc: str) -> None:
    """Raises VgetrandomError when the folder is not the libc's source."""
    if not source.is_dir():
        raise VgetrandomError(f"{source} is not a folder; --source takes a libc's source tree")
    version_of(source, libc)
    _into(tree, lambda new: shutil.copytree(source, new, symlinks=True, ignore=_NOT_COPIED))


def fetch_release(release: str, tree: Path, description: Description) -> None:
    """Unpack what upstream released, without Debian's patches; `release` is a version or a suite of Debian.

    Raises VgetrandomError when it can't be fetched, or Debian's suite has another version than was asked for.
    """
    suite = description.releases.get(release, release)
    if suite[:1].isdigit():
        known = ", ".join(description.releases)
        raise VgetrandomError(
            f"where {description.libc} {release} is to be had is not known here; name {known}, a suite of Debian, "
            "or give --source"
        )
    archive = fetch_source(suite, _PACKAGES[description.libc])
    _into(tree, lambda new: _unpack(archive, new))
    found = version_of(tree, description.libc)
    if suite != release and found != release:
        shutil.rmtree(tree)
        raise VgetrandomError(
            f"Debian's {suite} has {description.libc} {found} now, not {release}; name {suite}, or give --source"
        )


def version_of(source: Path, libc: str) -> str:
    """Raises VgetrandomError when the folder is not this libc's source."""
    if libc == "musl":
        text = _text(source / "VERSION")
        found = re.match(r"([0-9.]+)", text) if (source / "ldso/dynlink.c").is_file() else None
    else:
        found = re.search(r'^#define VERSION "([0-9.]+)"', _text(source / "version.h"), re.MULTILINE)
    if not found:
        raise VgetrandomError(f"{source} is not the source of {libc}; name the folder of its release or checkout")
    return found[1]


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""


def _into(tree: Path, fill: Callable[[Path], object]) -> None:
    """Nobody finds an incomplete tree: it is filled beside its place, and renamed."""
    tree.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tree.parent, prefix=".source-") as folder:
        fill(Path(folder, "new"))
        Path(folder, "new").rename(tree)


def _unpack(archive: Path, new: Path) -> None:
    """What is in the one folder that the archive has."""
    with tempfile.TemporaryDirectory(dir=new.parent, prefix=".unpack-") as folder:
        try:
            with tarfile.open(archive) as tar:
                tar.extraction_filter = getattr(tarfile, "data_filter", None)  # what Python 3.14 does by itself
                tar.extractall(folder)
        except (tarfile.TarError, EOFError) as error:
            raise VgetrandomError(f"{archive} can't be unpacked ({error}); remove it and try again") from error
        (only,) = Path(folder).iterdir()
        only.rename(new)
