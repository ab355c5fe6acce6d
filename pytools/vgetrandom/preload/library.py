"""Where the installed shared library and its sources are."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from ..errors import VgetrandomError

LIBRARY_NAME = "libvgetrandom.so"
REPORTER_NAME = "libvgetrandom-report.so"
LIBRARY_VARIABLE = "VGETRANDOM_LIBRARY"  # a library to use instead of the installed one, for developers and tests


def _package_file(name: str) -> Path:
    # joinpath one name at a time: an editable install's traversable maps each to its place in the build tree
    return Path(str(resources.files("vgetrandom").joinpath(name)))


def library_path() -> Path:
    """The shared library installed with this package, absolute, or the one that VGETRANDOM_LIBRARY names.

    Raises VgetrandomError when it is gone.
    """
    chosen = os.environ.get(LIBRARY_VARIABLE)
    if chosen and not Path(chosen).is_file():
        raise VgetrandomError(f"{LIBRARY_VARIABLE} names {chosen}, which is not there; unset it or name a library")
    path = Path(chosen) if chosen else _package_file(LIBRARY_NAME)
    if not path.is_file():
        raise VgetrandomError(f"the library {path} is missing; install vgetrandom again")
    return path.resolve()


def reporter_path() -> Path:
    """The library that writes exit reports: beside the library, or in the package; absolute.

    Raises VgetrandomError when it is in neither.
    """
    beside = reporter_beside(library_path())
    for path in (beside, _package_file(REPORTER_NAME)):
        if path.is_file():
            return path.resolve()
    raise VgetrandomError(
        f"{beside} is missing; put it there (vgetrandom build makes both), or install vgetrandom again"
    )


def reporter_beside(library: Path) -> Path:
    """The name of the reporter that belongs to a library file: libvgetrandom-report.so beside libvgetrandom.so."""
    return library.with_name(f"{library.stem}-report{library.suffix}")


def helper_path(name: str) -> Path | None:
    """A helper built with the library: beside it, or in the package. None where it is missing."""
    for path in (library_path().with_name(name), _package_file(name)):
        if path.is_file():
            return path
    return None


def source_path() -> Path:
    """The folder with meson.build, shim/ and include/ that this package carries.

    Raises VgetrandomError when it is gone.
    """
    for path in (_package_file("source"), Path(__file__).resolve().parents[3]):
        if (path / "shim" / "meson.build").is_file():
            return path
    raise VgetrandomError("the library's sources are missing; install vgetrandom again")
