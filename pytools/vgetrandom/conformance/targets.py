"""What a case can be run against: this host's libc, the shim, another libc's files, or a wrapper command."""

from __future__ import annotations

import platform
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection

from ..errors import VgetrandomError
from ..system.debian import fetch

_DEBIAN_ARCHES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el", "loongarch64": "loong64"}
_DEBIAN_PACKAGES = ("libc6", "libgcc-s1")  # glibc needs the second to cancel a thread
SHIM_SUFFIX = "+shim"
HELP = "shim, native, musl, libc:DIR, debian:RELEASE or under:COMMAND, all but the first two also with +shim"


@dataclass(frozen=True)
class Target:
    """How to run one case against one libc."""

    name: str  # as the user wrote it
    family: str  # "glibc", "glibc-old" or "musl": which build of the cases it can load
    prefix: tuple[str, ...] = ()  # the words before the case's path
    environment: Mapping[str, str] = field(default_factory=dict)


def parse_target(text: str, shim: Path | None) -> Target:
    """Make a target from its name; `shim` is the library to preload where the name asks for it.

    Raises VgetrandomError when the name is unknown, or what it names is not there.
    """
    with_shim = text == "shim" or text.endswith(SHIM_SUFFIX)
    base = "native" if text == "shim" else text[: -len(SHIM_SUFFIX)] if with_shim else text
    if with_shim and shim is None:
        raise VgetrandomError(f"target {text} needs the library; install vgetrandom or name a build with --library")
    preload = {"LD_PRELOAD": str(shim)} if with_shim else {}
    if base == "native":
        return Target(text, _host_family(), (), preload)
    if base == "musl":
        _musl_loader()
        return Target(text, "musl", (), preload)
    if base.startswith("under:"):
        try:
            words = tuple(shlex.split(base.partition(":")[2]))
        except ValueError as error:
            raise VgetrandomError(f"target {text!r} is no command: {error}") from None
        if not words:
            raise VgetrandomError(f"target {text!r} names no command; write under:COMMAND")
        return Target(text, _host_family(), words, preload)
    if base.startswith("debian:"):
        folder = fetch(base.partition(":")[2], _debian_arch(), _DEBIAN_PACKAGES)
        return _libc_target(text, folder, shim if with_shim else None)
    if base.startswith("libc:"):
        return _libc_target(text, Path(base.partition(":")[2]), shim if with_shim else None)
    raise VgetrandomError(f"there is no target {text!r}; targets are {HELP}")


def _debian_arch() -> str:
    machine = platform.machine()
    return _DEBIAN_ARCHES.get(machine, machine)


def _host_family() -> str:
    return "glibc" if platform.libc_ver()[0] == "glibc" else "musl"


def _musl_loader() -> Path:
    for loader in sorted(Path("/lib").glob("ld-musl-*.so.1")):
        return loader
    raise VgetrandomError("musl is not installed; install it (Debian: musl) or point libc:DIR at an unpacked one")


def _libc_target(text: str, folder: Path, shim: Path | None) -> Target:
    """A folder with a loader and libraries somewhere in it: an unpacked package, an installed libc, a build tree."""
    if not folder.is_dir():
        raise VgetrandomError(f"{folder} is not a folder; libc: needs one with a dynamic loader and its libraries")
    folder = folder.resolve()
    machine = platform.machine().replace("_", "[_-]")
    loader = _first(
        folder, [f"ld-linux-{machine}.so.*", "ld-linux*.so.*", "ld64.so.*", f"ld-musl-{machine}.so.1", "ld.so"]
    )
    if loader is None:
        raise VgetrandomError(f"there is no dynamic loader (ld-linux*.so.*, ld-musl-*.so.1) in {folder}")
    musl = loader.name.startswith("ld-musl")
    names = ("libc.so", "libgcc_s.so.1") if musl else ("libc.so.6", "libpthread.so.0", "libdl.so.2", "libgcc_s.so.1")
    found = {path.parent for name in names for path in folder.rglob(name)}
    if not musl and not any((parent / "libc.so.6").exists() for parent in found):
        raise VgetrandomError(f"there is no libc.so.6 in {folder}")
    # ld.so takes a colon or semicolon as a separator; a folder of that name can't be said
    path = ":".join(str(parent) for parent in sorted(found | {loader.parent}))
    prefix = [str(loader), "--library-path", path]
    if shim:
        prefix += ["--preload", str(shim)]
    family = (
        "musl" if musl else _glibc_family(next(p for p in sorted(found) if (p / "libc.so.6").exists()) / "libc.so.6")
    )
    return Target(text, family, tuple(prefix))


def _first(folder: Path, patterns: list[str]) -> Path | None:
    for pattern in patterns:
        for path in sorted(folder.rglob(pattern)):
            if path.is_file():
                return path
    return None


def _glibc_family(libc: Path) -> str:
    """ "glibc" when this libc has every version that programs built on this host can ask for, else "glibc-old"."""
    host = platform.libc_ver()
    if host[0] == "glibc" and glibc_version(libc) >= _numbers(host[1]):
        return "glibc"
    return "glibc-old"


def glibc_version(libc: Path) -> tuple[int, ...]:
    """The newest GLIBC_x.y version that a libc.so.6 defines; raises VgetrandomError when it is no glibc."""
    try:
        with libc.open("rb") as stream:
            section = ELFFile(stream).get_section_by_name(".gnu.version_d")
            if not isinstance(section, GNUVerDefSection):
                raise VgetrandomError(f"{libc} defines no symbol versions; is it a glibc?")
            names = [next(entries).name for _, entries in section.iter_versions()]
    except (OSError, ELFError) as error:
        raise VgetrandomError(f"{libc} can't be read as an ELF file ({error})") from error
    versions = [_numbers(name[len("GLIBC_") :]) for name in names if re.fullmatch(r"GLIBC_[0-9.]+", name)]
    if not versions:
        raise VgetrandomError(f"{libc} defines no GLIBC version; is it a glibc?")
    return max(versions)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", version))
